"""Requirement lines in pip's own form: a name, a URL, a path, with pip's options behind it.

Built on pip-requirements-parser; what it is known to lose is read here or reported.
"""

import copy
import posixpath
import re
import shlex
from collections.abc import Mapping
from functools import cache
from optparse import OptionParser, Values
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from packaging.markers import Marker
from packaging.requirements import Requirement as Named
from packaging.utils import InvalidSdistFilename, canonicalize_name, parse_sdist_filename

from pytest_tfdocker.locks.declared import Problem, Requirement, Source

LONGEST_TEXT = 200
"""Characters of a line that a message repeats."""
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
"""What pip expands: capitals, in braces (pip, requirements file format)."""
_OPTIONS = re.compile(r"(?:^|\s)(-.*)$", re.DOTALL)
_URL = re.compile(r"(?:[a-z][a-z0-9]*\+)?(?:https?|file|ftp|ssh|git)://|git\+\w+@", re.IGNORECASE)
_NAMED_URL = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(\[[^]]*\])?\s*@\s*(.+)", re.DOTALL)
_URL_MARKER = re.compile(r"\s+;|;\s")
_SINGLE = re.compile(r"[A-Za-z0-9][\w.-]*(\[[^]]*\])?\s*=\s*[\w.+*!-]+")
_SEVERAL = re.compile(r"\s*[A-Za-z0-9][\w.-]*\s*==\s*[\w.+!*]+\s+[A-Za-z][\w.-]*\s*([=<>~!]=|$)")
_QUOTES = re.compile(r"""["'\\]""")
_EXTRAS = re.compile(r"(.+?)\[([^][]*)\]")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz")
_DROPPED = frozenset({"-C", "--config-settings", "--config-setting"})
"""pip takes these behind a requirement since 23.1; the library does not know them."""


class Skipped(msgspec.Struct, frozen=True):
    """A line that installs something whose name can't be told, or nothing to be judged."""

    note: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one line of a requirements file says."""

    requirements: tuple[Requirement, ...] = ()
    problem: Problem | None = None
    notes: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    """Of -r."""
    constraints: tuple[str, ...] = ()
    """Of -c."""


def read_line(text: str, source: Source, variables: Mapping[str, str]) -> Line:
    """Everything that a joined line without its comment declares."""
    try:
        return _line(text, source, variables)
    except Exception as error:  # noqa: BLE001  the libraries raise what they like
        return Line(
            problem=problem(source, text, _meant(text) or str(error) or type(error).__name__)
        )


def _meant(text: str) -> str | None:
    """What is wrong with a line in its author's words, where that is a common mistake."""
    if _SINGLE.fullmatch(text.strip()):
        return "= is no operator: did you mean ==?"
    return "several requirements in one line: each needs its own" if _SEVERAL.match(text) else None


def problem(source: Source, text: str, reason: str) -> Problem:
    """A line that can't be read; its texts are bounded, the reason is one line."""
    first = reason.strip().partition("\n")[0].removeprefix("pip_requirements_parser: error: ")
    return Problem(source=source, text=text[:LONGEST_TEXT], reason=first[:LONGEST_TEXT])


def requirement(
    text: str, source: Source, *, editable: bool = False, hashes: tuple[str, ...] = ()
) -> Requirement | Skipped:
    """One requirement as pip takes it; raises where it can't be read."""
    text = " ".join(text.split())  # the patterns here and in packaging are quadratic in white space
    named_url = _NAMED_URL.fullmatch(text)
    if named_url and _URL.match(named_url.group(3)):
        name, extras, url = named_url.groups(default="")
        return _direct(url, source, name=name, extras=extras, editable=editable, hashes=hashes)
    if _URL.match(text):
        return _direct(text, source, editable=editable, hashes=hashes)
    if editable or is_path(text):
        return _path(text, source, editable=editable, hashes=hashes)
    return _named(text, source, hashes)


def _line(text: str, source: Source, variables: Mapping[str, str]) -> Line:
    if "\0" in text:
        raise ValueError("holds a NUL byte: this is no text file")
    text = _VARIABLE.sub(lambda match: variables.get(match.group(1), match.group()), text)
    match = _OPTIONS.search(text)
    body = text[: match.start()].strip() if match else text.strip()
    options = _options(match.group(1)) if match else None
    if body:
        hashes = tuple(sorted(h.replace("=", ":", 1) for h in _list(options, "hashes")))
        return _with(requirement(body, source, hashes=hashes))
    if _list(options, "editables"):
        found = [requirement(one, source, editable=True) for one in _list(options, "editables")]
        return _with(*found)
    if _list(options, "hashes"):
        raise ValueError("a hash without a requirement: is the line above continued?")
    return Line(
        includes=tuple(_list(options, "requirements")),
        constraints=tuple(_list(options, "constraints")),
    )


def _with(*found: Requirement | Skipped) -> Line:
    return Line(
        requirements=tuple(one for one in found if isinstance(one, Requirement)),
        notes=tuple(one.note for one in found if isinstance(one, Skipped) and one.note),
    )


def _list(options: Values | None, name: str) -> list[str]:
    return list(getattr(options, name, None) or [])


