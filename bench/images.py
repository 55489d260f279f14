"""What is measured of an image: our evidence, `du`, and what others take for the like."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from measuring import Row, measure, show, timed, told

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.image import describe_image, image_config, layers_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.records import Absent

HERE = Path(__file__).resolve().parent
FILES = HERE / "files.Dockerfile"
CUDA = HERE.parent / "tests" / "data" / "cuda.Dockerfile"
RUN = ("docker", "run", "--rm", "--network=none", "--user=0", "--entrypoint=")
QUIET = {"CI": "true", "SYFT_CHECK_FOR_APP_UPDATE": "false"}
PEERS = {"dive": ("at most 1/10", 1 / 10), "syft": ("at most 1/15", 1 / 15)}


@contextmanager
def built(name: str, dockerfile: Path, **arguments: int) -> Iterator[str]:
    """An image of a Dockerfile, removed afterwards unless it was there."""
    tag = f"tfdocker-bench/{name}"
    looked = subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False)
    if looked.returncode:
        print(f"building {tag}", file=sys.stderr)
        given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        timed(["docker", "build", "-t", tag, *given, "-f", str(dockerfile), str(HERE)])
    try:
        yield tag
    finally:
        if looked.returncode:
            timed(["docker", "image", "rm", tag])


def collect_evidence(image: str) -> float:
    """Files, owners, bloat, interpreter and distributions of the image, from the connection on."""
    start = time.perf_counter()
    with Engine.connect() as engine:
        inspected = engine.inspect(image)
        inventory = collect_inventory(
            engine,
            inspected["Id"],
            image_config(inspected),
            run_id="bench",
            history=layers_of(engine, inspected),
        )
        evidence = describe_image(engine, "bench", image, inspected=inspected, inventory=inventory)
        seconds = time.perf_counter() - start  # the removal of the container goes on meanwhile
    if isinstance(evidence.files, Absent) or isinstance(evidence.distributions, Absent):
        sys.exit(f"bench: the evidence is not whole: {evidence.files}")
    return seconds


def compare(title: str, image: str, rounds: int, peers: dict[str, list[str]]) -> list[bool]:
    """Our evidence beside others on one image, and whether the targets are held."""
    evidence = Row("evidence of the image", partial(collect_evidence, image), 3)
    du = Row("docker run IMAGE du -sx /", partial(timed, [*RUN, image, "du", "-sx", "/"]), 3)
    true = Row("docker run IMAGE true", partial(timed, [*RUN, image, "true"]), 3)
    with tempfile.TemporaryDirectory() as cache:
        quiet = {**os.environ, **QUIET, "XDG_CACHE_HOME": cache}
        others = [
            Row(name, partial(timed, words, env=quiet)) for name, words in installed(peers).items()
        ]
        measure([evidence, du, true, *others], rounds)
    show(title, [true, du, evidence, *others])
    held = [told("evidence / du", evidence.median / du.median, "at most 3", 3.0)]
    for row in others:
        ratio = evidence.median / row.median
        if row.name in PEERS:
            held.append(told(f"evidence / {row.name}", ratio, *PEERS[row.name]))
        else:
            print(f"{'evidence / ' + row.name:58}{ratio:8.3f}")
    return held


def ten_times_larger(rounds: int) -> list[bool]:
    """The same files, each ten times as large: time must grow with their number alone."""
    with (
        built("files-2k", FILES, COUNT=20_000, BYTES=2_000) as small,
        built("files-20k", FILES, COUNT=20_000, BYTES=20_000) as large,
    ):
        rows = [
            Row(f"evidence, files of {size}", partial(collect_evidence, image), 3)
            for size, image in (("2 kB", small), ("20 kB", large))
        ]
        measure(rows, rounds)
    show("20,000 files", rows)
    ratio = rows[1].median / rows[0].median
    return [told("files ten times larger", ratio, "at most 1.5", 1.5)]


def on_image(image: str) -> dict[str, list[str]]:
    """What dive and syft are asked of an image."""
    return {
        "dive": ["dive", "--ci", "--highestUserWastedPercent=1", image],
        "syft": ["syft", "--quiet", f"docker:{image}"],
    }


def installed(peers: dict[str, list[str]]) -> dict[str, list[str]]:
    """Those that are there; the others are named."""
    for name, words in peers.items():
        if not shutil.which(words[0]):
            print(f"{name}: not installed, PyPI has none for this machine")
    return {name: words for name, words in peers.items() if shutil.which(words[0])}
