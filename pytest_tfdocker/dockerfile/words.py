"""Shell words: where they end, and what they say once quotes and variables are gone."""

import re
from collections.abc import Mapping

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?=])(.*))?", re.DOTALL)
_SPECIAL = frozenset("@*#?$!-0123456789")
_CLOSING = {"(": ")", "{": "}"}
_DEEPEST = 20
"""`${A:-${B:-…}}` nested further than this is left unknown."""
_LONGEST_VALUE = 32_768
"""Characters; `A=$A$A` thirty times over would fill the memory."""


class Expanded(msgspec.Struct, frozen=True):
    """A word after expansion."""

    text: str
    fields: tuple[str, ...]
    """What the shell makes of it: an unquoted variable's value is split at its spaces."""
    unknown: tuple[str, ...] = ()
    """Variables and substitutions whose value isn't known; they stand in `text` as written."""


def word_end(text: str, start: int, stops: str, escape: str = "\\") -> int:
    """The offset of the first unquoted character of `stops`, or the text's end."""
    at = start
    while at < len(text) and text[at] not in stops:
        at = _skip(text, at, escape)
    return min(at, len(text))


def split_words(text: str, escape: str = "\\") -> list[tuple[int, str]]:
    """Offset and raw text of the words of an instruction, quotes kept."""
    words = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end = word_end(text, at, " \t\r\n\v\f", escape)
        words.append((at, text[at:end]))
        at = max(end, at + 1)
    return words


def expand(raw: str, variables: Mapping[str, str], escape: str = "\\", depth: int = 0) -> Expanded:
    """The word without quotes, known variables put in."""
    return _Expansion(raw, variables, escape, depth).run()


def _skip(text: str, at: int, escape: str) -> int:
    """The offset after the character, quotation or substitution that starts at `at`."""
    char = text[at]
    if char == escape:
        return at + 2
    if char == "'":
        return _after(text, "'", at + 1)
    if char == '"':
        return _skip_double(text, at + 1, escape)
    if char == "`":
        return _after(text, "`", at + 1)
    if char == "$" and text[at + 1 : at + 2] in _CLOSING:
        return _skip_nested(text, at + 1, escape)
    return at + 1


def _after(text: str, char: str, start: int) -> int:
    found = text.find(char, start)
    return len(text) if found < 0 else found + 1


def _skip_double(text: str, at: int, escape: str) -> int:
    while at < len(text) and text[at] != '"':
        nested = text[at] == "$" and text[at + 1 : at + 2] in _CLOSING
        if nested:
            at = _skip_nested(text, at + 1, escape)
        else:
            at += 2 if text[at] == escape else 1
    return at + 1


def _skip_nested(text: str, at: int, escape: str) -> int:
    """Counts brackets instead of recursing, so that any depth is taken."""
    opening, depth = text[at], 0
    closing = _CLOSING[opening]
    while at < len(text):
        char = text[at]
        depth += (char == opening) - (char == closing)
        if char == escape:
            at += 1
        elif char == "'" and opening == "(":
            at = _after(text, "'", at + 1) - 1
        at += 1
        if depth == 0:
            break
    return at


class _Expansion:
    """One pass over a raw word."""

    def __init__(self, raw: str, variables: Mapping[str, str], escape: str, depth: int) -> None:
        self.raw = raw
        self.variables = variables
        self.escape = escape
        self.depth = depth
        self.parts: list[tuple[str, bool]] = []
        self.unknown: list[str] = []

    def run(self) -> Expanded:
        self._walk(0, len(self.raw), quoted=False)
        text = "".join(part for part, _ in self.parts)
        return Expanded(text, self._fields(), tuple(self.unknown))

    def _walk(self, at: int, end: int, *, quoted: bool) -> None:
        while at < end:
            char = self.raw[at]
            after = min(self._unit_end(at, quoted=quoted), end)
            if char == "$":
                after = min(self._variable(at, after, quoted=quoted), end)
            elif char == "`":
                self._not_known(self.raw[at:after])
            elif char == self.escape:
                self._escaped(at, quoted=quoted)
            elif char == "'" and not quoted:
                self._add(self.raw[at + 1 : after].removesuffix("'"))
            elif char == '"' and not quoted:
                inner = after - 1 if self.raw[after - 1] == '"' and after - 1 > at else after
                self._add("")
                self._walk(at + 1, inner, quoted=True)
            else:
                self._add(char, split=not quoted)
            at = max(after, at + 1)

    def _unit_end(self, at: int, *, quoted: bool) -> int:
        if quoted and self.raw[at] in "'\"":
            return at + 1
        return _skip(self.raw, at, self.escape)

    def _escaped(self, at: int, *, quoted: bool) -> None:
        following = self.raw[at + 1 : at + 2]
        if following == "\n":
            return
        keeps = quoted and following not in {'"', "$", "`", self.escape}
        self._add((self.escape if keeps else "") + following)

    def _variable(self, at: int, after: int, *, quoted: bool) -> int:
        if self.raw.startswith("${", at):
            self._braced(self.raw[at:after], quoted=quoted)
            return after
        if self.raw.startswith("$(", at):
            self._not_known(self.raw[at:after])
            return after
        name = _NAME.match(self.raw, at + 1)
        if name:
            self._put(name.group(), self.raw[at : name.end()], quoted=quoted)
            return name.end()
        if self.raw[at + 1 : at + 2] in _SPECIAL and self.raw[at + 1 : at + 2]:
            self._not_known(self.raw[at : at + 2])
            return at + 2
        self._add("$")
        return at + 1

    def _braced(self, whole: str, *, quoted: bool) -> None:
        match = _BRACED.fullmatch(whole[2:].removesuffix("}"))
        if match is None or self.depth > _DEEPEST:
            self._not_known(whole)
            return
        name, operator, word = match.groups()
        if operator is None:
            self._put(name, whole, quoted=quoted)
            return
        value = self.variables.get(name)
        there = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            self._nested(word if there else "", quoted=quoted)
        elif there:
            self._put(name, whole, quoted=quoted)
        elif operator.endswith("?"):
            self._not_known(whole)
        else:
            self._nested(word, quoted=quoted)

    def _nested(self, word: str, *, quoted: bool) -> None:
        inner = expand(word, self.variables, self.escape, self.depth + 1)
        self.unknown.extend(inner.unknown)
        self._add(inner.text, split=not quoted)

    def _put(self, name: str, whole: str, *, quoted: bool) -> None:
        value = self.variables.get(name)
        if value is not None and len(value) <= _LONGEST_VALUE:
            self._add(value, split=not quoted)
        else:
            self.unknown.append(name)
            self._add(whole)

    def _not_known(self, whole: str) -> None:
        self.unknown.append(whole)
        self._add(whole)

    def _add(self, text: str, *, split: bool = False) -> None:
        self.parts.append((text, split))

    def _fields(self) -> tuple[str, ...]:
        fields: list[str] = []
        current: str | None = None
        for text, split in self.parts:
            if not (split and re.search(r"\s", text)):
                current = (current or "") + text if text or not split else current
                continue
            pieces = re.split(r"\s+", text)
            if current is not None or pieces[0]:
                fields.append((current or "") + pieces[0])
            fields.extend(pieces[1:-1])
            current = pieces[-1] or None
        return (*fields, *([current] if current is not None else []))
