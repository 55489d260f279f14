"""What a later layer hides, read from all layers: seconds and memory, ours beside dive's.

Each in a process of its own, in turns. Ours is timed from where the check fails: the inventory was
taken long before. Memory is that of the whole process, inventory and all.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from images import on_image

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.image import describe_image, image_config, layers_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.waste import collect_waste

MOST_MB = 200.0
POLL_SECONDS = 0.02


class Cost(NamedTuple):
    """Of one process: seconds, the kernel's count of its largest resident set, what it said."""

    seconds: float
    peak_mb: float
    said: str


def high_water_kb(pid: int) -> int:
    """VmHWM of its program alone: ru_maxrss begins with what the process had that has forked it."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def cost(command: Sequence[str | Path]) -> Cost:
    """Runs it to its end; its output is shown where it fails."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=output)
        peak_kb = 0
        while process.poll() is None:
            peak_kb = max(peak_kb, high_water_kb(process.pid))
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        output.seek(0)
        said = output.read().decode()
    if process.returncode:
        sys.exit(f"bench: {command[0]} failed:\n{said[-2000:]}")
    return Cost(seconds, peak_kb * 1024 / 1e6, said)


def read_layers(image: str) -> None:
    """What the check does where it fails; prints its seconds."""
    with Engine.connect() as engine:
        inspected = engine.inspect(image)
        history = layers_of(engine, inspected)
        inventory = collect_inventory(
            engine, inspected["Id"], image_config(inspected), run_id="bench", history=history
        )
        evidence = describe_image(engine, "bench", image, inspected=inspected, inventory=inventory)
        start = time.perf_counter()
        collect_waste(engine, evidence)
        print(time.perf_counter() - start)


def compare(image: str, rounds: int) -> list[tuple[str, float, str, float]]:
    """Prints the table; gives each target as name, value, words and limit."""
    if shutil.which("dive") is None:
        print("dive: not installed, layers read for size[wasted] are compared with nothing")
        return []
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "layers read for size[wasted]": [sys.executable, __file__, image],
            "dive --ci": on_image(image)["dive"],
            "dive --json": ["dive", image, "--json", f"{folder}/report.json"],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for number in range(1, rounds + 1):
            # The engine still tidies up for the one before: each is first once
            names = [*commands][number % 3 :] + [*commands][: number % 3]
            for name in names:
                print(f"round {number} of {rounds}: {name}", file=sys.stderr)
                costs[name].append(cost(commands[name]))
    ours, quick, whole = costs.values()
    ours[:] = [one._replace(seconds=float(one.said)) for one in ours]
    print(f"\n{'':38}{'median':>10}  (range){'':>14}peak memory")
    for name, found in costs.items():
        seconds = [one.seconds for one in found]
        range_ = f"({min(seconds):.2f} to {max(seconds):.2f})"
        print(f"{name:38}{_seconds(found):8.2f} s  {range_:20} {_peak(found):6.0f} MB")
    print(f"{'layers read / dive --ci, memory':58}{_peak(ours) / _peak(quick):8.3f}")
    return [
        ("layers read / dive --ci", _seconds(ours) / _seconds(quick), "at most 1", 1.0),
        # Which files, of which layer: what we tell, --ci does not
        ("layers read / dive --json, memory", _peak(ours) / _peak(whole), "under 1", 1.0),
        ("layers read, MB", _peak(ours), "under 200", MOST_MB),
    ]


def _seconds(costs: Sequence[Cost]) -> float:
    return statistics.median(one.seconds for one in costs)


def _peak(costs: Sequence[Cost]) -> float:
    return max(one.peak_mb for one in costs)


if __name__ == "__main__":
    read_layers(sys.argv[1])
