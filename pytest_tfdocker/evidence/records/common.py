"""What every fact is, and what stands in its place."""

import msgspec


class Record(msgspec.Struct, frozen=True):
    """A fact, or several that are gathered together."""


class Absent(Record, tag="absent", frozen=True, kw_only=True):
    """In place of a part that could not be gathered."""

    reason: str
    """One sentence, and what to do about it where something can be done."""
    oom_killed: bool = False
    """Of a run: whether the engine saw an OOM kill, of PID 1 itself, so that nobody reported."""
    limit_too_small: bool = False
    """Of a run: whether it was not begun because its memory limit leaves it no room."""
