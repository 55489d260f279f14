"""A file that declares something and can't be read: one problem, with its line."""

import re

from pytest_tfdocker.locks.declared import Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.requirements import Contents

_AT_LINE = re.compile(r"\(at line (\d+),")


def unread(name: str, line: int, reason: str) -> Contents:
    """Of the whole file. `name`: as the user has it."""
    return Contents(problems=(problem(Source(name, line), name, reason),), sources=(name,))


def reason_of(error: Exception) -> str:
    """For people."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return getattr(error, "strerror", None) or str(error)


def line_in_toml(error: Exception, text: str) -> int:
    """Of the place that tomllib names; of what is cut off, the last."""
    found = _AT_LINE.search(str(error))
    last = len(text.splitlines()) if "at end of document" in str(error) else 1
    return int(found[1]) if found else max(1, last)
