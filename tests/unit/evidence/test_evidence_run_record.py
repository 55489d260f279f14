"""The supervisor's record of a run as evidence."""

import pytest

from pytest_tfdocker.evidence.run_record import _phases, _request_error, _requests

MIB = 2**20


def named(*phases, by_the_program=True):
    rows = [{"name": n, "seconds": s, "peak_bytes": peak} for n, s, peak in phases]
    return {"phases": rows, "phases_named": by_the_program}


@pytest.mark.parametrize(
    ("seconds", "peak", "names"),
    [
        (0.1, 10 * MIB, ["load", "after"]),
        (0.6, 10 * MIB, ["start", "load", "after"]),
        (0.1, 300 * MIB, ["start", "load", "after"]),
        (0.1, 94 * MIB, ["load", "after"]),
        (0.1, 94 * MIB + 1, ["start", "load", "after"]),
    ],
    ids=["short", "long", "with the peak", "as much, within what counters lag", "more"],
)
def test_what_comes_before_the_first_phase_is_told_where_it_matters(seconds, peak, names):
    told = named(("start", seconds, peak), ("load", 1.0, 90 * MIB), ("after", 0.1, MIB))
    assert [phase.name for phase in _phases(told)] == names


def test_the_start_is_told_where_the_kernel_killed_in_it():
    told = named(("start", 0.1, 10 * MIB), ("load", 1.0, 90 * MIB)) | {"killed_in": "start"}
    assert [phase.name for phase in _phases(told)] == ["start", "load"]


def test_without_counters_the_start_is_no_peak():
    told = named(("start", 0.1, None), ("load", 1.0, None))
    assert [(one.name, one.peak_bytes) for one in _phases(told)] == [("load", None)]


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        (["import"], ["run"]),
        (["import", "load"], ["import", "load, inference"]),
        (["import", "load", "inference"], ["import", "load", "inference"]),
    ],
    ids=["no weights", "weights that stay mapped", "weights that are read"],
)
def test_a_program_that_names_no_phase_has_those_that_were_seen(seen, names):
    told = named(*((name, 0.1, MIB) for name in seen), by_the_program=False)
    assert [phase.name for phase in _phases(told)] == names


def test_the_start_of_a_service_is_told_however_short():
    told = named(("start", 0.1, MIB), ("request", 1.0, 9 * MIB)) | {"request": {"port": 1}}
    assert [phase.name for phase in _phases(told)] == ["start", "request"]


def asked(**changes):
    """The supervisor's record of a service that answered, and of its one request."""
    request = {
        "port": 5000,
        "ready": None,
        "is_ready": True,
        "seen": None,
        "listening": [],
        "answered": 1,
        "waits_for": "",
        "done": True,
        "error": None,
        "warm_up": 0,
        "count": 1,
        "concurrency": 1,
        "seconds": {"min": 1.0, "median": 1.0, "p95": 1.0, "max": 1.0},
    }
    ended = {name: changes.pop(name) for name in ("exit_code", "timed_out") if name in changes}
    told = {"exit_code": None, "stopped": True, "timed_out": False, **ended}
    return told, {**request, **changes}


LATE = {"done": False, "timed_out": True, "answered": 0}
GONE = {"done": False, "exit_code": 3}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, None),
        ({"error": "status 500, not 200"}, "status 500, not 200"),
        ({**LATE, "is_ready": False}, "nothing listened on port 5000"),
        (
            {**LATE, "is_ready": False, "listening": [80, 8000, 9000, 9001]},
            "nothing listened on port 5000, but on 80, 8000, 9000",
        ),
        (
            {**LATE, "is_ready": False, "listening": [5000]},
            "port 5000 is listened on, but not at 127.0.0.1",
        ),
        (
            {**LATE, "is_ready": False, "ready": "/health", "seen": "status 503"},
            "not ready: GET /health gave status 503",
        ),
        ({**LATE, "is_ready": False, "ready": "/health"}, "nothing listened on port 5000"),
        (LATE, "no answer within the time limit"),
        ({**LATE, "waits_for": "request 2 of 5: "}, "no answer to request 2 of 5"),
        (GONE, "the service ended with exit code 3 before it had answered"),
        ({**GONE, "is_ready": False}, "the service ended with exit code 3 before it was ready"),
        (
            {**GONE, "answered": 2, "warm_up": 1, "count": 4},
            "the service ended with exit code 3 after 2 of 5 requests",
        ),
    ],
)
def test_what_a_service_did_instead_of_answering(changes, text):
    told, request = asked(**changes)
    told["stopped"] = told["exit_code"] is None
    assert _request_error(told, request) == text


def test_a_service_that_broke_the_connection_and_died_is_told_by_its_end():
    told, request = asked(error="the connection was refused", exit_code=3)
    told["stopped"] = False
    assert _request_error(told, request) == (
        "the service ended with exit code 3 before it had answered"
    )


@pytest.mark.parametrize(("answered", "counted"), [(0, 0), (2, 0), (3, 1), (7, 5)])
def test_of_the_answers_those_of_the_warm_up_are_not_counted(answered, counted):
    _, request = asked(answered=answered, warm_up=2, count=5, seconds=None)
    found = _requests(request, 0.5)
    assert (found.answered, found.count, found.median_seconds) == (counted, 5, None)


def test_a_kill_while_weights_were_in_use_was_in_the_load():
    told = named(("import", 1.0, MIB), ("load", 0.1, 9 * MIB), by_the_program=False)
    assert [one.name for one in _phases(told | {"killed_in": "load"})] == ["import", "load"]
