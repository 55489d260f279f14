"""What the supervisor changes of a run: its time and its peak, beside a bare `docker run`.

One program, in turns, with and without us. It says itself how long it has lived, what the kernel
has counted for its container, and what PID 1 has taken.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from peaks import MIB, SMALL, small_runs

from pytest_tfdocker.evidence.records import Run

from own_cost import SLEEP, WORK  # isort: skip (peaks knows where)

COUNT = 400
"""Some 3 s of one core."""
SLEEP_SECONDS = 10
MEMORY = 512 * MIB
ALONE = ("docker", "run", "--rm", "--network=none", f"--memory={MEMORY}", f"--memory-swap={MEMORY}")


class Told(NamedTuple):
    """What a program said."""

    seconds: float
    kernel_peak_bytes: int
    pid_1_seconds: float
    pid_1_bytes: int


def alone(code: str, cpus: float | None) -> Told:
    """The program alone, as PID 1."""
    limit = [f"--cpus={cpus}"] if cpus else []
    command = [*ALONE, *limit, SMALL, "python3", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Told(**json.loads(done.stdout))


def compare(rounds: int) -> list[tuple[str, float, str, float]]:
    """Prints the table; gives each target as name, value, words and limit."""
    targets = []
    code = WORK.replace("COUNT", str(COUNT))
    with small_runs() as (run, session):

        def bare(code: str, cpus: float | None) -> Told:
            with session.measuring("a bare run"):
                return alone(code, cpus)

        def supervised(code: str, cpus: float | None) -> Told:
            found: Run = run(code, memory=MEMORY, cpus=cpus)
            return Told(**json.loads(found.stdout))

        for cpus in (None, 1.0):
            title = "no CPU limit" if cpus is None else f"under {cpus:.0f} CPU"
            found = in_turns([bare, supervised], code, cpus, rounds)
            targets += shown(title, *found)
        slept = run(SLEEP.replace("SECONDS", str(SLEEP_SECONDS)), memory=MEMORY)
    asleep = json.loads(slept.stdout)
    return [
        *targets,
        ("own share of a core", asleep["pid_1_share"], "under 0.02", 0.02),
        ("own anonymous memory, MiB", asleep["pid_1_bytes"] / MIB, "under 8", 8.0),
    ]


def in_turns(
    ways: list[Callable[[str, float | None], Told]], code: str, cpus: float | None, rounds: int
) -> list[list[Told]]:
    """What each way of running it gave, one round after the other; each is first once."""
    found: list[list[Told]] = [[] for _ in ways]
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}, {cpus or 'all'} CPUs", file=sys.stderr)
        order = [*enumerate(ways)]
        for index, way in order if number % 2 else reversed(order):
            found[index].append(way(code, cpus))
    return found


def shown(title: str, bare: list[Told], ours: list[Told]) -> list[tuple[str, float, str, float]]:
    """Prints what was measured together; gives the targets."""
    print(f"\n{title:38}{'seconds':>10}  (range){'':>14}kernel's peak")
    for name, runs in (("docker run", bare), ("supervised", ours)):
        seconds = [one.seconds for one in runs]
        range_ = f"({min(seconds):.2f} to {max(seconds):.2f})"
        peak = statistics.median(one.kernel_peak_bytes for one in runs) / MIB
        print(f"{name:38}{statistics.median(seconds):8.2f} s  {range_:20} {peak:6.1f} MiB")
    # The least: what else is on the machine only adds to it
    time = min(one.seconds for one in ours)
    # It is counted out of what we tell, as its own bytes are here
    peak = statistics.median(one.kernel_peak_bytes - one.pid_1_bytes for one in ours)
    share = statistics.median(one.pid_1_seconds / one.seconds for one in ours)
    print(f"{'PID 1, share of a core':38}{share:8.3f}")
    return [
        (
            f"supervised / docker run, time, {title}",
            time / min(one.seconds for one in bare),
            "under 1.02",
            1.02,
        ),
        (
            f"supervised / docker run, peak, {title}",
            peak / statistics.median(one.kernel_peak_bytes for one in bare),
            "under 1.01",
            1.01,
        ),
    ]
