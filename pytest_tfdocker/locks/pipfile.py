"""Pipfile.lock and Pipfile: what `pipenv sync` installs, by categories."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_tfdocker.locks.declared import Part, Requirement, Source
from pytest_tfdocker.locks.lines import is_archive, is_path, problem
from pytest_tfdocker.locks.lock_file import read_toml, reason_of, unread
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.selection import PLAIN, Selection
from pytest_tfdocker.settings.toml_lines import find_lines, line_of

SECTION = "default"
NOT_CATEGORIES = frozenset({"_meta", SECTION})
IN_PIPFILE = {"packages": SECTION, "dev-packages": "develop"}
"""A Pipfile's own names for two categories; of any other both files have the same."""
NOT_IN_PIPFILE = frozenset({"source", "requires", "scripts", "pipenv", "pipfile"})
MARKERS = frozenset(
    """os_name sys_platform platform_machine platform_python_implementation platform_release
    platform_system platform_version python_version python_full_version implementation_name
    implementation_version""".split()  # noqa: SIM905
)
"""A Pipfile may have these as keys of an entry: `sys_platform = "== 'win32'"`."""
VCS = ("git", "hg", "svn", "bzr")
_KEY = re.compile(r'^\s*("(?:[^"\\]|\\.)*")\s*:\s*\{')
"""A key that opens a table, one a line, as pipenv writes it."""


def read_pipfile_lock(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """Each entry that is asked for, at its line; one that can't be read is a problem.

    `name`: the file's, as the user has it. Categories other than `default` are groups.
    """
    text = ""
    try:
        text = path.read_text("utf-8")
        told = json.loads(text)
        default = list(told[SECTION].items())
    except (OSError, ValueError, RecursionError) as error:
        return unread(name, getattr(error, "lineno", 1), reason_of(error))
    except (LookupError, TypeError, AttributeError):
        return unread(name, 1, f"it has no table {SECTION!r}")
    lines = _lines(text, told)
    sections = {SECTION: default} if selection.project else {}
    parts = []
    for key, entries in told.items():
        if key in NOT_CATEGORIES or not isinstance(entries, dict):
            continue
        if selection.takes_group(key):
            sections[key] = list(entries.items())
            continue
        of_it = _contents({key: list(entries.items())}, lines, name, None)
        parts.append(Part(f"category {key}", name, of_it.requirements))
    found = _contents(sections, lines, name, installed_by)
    return msgspec.structs.replace(found, parts=tuple(parts))


def read_pipfile(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """What a Pipfile itself declares: most of it is no pin. As `read_pipfile_lock`."""
    read = read_toml(path, name)
    if isinstance(read, Contents):
        return read
    text, told = read
    sections = {}
    for key, entries in told.items():
        if key in NOT_IN_PIPFILE or not isinstance(entries, dict):
            continue
        category = IN_PIPFILE.get(key, key)
        if selection.project if category == SECTION else selection.takes_group(category):
            sections[key] = [(one, _told(entry)) for one, entry in entries.items()]
    found = find_lines(text)
    lines = {
        (section, one): line_of(found, (section, one)) or 1
        for section, entries in sections.items()
        for one, _ in entries
    }
    return _contents(sections, lines, name, installed_by)


def _told(entry: object) -> object:
    """As a lock has it: a text is a version, markers stand under one key."""
    if isinstance(entry, str):
        return {"version": entry}
    if not isinstance(entry, dict):
        return entry
    markers = [f"{key} {value}" for key, value in entry.items() if key in MARKERS]
    markers += [f"({entry['markers']})"] if "markers" in entry else []
    return {**entry, "markers": " and ".join(markers)} if markers else entry


def _contents(
    sections: Mapping[str, list[tuple[str, Any]]],
    lines: Mapping[tuple[str, str], int],
    name: str,
    installed_by: str | None,
) -> Contents:
    found = [Contents(sources=(name,))]
    for section, entries in sections.items():
        for key, entry in entries:
            source = Source(name, lines.get((section, key), 1), installed_by)
            try:
                one = _requirement(key, entry, source)
                # of a folder the key may be a hash of its path: it is the repository's own
                if one.url is None or not is_path(one.url) or is_archive(one.url):
                    found.append(Contents(requirements=(one,)))
            except (TypeError, ValueError) as error:
                found.append(Contents(problems=(problem(source, key, str(error)),)))
    return merged(found)


def _requirement(name: str, entry: object, source: Source) -> Requirement:
    """Raises TypeError, ValueError."""
    if not isinstance(entry, Mapping):
        raise TypeError("it is no table")
    version, marker = _text(entry, "version") or "", _text(entry, "markers")
    return Requirement(
        name=str(canonicalize_name(name)),
        source=source,
        # pipenv's "*" is any
        specifier="" if version == "*" else str(SpecifierSet(version)),
        extras=tuple(_texts(entry, "extras")),
        marker=str(Marker(marker)) if marker else None,
        url=_url(entry),
        editable=entry.get("editable") is True,
        entry="pipfile",
        hashes=tuple(_texts(entry, "hashes")),
    )


def _url(entry: Mapping[str, Any]) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    for kind in VCS:
        where = _text(entry, kind)
        if where:
            revision, folder = _text(entry, "ref"), _text(entry, "subdirectory")
            at = f"@{revision}" if revision else ""
            return f"{kind}+{where}{at}" + (f"#subdirectory={folder}" if folder else "")
    return _text(entry, "file") or _text(entry, "path")


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _texts(entry: Mapping[str, Any], key: str) -> list[str]:
    value = entry.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{key} is no list of texts")
    return value


def _lines(text: str, told: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Of each key of each section, which follow each other as in the file."""
    lines: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        found = _KEY.match(line)
        if found is None:
            continue
        key = str(json.loads(found[1]))
        entries = told.get(section)
        if isinstance(entries, dict) and key in entries:
            lines.setdefault((section, key), number)
        elif key in told:
            section = key
    return lines
