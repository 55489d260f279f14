"""Speed, as ratios in one run: our own cost, and beside it what others take for the like.

Everything is run several times in turns, so that a busy moment hits all alike; medians are shown,
and whether the targets are held.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import locks as declared
import peaks
import supervisor as own
import waste
from images import CUDA, FILES, built, compare, on_image, ten_times_larger
from measuring import Row, measure, show, timed, told

from pytest_tfdocker.engine.client import Engine

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sentence-embeddings"
IMAGE = "tfdocker/sentence-embeddings:default"
HEAVY = ("docker", "testcontainers", "msgspec", "rich", "yaml")
CHECKS_WITHOUT_SMOKES = ("Dockerfile", "-k", "not peak-memory and not duration")


def example(rounds: int) -> list[bool]:
    """The example's image: evidence beside du, dive, syft and container-structure-test."""
    judge_again()  # builds what isn't built
    with structure_test() as config:
        asked = ["container-structure-test", "test", "--image", IMAGE, "--config", str(config)]
        peers = {**on_image(IMAGE), asked[0]: asked}
        return compare("the example's image", IMAGE, rounds, peers)


def small_files(rounds: int) -> list[bool]:
    """300,000 files of 100 bytes, half of them a distribution's: evidence beside du."""
    with built("small-files", FILES, COUNT=300_000, BYTES=100) as image:
        return compare("300,000 small files", image, rounds, {})


def ten_times(rounds: int) -> list[bool]:
    """20,000 files of 2 kB and of 20 kB: evidence takes as long, whatever the bytes."""
    return ten_times_larger(rounds)


def starts(rounds: int) -> list[bool]:
    """A second `pytest --tfdocker`, and what the plugin costs a start of pytest without it."""
    judge_again()  # fills the cache
    again = Row("second pytest --tfdocker, no smokes", judge_again, 3)
    imports = Row("plugin import", import_seconds, 3)
    measure([again, imports], rounds)
    show("starts", [again, imports])
    return [
        told("second run, s", again.median, "under 2", 2.0),
        told("plugin import, ms", imports.median * 1000, "under 10", 10.0),
        told(f"of {', '.join(HEAVY)} imported", len(heavy_imported()), "none", 0.0),
    ]


def layers(rounds: int) -> list[bool]:
    """All layers of the example read for size[wasted]: seconds and memory, beside dive."""
    judge_again()  # builds what isn't built
    return [told(*target) for target in waste.compare(IMAGE, rounds)]


def locks(rounds: int) -> list[bool]:
    """A lock of 500 packages, 2,000 pins, 500 distributions: read and judged, beside pip list."""
    return declared.compare(rounds)


def supervisor(rounds: int) -> list[bool]:
    """What the supervisor takes: time and peak of a run, beside a bare `docker run`."""
    return [told(*target) for target in own.compare(rounds)]


def behaviours(_: int) -> list[bool]:
    """Programs of known peak: what we, `docker stats`, the kernel and the exit code tell."""
    return peaks.compare()


def cuda(rounds: int) -> list[bool]:
    """PyPI's torch for CUDA, 6 GB, only when asked for: evidence and layers, beside the peers."""
    with built("cuda", CUDA) as image:
        held = compare("torch for CUDA", image, rounds, on_image(image))
        return held + [told(*target) for target in waste.compare(image, rounds)]


PARTS: dict[str, Callable[[int], list[bool]]] = {
    "example": example,
    "small-files": small_files,
    "ten-times": ten_times,
    "starts": starts,
    "layers": layers,
    "locks": locks,
    "supervisor": supervisor,
    "behaviours": behaviours,
}


def judge_again() -> float:
    return timed(
        [sys.executable, "-m", "pytest", "--tfdocker", *CHECKS_WITHOUT_SMOKES], cwd=EXAMPLE
    )


@contextmanager
def structure_test() -> Iterator[Path]:
    """What container-structure-test is asked: a file, and that the example's frameworks import."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "structure.json"
        python = "/opt/venv/bin/python"
        imports = [
            {"name": name, "command": python, "args": ["-c", f"import {name}"]}
            for name in ("torch", "transformers")
        ]
        files = [{"name": "app", "path": "/app/app.py", "shouldExist": True}]
        config.write_text(
            json.dumps(
                {"schemaVersion": "2.0.0", "commandTests": imports, "fileExistenceTests": files}
            )
        )
        yield config


def import_seconds() -> float:
    """Of our own modules, and what they alone bring in, after pytest itself."""
    code = "import pytest; import pytest_tfdocker.plugin"
    command = [sys.executable, "-X", "importtime", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.rpartition("|") for line in done.stderr.splitlines() if "|" in line]
    # Cumulative microseconds of the two that stand at the top: the package and its plugin.
    top = [
        head for head, _, name in lines if name in (" pytest_tfdocker", " pytest_tfdocker.plugin")
    ]
    return sum(int(head.rpartition("|")[2]) for head in top) / 1e6


def heavy_imported() -> list[str]:
    """Which of the heavy libraries a start of pytest imports where --tfdocker isn't given."""
    code = (
        "import sys, pytest; pytest.main(['-q', '--collect-only']); "
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def print_machine() -> None:
    """On what it was measured, and how busy it was with other things."""
    with Engine.connect() as engine:
        version, driver = engine.version["Version"], engine.info["Driver"]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load {load}; Python {sys.version.split()[0]}")
    print(f"Docker {version}, {driver}")


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What to measure, and how often."""
    known = {**PARTS, "cuda": cuda}
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description=__doc__,
        epilog="parts:\n" + "\n".join(f"  {name:12} {do.__doc__}" for name, do in known.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="what to measure; default: all but cuda"
    )
    parser.add_argument("--cuda", action="store_true", help="and the part cuda: 3 GB are fetched")
    # Peers take half a minute each; what is quick runs three times a round
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(known):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    names = dict.fromkeys([*(given.parts or PARTS), *(["cuda"] if given.cuda else [])])
    given.parts = [known[name] for name in names]
    return given


def main() -> int:
    """Prints the tables; 1 where a target is missed."""
    given = parsed(sys.argv[1:])
    print_machine()
    held = [is_held for part in given.parts for is_held in part(given.rounds)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
