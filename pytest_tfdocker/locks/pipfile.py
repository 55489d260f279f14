"""Pipfile.lock: what `pipenv sync` installs, which is its `default` section."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.lock_file import reason_of, unread
from pytest_tfdocker.locks.requirements import Contents, merged

SECTION = "default"
VCS = ("git", "hg", "svn", "bzr")
_KEY = re.compile(r'^\s*("(?:[^"\\]|\\.)*")\s*:\s*\{')
"""A key that opens a table, one a line, as pipenv writes it."""


def read_pipfile_lock(path: Path, name: str) -> Contents:
    """Each entry at its line; one that can't be read is a problem, and the others are read.

    `name`: the file's, as the user has it.
    """
    text = ""
    try:
        text = path.read_text("utf-8")
        told = json.loads(text)
        entries = told[SECTION]
        pairs = list(entries.items())
    except (OSError, ValueError, RecursionError) as error:
        return unread(name, getattr(error, "lineno", 1), reason_of(error))
    except (LookupError, TypeError, AttributeError):
        return unread(name, 1, f"it has no table {SECTION!r}")
    lines = _lines(text)
    found = [Contents(sources=(name,))]
    for key, entry in pairs:
        source = Source(name, lines.get(key, 1))
        try:
            found.append(Contents(requirements=(_requirement(key, entry, source),)))
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


def _lines(text: str) -> dict[str, int]:
    """Of each key of the section; it stands before those of the same name in later sections."""
    lines: dict[str, int] = {}
    begun = False
    for number, line in enumerate(text.split("\n"), 1):
        found = _KEY.match(line)
        key = json.loads(found[1]) if found else None
        if begun and key is not None:
            lines.setdefault(key, number)
        begun = begun or key == SECTION
    return lines
