"""A lock as a file: its text and its tables, or the one problem of what can't be read."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_tfdocker.locks.declared import Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.requirements import Contents

_AT_LINE = re.compile(r"\(at line (\d+),")


def read_toml(path: Path, name: str) -> tuple[str, dict[str, Any]] | Contents:
    """Text and tables, or the problem. `name`: the file's, as the user has it."""
    text = ""
    try:
        text = path.read_text("utf-8")
        return text, tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        return unread(name, _line(error, text), reason_of(error))


def unread(name: str, line: int, reason: str) -> Contents:
    """Of the whole file. `name`: as the user has it."""
    return Contents(problems=(problem(Source(name, line), name, reason),), sources=(name,))


def reason_of(error: Exception) -> str:
    """For people."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return getattr(error, "strerror", None) or str(error)


def table(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table in another; empty where it is absent, or no table."""
    found = told.get(key)
    return found if isinstance(found, Mapping) else {}


def _line(error: Exception, text: str) -> int:
    """Of the place that tomllib names; of what is cut off, the last."""
    found = _AT_LINE.search(str(error))
    last = len(text.splitlines()) if "at end of document" in str(error) else 1
    return int(found[1]) if found else max(1, last)
