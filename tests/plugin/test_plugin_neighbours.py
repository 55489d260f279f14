"""Beside other plugins and options of pytest: the same verdicts, and no second build."""

import gc
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

JSON = "--tfdocker-json=out.json"
ASKED = ("--tfdocker", JSON)
ALONE = ("build", "pinned", "parity", "conflicts", "import[undeclared]", "gpu-visible")
TOO_LARGE = '[size]\ntotal = "1 MB"\n'

USES_ALL = """
import time

def test_image(tfdocker_image):
    assert tfdocker_image.evidence.total_bytes

def test_run(tfdocker_run):
    assert tfdocker_run("python3 -V").exit_code == 0

def test_service(tfdocker_service):
    service = tfdocker_service(command=["sleep", "60"], wait=lambda _: time.sleep(0.5))
    assert service.run.peak_bytes
"""
TIMED = """
import time

def test_image(tfdocker_image):
    assert tfdocker_image.id

def test_slow():
    time.sleep(5)
"""
REWRITTEN = """
import sys

def test_hooks():
    names = [type(one).__name__ for one in sys.meta_path]
    assert names.index("First") < names.index("AssertionRewritingHook")

def test_own():
    print("loaded by", type(sys.modules["pytest_tfdocker.session"].__spec__.loader).__name__)
    one = 1
    assert one == 2
"""


def rows(result, word):
    return [line for line in result.outlines if line.startswith(f"{word} ")]


def test_asserts_are_rewritten_in_the_tests_and_not_in_what_judges(project):
    project.write("Dockerfile", "FROM python:3.11-slim\n")
    project.write("tests/test_own.py", REWRITTEN)
    project.write(
        "first.py",
        "import sys\nclass First:\n  find_spec = lambda *_: None\n"
        "sys.meta_path.insert(0, First())\n",
    )
    result = project.run_apart("--tfdocker", "-p", "first", "tests/test_own.py", "-k", "own")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E * assert 1 == 2", "loaded by SourceFileLoader"])


@pytest.mark.engine
@pytest.mark.parametrize("chosen", [(), ("-m", "not tfdocker")], ids=["items", "fixture"])
def test_a_timeout_for_unit_tests_ends_no_build(small, chosen):
    small.write("pytest.ini", "[pytest]\ntimeout = 1\n")
    small.write("Dockerfile", small.read("Dockerfile") + f"RUN sleep 2 # {small.folder.name}\n")
    small.write("tests/test_own.py", TIMED)
    result = small.run(*ASKED, *chosen)
    (failed,) = rows(result, "FAILED")
    assert re.match(r"FAILED tests/test_own.py::test_slow - Failed: Timeout", failed)
    passed = 1 if chosen else 2
    result.assert_outcomes(
        passed=passed,
        failed=1,
        skipped=0 if chosen else 5,
        deselected=6 if chosen else 0,
    )


@pytest.mark.engine
def test_in_random_order(small, watched, workers):
    small.write("tfdocker.toml", TOO_LARGE)
    small.write("tests/test_own.py", "def test_own(tfdocker_image): assert tfdocker_image.id\n")
    with watched() as seen:
        result = small.run_in_random_order(*ASKED, "-v", *workers)
    result.assert_outcomes(passed=2, failed=1, skipped=5)
    assert seen.builds(small) == 1
    order = list(dict.fromkeys(re.findall(r"Dockerfile::(\S+)", result.stdout.str())))
    told = list(small.outcomes())
    assert sorted(order) == sorted(told)
    assert order != told == ["build", "size[total]", *ALONE[1:]]


@pytest.mark.engine
def test_a_rerun_of_a_failed_check_builds_nothing_again(small, watched, workers):
    small.write("tfdocker.toml", TOO_LARGE)
    with watched() as seen:
        result = small.run(*ASKED, "--reruns=1", "-k", "build or size", *workers)
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"], outcomes["rerun"]) == (1, 1, 1)
    assert result.ret == 1
    assert small.outcomes() == {"build": "passed", "size[total]": "failed"}
    assert seen.builds(small) == 1
    assert len(seen.containers(small.report()["id"])) == 2  # its inventory and its base's


@pytest.mark.engine
def test_a_rerun_of_a_failed_build_builds_nothing_again(small):
    small.write("Dockerfile", small.read("Dockerfile") + "RUN exit 3\n")
    result = small.run(*ASKED, "--reruns=1", "-k", "build or pinned")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["skipped"], outcomes["rerun"]) == (1, 1, 1)
    assert small.outcomes() == {"build": "failed", "pinned": "skipped"}
    assert sum(bool(re.match("build: .*RUN exit 3 failed", one)) for one in result.outlines) == 1


