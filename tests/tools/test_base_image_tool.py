"""tools/base-image, run as a person runs it."""

import os
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "base-image"


def run_tool(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOL, *arguments],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--big"], ["--small", "--full"], ["one", "two"]])
def test_bad_arguments_exit_2_with_the_usage(arguments):
    result = run_tool(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: tools/base-image [TAG]")


def test_without_an_engine_it_says_how_to_get_one(tmp_path):
    result = run_tool(DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr == 'tools/base-image: no engine answers; first: eval "$(tools/engine up)"\n'
    )


@pytest.mark.engine
def test_a_python_that_debian_lacks_gets_no_tag():
    result = run_tool("python:3.99-slim")
    assert (result.returncode, result.stdout) == (1, "")
    assert "tools/base-image: can't pull python:3.99-slim, and " in result.stderr


@pytest.mark.engine
@pytest.mark.parametrize("arguments", [[], ["--small"]], ids=["slim", "small"])
def test_what_the_engine_has_is_not_made_again(arguments):
    if (first := run_tool(*arguments)).returncode:
        pytest.skip(first.stderr.splitlines()[-1])
    second = run_tool(*arguments)
    assert (second.returncode, second.stdout) == (0, "")
    assert second.stderr.startswith("tools/base-image: the engine has ")


@pytest.mark.engine
def test_the_small_image_answers_to_python_and_to_python3():
    if (made := run_tool("--small")).returncode:
        pytest.skip(made.stderr.splitlines()[-1])
    script = (
        "python -c 'import sys; print(sys.version_info[:2])' && python3 -c 'import ctypes, json'"
    )
    command = ["docker", "run", "--rm", "tfdocker-test/python:small", "sh", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "(3, 11)\n"


@pytest.mark.engine
def test_the_slim_image_keeps_no_package_index_nor_download():
    if (made := run_tool()).returncode:
        pytest.skip(made.stderr.splitlines()[-1])
    script = "find /var/lib/apt/lists /var/cache/apt -type f -size +0 && pip config list"
    command = ["docker", "run", "--rm", "--network", "none", "python:3.11-slim", "sh", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.engine
@pytest.mark.slow
def test_the_full_image_compiles_what_has_no_wheel():
    if (made := run_tool("--full")).returncode:
        pytest.skip(made.stderr.splitlines()[-1])
    script = (
        "echo '#include <Python.h>' | g++ $(python3-config --includes) -x c++ -fsyntax-only - "
        "&& git --version && curl --version"
    )
    command = ["docker", "run", "--rm", "--network", "none", "python:3.11", "sh", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=False).returncode == 0
