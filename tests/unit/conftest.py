"""Builders of evidence: a small, sound image, to which each test does the one thing it is about."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.evidence.records import (
    Base,
    BuildFacts,
    Distribution,
    Distributions,
    Effective,
    EngineFacts,
    Files,
    ImageConfig,
    ImageEvidence,
    Interpreter,
    Layer,
    Limits,
    Phase,
    Run,
)
from pytest_tfdocker.locks.declared import Declared, Requirement, Source
from pytest_tfdocker.settings.schema import Image, ImageSettings

MIB = 2**20
MB = 10**6


@pytest.fixture
def engine():
    """An engine on overlay2, with 4 CPUs and no GPU."""
    return EngineFacts(
        name="Docker",
        version="26.1.5",
        id="ENGINE",
        cgroup_version="2",
        store="overlay2",
        remote=False,
        cpus=4,
        memory_bytes=16 * 2**30,
        gpu=False,
    )


@pytest.fixture
def interpreter():
    return Interpreter(
        executable="/opt/venv/bin/python",
        reason="CMD python app.py",
        version="3.11.2",
        platform="linux x86_64",
        environment={"sys_platform": "linux", "python_version": "3.11"},
        path=["/opt/venv/lib/python3.11/site-packages"],
    )


@pytest.fixture
def distribution():
    """A distribution by name, version and bytes."""

    def make(name: str, version: str = "1.0", size_bytes: int | None = MB, **changes: Any):
        location = "/opt/venv/lib/python3.11/site-packages"
        fields = {"path": f"{location}/{name}-{version}.dist-info", "location": location, **changes}
        return Distribution(name=name, version=version, bytes=size_bytes, **fields)

    return make


@pytest.fixture
def evidence(engine, interpreter, distribution):
    """1,000 MB in three layers, the base among them; torch and transformers."""

    def make(**changes: Any) -> ImageEvidence:
        sound = ImageEvidence(
            name="default",
            reference="app:ci",
            id="sha256:0123456789abcdef0123456789abcdef",
            digests=[],
            platform="linux/amd64",
            engine=engine,
            config=ImageConfig(command=["python", "app.py"]),
            layers=[
                Layer(instruction="/bin/sh -c #(nop) ADD", bytes=200 * MB, empty=False, base=True),
                Layer(
                    instruction="RUN pip install -r requirements.txt",
                    bytes=790 * MB,
                    empty=False,
                    base=False,
                    line=9,
                ),
                Layer(instruction="COPY . .", bytes=10 * MB, empty=False, base=False, line=10),
                Layer(instruction="CMD python app.py", bytes=0, empty=True, base=False, line=11),
            ],
            build=BuildFacts(builder="buildx", seconds=12.34, cached=False),
            files=Files(
                count=4500,
                apparent_bytes=1000 * MB,
                block_bytes=1010 * MB,
                unreadable=0,
                seconds=1.0,
            ),
            interpreter=interpreter,
            distributions=Distributions(
                installed=[
                    distribution("torch", "2.13.0", 667 * MB),
                    distribution("transformers", "5.23.0", 54 * MB),
                ]
            ),
            base=Base(reference="python:3.11-slim", id="sha256:base", layers=1, distributions=[]),
        )
        return msgspec.structs.replace(sound, **changes)

    return make


@pytest.fixture
def image():
    """An image by its settings, as TOML would hold them."""

    def make(origins: dict[str, str] | None = None, name: str = "default", **settings: Any):
        return Image(
            name=name,
            root=Path("/project"),
            source=Path("/project/pyproject.toml"),
            settings=msgspec.convert(settings, ImageSettings, dec_hook=lambda kind, v: kind(v)),
            origins=origins or {},
        )

    return make


@pytest.fixture
def declared():
    """Requirements of requirements.txt, a line each: "torch==2.13.0", "torch; marker"."""

    def make(*lines: str) -> Declared:
        requirements = []
        for number, line in enumerate(lines, 1):
            text, _, marker = line.partition(";")
            name, equals, version = text.strip().partition("==")
            requirements.append(
                Requirement(
                    name=name,
                    source=Source("requirements.txt", number),
                    specifier=equals + version,
                    marker=marker.strip() or None,
                )
            )
        return Declared(requirements=tuple(requirements), sources=("requirements.txt",))

    return make


@pytest.fixture
def facts(evidence, image, declared):
    """The facts of the sound image; settings as keywords of `settings`."""

    def make(settings: dict[str, Any] | None = None, **parts: Any) -> Facts:
        origins = parts.pop("origins", None)
        given = {"declared": declared(), "evidence": evidence(), **parts}
        return Facts(image=image(origins, **settings or {}), **given)

    return make


@pytest.fixture
def run():
    """A run of `embed` that ended well: 400 MiB at its peak under 1 GiB."""

    def make(**changes: Any) -> Run:
        well = Run(
            name="embed",
            command=["python", "smoke.py"],
            limits=Limits(memory_bytes=1024 * MIB, swap_bytes=0, cpus=2.0),
            effective=Effective(
                memory_bytes=1024 * MIB,
                swap_bytes=0,
                cpus=2.0,
                pids=4096,
                cgroup_version="2",
            ),
            exit_code=0,
            oom_killed=False,
            peak_bytes=400 * MIB,
            peak_source="samples",
            kernel_peak_bytes=640 * MIB,
            seconds=8.0,
            cpu_seconds=9.5,
            throttled_seconds=0.0,
            phases=[
                Phase(name="import", seconds=3.1, peak_bytes=300 * MIB),
                Phase(name="load", seconds=2.9, peak_bytes=400 * MIB),
                Phase(name="inference", seconds=2.0, peak_bytes=390 * MIB),
            ],
            phases_named=True,
        )
        return msgspec.structs.replace(well, **changes)

    return make
