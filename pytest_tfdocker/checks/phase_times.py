"""The phases of a run by name, each with all that was spent in it."""

import msgspec

from pytest_tfdocker.evidence.records import WHOLE_RUN, Phase, Run


class PhaseTime(msgspec.Struct, frozen=True, kw_only=True):
    """All stretches of one name together."""

    name: str
    seconds: float
    cpu_seconds: float | None
    throttled_seconds: float | None
    timed: bool


def phase_times(run: Run) -> dict[str, PhaseTime]:
    """By name, in order of their first stretch; empty where the program named no phase."""
    if [phase.name for phase in run.phases] == [WHOLE_RUN]:
        return {}
    by_name: dict[str, list[Phase]] = {}
    for phase in run.phases:
        by_name.setdefault(phase.name, []).append(phase)
    return {name: _together(name, stretches) for name, stretches in by_name.items()}


def _together(name: str, stretches: list[Phase]) -> PhaseTime:
    return PhaseTime(
        name=name,
        seconds=sum(one.seconds for one in stretches),
        cpu_seconds=_sum([one.cpu_seconds for one in stretches]),
        throttled_seconds=_sum([one.throttled_seconds for one in stretches]),
        timed=all(one.timed for one in stretches),
    )


def _sum(figures: list[float | None]) -> float | None:
    """None where one of them isn't known."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None
