"""Text for terminals and reports: escaped, shortened, bounded, aligned."""

from collections.abc import Iterable, Sequence
from typing import Any, overload

HEADLINE_WIDTH = 60
"""pytest cuts its short summary at 80 columns, and the id takes what is left of this."""


def printable(text: str) -> str:
    """`text` on one line, with everything escaped that a terminal would act on or can't show."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def printable_lines(text: str) -> str:
    """`text` with its lines as they are, and all else escaped that a terminal would act on."""
    return "\n".join(printable(line.expandtabs().rstrip("\r")) for line in text.split("\n"))


@overload
def encodable(value: str) -> str: ...
@overload
def encodable(value: Any) -> Any: ...
def encodable(value: Any) -> Any:
    """`value` with lone surrogates escaped, which names of files may hold and UTF-8 can't.

    Of a text, or of all that lists and dicts hold.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(one) for one in value]
    return value


def one_line(text: str, width: int | None = None) -> str:
    """`text` with runs of white space folded into one space, escaped, and cut to `width`."""
    folded = printable(" ".join(text.split()))
    return folded if width is None else shorten(folded, width)


def shorten(text: str, width: int) -> str:
    """`text` within `width` characters; the last is "…" where something was cut."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def bounded(lines: Iterable[str], limit: int = 10) -> list[str]:
    """The first `limit` lines, and "… and N more" where there are more."""
    every = list(lines)
    more = len(every) - limit
    return every if more <= 0 else [*every[:limit], f"… and {more} more"]


def last_lines(text: str, limit: int = 10, width: int = 160) -> list[str]:
    """The last lines of an output that aren't blank, escaped and cut to `width`."""
    lines = [printable(line.expandtabs()) for line in text.split("\n") if line.strip()]
    cut = len(lines) - limit
    kept = [shorten(line, width) for line in lines[-limit:]]
    return kept if cut <= 0 else [f"… {cut} more above", *kept]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equally many cells as lines, the first column flush right; empty columns dropped."""
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    widths = [max(map(len, column)) for column in columns]
    return [_row(row, widths) for row in zip(*columns, strict=True)]


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = row
    padded = (cell.ljust(width) for cell, width in zip(others, widths[1:], strict=True))
    return "  ".join([first.rjust(widths[0]), *padded]).rstrip()
