"""`duration[SMOKE]`."""

import msgspec
import pytest

from pytest_tfdocker.checks.duration import CHECK
from pytest_tfdocker.evidence.records import Absent


def judge(facts, run, duration=30.0, **settings):
    smoke = {"name": "embed", "script": "smoke.py", "duration": duration}
    return CHECK.judge(facts({"smoke": [smoke], **settings}, run=run), "embed")


def test_only_smokes_with_a_duration_are_planned(image, declared):
    smokes = [{"name": "embed", "script": "a.py", "duration": 1.0}, {"name": "b", "script": "b.py"}]
    assert CHECK.plan(image(smoke=smokes), declared()) == ["embed"]


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(29.9, "passed"), (30.0, "passed"), (30.1, "failed")]
)
def test_a_run_holds_up_to_its_duration(facts, run, seconds, outcome):
    verdict = judge(facts, run(seconds=seconds))
    assert (verdict.outcome, verdict.measured, verdict.budget) == (outcome, seconds, 30.0)


def test_over_its_duration_tells_phases_and_throttling(facts, run):
    verdict = judge(facts, run(throttled_seconds=2.0), duration=5.0)
    assert verdict.text == (
        "8.0 s, 3.0 s over 5.0 s\n"
        "  import 3.1 s | load 2.9 s | inference 2.0 s\n"
        "  throttled 2.0 s by the limit of 2 CPUs\n"
        "  CPU time 9.5 s"
    )


def test_within_its_duration_tells_what_is_left(facts, run):
    assert judge(facts, run()).text == "8.0 s, 22.0 s under 30.0 s"


@pytest.mark.parametrize(
    "end",
    [
        {"exit_code": 1},
        {"timed_out": True},
        {"oom_killed": True},
        {"error": "not found"},
        {"request_error": "500"},
    ],
)
def test_a_run_that_did_not_end_well_has_no_duration(facts, run, end):
    verdict = judge(facts, run(**end))
    assert (verdict.outcome, verdict.measured) == ("skipped", 8.0)
    assert verdict.text == "the smoke did not end well, see peak-memory[embed]"


def test_fewer_cpus_than_asked_for_skip_with_the_figure(facts, run, evidence, engine):
    small = evidence(engine=msgspec.structs.replace(engine, cpus=2))
    judged = facts(
        {
            "smoke": [{"name": "embed", "script": "a.py", "duration": 5.0}],
            "run": {"cpus": 4.0},
        },
        run=run(),
        evidence=small,
    )
    verdict = CHECK.judge(judged, "embed")
    assert (verdict.outcome, verdict.measured) == ("skipped", 8.0)
    assert verdict.text == (
        "8.0 s on 2 CPUs, 4 asked for\n"
        "  the engine has no more: a time on fewer CPUs says nothing of production's"
    )


def test_a_run_that_could_not_be_is_an_error(facts):
    verdict = judge(facts, Absent(reason="the engine went away"))
    assert (verdict.outcome, verdict.text) == ("error", "the engine went away")


def test_as_many_cpus_as_the_engine_has_are_judged(facts, run):
    smoke = [{"name": "embed", "script": "a.py", "duration": 30.0}]
    judged = facts({"smoke": smoke, "run": {"cpus": 4.0}}, run=run())
    assert CHECK.judge(judged, "embed").outcome == "passed"
