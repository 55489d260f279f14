"""What the supervisor reports, without the values that were taken from the environment by name."""

import json
import signal

import pytest

from pytest_tfdocker.evidence.supervised import Mask, _masked, environment, stop_signal

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
