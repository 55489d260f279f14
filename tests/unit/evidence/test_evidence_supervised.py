"""What the supervisor reports, without the values that were taken from the environment by name."""

import json
import signal

import msgspec
import pytest

from pytest_tfdocker.evidence.mask import Mask
from pytest_tfdocker.evidence.records import Limits
from pytest_tfdocker.evidence.supervised import _masked, environment, probe_failed, stop_signal

COOKIE = "<tfdocker ab|"


def record(**answer):
    said = COOKIE + json.dumps({"ok": True, **answer}) + COOKIE[::-1]
    return {"name": "torch", "exit_code": 0, "stdout": said, "stderr": "no hf_secret here\n"}


@pytest.mark.parametrize("value", ["true", "torch", "error", COOKIE[1:6]])
def test_a_value_that_an_answer_holds_by_chance_does_not_spoil_it(value):
    told = _masked(record(error=None), Mask([value]), COOKIE)
    assert (told["name"], told["answer"]) == ("torch", {"ok": True, "error": None})


def test_a_secret_is_masked_in_answers_and_in_output():
    told = _masked(record(error='no "hf_secret"'), Mask(["hf_secret"]), COOKIE)
    assert told["answer"] == {"ok": True, "error": 'no "***"'}
    assert "hf_secret" not in str(told)


def test_a_program_that_is_no_probe_of_ours_gives_no_answer():
    assert _masked(record(), Mask([]), None)["answer"] is None


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("info", "info: information about infos", "***: information about infos"),
        ("hush", "hush hush,hush_hush=hush", "*** ***,***_***=***"),
        ("hush", "https://user:hush@host/hush?t=hush", "https://user:***@host/***?t=***"),
        ("hush", "hushx xhush 1hush hush1 éhush", "hushx xhush 1hush hush1 éhush"),
        ("hush", r"a\nhush a\x3ahush a\u003ahush", r"a\n*** a\x3a*** a\u003a***"),
        ("hush", "a%3Ahush%40b", "a%3A***%40b"),
        ("hush", "\x1b[1;31mhush\x1b[0mhush", "\x1b[1;31m***\x1b[0m***"),
        ("-us-", "x-us-y", "x***y"),
        ('a"bc', r'{"key": "a\"bc"}', '{"key": "***"}'),
        ("sevenxx", "sevenxx sevenxxx", "*** sevenxxx"),
        ("eightxxx", "Bearer_Xeightxxxx", "Bearer_X***x"),
        ("abc", "abc", "abc"),
    ],
)
def test_long_values_are_masked_anywhere_and_short_ones_as_words(value, text, masked):
    assert Mask([value])(text) == masked


def test_of_two_values_the_longer_one_is_masked_first():
    assert Mask(["hush", "hush-hush"])("hush-hush, hush") == "***, ***"


def test_names_of_phases_and_of_processes_stay(meter_record):
    mask = Mask(["load", "python3", "inference", "worker-of-mine"])
    told = _masked(meter_record, mask, None)
    assert told == {**meter_record, "answer": None, "stdout": "phase ***, *** by ***\n"}
    assert mask.throughout(meter_record)["phases"] == meter_record["phases"]


@pytest.fixture
def meter_record():
    """What of a child's record is text."""
    return {
        "name": "load",
        "phases": [{"name": "load", "seconds": 1.0}, {"name": "inference", "seconds": 2.0}],
        "processes": [[1 << 20, "python3", 7], [1 << 20, "worker-of-mine", 8]],
        "killed": {"gone": [["python3", 7]], "alive": [["worker-of-mine", 8]]},
        "killed_in": "inference",
        "stdout": "phase load, inference by python3\n",
    }


def test_half_a_surrogate_pair_is_told_and_stored(meter_record):
    half = "\ud800"
    mask = Mask([f"secret{half}secret"])
    assert mask(f"is {half}, not x, by secret{half}secret") == r"is \ud800, not x, by ***"
    request = {"error": f'text is "{half}", not "x"', "listening": [1]}
    told = _masked(
        {**meter_record, "stderr": half, "killed_in": half, "request": request}, mask, None
    )
    assert told["request"]["error"] == r'text is "\ud800", not "x"'
    assert (told["stderr"], told["killed_in"]) == (r"\ud800", r"\ud800")
    assert msgspec.json.encode(told)


@pytest.mark.parametrize(
    ("pids", "why"),
    [(1, ": run.pids is 1, and the supervisor takes one of them"), (None, "")],
)
def test_a_limit_that_lets_no_process_start_beside_the_supervisor_is_told(pids, why):
    told = {"crash": "Resource temporarily unavailable", "not_forked": True}
    assert probe_failed(told, Limits(pids=pids)) == (
        f"the supervisor could not start the program\nResource temporarily unavailable{why}"
    )


def test_bare_names_alone_are_masked(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("SHORT", "abc")
    full, mask = environment(["HF_TOKEN", "SHORT", "OPEN=open", "UNSET_NAME"], {})
    assert full == ["OPEN=open", "HF_TOKEN=hf_secret", "SHORT=abc"]
    assert mask("open abc hf_secret") == "open abc ***"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (None, signal.SIGTERM),
        ("SIGQUIT", signal.SIGQUIT),
        ("int", signal.SIGINT),
        ("9", 9),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("RTMAX-1", signal.SIGRTMAX - 1),
        ("odd name", signal.SIGTERM),
    ],
)
def test_the_images_stop_signal_may_be_any(name, number):
    assert stop_signal(name) == number
