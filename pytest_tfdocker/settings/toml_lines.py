"""Where in a TOML file a key stands; tomllib doesn't say."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]
"""Keys from the top of the file; items of lists by their index."""

# Tried at every line, a list of hundreds of requirements would take half a second.
_MAY_END = re.compile(r"[\]}\"']\s*(#.*)?$")


def find_lines(text: str) -> dict[Path, int]:
    """The line of each key and table, counted from 1. The text must be valid TOML."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, statement, parsed in _statements(text):
        if statement.lstrip().startswith("["):
            table = _header(parsed, counts)
            for path in (table, table[:-1]) if isinstance(table[-1], int) else (table,):
                lines.setdefault(path, number)
        else:
            for path in _paths(parsed, table):
                lines.setdefault(path, number)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a key, else that of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement parsed alone: it is whole as soon as it parses, whatever its strings hold."""
    chunk, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start if chunk else number
        more = bool(chunk)
        chunk += line + "\n"
        if more and not _MAY_END.search(line):
            continue
        try:
            parsed = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            continue
        if parsed:
            yield start, chunk, parsed
        chunk = ""


def _header(parsed: dict[str, Any], counts: dict[Path, int]) -> Path:
    """The path of a [table] or [[table]], with the index of the list items that it is in."""
    path: Path = ()
    value: Any = parsed
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        path = (*path, key)
        if isinstance(value, list):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _paths(value: Any, path: Path) -> Iterator[Path]:
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, inner in entries:
        yield (*path, key)
        yield from _paths(inner, (*path, key))
