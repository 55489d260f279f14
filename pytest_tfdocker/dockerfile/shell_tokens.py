"""A shell text to words, operators and redirects."""

import re
from collections.abc import Iterator

import msgspec

from pytest_tfdocker.dockerfile.words import word_end

_OPERATOR = re.compile(r"\|\||&&|;;&?|;&|\|&|\||;|&(?!>)|\(|\)|\n")
_REDIRECT = re.compile(r"\d*(?:&>>?|<<<|<<-?|>>|>\||<&|>&|<>|>|<)")
_SUBSTITUTION = re.compile(r"[<>]\(")
_WORD_ENDS = " \t\r\v\f\n;&|()<>"


class Token(msgspec.Struct, frozen=True):
    """One of them, and where it stands."""

    kind: str
    """"word", "operator", "redirect", or "substitution", the word `<(…)`."""
    text: str
    offset: int
    file: str = ""
    """What a redirect names, raw."""


def tokens(text: str, escape: str) -> Iterator[Token]:
    """In their order, without comments and the bodies of heredocs."""
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
        elif _SUBSTITUTION.match(text, at):
            end = min(word_end(text, _after_brackets(text, at + 1), _WORD_ENDS, escape), len(text))
            yield Token("substitution", text[at:end], at)
            at = end
        elif redirect := _REDIRECT.match(text, at):
            at, name = _redirected(text, redirect, escape)
            heredocs += [name.strip("\"'\\")] if redirect.group().endswith(("<<", "<<-")) else []
            yield Token("redirect", redirect.group(), redirect.start(), name)
        elif operator := _OPERATOR.match(text, at):
            yield Token("operator", operator.group(), at)
            at = operator.end()
            if operator.group() == "\n" and heredocs:
                at, heredocs = _after_bodies(text, at, heredocs), []
        else:
            end = max(word_end(text, at, _WORD_ENDS, escape), at + 1)
            yield Token("word", text[at:end], at)
            at = end


def _after_brackets(text: str, at: int) -> int:
    """The offset behind the bracket that closes the one at `at`; quoted ones don't count."""
    depth = 0
    while at < len(text):
        at = word_end(text, at, "()")
        depth += {"(": 1, ")": -1}.get(text[at : at + 1], 0)
        at += 1
        if depth == 0:
            break
    return at


def _redirected(text: str, redirect: re.Match[str], escape: str) -> tuple[int, str]:
    """The offset after the redirect's word, and that word."""
    at = redirect.end()
    while at < len(text) and text[at] in " \t":
        at += 1
    end = word_end(text, at, _WORD_ENDS, escape)
    return end, text[at:end]


def _after_bodies(text: str, at: int, names: list[str]) -> int:
    for name in names:
        while at < len(text):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            line, at = text[at:end], end + 1
            if line.strip("\t") == name:
                break
    return min(at, len(text))
