"""The simple commands of a shell text, with what is known of their words and conditions."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from pytest_tfdocker.dockerfile.words import expand, word_end

_OPERATOR = re.compile(r"\|\||&&|;;&?|;&|\|&|\||;|&(?!>)|\(|\)|\n")
_REDIRECT = re.compile(r"\d*(?:&>>?|<<<|<<-?|>>|>\||<&|>&|<>|>|<)")
_WORD_ENDS = " \t\r\v\f\n;&|()<>"
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
_CLOSES = frozenset({"fi", "esac", "done"})
_TRANSPARENT = frozenset({"then", "else", "elif", "do", "{", "}", "!", "time"})
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
    """Set in front of it: `PIP_NO_INDEX=1 pip …`."""
    condition: str | None = None
    """Why it may not run: "in a loop", "under a condition"."""
    piped: bool = False
    """Whether another command's output is its input."""


class _Token(msgspec.Struct, frozen=True):
    kind: str
    """"word", "operator" or "redirect"; a redirect's file is left out."""
    text: str
    offset: int


def commands(text: str, variables: Mapping[str, str], escape: str = "\\") -> list[Command]:
    """The commands in their order, assignments followed. Any text is taken."""
    return _Script(variables, escape).run(text)


class _Script:
    def __init__(self, variables: Mapping[str, str], escape: str) -> None:
        self.variables = dict(variables)
        self.escape = escape
        self.found: list[Command] = []
        self.words: list[_Token] = []
        self.blocks: list[str] = []
        self.unless: str | None = None
        self.piped = False

    def run(self, text: str) -> list[Command]:
        for token in _tokens(text, self.escape):
            if token.kind == "word":
                self.words.append(token)
            elif token.kind == "operator":
                self._end(token.text)
        self._end(";")
        return self.found

    def _end(self, operator: str) -> None:
        """Ends a command, and remembers what the operator says of the next."""
        words, self.words = self.words, []
        name = self._command(self._keywords(words)) if words else None
        if operator in _ENDS_LIST:
            self.unless = None
        elif operator == "||":
            self.unless = "only if the command before it fails"
        elif operator == "&&" and name in _TESTS:
            self.unless = "under a condition"
        self.piped = operator in {"|", "|&"}

    def _keywords(self, words: list[_Token]) -> list[_Token]:
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

    def _header(self, words: list[_Token]) -> list[_Token]:
        """`for x in …` names a variable whose value changes; it runs nothing."""
        if len(words) > 1:
            self.variables.pop(words[1].text, None)
        return []

    def _command(self, words: list[_Token]) -> str | None:
        environment: dict[str, str] = {}
        while words and (match := _ASSIGNMENT.fullmatch(words[0].text)):
            name, value = match.group(1), expand(match.group(2), self.variables, self.escape)
            environment[name] = value.text
            if len(words) == 1 or value.unknown:
                self._assign(name, None if value.unknown else value.text)
            words = words[1:]
        args = tuple(arg for word in words for arg in self._args(word))
        if not args:
            return None
        if args[0].text in {"export", "declare", "readonly", "local"}:
            self._export(words[1:])
        self.found.append(
            Command(
                args=args,
                environment=environment if words else {},
                condition=self.blocks[0] if self.blocks else self.unless,
                piped=self.piped,
            )
        )
        return args[0].text

    def _args(self, word: _Token) -> Iterator[Arg]:
        value = expand(word.text, self.variables, self.escape)
        for field in value.fields:
            yield Arg(field, word.offset, value.unknown)

    def _export(self, words: list[_Token]) -> None:
        for word in words:
            match = _ASSIGNMENT.fullmatch(word.text)
            if match:
                value = expand(match.group(2), self.variables, self.escape)
                self._assign(match.group(1), None if value.unknown else value.text)

    def _assign(self, name: str, value: str | None) -> None:
        """What is set under a condition isn't known afterwards."""
        if value is None or self.blocks or self.unless:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value


def _tokens(text: str, escape: str) -> Iterator[_Token]:
    at = 0
    heredocs: list[str] = []
    while at < len(text):
        if text[at] in " \t\r\v\f":
            at += 1
        elif text.startswith(escape + "\n", at):
            at += 2
        elif text[at] == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif redirect := _REDIRECT.match(text, at):
            at, name = _redirected(text, redirect, escape)
            heredocs += [name] if redirect.group().endswith(("<<", "<<-")) else []
            yield _Token("redirect", redirect.group(), redirect.start())
        elif operator := _OPERATOR.match(text, at):
            yield _Token("operator", operator.group(), at)
            at = operator.end()
            if operator.group() == "\n" and heredocs:
                at, heredocs = _after_bodies(text, at, heredocs), []
        else:
            end = max(word_end(text, at, _WORD_ENDS, escape), at + 1)
            yield _Token("word", text[at:end], at)
            at = end


def _redirected(text: str, redirect: re.Match[str], escape: str) -> tuple[int, str]:
    """The offset after the redirect's word, and that word."""
    at = redirect.end()
    while at < len(text) and text[at] in " \t":
        at += 1
    end = word_end(text, at, _WORD_ENDS, escape)
    return end, text[at:end].strip("\"'\\")


def _after_bodies(text: str, at: int, names: list[str]) -> int:
    for name in names:
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line, at = text[at:end], end + 1
            if line.strip("\t") == name:
                break
    return min(at, len(text))
