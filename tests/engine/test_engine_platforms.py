"""A lock of uv that has wheels for another platform alone, held against a real image."""

import pytest
from installers import run

from pytest_tfdocker.checks.tags import find_taken

pytestmark = pytest.mark.engine

PROJECT = """\
[project]
name = "px-app"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["idna==3.10", "pywin32==311{marker}"]

[tool.tfdocker.dependencies]
files = ["uv.lock"]
hashes = true
"""
DOCKERFILE = """\
FROM python:3.11-slim
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
RUN pip install --no-cache-dir idna==3.10
{more}CMD ["python", "-c", "import idna"]
"""
ALL_THE_SAME = """\
RUN mkdir /usr/local/lib/python3.11/dist-packages/pywin32-311.dist-info && \\
    printf 'Name: pywin32\\nVersion: 311\\n' \\
    >/usr/local/lib/python3.11/dist-packages/pywin32-311.dist-info/METADATA
"""
UNFIT = "no wheel in uv.lock fits cp311 on linux x86_64, glibc 2."


@pytest.fixture
def judged(user_project):
    def make(marker="", more=""):
        user_project.write("pyproject.toml", PROJECT.format(marker=marker))
        run("uv", "lock", folder=user_project.folder)
        user_project.write("Dockerfile", DOCKERFILE.format(more=more))
        return user_project.judge("-k", "build or pinned or hashes or parity")

    return make


def problems(said):
    return [(one["kind"], one["name"]) for one in said.image["dependencies"]["problems"]]


@pytest.mark.slow
def test_what_it_has_no_wheel_for_is_missing_and_the_reason_is_told(judged):
    said = judged()
    assert sorted(problems(said)) == [("missing", "pywin32"), ("unhashed", "pywin32")]
    assert said.headlines["parity"] == "1 of 2 is missing: pywin32 311"
    assert UNFIT in said.texts["parity"]
    assert ": win32, win_amd64, win_arm64\n" in said.texts["parity"]


@pytest.mark.slow
def test_a_marker_for_that_platform_makes_it_no_matter_here(judged):
    said = judged("; sys_platform == 'win32'")
    assert problems(said) == []
    assert said.outcomes["parity"] == said.outcomes["hashes"] == "passed"


@pytest.mark.slow
def test_what_is_there_all_the_same_is_listed(judged):
    said = judged(more=ALL_THE_SAME)
    assert problems(said) == [("unhashed", "pywin32")]
    assert said.outcomes["parity"] == "passed"
    assert f"not judged: pywin32 311 is there, though {UNFIT}" in said.texts["parity"]


def test_the_evidence_tells_which_wheels_an_image_takes(judged_small_image):
    interpreter = judged_small_image.evidence.interpreter
    assert (interpreter.soabi, interpreter.bits) == ("cpython-311-x86_64-linux-gnu", 64)
    assert interpreter.libc.startswith("glibc 2.")
    assert find_taken(interpreter).name == f"cp311 on linux x86_64, {interpreter.libc}"
