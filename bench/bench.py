"""Speed, as ratios in one run: our own cost, and beside it what others take for the like.

Everything is run several times in turns, so that a busy moment hits all alike; medians are shown.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import waste

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.image import describe_image, image_config, layers_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.records import Absent

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sentence-embeddings"
IMAGE = "tfdocker/sentence-embeddings:default"
ROUNDS = 3
"""Of the peers, which take half a minute each; the quick ones run three times a round."""
HEAVY = ("docker", "testcontainers", "msgspec", "rich", "yaml")
CHECKS_WITHOUT_SMOKES = ("Dockerfile", "-k", "not peak-memory and not duration")


@dataclass
class Row:
    """One subject: how to run it once, in seconds, and what was measured."""

    name: str
    once: Callable[[], float]
    repeats: int = 1
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def shown(self) -> str:
        return f"{self.median:8.2f} s  ({min(self.seconds):.2f} to {max(self.seconds):.2f})"


def timed(command: list[str], **options: object) -> float:
    """Seconds of a command that must succeed, output kept for the case that it doesn't."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return seconds


def collect_evidence() -> float:
    """Files, owners, bloat, interpreter and distributions of the image, from the connection on."""
    start = time.perf_counter()
    with Engine.connect() as engine:
        inspected = engine.inspect(IMAGE)
        inventory = collect_inventory(
            engine,
            inspected["Id"],
            image_config(inspected),
            run_id="bench",
            layer_bytes=[layer.bytes for layer in layers_of(engine, inspected)],
        )
        evidence = describe_image(engine, "bench", IMAGE, inspected=inspected, inventory=inventory)
        seconds = time.perf_counter() - start  # the removal of the container goes on meanwhile
    if isinstance(evidence.files, Absent) or isinstance(evidence.distributions, Absent):
        sys.exit(f"bench: the evidence is not whole: {evidence.files}")
    return seconds


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


def peers(config: Path) -> list[Row]:
    """Those that are installed; the others are named."""
    quiet = {
        **os.environ,
        "CI": "true",
        "SYFT_CHECK_FOR_APP_UPDATE": "false",
        "XDG_CACHE_HOME": str(config.parent),
    }
    commands = {
        "dive": ["dive", "--ci", "--highestUserWastedPercent=1", IMAGE],
        "syft": ["syft", "--quiet", f"docker:{IMAGE}"],
        "container-structure-test": [
            *("container-structure-test", "test", "--image", IMAGE, "--config", str(config))
        ],
    }
    found = {name: words for name, words in commands.items() if shutil.which(words[0])}
    for name in commands.keys() - found.keys():
        print(f"{name}: not installed, PyPI has none for this machine")
    return [Row(name, partial(timed, words, env=quiet)) for name, words in found.items()]


def measure(rows: list[Row]) -> None:
    """In turns, one round after the other."""
    for number in range(1, ROUNDS + 1):
        for repeat in range(max(row.repeats for row in rows)):
            for row in rows:
                if repeat < row.repeats:
                    print(f"round {number} of {ROUNDS}: {row.name}", file=sys.stderr)
                    row.seconds.append(row.once())


def main() -> int:
    """Prints the table; 1 where a target is missed."""
    judge_again()  # builds what isn't built, fills the cache
    run = ["docker", "run", "--rm", "--network=none", "--user=0", "--entrypoint="]
    du = Row("docker run IMAGE du -sx /", partial(timed, [*run, IMAGE, "du", "-sx", "/"]), 3)
    true = Row("docker run IMAGE true", partial(timed, [*run, IMAGE, "true"]), 3)
    evidence = Row("evidence of the image", collect_evidence, 3)
    again = Row("second pytest --tfdocker, no smokes", judge_again, 3)
    imports = Row("plugin import", import_seconds, 3)
    with structure_test() as config:
        others = peers(config)
        measure([evidence, du, true, again, imports, *others])
    print_machine()
    print(f"\n{'':38}{'median':>10}  (range)")
    for row in (true, du, evidence, *others, again):
        print(f"{row.name:38}{row.shown}")
    print(f"{imports.name:38}{imports.median * 1000:8.2f} ms")
    print()
    dive = [other for other in others if other.name == "dive"]
    held = [
        told("evidence / du", evidence.median / du.median, "at most 3", 3.0),
        *(
            told("evidence / dive", evidence.median / row.median, "at most 0.1", 0.1)
            for row in dive
        ),
        told("second run, s", again.median, "under 2", 2.0),
        told("plugin import, ms", imports.median * 1000, "under 10", 10.0),
        told(f"of {', '.join(HEAVY)} imported", len(heavy_imported()), "none", 0.0),
        *(told(*target) for target in waste.compare()),
    ]
    for row in others:
        if row.name != "dive":
            print(f"{'evidence / ' + row.name:58}{evidence.median / row.median:8.3f}")
    return 0 if all(held) else 1


def told(name: str, value: float, target: str, limit: float) -> bool:
    """Prints one target and whether it is held."""
    is_held = value <= limit
    print(f"{name:58}{value:8.3f}  target {target}: {'held' if is_held else 'MISSED'}")
    return is_held


def print_machine() -> None:
    """On what it was measured, and how busy it was with other things."""
    with Engine.connect() as engine:
        size_bytes = engine.inspect(IMAGE)["Size"]
        version, driver = engine.version["Version"], engine.info["Driver"]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load {load}; Python {sys.version.split()[0]}")
    print(f"Docker {version}, {driver}; {IMAGE}, {size_bytes / 1e9:.2f} GB")


if __name__ == "__main__":
    sys.exit(main())
