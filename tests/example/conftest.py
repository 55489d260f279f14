"""Copies of examples/sentence-embeddings, to break one thing at a time."""

import os
import re
import shutil
from pathlib import Path

import docker
import pytest
from user_project import Said, UserProject

EXAMPLE = Path(__file__).parents[2] / "examples" / "sentence-embeddings"


class Project(UserProject):
    """A copy of the example. What is downloaded is linked, not copied: 0.3 GB."""

    def __init__(self, folder: Path, cache: Path, client: docker.DockerClient):
        super().__init__(folder, client)
        self.cache = cache
        shutil.copytree(
            EXAMPLE,
            folder,
            ignore=shutil.ignore_patterns("wheels*", ".pytest_cache", "__pycache__"),
            dirs_exist_ok=True,
        )
        (folder / "wheels").mkdir()
        for wheel in (EXAMPLE / "wheels").glob("*.whl"):
            try:
                os.link(wheel, folder / "wheels" / wheel.name)
            except OSError:
                shutil.copy2(wheel, folder / "wheels")

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

    def judge(self, *arguments: str) -> Said:
        """Evidence of an image is gathered once for all copies."""
        said = super().judge("-o", f"cache_dir={self.cache}", *arguments)
        assert said.image, said.output
        return said


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
        made.append(Project(folder, example_cache, docker_client))
        return made[-1]

    yield make
    for project in made:
        project.remove_image()


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
