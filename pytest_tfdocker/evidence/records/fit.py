"""The smallest memory limit of a smoke, and the runs that it was found by."""

from typing import Literal

from pytest_tfdocker.evidence.records.common import Record

Outcome = Literal["passed", "killed", "slower", "failed"]
""""killed": by the kernel, for want of memory; "slower": it would have gone on for too long."""


class Trial(Record, frozen=True, kw_only=True):
    """One run of the smoke under a limit that was tried."""

    limit_bytes: int | None
    """None: the first run, without a limit that could be felt."""
    outcome: Outcome
    why: str = ""
    """How it ended, of one that did not pass: a headline."""
    seconds: float = 0.0


class Fit(Record, tag="fit", frozen=True, kw_only=True):
    """The smallest memory limit that holds a smoke, found by runs of it."""

    smallest_bytes: int
    """Under it the smoke passed 3 times of 3; the container's limit, our supervisor in it."""
    failing_bytes: int | None
    """The largest limit below it that failed; None where the least that an engine takes passed."""
    limit_bytes: int
    """The limit to set: the smallest and 15 %, rounded up."""
    runs: int
    """How many it took."""
    seconds: float
    failed_by: str = ""
    """How the run ended under `failing_bytes`: a headline; "" where there is none."""
    trials: list[Trial] = []
    """In the order of time."""
    notes: list[str] = []
    """What else is to be known of the figure, a line each."""
