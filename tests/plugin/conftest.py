"""A project of a user's, judged by a pytest of its own."""

import json
import os
import tempfile
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import docker
import pytest

# Where these are loaded already, pytester's runs in this process need not load them again.
import pytest_tfdocker.assertions
import pytest_tfdocker.host
import pytest_tfdocker.report.summary
import pytest_tfdocker.reports
import pytest_tfdocker.service  # noqa: F401
from pytest_tfdocker.engine.client import LABEL

DOCKER_CONFIG = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
"""The docker CLI's settings and plugins; pytester moves HOME."""


class Project:
    """Files in a folder of their own, and what a run of pytest there says of them."""

    def __init__(self, pytester, folder=None):
        self.pytester = pytester
        self.folder = folder or pytester.path

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.folder / name).read_text("utf-8")

    def run(self, *arguments):
        """In this process; the order of the tests is that of collection."""
        return self.pytester.runpytest_inprocess("-p", "no:randomly", *map(str, arguments))

    def run_in_random_order(self, *arguments):
        """In this process; an order other than that of collection."""
        return self.pytester.runpytest_inprocess("--randomly-seed=3", *map(str, arguments))

    def run_apart(self, *arguments):
        """In a process of its own."""
        return self.pytester.runpytest_subprocess("-p", "no:randomly", *map(str, arguments))

    def ids(self, *arguments):
        """The ids that are collected."""
        result = self.run("--collect-only", "-q", *arguments)
        assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        return [line for line in result.outlines if "::" in line]

    def reports(self):
        """The images of the JSON file."""
        return json.loads((self.folder / "out.json").read_text("utf-8"))["images"]

    def report(self):
        """The one image of the JSON file."""
        (image,) = self.reports()
        return image

    def outcomes(self):
        """Outcome by check, from the JSON file."""
        return {one["id"]: one["outcome"] for one in self.report()["checks"]}

    def messages(self):
        """Text by check, from the JSON file."""
        return {one["id"]: one["message"] for one in self.report()["checks"]}

    def cases(self):
        """Class and name of each test in JUnit's file."""
        cases = ET.parse(self.folder / "out.xml").iter("testcase")  # noqa: S314
        return {(case.attrib["classname"], case.attrib["name"]) for case in cases}


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """The address at which nothing answers. Nothing is left in the folder for temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    address = f"unix://{tmp_path}/nothing.sock"
    monkeypatch.setenv("DOCKER_HOST", address)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    yield address
    assert list(temporary.glob("tfdocker-*")) == []


@pytest.fixture
def project(pytester, no_engine):  # noqa: ARG001
    """A project on a machine where no engine answers."""
    return Project(pytester)


@pytest.fixture
def built(pytester, engine, monkeypatch):
    """A project on a machine with an engine; the images that it builds go with it."""
    monkeypatch.setenv("DOCKER_CONFIG", DOCKER_CONFIG)
    # Two projects of one name would share an image's tag.
    folder = pytester.mkdir(f"tfdocker-test-{uuid.uuid4().hex[:12]}")
    monkeypatch.chdir(folder)
    yield Project(pytester, folder)
    for image in engine.client.images.list(f"tfdocker/{folder.name}"):
        for tag in image.tags:
            engine.remove_image(tag)


@pytest.fixture
def small(built, small_image):
    """A project of a Dockerfile alone, whose image differs from every other by a label."""
    own = f"LABEL project={built.folder.name}"
    built.write("Dockerfile", f'FROM {small_image}\n{own}\nCMD ["python3", "-V"]\n')
    return built


class Watched:
    """What an engine was asked to make in a `with`, by its own events."""

    def __init__(self, engine, image):
        self._engine, self._image = engine, image
        self._seen = []

    def __enter__(self):
        self._client = docker.from_env()
        self._stream = self._client.events(decode=True)
        return self

    def __exit__(self, *_):
        last = f"last-{uuid.uuid4().hex}"
        self._engine.api.tag(self._image, "tfdocker-test/events", last)
        for event in self._stream:
            if event["Actor"]["Attributes"].get("name") == f"tfdocker-test/events:{last}":
                break
            self._seen.append(event)
        self._engine.remove_image(f"tfdocker-test/events:{last}")
        self._stream.close()
        self._client.close()

    def builds(self, project):
        """How often an image of the project was given its tag."""
        tags = [_actor(one) for one in self._seen if _kind(one) == ("image", "tag")]
        return sum(tag["name"].startswith(f"tfdocker/{project.folder.name}:") for tag in tags)

    def containers(self, image):
        """Ids of the containers of the runs that have made one of this image."""
        made = [one for one in self._seen if _kind(one) == ("container", "create")]
        runs = {_actor(one).get(LABEL) for one in made if _actor(one)["image"] == image} - {None}
        return [one["Actor"]["ID"] for one in made if _actor(one).get(LABEL) in runs]


def _kind(event):
    return event["Type"], event["Action"]


def _actor(event):
    return event["Actor"]["Attributes"]


@pytest.fixture
def watched(engine, small_image):
    """`with watched() as seen:` tells what was built and started meanwhile."""
    return lambda: Watched(engine, small_image)


@pytest.fixture(
    params=[(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "workers"]
)
def workers(request):
    """Arguments: in one process, and with two workers of xdist."""
    return request.param
