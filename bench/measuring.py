"""Rows of a table: how to run a thing once, how long it took, and which target that holds."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One thing that is measured: how to run it once, in seconds, and what was measured."""

    name: str
    once: Callable[[], float]
    repeats: int = 1
    """In each round."""
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def shown(self) -> str:
        return f"{self.median:8.2f} s  ({min(self.seconds):.2f} to {max(self.seconds):.2f})"


def timed(command: Sequence[str], **options: object) -> float:
    """Seconds of a command that must succeed, output kept for the case that it doesn't."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return seconds


def measure(rows: list[Row], rounds: int) -> None:
    """In turns, one round after the other, so that a busy moment hits all alike."""
    for number in range(1, rounds + 1):
        for repeat in range(max(row.repeats for row in rows)):
            for row in rows:
                if repeat < row.repeats:
                    print(f"round {number} of {rounds}: {row.name}", file=sys.stderr)
                    row.seconds.append(row.once())


def show(title: str, rows: list[Row]) -> None:
    """The table of what was measured together."""
    print(f"\n{title:38}{'median':>10}  (range)")
    for row in rows:
        print(f"{row.name:38}{row.shown}")


def told(name: str, value: float, target: str, limit: float) -> bool:
    """Prints one target and whether it is held."""
    is_held = value <= limit
    print(f"{name:58}{value:8.3f}  target {target}: {'held' if is_held else 'MISSED'}")
    return is_held
