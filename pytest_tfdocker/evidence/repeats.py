"""Several runs of one program, in one container, as the record of one run."""

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from pytest_tfdocker.evidence.records import WHOLE_RUN, Phase, Repeats, Run

T = TypeVar("T", int, float)
PhaseKey = tuple[str, int]
"""A phase's name, and the how-manieth of that name it is in its run."""


def fold(runs: list[Run], warm_up: int, repeat: int) -> Run:
    """The run that broke, as it is; else all together.

    Time is the median of those that count, of phases too; memory is the most of any, the warm-up
    included, and so are swap, pages read again and tasks. The timeline and the largest processes
    are those of the run with the largest peak.
    `runs`: warm-up first, as far as they came.
    """
    if warm_up + repeat == 1:
        return runs[0]
    last = runs[-1]
    broken = not last.ended_well
    repeats = Repeats(
        warm_up=warm_up,
        count=repeat,
        seconds=[run.seconds for run in runs],
        peak_bytes=[run.peak_bytes for run in runs],
        broken=_name(len(runs), warm_up, repeat) if broken else None,
    )
    if broken:
        return msgspec.structs.replace(last, repeats=repeats)
    counted = runs[warm_up:]
    middle = sorted(counted, key=lambda run: run.seconds)[(len(counted) - 1) // 2]
    return msgspec.structs.replace(
        max(runs, key=lambda run: run.peak_bytes or 0),
        seconds=statistics.median(run.seconds for run in counted),
        cpu_seconds=middle.cpu_seconds,
        throttled_seconds=middle.throttled_seconds,
        largest_gap_seconds=_most(run.largest_gap_seconds for run in runs),
        kernel_peak_bytes=_most(run.kernel_peak_bytes for run in runs),
        swapped_bytes=_most(run.swapped_bytes for run in runs),
        refaulted_bytes=_most(run.refaulted_bytes for run in runs),
        major_faults=_most(run.major_faults for run in runs),
        tasks=_most(run.tasks for run in runs),
        phases=_phases(runs, counted),
        stdout=last.stdout,
        stderr=last.stderr,
        repeats=repeats,
    )


def _name(number: int, warm_up: int, repeat: int) -> str:
    if number <= warm_up:
        return f"warm-up {number} of {warm_up}"
    return f"run {number - warm_up} of {repeat}"


def _phases(runs: list[Run], counted: list[Run]) -> list[Phase]:
    """Those of the counted runs, in their order.

    Where these had not the same ones, as of what is only seen from outside, there is the whole run.
    """
    keyed = [_keyed(run.phases) for run in runs]
    of_counted = keyed[len(runs) - len(counted) :]
    if len({frozenset(name for name, _ in one) for one in of_counted}) > 1:
        whole = [_whole(run) for run in runs]
        keyed, of_counted = whole, whole[len(runs) - len(counted) :]
    found = []
    for key in _merged(of_counted):
        counted_ones = [one[key] for one in of_counted if key in one]
        found.append(
            Phase(
                name=key[0],
                seconds=_median(phase.seconds for phase in counted_ones) or 0.0,
                peak_bytes=_most(one[key].peak_bytes for one in keyed if key in one),
                cpu_seconds=_median(phase.cpu_seconds for phase in counted_ones),
                throttled_seconds=_median(phase.throttled_seconds for phase in counted_ones),
                timed=all(phase.timed for phase in counted_ones),
            )
        )
    return found


def _merged(sequences: Iterable[Iterable[PhaseKey]]) -> list[PhaseKey]:
    """All of them once; what one sequence alone has stands behind what it has there before it."""
    order: list[PhaseKey] = []
    known: set[PhaseKey] = set()
    for sequence in sequences:
        at = 0
        for key in sequence:
            if key not in known:
                order.insert(at, key)
            elif order[at : at + 1] != [key]:  # as a rule they come in the same order
                at = order.index(key)
            at += 1
        known.update(sequence)
    return order


def _whole(run: Run) -> dict[PhaseKey, Phase]:
    whole = Phase(
        name=WHOLE_RUN,
        seconds=run.seconds,
        peak_bytes=_most(phase.peak_bytes for phase in run.phases),
        cpu_seconds=run.cpu_seconds,
        throttled_seconds=run.throttled_seconds,
    )
    return {(WHOLE_RUN, 0): whole}


def _keyed(phases: list[Phase]) -> dict[PhaseKey, Phase]:
    seen: Counter[str] = Counter()
    found = {}
    for phase in phases:
        found[phase.name, seen[phase.name]] = phase
        seen[phase.name] += 1
    return found


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _most(values: Iterable[T | None]) -> T | None:
    return max((value for value in values if value is not None), default=None)
