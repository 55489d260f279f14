"""A lock as a file: its text and its tables, or the one problem of what can't be read."""

import re
import tomllib
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pytest_tfdocker.locks.declared import Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.requirements import Contents
from pytest_tfdocker.settings.toml_lines import find_lines, line_of

_NAME = re.compile(r"name\s*=")
_AT_LINE = re.compile(r"\(at line (\d+),")


def read_toml(
    path: Path, name: str, shorten: Callable[[str], str] | None = None
) -> tuple[str, dict[str, Any]] | Contents:
    """Text and tables, or the problem. `name`: the file's, as the user has it.

    `shorten`: gives a text of the same sense that takes less time; it must be as whole.
    """
    text = ""
    try:
        text = path.read_text("utf-8")
        with suppress(tomllib.TOMLDecodeError):  # what is wrong with it is told of the whole text
            return text, tomllib.loads(shorten(text)) if shorten else tomllib.loads(text)
        return text, tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        return unread(name, _line(error, text), reason_of(error))


def package_lines(text: str, key: str, count: int) -> list[int]:
    """The lines at which the packages of a lock are named; `key`: of their list.

    By their look, as tools write them: to parse megabytes a second time takes as long as all else.
    """
    lines: list[int] = []
    named = True
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(f"[[{key}]]"):
            lines.append(number)
            named = False
        elif not named and _NAME.match(line):
            lines[-1], named = number, True
    if len(lines) == count:
        return lines
    found = find_lines(text)
    return [line_of(found, (key, at, "name")) or 1 for at in range(count)]


def unasked(packages: Sequence[Any], reached: Container[int]) -> tuple[str, ...]:
    """Canonical names of the packages of a lock that are not among those of these places."""
    left = (one.get("name") for at, one in enumerate(packages) if at not in reached)
    return tuple(str(canonicalize_name(one)) for one in left if isinstance(one, str))


def unread(name: str, line: int, reason: str) -> Contents:
    """Of the whole file. `name`: as the user has it."""
    return Contents(problems=(problem(Source(name, line), name, reason),), sources=(name,))


def reason_of(error: Exception) -> str:
    """For people."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if "at end of document" in str(error):
        return f"is it cut off? {error}"
    return getattr(error, "strerror", None) or str(error)


def table(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in another; empty where it is absent, or no table."""
    found = told.get(key)
    return found if isinstance(found, Mapping) else {}


def _line(error: Exception, text: str) -> int:
    """Of the place that tomllib names; of what is cut off, the last."""
    found = _AT_LINE.search(str(error))
    last = text.rstrip("\n").count("\n") + 1 if "at end of document" in str(error) else 1
    return int(found[1]) if found else max(1, last)
