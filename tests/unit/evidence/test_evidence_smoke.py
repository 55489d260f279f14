"""What a smoke changes of how its container is started, and what its script is said to be."""

import pytest

from pytest_tfdocker.evidence.passed_files import PassedFile, PassedFiles
from pytest_tfdocker.evidence.smoke import NOTHING_TO_START, _named, collect_run, with_env
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.settings.schema import ByteSize, Run


@pytest.mark.parametrize(
    ("of_run", "of_smoke", "together"),
    [
        (["A=1"], [], ["A=1"]),
        (["A=1", "B=2"], ["C=3"], ["A=1", "B=2", "C=3"]),
        (["A=1", "B"], ["B=3", "A"], ["B=3", "A"]),
        (["AB=1"], ["A=2"], ["AB=1", "A=2"]),
    ],
)
def test_variables_of_a_smoke_stand_beside_and_above_those_of_run(of_run, of_smoke, together):
    assert with_env(Run(env=of_run, pids=5), of_smoke) == Run(env=together, pids=5)


NO_PYTHON = '  File "{}", line 2\n    if x\n        ^\nSyntaxError: invalid syntax\n'
MEMORY, PASSED = "/proc/1/fd/9", "/run/tfdocker/smoke.py"


@pytest.mark.parametrize("path", [MEMORY, PASSED])
def test_a_script_that_is_no_python_is_told_by_its_own_name(run, path):
    found = _named(run(exit_code=1, stderr=NO_PYTHON.format(path)), "smoke.py", "3.11.2")
    assert found.error.splitlines()[0] == "smoke.py:2: SyntaxError: invalid syntax"
    assert found.stderr == NO_PYTHON.format("smoke.py")


@pytest.mark.parametrize("path", [MEMORY, PASSED])
def test_a_script_in_no_encoding_is_told_by_its_own_name(run, path):
    said = "SyntaxError: Non-UTF-8 code starting with '\\xff' in file {} on line 2, but no enc\n"
    found = _named(run(exit_code=1, stderr=said.format(path)), "smoke.py", "3.11.2")
    assert found.error.splitlines()[0] == (
        "smoke.py:2: SyntaxError: Non-UTF-8 code starting with '\\xff'"
    )
    assert found.stderr == said.format("smoke.py")


@pytest.mark.parametrize(
    "ending",
    [
        {"exit_code": 0},
        {"exit_code": 0, "oom_killed": True},
        {"exit_code": 1, "oom_killed": True},
        {"exit_code": None, "timed_out": True},
        {"exit_code": 1, "timed_out": True},
    ],
)
def test_what_a_run_that_ended_otherwise_has_printed_is_not_taken_for_its_end(run, ending):
    said = NO_PYTHON.format(MEMORY)
    assert _named(run(**ending, stderr=said), "smoke.py", "3.11.2").error is None


def test_a_program_that_the_script_has_started_is_not_the_script(run):
    said = NO_PYTHON.format("/app/bad.py")
    assert _named(run(exit_code=1, stderr=said), "smoke.py", "3.11.2").error is None


@pytest.mark.parametrize(
    ("command", "size", "reason", "is_too_small"),
    [
        (["x"], 8 << 20, "files: 8.0 MiB to pass in, under a limit of 20 MiB", True),
        ([], 1, NOTHING_TO_START, False),
    ],
)
def test_a_limit_without_room_for_the_files_is_too_small(
    evidence, command, size, reason, is_too_small
):
    supervised = Supervised(None, evidence(), Run(memory=ByteSize(20 << 20)), run_id="test")
    passed = PassedFiles([PassedFile("a", b"x" * size)])
    found = collect_run(supervised, "test", timeout_seconds=1, command=command, passed=passed)
    assert (found.reason.splitlines()[0], found.limit_too_small) == (reason, is_too_small)
