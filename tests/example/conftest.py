"""Copies of examples/sentence-embeddings, to break one thing at a time."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "sentence-embeddings"


@dataclass
class Judged:
    """What one `pytest --tfdocker` said."""

    outcomes: dict[str, str]
    texts: dict[str, str]
    measured: dict[str, Any]
    output: str
    exit_code: int

    @property
    def broken(self) -> set[str]:
        """The ids that failed, or could not be looked at."""
        return {one for one, outcome in self.outcomes.items() if outcome in ("failed", "error")}

    @property
    def skipped(self) -> set[str]:
        return {one for one, outcome in self.outcomes.items() if outcome == "skipped"}


class Project:
    """A copy of the example. What is downloaded is linked, not copied: 0.3 GB."""

    def __init__(self, folder: Path, cache: Path):
        self.folder, self.cache = folder, cache
        shutil.copytree(
            EXAMPLE,
            folder,
            ignore=shutil.ignore_patterns("wheels*", ".pytest_cache", "__pycache__"),
        )
        (folder / "wheels").mkdir()
        for wheel in (EXAMPLE / "wheels").glob("*.whl"):
            try:
                os.link(wheel, folder / "wheels" / wheel.name)
            except OSError:
                shutil.copy2(wheel, folder / "wheels")

    @property
    def tag(self) -> str:
        return f"tfdocker/{self.folder.name}:default"

    def edit(self, name: str, pattern: str, replacement: str) -> None:
        """Replaces what matches, which must be there once."""
        path = self.folder / name
        text, count = re.subn(pattern, replacement, path.read_text(), flags=re.MULTILINE)
        assert count == 1, f"{pattern!r} stands {count} times in {name}"
        path.write_text(text)

    def add_layers(self, *commands: str) -> None:
        """Runs commands as root in layers of their own, on top of the image."""
        runs = [f"RUN {command}" for command in commands]
        lines = ["USER 0", *runs, "USER 10001:10001", ""]
        with (self.folder / "Dockerfile").open("a") as file:
            file.write("\n".join(lines))

    def judge(self, *arguments: str) -> Judged:
        """Runs pytest in the project's folder, in a process of its own."""
        report = self.folder / "report.json"
        command = [sys.executable, "-m", "pytest", "--tfdocker", f"--tfdocker-json={report}"]
        command += ["-o", f"cache_dir={self.cache}", "-p", "no:randomly", *arguments]
        ours = ("PYTEST_", "TFDOCKER_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        output = ended.stdout + ended.stderr
        print(output)
        assert report.exists(), output
        (image,) = json.loads(report.read_text())["images"]
        checks = {check["id"]: check for check in image["checks"]}
        return Judged(
            {one: check["outcome"] for one, check in checks.items()},
            {one: check["message"] for one, check in checks.items()},
            {one: check["measured"] for one, check in checks.items()},
            output,
            ended.returncode,
        )


@pytest.fixture(scope="session")
def example_cache(tmp_path_factory):
    """Evidence of an image is gathered once for all copies that build the same one."""
    return tmp_path_factory.mktemp("example-cache")


@pytest.fixture(scope="session")
def docker_client():
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def make_project(tmp_path_factory, example_cache, docker_client):
    """Gives whole copies; the images that they build are removed, the builder's cache stays."""
    if not any((EXAMPLE / "wheels").glob("torch-*.whl")):
        pytest.skip("examples/sentence-embeddings/wheels is empty: run its fetch_wheels.py")
    made = []

    def make() -> Project:
        folder = tmp_path_factory.mktemp("copy") / f"broken-example-{os.getpid()}-{len(made)}"
        made.append(Project(folder, example_cache))
        return made[-1]

    yield make
    for project in made:
        with suppress(docker.errors.ImageNotFound):
            docker_client.images.remove(project.tag)


@pytest.fixture
def project(make_project):
    """A copy of the example, for one test to break."""
    return make_project()


@pytest.fixture(scope="session")
def image(make_project):
    """The image of the unbroken example, as CI would hand it over."""
    built = make_project()
    assert built.judge("-k", "build").outcomes == {"build": "passed"}
    return built.tag
