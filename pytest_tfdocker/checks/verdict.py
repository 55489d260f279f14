"""A judgement, and the text that carries it."""

from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from pytest_tfdocker.text import printable

Outcome = Literal["passed", "failed", "skipped", "error"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says of one image."""

    outcome: Outcome
    headline: str
    """Figure first, within 60 characters, without the check's id: the short summary shows it."""
    details: tuple[str, ...] = ()
    """Lines below the headline, not yet indented."""
    measured: Any = None
    """The figure, as JSON holds it: bytes, seconds, a count; None where nothing was measured."""
    budget: Any = None
    line: int | None = None
    """Of the Dockerfile, where one instruction is to blame."""

    def __post_init__(self) -> None:
        """Whatever an image says of itself, a terminal acts on nothing of it."""
        force_setattr(self, "headline", printable(self.headline))
        force_setattr(self, "details", tuple(map(printable, self.details)))

    @property
    def text(self) -> str:
        """The whole message."""
        return "\n".join((self.headline, *(f"  {line}" for line in self.details)))


def passed(headline: str, *, measured: Any = None, budget: Any = None) -> Verdict:
    """The figure is within what it is held against."""
    return Verdict(outcome="passed", headline=headline, measured=measured, budget=budget)


def failed(
    headline: str,
    *details: str,
    measured: Any = None,
    budget: Any = None,
    line: int | None = None,
) -> Verdict:
    """The figure is not within what it is held against."""
    return Verdict(
        outcome="failed",
        headline=headline,
        details=details,
        measured=measured,
        budget=budget,
        line=line,
    )


def skipped(reason: str, *details: str, measured: Any = None) -> Verdict:
    """It can't be told; `measured` is what is known all the same."""
    return Verdict(outcome="skipped", headline=reason, details=details, measured=measured)


def error(reason: str, *details: str) -> Verdict:
    """A fact that is needed could not be gathered."""
    return Verdict(outcome="error", headline=reason, details=details)
