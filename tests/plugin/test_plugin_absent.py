"""Without --tfdocker: as if the plugin were not there."""

import pytest

TESTS = """
import pytest

def test_own(): pass
def test_settings(tfdocker_settings): raise AssertionError
def test_image(tfdocker_image): raise AssertionError
def test_run(tfdocker_run): raise AssertionError
def test_service(tfdocker_service): raise AssertionError
"""


@pytest.fixture
def unasked(project):
    project.write("Dockerfile", "FROM python:3.11-slim\n")
    project.write("tfdocker.toml", "[size]\ntotal = 'a mistake that nobody reads'\n")
    project.write("tests/test_own.py", TESTS)
    return project


def test_nothing_is_collected_and_the_fixtures_skip_with_one_reason(unasked, workers):
    result = unasked.run("-rs", *workers)
    result.assert_outcomes(passed=1, skipped=4)
    assert result.ret == 0
    skips = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert [line.rpartition(": ")[2] for line in skips] == ["needs --tfdocker"] * 4
    assert [line.split(":")[1] for line in sorted(skips)] == ["5", "6", "7", "8"]


def test_required_turns_the_skip_into_an_error(unasked, workers, monkeypatch):
    monkeypatch.setenv("TFDOCKER_REQUIRED", "1")
    result = unasked.run(*workers)
    result.assert_outcomes(passed=1, errors=4)
    assert result.ret == 1
    assert result.outlines.count("needs --tfdocker, and TFDOCKER_REQUIRED is set") == 4
    result.stdout.no_fnmatch_line("*Traceback*")


def test_required_as_0_is_not_required(unasked, monkeypatch):
    monkeypatch.setenv("TFDOCKER_REQUIRED", "0")
    unasked.run().assert_outcomes(passed=1, skipped=4)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--tfdocker-image", "app:ci"),
        ("--tfdocker-json", "out.json"),
        ("--tfdocker-keep", ""),
        ("--tfdocker-fit", ""),
    ],
)
def test_an_option_of_ours_that_was_typed_needs_tfdocker(unasked, option, value):
    result = unasked.run(f"{option}={value}" if value else option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0] == f"ERROR: {option} needs --tfdocker"


def test_all_options_that_lack_tfdocker_are_named_at_once(unasked):
    result = unasked.run("--tfdocker-keep", "--tfdocker-image=app:ci")
    assert result.errlines[0] == "ERROR: --tfdocker-image, --tfdocker-keep need --tfdocker"


def test_an_option_that_stands_in_addopts_does_not(unasked):
    unasked.write("pytest.ini", "[pytest]\naddopts = --tfdocker-image app:ci\n")
    unasked.run().assert_outcomes(passed=1, skipped=4)


def test_tests_that_start_containers_can_be_left_out_by_mark(unasked):
    assert unasked.ids("-m", "tfdocker_run", "--strict-markers") == [
        "tests/test_own.py::test_run",
        "tests/test_own.py::test_service",
    ]


@pytest.mark.parametrize("asked", [(), ("--tfdocker",)])
def test_help_shows_the_options_and_reads_no_settings(unasked, asked):
    result = unasked.run("--help", *asked)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "judge the container image of an ML service:",
            "  --tfdocker *",
            "  --tfdocker-image*NAME=?REF",
            "  --tfdocker-json*FILE *",
            "  --tfdocker-keep *",
            "  --tfdocker-fit *",
        ]
    )


def test_the_marks_are_known(unasked):
    result = unasked.run("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.tfdocker: *", "@pytest.mark.tfdocker_run: *"])
