"""The simple commands of a shell text, with what is known of their words and conditions."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from pytest_tfdocker.dockerfile.shell_state import ShellState
from pytest_tfdocker.dockerfile.shell_tokens import Token, tokens
from pytest_tfdocker.dockerfile.words import Expanded, expand

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_TESTS = frozenset({"[", "[[", "test", "command", "which", "type", "grep", "hash"})
_OPENS = {
    "if": "under a condition",
    "case": "under a condition",
    "for": "in a loop",
    "while": "in a loop",
    "until": "in a loop",
    "select": "in a loop",
}
TESTED = "under a condition"
_CLOSES = frozenset({"fi", "esac", "done"})
_TRANSPARENT = frozenset({"then", "else", "elif", "do", "{", "}", "!", "time"})
_WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>"})
_ENDS_LIST = frozenset({";", "\n", "&", ";;", ";&", ";;&", "(", ")"})


class Arg(msgspec.Struct, frozen=True):
    """One word of a command."""

    text: str
    offset: int
    """Where it stands in the shell text."""
    unknown: tuple[str, ...] = ()
    """Variables and substitutions in it whose value isn't known."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program and its arguments; there is at least one word."""

    args: tuple[Arg, ...]
    environment: dict[str, str] = {}
    """What it sees: what was exported, what is set in front of it (`PIP_NO_INDEX=1 pip …`)."""
    folder: str = "/"
    """Where it runs, as far as every `cd` before it names a known folder."""
    condition: str | None = None
    """Why it may not run: "in a loop", "under a condition"."""
    piped: bool = False
    """Whether another command's output is its input."""
    writes: tuple[str, ...] = ()
    """The files that its redirects write."""


def commands(
    text: str, variables: Mapping[str, str], escape: str = "\\", folder: str = "/"
) -> list[Command]:
    """The commands in their order, assignments and `cd` followed. Any text is taken."""
    return _Script(ShellState(variables, folder), escape).run(text)


class _Script:
    def __init__(self, state: ShellState, escape: str) -> None:
        self.state = state
        self.escape = escape
        self.found: list[Command] = []
        self.words: list[Token] = []
        self.writes: list[str] = []
        self.blocks: list[str] = []
        self.outer: list[tuple[int, ShellState]] = []
        """Of each open subshell: the blocks around it, and what holds again after it."""
        self.unless: str | None = None
        self.tested: list[int] = []
        """Commands of the latest list that run only if a test before them succeeds."""
        self.ended = False
        """Whether that list is at its end."""
        self.piped = False

    def run(self, text: str) -> list[Command]:
        for token in tokens(text, self.escape):
            if token.kind == "operator":
                self._end(token.text)
            elif token.kind != "redirect":
                self.words.append(token)
            elif token.text.lstrip("0123456789") in _WRITES:
                self.writes.append(self._expanded(token.file).text)
        self._end(";")
        self._settle()
        return self.found

    def _settle(self) -> None:
        """Of the last list a test that fails, fails all: what ran to its end has passed it."""
        for at in self.tested:
            self.found[at] = msgspec.structs.replace(self.found[at], condition=None)

    def _end(self, operator: str) -> None:
        """Ends a command, and remembers what the operator says of the next."""
        words, self.words = self.words, []
        words = self._keywords(words)
        if self.ended and words:
            self.tested, self.ended = [], False
        name = self._command(words) if words else None
        self.writes = []
        self._subshell(operator)
        if operator in _ENDS_LIST:
            self.unless = None
            self.ended = True
        elif operator == "||":
            self.unless = "only if the command before it fails"
            self.tested = []
        elif operator == "&&" and name in _TESTS and self.unless is None:
            self.unless = TESTED
        self.piped = operator in {"|", "|&"}

    def _subshell(self, operator: str) -> None:
        """A `)` of `case` opens and ends none: it stands in a block that `(` doesn't."""
        if operator == "(":
            self.outer.append((len(self.blocks), self.state))
            self.state = self.state.copy()
        elif operator == ")" and self.outer and self.outer[-1][0] == len(self.blocks):
            self.state = self.outer.pop()[1]

    def _keywords(self, words: list[Token]) -> list[Token]:
        while words:
            word = words[0].text
            if word in _OPENS:
                self.blocks.append(_OPENS[word])
                if word in {"for", "select", "case"}:
                    return self._header(words)
            elif word in _CLOSES:
                self.blocks = self.blocks[:-1]
            elif word not in _TRANSPARENT:
                break
            words = words[1:]
        return words

    def _header(self, words: list[Token]) -> list[Token]:
        """`for x in …` names a variable whose value changes; it runs nothing."""
        if len(words) > 1:
            self.state.assign(words[1].text, None)
        return []

    def _command(self, words: list[Token]) -> str | None:
        words, environment = self._settings(words)
        args = tuple(arg for word in words for arg in self._args(word))
        if not args:
            return None
        if args[0].text in {"export", "declare", "readonly", "local"}:
            self._export(words[1:])
        if not self.blocks and self.unless is TESTED:
            self.tested.append(len(self.found))
        self.found.append(
            Command(
                args=args,
                environment=self.state.environment() | environment,
                folder=self.state.folder,
                condition=self.blocks[0] if self.blocks else self.unless,
                piped=self.piped,
                writes=tuple(self.writes),
            )
        )
        self.state.follow([arg.text for arg in args])
        return args[0].text

    def _settings(self, words: list[Token]) -> tuple[list[Token], dict[str, str]]:
        """The words behind the assignments in front, and what those set for this command."""
        environment: dict[str, str] = {}
        while words and (match := _ASSIGNMENT.fullmatch(words[0].text)):
            name, value = match.group(1), self._expanded(match.group(2))
            environment[name] = value.text
            if len(words) == 1 or value.unknown:
                self._assign(name, _known(value))
            words = words[1:]
        return words, environment

    def _args(self, word: Token) -> Iterator[Arg]:
        if word.kind == "substitution":
            yield Arg(word.text, word.offset, (word.text,))
            return
        value = self._expanded(word.text)
        for field in value.fields:
            yield Arg(field, word.offset, value.unknown)

    def _export(self, words: list[Token]) -> None:
        for word in words:
            match = _ASSIGNMENT.fullmatch(word.text)
            if match:
                self._assign(match.group(1), _known(self._expanded(match.group(2))), export=True)
            else:
                self.state.exported.add(word.text)

    def _expanded(self, raw: str) -> Expanded:
        return expand(raw, self.state.variables, self.escape)

    def _assign(self, name: str, value: str | None, *, export: bool = False) -> None:
        """What is set under a condition isn't known afterwards."""
        known = None if self.blocks or self.unless else value
        self.state.assign(name, known, export=export)


def _known(value: Expanded) -> str | None:
    return None if value.unknown else value.text
