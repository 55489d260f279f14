"""A file that declares something and can't be read: one problem, with its line."""

from pytest_tfdocker.locks.declared import Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.requirements import Contents


def unread(name: str, line: int, reason: str) -> Contents:
    """Of the whole file. `name`: as the user has it."""
    return Contents(problems=(problem(Source(name, line), name, reason),), sources=(name,))


def reason_of(error: Exception) -> str:
    """For people."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return getattr(error, "strerror", None) or str(error)
