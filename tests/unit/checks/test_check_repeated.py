"""What is said of runs that were repeated, of requests, and of what was not passed in."""

import pytest

from pytest_tfdocker.checks.duration import judge_seconds
from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.checks.repeated import notes, repeats_line, requests_line
from pytest_tfdocker.evidence.records import Repeats, Requests


def repeats(**changes):
    default = {"warm_up": 1, "count": 3, "seconds": [9.0, 1.0, 3.0, 2.0], "peak_bytes": [1] * 4}
    return Repeats(**{**default, **changes})


def requests(**changes):
    default = {"count": 200, "answered": 200, "warm_up": 0, "concurrency": 4}
    seconds = {"min_seconds": 0.01, "median_seconds": 0.012}
    return Requests(**{**default, **seconds, "p95_seconds": 0.031, "max_seconds": 0.04, **changes})


def test_a_run_that_was_repeated_is_told_by_its_median_and_spread(run):
    assert repeats_line(run(repeats=repeats())) == [
        "median of 3 runs, 1.0 s to 3.0 s, after 1 to warm up"
    ]
    alone = repeats(warm_up=0, count=1, seconds=[2.0])
    assert repeats_line(run(repeats=alone)) == ["median of 1 run, 2.0 s to 2.0 s"]


def test_a_single_run_or_one_that_broke_has_no_median(run):
    assert repeats_line(run()) == []
    assert repeats_line(run(repeats=repeats(broken="run 1 of 3"))) == []


def test_requests_are_told_by_their_median_and_their_longest(run):
    assert requests_line(run(requests=requests())) == [
        "200 requests, 4 at a time: median 12 ms, 95 % within 31 ms, longest 40 ms"
    ]
    assert requests_line(run(requests=requests(concurrency=1)))[0].startswith("200 requests: ")


@pytest.mark.parametrize("changes", [{"count": 1}, {"median_seconds": None}])
def test_a_single_request_has_no_median(run, changes):
    assert requests_line(run(requests=requests(**changes))) == []
    assert requests_line(run()) == []


def test_a_failure_says_which_run_it_was(run):
    broken = run(exit_code=3, stderr="no weights", repeats=repeats(broken="run 2 of 3"))
    verdict = judge_run(broken)
    assert verdict.headline.startswith("exit code 3")
    assert verdict.details[0] == "in run 2 of 3"


def test_a_failure_says_what_of_the_repo_would_have_to_be_there(run):
    broken = run(exit_code=1, missing_module="tests/helpers.py")
    assert notes(broken) == [
        "tests/helpers.py of the repo is not in the image: pass it in by "
        '`files = ["tests/helpers.py"]`, beside `script`'
    ]
    assert judge_run(broken).details[0] == notes(broken)[0]


def test_a_run_that_ended_well_says_neither(run):
    assert notes(run(repeats=repeats())) == []


def test_a_verdict_tells_of_the_repeats_and_the_requests_beside_its_figure(run):
    judged = judge_run(run(repeats=repeats(), requests=requests()))
    assert "median of 3 runs, 1.0 s to 3.0 s, after 1 to warm up" in judged.details
    assert judged.details[2].startswith("200 requests, 4 at a time: median 12 ms")
    late = judge_seconds(run(requests=requests()), 1.0, {})
    assert any(line.startswith("200 requests, 4 at a time") for line in late.details)
