"""A Dockerfile's text to its instructions and stages. Any text is taken; nothing is raised."""

import re

from pytest_tfdocker.dockerfile.records import Dockerfile, Heredoc, Instruction, Stage
from pytest_tfdocker.dockerfile.words import split_words

KEYWORDS = frozenset(
    {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"}
    | {"MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
)
_WITH_FLAGS = frozenset({"ADD", "COPY", "FROM", "HEALTHCHECK", "RUN"})
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*)")
_KEYWORD = re.compile(r"\s*([A-Za-z]+)(?:\s+|$)")
_FLAG = re.compile(r"--([a-z][a-z0-9-]*)(?:=(.*))?", re.DOTALL)
# moby/buildkit frontend/dockerfile/parser: reHeredoc; a space after << makes it none
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)")
_ONBUILD = re.compile(r"\s*(ADD|COPY|RUN)\s", re.IGNORECASE)


def parse(text: str) -> Dockerfile:
    """The Dockerfile; what can't be read is an instruction with the keyword ""."""
    return _Parser(text).run()


class _Parser:
    def __init__(self, text: str) -> None:
        self.lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        self.at = 0
        self.comments: list[tuple[int, str]] = []
        self.escape = "\\"
        self.syntax: str | None = None

    def run(self) -> Dockerfile:
        self._directives()
        instructions = []
        while self.at < len(self.lines):
            line = self.lines[self.at].strip()
            if line and not self._comment(line):
                instructions.append(self._instruction())
            self.at += 1
        return Dockerfile(
            stages=_stages(instructions),
            instructions=tuple(instructions),
            escape=self.escape,
            syntax=self.syntax,
            comments=tuple(self.comments),
        )

    def _directives(self) -> None:
        """Only the first lines count, up to the first that is no directive."""
        for line in self.lines:
            match = _DIRECTIVE.fullmatch(line.strip())
            if match is None:
                return
            name, value = match.group(1).lower(), match.group(2).strip()
            if name == "escape" and value in {"\\", "`"}:
                self.escape = value
            elif name == "syntax":
                self.syntax = value

    def _comment(self, stripped: str) -> bool:
        if not stripped.startswith("#"):
            return False
        self.comments.append((self.at + 1, stripped[1:].strip()))
        return True

    def _instruction(self) -> Instruction:
        first = self.at
        text, lines = self._join()
        keyword, begin = _keyword(text)
        flags, begin = _flags(text, begin, self.escape) if keyword in _WITH_FLAGS else ((), begin)
        has = keyword in _WITH_HEREDOCS or (keyword == "ONBUILD" and _ONBUILD.match(text, begin))
        heredocs = self._heredocs(text[begin:]) if has else ()
        return Instruction(
            keyword=keyword,
            line=first + 1,
            end_line=min(self.at, len(self.lines) - 1) + 1,
            text=text[begin:].rstrip(),
            flags=flags,
            heredocs=heredocs,
            lines=tuple((max(0, offset - begin), line) for offset, line in lines),
        )

    def _join(self) -> tuple[str, list[tuple[int, int]]]:
        """Joins continuation lines; comments and empty lines between them are no end."""
        parts: list[str] = []
        lines: list[tuple[int, int]] = []
        length = 0
        while True:
            body, goes_on = self._continued(self.lines[self.at])
            lines.append((length, self.at + 1))
            parts.append(body)
            length += len(body)
            if not goes_on or not self._next_of_continuation():
                return "".join(parts), lines

    def _continued(self, line: str) -> tuple[str, bool]:
        stripped = line.rstrip(" \t")
        goes_on = stripped.endswith(self.escape) and not stripped.endswith(self.escape * 2)
        return (stripped[:-1], True) if goes_on else (line, False)

    def _next_of_continuation(self) -> bool:
        following = self.at + 1
        while following < len(self.lines):
            self.at, stripped = following, self.lines[following].strip()
            if stripped and not self._comment(stripped):
                return True
            following += 1
        return False

    def _heredocs(self, text: str) -> tuple[Heredoc, ...]:
        if "<<" not in text:
            return ()
        words = [word for _, word in split_words(text, self.escape)]
        matches = (_HEREDOC.fullmatch(word) for word in words)
        return tuple(self._body(match) for match in matches if match)

    def _body(self, match: re.Match[str]) -> Heredoc:
        raw = match.group(2)
        name = raw.strip("\"'")
        start, body = self.at + 1, []
        self.at += 1
        while self.at < len(self.lines):
            line = self.lines[self.at]
            line = line.lstrip("\t") if match.group(1) else line
            if line == name:
                break
            body.append(line)
            self.at += 1
        return Heredoc(name=name, text="\n".join(body), line=start + 1, expand=raw == name)


def _keyword(text: str) -> tuple[str, int]:
    match = _KEYWORD.match(text)
    if match and match.group(1).upper() in KEYWORDS:
        return match.group(1).upper(), match.end()
    return "", 0


def _flags(text: str, begin: int, escape: str) -> tuple[tuple[tuple[str, str], ...], int]:
    flags: list[tuple[str, str]] = []
    for offset, word in split_words(text[begin:], escape):
        match = _FLAG.fullmatch(word)
        if match is None:
            return tuple(flags), begin + offset
        flags.append((match.group(1), (match.group(2) or "true").strip("\"'")))
    return tuple(flags), len(text)


def _stages(instructions: list[Instruction]) -> tuple[Stage, ...]:
    starts = [at for at, one in enumerate(instructions) if one.keyword == "FROM"]
    ends = [*starts[1:], len(instructions)]
    return tuple(
        _stage(index, instructions[start], tuple(instructions[start + 1 : end]))
        for index, (start, end) in enumerate(zip(starts, ends, strict=False))
    )


def _stage(index: int, start: Instruction, instructions: tuple[Instruction, ...]) -> Stage:
    words = start.text.split()
    named = len(words) > 2 and words[1].upper() == "AS"  # noqa: PLR2004  FROM image AS name
    return Stage(
        index=index,
        line=start.line,
        base=words[0] if words else "",
        name=words[2].lower() if named else None,
        platform=start.flag("platform"),
        instructions=instructions,
    )
