"""What the texts of several checks share."""

import re

from pytest_tfdocker.checks.verdict import Verdict, error, failed
from pytest_tfdocker.evidence.records import Absent
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import Formatter, format_over
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

_FROM_STAGE = re.compile(r"(?:COPY|ADD) --from=(\S+) ")
LINES = 40
"""Of a reason that carries a traceback or a log."""


def weigh(
    measured: int, budget: int, formatter: Formatter, *details: str, line: int | None = None
) -> Verdict:
    """Passed up to and at the budget, failed above it; the details stand in both."""
    if measured > budget:
        headline = format_over(measured, budget, formatter)
        return failed(headline, *details, measured=measured, budget=budget, line=line)
    headline = f"{formatter(measured)}, {formatter(budget - measured)} under {formatter(budget)}"
    return Verdict(
        outcome="passed", headline=headline, details=details, measured=measured, budget=budget
    )


def unknown(part: object, what: str, *details: str) -> Verdict:
    """An error: a part that the check needs is absent; its reason comes first."""
    reason = part.reason if isinstance(part, Absent) else f"{what} was not gathered"
    return error(*split(reason), *details)


def split(text: str) -> tuple[str, ...]:
    """The first line as a headline; below it the rest, and the first in full where it was cut."""
    lines = [printable(line) for line in text.split("\n") if line.strip()]
    first, *rest = lines or ["no reason was told"]
    headline = shorten(first, HEADLINE_WIDTH)
    return (headline, *([] if headline == first else [first]), *bounded(rest, LINES))


def origin(image: Image, key: str) -> str:
    """Where a setting stands, for people: "compose.yaml:9", "pyproject.toml", "the settings"."""
    default = image.source.name if image.source else "the settings"
    return image.origins.get(key, default)


def is_copy(instruction: str) -> bool:
    """Whether it is a COPY or an ADD."""
    return instruction.lstrip().upper().startswith(("COPY ", "ADD "))


def stage_in(instruction: str) -> str | None:
    """The stage that a COPY is from, in which what it brings is to be mended."""
    found = _FROM_STAGE.match(instruction)
    return found[1] if found else None


def is_run(instruction: str) -> bool:
    """Whether it is a RUN."""
    return instruction.lstrip().upper().startswith("RUN ")


def place(image: Image, line: int | None) -> str:
    """A line of the Dockerfile as people name it: "Dockerfile:9"; "" where none is known."""
    return "" if line is None else f"{image.settings.dockerfile}:{line}"