def _options(text: str) -> Values:
    # a pin may have 100 hashes, and shlex looks at each letter
    words = shlex.split(text) if _QUOTES.search(text) else text.split()
    kept: list[str] = []
    while words:
        word = words.pop(0)
        if word in _DROPPED:
            words = words[1:]
        elif word.partition("=")[0] not in _DROPPED and not word.startswith("-C"):
            kept.append(word)
    if all(word.startswith("--hash=") for word in kept):
        return Values({"hashes": [word.removeprefix("--hash=") for word in kept]})
    parser = _parser()
    values, rest = parser.parse_args(kept, Values(copy.deepcopy(parser.defaults)))
    if rest:
        raise ValueError(f"stands behind the options: {' '.join(rest)}")
    return values


@cache
def _parser() -> OptionParser:
    from pip_requirements_parser import build_parser  # noqa: PLC0415  it costs 60 ms at start

    parser: OptionParser = build_parser()
    return parser


@cache
def _parse_named(text: str) -> Named:
    return Named(text)


def _named(text: str, source: Source, hashes: tuple[str, ...]) -> Requirement:
    unknown = _VARIABLE.search(text)
    if unknown:
        raise ValueError(f"the variable {unknown.group(1)} is not known here")
    named = _parse_named(text)
    return Requirement(
        name=canonicalize_name(named.name),
        source=source,
        specifier=str(named.specifier),
        extras=tuple(sorted(named.extras)),
        marker=str(named.marker) if named.marker else None,
        url=named.url and redacted(named.url),
        hashes=hashes,
    )


def _direct(
    text: str,
    source: Source,
    *,
    name: str | None = None,
    extras: str = "",
    editable: bool,
    hashes: tuple[str, ...],
) -> Requirement | Skipped:
    at = _URL_MARKER.search(text)
    url, marker = (text[: at.start()], text[at.end() :].strip()) if at else (text, "")
    parsed = _library_requirement(url)
    guess = name or (parsed.name if parsed else None) or _name_in(url)
    if guess is None:
        folder = url.startswith("file:")
        return Skipped(None if folder else f"{source} {redacted(url)}: its name can't be told")
    return Requirement(
        name=canonicalize_name(guess),
        source=source,
        specifier=str(parsed.specifier) if parsed and _is_wheel(url) else "",
        extras=tuple(sorted(_extras(extras) | (parsed.extras if parsed else set()))),
        marker=str(Marker(marker)) if marker else None,
        url=redacted(url),
        editable=editable,
        hashes=hashes or _hashes_in(url),
    )


def _path(
    text: str, source: Source, *, editable: bool, hashes: tuple[str, ...]
) -> Requirement | Skipped:
    """A folder is a project of the repository's own: there is nothing to hold it against."""
    head, sign, marker = (part.strip() for part in text.partition(";"))
    path, extras = split_extras(head)
    if not is_archive(path):
        return Skipped()
    if "*" in path:
        return Skipped(f"{source} {path}: which files that is can't be told")
    whole = f"{path} ; {marker}" if sign else path
    return _direct(whole, source, extras=extras, editable=editable, hashes=hashes)


def _library_requirement(url: str) -> Any:
    """What the library makes of a wheel's name or an #egg=; None where neither is there."""
    from pip_requirements_parser import parse_reqparts_from_string  # noqa: PLC0415  see above

    return parse_reqparts_from_string(url).requirement


def is_path(text: str) -> bool:
    """Whether pip takes it for a file or folder, given that it is no URL."""
    head = text.partition(";")[0].strip()
    return not _URL.match(head) and (head.startswith(".") or "/" in head or is_archive(head))


def is_archive(path: str) -> bool:
    """Whether it is named as a wheel or a source distribution is."""
    return path.lower().endswith(_ARCHIVES)


def _is_wheel(url: str) -> bool:
    return urlsplit(url).path.lower().endswith(".whl")


def _name_in(url: str) -> str | None:
    """The name in an archive's file name; of a repository its last part, which is a guess."""
    parts = urlsplit(url)
    folder = re.search(r"subdirectory=([^&]+)", parts.fragment)
    last = posixpath.basename(folder.group(1) if folder else unquote(parts.path).rstrip("/"))
    if _is_vcs(url):
        return re.sub(r"(\.git)?(@.*)?$", "", last) or None
    try:
        return parse_sdist_filename(last)[0]
    except InvalidSdistFilename:
        stem = re.match(r"([A-Za-z0-9][\w.-]*?)(?:-v?\d[^-]*)?\.(?:zip|tgz|tar\.\w+)$", last)
        return stem.group(1) if stem else None


def file_name(place: str) -> str:
    """That of the file at a URL or path; "" where there is none."""
    return posixpath.basename(unquote(urlsplit(place).path if "://" in place else place))


def _is_vcs(url: str) -> bool:
    return re.match(r"(git|hg|svn|bzr)\+", url, re.IGNORECASE) is not None


def _hashes_in(url: str) -> tuple[str, ...]:
    found = re.findall(r"(sha\d{3})=([0-9a-f]+)", urlsplit(url).fragment)
    return tuple(f"{name}:{digest}" for name, digest in found)


def redacted(url: str) -> str:
    """The URL without its password or token; `git@` is neither."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at or user == "git":
        return url
    return urlunsplit(parts._replace(netloc=f"****@{host}"))


def _extras(text: str) -> set[str]:
    return {canonicalize_name(one.strip()) for one in text.strip("[]").split(",") if one.strip()}


def split_extras(text: str) -> tuple[str, str]:
    """A path and the extras behind it: `./app.whl[serve]`."""
    match = _EXTRAS.fullmatch(text)
    return (match.group(1), match.group(2)) if match else (text, "")
