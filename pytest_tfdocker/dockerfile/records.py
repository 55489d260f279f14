"""A Dockerfile's parts, each with the lines that it stands on, counted from 1."""

import json
from bisect import bisect_right

import msgspec


class Heredoc(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a `<<NAME`."""

    name: str
    text: str
    line: int
    """Of the body's first line."""
    expand: bool = True
    """False where the name is quoted: variables stand as they are."""


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction, its continuation lines joined."""

    keyword: str
    """In capitals; "" where the line can't be read as an instruction."""
    line: int
    end_line: int
    text: str
    """What follows the keyword and the flags."""
    flags: tuple[tuple[str, str], ...] = ()
    """("mount", "type=bind,…"), in their order; the value of a bare flag is "true"."""
    heredocs: tuple[Heredoc, ...] = ()
    lines: tuple[tuple[int, int], ...] = ()
    """Offset in `text` → line, ascending, for each physical line."""

    def line_at(self, offset: int) -> int:
        """The physical line that holds the character at `offset` of `text`."""
        at = bisect_right(self.lines, offset, key=lambda pair: pair[0]) - 1
        return self.lines[at][1] if at >= 0 else self.line

    def flag(self, name: str) -> str | None:
        """The last value of a flag, as the builder takes it."""
        return next((value for flag, value in reversed(self.flags) if flag == name), None)

    @property
    def exec_form(self) -> tuple[str, ...] | None:
        """The words of a JSON list, the form that no shell sees; None for the shell form."""
        if not self.text.lstrip().startswith("["):
            return None
        try:
            words = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
        return None


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between a FROM and the next."""

    index: int
    line: int
    base: str
    """As it stands, variables not expanded; "" where the FROM names nothing."""
    name: str | None = None
    platform: str | None = None
    instructions: tuple[Instruction, ...] = ()
    """Without the FROM."""


class Dockerfile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole Dockerfile."""

    stages: tuple[Stage, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    """All, in order, FROM and the ARG before it included."""
    escape: str = "\\"
    syntax: str | None = None
    """Of the directive `# syntax=`."""
    comments: tuple[tuple[int, str], ...] = ()
    """Line, text without its #."""

    @property
    def global_args(self) -> tuple[Instruction, ...]:
        """The ARG before the first FROM: they hold in FROM lines only."""
        first = self.stages[0].line if self.stages else float("inf")
        return tuple(i for i in self.instructions if i.keyword == "ARG" and i.line < first)
