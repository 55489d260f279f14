"""A project of a user's, judged by a pytest of its own."""

import json
import os
import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

# Where these are loaded already, pytester's runs in this process need not load them again.
import pytest_tfdocker.assertions
import pytest_tfdocker.host
import pytest_tfdocker.report.summary
import pytest_tfdocker.reports
import pytest_tfdocker.service  # noqa: F401

DOCKER_CONFIG = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
"""The docker CLI's settings and plugins; pytester moves HOME."""


class Project:
    """Files in a folder of their own, and what a run of pytest there says of them."""

    def __init__(self, pytester):
        self.pytester = pytester
        self.folder = pytester.path
        # Two projects of one name would share an image's tag.
        self.tag = f"tfdocker/{re.sub('[^a-z0-9]+', '-', self.folder.name.lower()).strip('-')}"

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, *arguments):
        """In this process; the order of the tests is that of collection."""
        return self.pytester.runpytest_inprocess("-p", "no:randomly", *map(str, arguments))

    def run_apart(self, *arguments):
        """In a process of its own."""
        return self.pytester.runpytest_subprocess("-p", "no:randomly", *map(str, arguments))

    def ids(self, *arguments):
        """The ids that are collected."""
        result = self.run("--collect-only", "-q", *arguments)
        assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        return [line for line in result.outlines if "::" in line]

    def report(self):
        """The one image of the JSON file."""
        (image,) = json.loads((self.folder / "out.json").read_text("utf-8"))["images"]
        return image

    def outcomes(self):
        """Outcome by check, from the JSON file."""
        return {one["id"]: one["outcome"] for one in self.report()["checks"]}

    def classes(self, name="out.xml"):
        """The class name of each test in JUnit's file."""
        cases = ET.parse(self.folder / name).iter("testcase")  # noqa: S314
        return {case.attrib["name"]: case.attrib["classname"] for case in cases}


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
    project = Project(pytester)
    yield project
    for image in engine.client.images.list(project.tag):
        for tag in image.tags:
            engine.remove_image(tag)


@pytest.fixture(params=[(), ("-n", "2")], ids=["alone", "workers"])
def workers(request):
    """Arguments: in one process, and with two workers of xdist."""
    return request.param