@pytest.mark.engine
def test_warnings_as_errors(small, workers):
    """A connection that is left open would be a ResourceWarning, here or at the very end."""
    small.write("tests/test_own.py", USES_ALL)
    result = small.run_apart(*ASKED, "-W", "error", *workers)
    assert "ResourceWarning" not in result.stdout.str() + result.stderr.str()
    result.assert_outcomes(passed=4, skipped=5)
    assert result.ret == 0


def open_sockets():
    """What the sockets of this process are called by the kernel."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return {one for one in found if one.startswith("socket:")}


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="looks for sockets in /proc")
def test_every_connection_is_closed_and_not_left_to_the_garbage_collector(small):
    small.write("tests/test_own.py", USES_ALL)
    before = open_sockets()
    gc.disable()
    try:
        # That plugin keeps a socket of its own.
        result = small.run(*ASKED, "-p", "no:rerunfailures")
        result.assert_outcomes(passed=4, skipped=5)
        assert open_sockets() <= before
    finally:
        gc.enable()


def test_warnings_as_errors_where_no_engine_answers(project):
    project.write("Dockerfile", "FROM scratch\n")
    result = project.run_apart(*ASKED, "-W", "error")
    assert "ResourceWarning" not in result.stdout.str() + result.stderr.str()
    result.assert_outcomes(errors=1, skipped=5)
    assert result.ret == 1


NOBODY = 65534
READS_ALL = "+dac_read_search"
"""That user may read this Python, wherever it lies; to write to a socket needs more."""


@pytest.fixture
def as_nobody(project, monkeypatch):
    """Runs pytest as a user who is not root."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root, and setpriv, to be somebody else")
    change = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    change += [f"--inh-caps={READS_ALL}", f"--ambient-caps={READS_ALL}"]
    trial = [*change, sys.executable, "-c", "import pytest_tfdocker"]
    if subprocess.run(trial, check=False, capture_output=True).returncode != 0:
        pytest.skip("another user can't run this Python")
    own = project.folder / "of-nobody"
    own.mkdir()
    os.chown(own, NOBODY, NOBODY)
    for name in ("TMPDIR", "HOME", "PYTEST_DEBUG_TEMPROOT"):
        monkeypatch.setenv(name, str(own))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = [*change, sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    return lambda *arguments: project.pytester.run(*command, "-p", "no:randomly", *arguments)


@pytest.mark.parametrize(
    "more", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "workers"]
)
def test_no_permission_to_the_socket_is_one_clear_text(project, as_nobody, monkeypatch, more):
    project.write("Dockerfile", "FROM scratch\n")
    project.write("tests/test_own.py", "def test_own(): pass\n")
    path = project.folder / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        path.chmod(0o600)
        result = as_nobody("--tfdocker", "--tfdocker-json=of-nobody/out.json", *more)
    result.assert_outcomes(passed=1, errors=1, skipped=5)
    assert result.ret == 1
    assert (project.folder / "of-nobody" / "out.json").is_file()
    headline = "permission denied on the engine's socket"
    told = [line.strip() for line in result.outlines]
    at = told.index(headline)
    assert told[at + 1 : at + 3] == [
        f"unix://{path}",
        "add your user to the socket's group (`sudo usermod -aG docker $USER`, then log in again), "
        "or name an engine of your own in DOCKER_HOST",
    ]
    assert told.count(headline) == 1
    (row,) = rows(result, "ERROR")
    assert re.fullmatch(rf"ERROR Dockerfile::\S+ - {headline}", row)
    assert "Traceback" not in result.stdout.str()


@pytest.mark.engine
def test_importlib_mode_and_a_folder_below_the_root(small, monkeypatch):
    small.write("pytest.ini", "[pytest]\naddopts = --import-mode=importlib\n")
    for folder in ("one", "two"):  # two modules of one name, which this mode is for
        small.write(
            f"tests/{folder}/test_own.py", "def test_own(tfdocker_image): assert tfdocker_image.id"
        )
    monkeypatch.chdir(small.folder / "tests")
    result = small.run("--tfdocker", "--tfdocker-json=../out.json", "-rA")
    result.assert_outcomes(passed=3, skipped=5)
    assert rows(result, "PASSED") == [
        "PASSED one/test_own.py::test_own",
        "PASSED two/test_own.py::test_own",
        "PASSED ../Dockerfile::build",
    ]
    assert small.report()["reference"] == f"tfdocker/{small.folder.name}:default"


@pytest.mark.engine
def test_a_node_id_by_hand_judges_that_alone(small, watched):
    small.write("tests/test_own.py", "def test_own(): pass\n")
    with watched() as seen:
        result = small.run(*ASKED, "Dockerfile::pinned")
        own = small.run("--tfdocker", "tests/test_own.py::test_own")
    result.assert_outcomes(skipped=1)
    assert small.outcomes() == {"pinned": "skipped"}
    own.assert_outcomes(passed=1)
    assert own.outlines[-1] == "tfdocker: Dockerfile (not built): no check was run"
    assert seen.builds(small) == 1
