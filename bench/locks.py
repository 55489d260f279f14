"""What is declared, read and judged: large locks, large requirement files, many distributions."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from images import HERE, RUN, built, collect_evidence
from measuring import Row, measure, show, timed, told

from pytest_tfdocker.checks import hashes, parity, pinned
from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.evidence.records import (
    Absent,
    Base,
    Distribution,
    Distributions,
    ImageConfig,
    ImageEvidence,
    Interpreter,
    Verification,
    Verified,
)
from pytest_tfdocker.locks.discover import read_declared
from pytest_tfdocker.settings.schema import Dependencies, Image, ImageSettings

COUNTS = {"uv.lock": 500, "requirements.txt": 2_000}
"""Packages, lines."""
DISTRIBUTIONS = 500
NEEDS = 6
PLATFORMS = (
    "macosx_10_9_universal2",
    "macosx_11_0_arm64",
    "win32",
    "win_amd64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    "musllinux_1_2_x86_64",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
)
WHEELS = [f"cp3{minor}-cp3{minor}-{one}" for minor in (10, 11, 12) for one in PLATFORMS]
"""Of a package of a lock, as of those that have compiled parts."""
SITE = "/opt/venv/lib/python3.11/site-packages"
AS_INSTALLED = Verification(same=1, changed=0, gone=0, unread=0, late=0)
CHECKS = (pinned.CHECK, hashes.CHECK, parity.CHECK)
DIGEST = "sha256:" + "0123456789abcdef" * 4


def uv_lock(names: list[str]) -> str:
    """A lock of as many packages, each needed by others, with markers and artifacts."""
    wheel = '{{ url = "https://example.org/{0}-1.0-{1}.whl", hash = "{2}", size = 1 }},'
    text = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n'
    project = names[::10]
    for at, name in enumerate(names):
        needs = [names[(at * 7 + k * 13) % len(names)] for k in range(NEEDS)]
        wheels = "\n".join("    " + wheel.format(name, tags, DIGEST) for tags in WHEELS)
        text += _package(name, '{ registry = "https://example.org/simple" }', needs)
        text += f"wheels = [\n{wheels}\n]\n"
    return text + _package("demo", '{ virtual = "." }', project)


def installed(found: ImageEvidence) -> list[Distribution]:
    """What an image holds."""
    there = found.distributions
    return [] if isinstance(there, Absent) else there.installed


def _package(name: str, source: str, needs: Iterable[str]) -> str:
    marked = "".join(
        f'    {{ name = "{one}", marker = "python_full_version < \'3.{20 + at % 3}\'" }},\n'
        for at, one in enumerate(needs)
    )
    head = f'\n[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {source}\n'
    return f"{head}dependencies = [\n{marked}]\n"


def requirements(names: list[str]) -> str:
    """Pins with a marker and hashes."""
    marker = 'python_version >= "3.8"'
    return "".join(f"{one}==1.0 ; {marker} \\\n    --hash={DIGEST}\n" for one in names)


def evidence(names: list[str]) -> ImageEvidence:
    """An image that holds these, each requiring others."""
    needs = ["other>=1 ; extra == 'x'", "name-1>=1 ; python_version >= '3.8'"]
    there = [
        Distribution(
            name=name,
            version="1.0",
            path=f"{SITE}/{name}-1.0.dist-info",
            location=SITE,
            bytes=1,
            requires=needs,
        )
        for name in names
    ]
    markers = {
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "python_full_version": "3.11.2",
        "python_version": "3.11",
        "sys_platform": "linux",
    }
    return ImageEvidence(
        name="bench",
        reference="bench",
        id="sha256:0",
        digests=[],
        platform="linux/amd64",
        engine=None,
        config=ImageConfig(),
        layers=[],
        files=Absent(reason="none"),
        interpreter=Interpreter(
            executable="/opt/venv/bin/python",
            reason="CMD",
            version="3.11.2",
            platform="linux x86_64",
            environment=markers,
            path=[SITE],
            soabi="cpython-311-x86_64-linux-gnu",
            libc="glibc 2.36",
        ),
        distributions=Distributions(installed=there),
        base=Base(reference="base", id="sha256:1", layers=0, distributions=[]),
    )


def judge(folder: Path, name: str) -> float:
    """Seconds from the file to the verdicts, in a process that has read none before."""
    command = [sys.executable, __file__, str(folder), name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def judged(folder: Path, name: str) -> float:
    """The same in this process."""
    dependencies = Dependencies(files=[name], hashes=True)
    image = Image(name="bench", root=folder, settings=ImageSettings(dependencies=dependencies))
    found = evidence([f"name-{n}" for n in range(COUNTS[name])])
    start = time.perf_counter()
    facts = Facts(
        image=image,
        declared=read_declared(image),
        evidence=found,
        records=Verified(distributions={one.path: AS_INSTALLED for one in installed(found)}),
    )
    outcomes = [check.judge(facts, None).outcome for check in CHECKS]
    seconds = time.perf_counter() - start
    if set(outcomes) != {"passed"}:
        sys.exit(f"bench: {name} was to pass: {outcomes}")
    return seconds


@contextmanager
def written() -> Iterator[Path]:
    """A folder with a lock and a requirements file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("uv.lock", uv_lock), ("requirements.txt", requirements)):
            (Path(folder) / name).write_text(write([f"name-{n}" for n in range(COUNTS[name])]))
        yield Path(folder)


def compare(rounds: int) -> list[bool]:
    """Reading and judging, and the evidence of many distributions beside `pip list`."""
    with written() as folder:
        rows = [
            Row(f"{name}, {count}", partial(judge, folder, name), 3)
            for name, count in COUNTS.items()
        ]
        measure(rows, rounds)
    made = HERE / "distributions.Dockerfile"
    with built("distributions", made, COUNT=DISTRIBUTIONS) as image:
        pip = [*RUN, image, "python", "-m", "pip", "--disable-pip-version-check", "list"]
        ours = Row("evidence of the image", partial(collect_evidence, image), 3)
        theirs = Row("docker run IMAGE python -m pip list", partial(timed, pip), 3)
        measure([ours, theirs], rounds)
    show("read and judged", rows)
    show(f"{DISTRIBUTIONS} distributions", [theirs, ours])
    held = [told(f"{row.name}, s", row.median, "under 0.5", 0.5) for row in rows]
    return [*held, told("evidence / pip list", ours.median / theirs.median, "under 1.5", 1.5)]


if __name__ == "__main__":
    print(judged(Path(sys.argv[1]), sys.argv[2]))
