"""`duration[SMOKE]`."""

import msgspec
import pytest

from pytest_tfdocker.checks.duration import CHECK
from pytest_tfdocker.evidence.records import Absent, Phase


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
        "  throttled 2.0 s in 8.0 s by the limit of 2 CPUs; if frameworks start more threads, "
        "OMP_NUM_THREADS=2 holds them\n"
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


LOAD = {"cpu_seconds": 4.1, "throttled_seconds": 1.2}


def phases(load=2.9, **of_load):
    return [
        Phase(name="import", seconds=3.1, peak_bytes=1),
        Phase(name="load", seconds=load, peak_bytes=1, **of_load),
        Phase(name="inference", seconds=2.0, peak_bytes=1),
    ]


def judge_phases(facts, run, budgets, duration=None):
    smoke = {"name": "embed", "script": "smoke.py", "phase-duration": budgets}
    smoke |= {} if duration is None else {"duration": duration}
    return CHECK.judge(facts({"smoke": [smoke]}, run=run), "embed")


def test_a_smoke_with_phase_durations_alone_is_planned(image, declared):
    smokes = [{"name": "embed", "script": "a.py", "phase-duration": {"load": 1.0}}]
    assert CHECK.plan(image(smoke=smokes), declared()) == ["embed"]


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(9.9, "passed"), (10.0, "passed"), (10.1, "failed")]
)
def test_a_phase_holds_up_to_its_duration(facts, run, seconds, outcome):
    verdict = judge_phases(facts, run(phases=phases(seconds)), {"load": 10.0})
    assert (verdict.outcome, verdict.measured, verdict.budget) == (outcome, seconds, 10.0)


def test_a_phase_over_its_duration_is_told_with_its_cpu_and_throttled_time(facts, run):
    verdict = judge_phases(facts, run(phases=phases(**LOAD)), {"load": 2.0, "inference": 5.0})
    assert verdict.outcome == "failed"
    assert verdict.text == (
        '2.9 s, 900 ms over 2.0 s in "load"\n'
        "  import 3.1 s | load 2.9 s | inference 2.0 s\n"
        "  load: 2.9 s, 900 ms over 2.0 s; CPU time 4.1 s; throttled 1.2 s in 2.9 s\n"
        "  CPU time 9.5 s"
    )


def test_of_several_phases_that_which_is_most_over_comes_first(facts, run):
    verdict = judge_phases(facts, run(phases=phases()), {"load": 2.8, "import": 1.0})
    assert verdict.headline == '3.1 s, 2.1 s over 1.0 s in "import"'
    assert verdict.details[1:3] == (
        "import: 3.1 s, 2.1 s over 1.0 s",
        "load: 2.9 s, 100 ms over 2.8 s",
    )


def test_the_whole_run_comes_before_its_phases(facts, run):
    verdict = judge_phases(facts, run(phases=phases()), {"load": 2.0}, duration=5.0)
    assert (verdict.headline, verdict.measured) == ("8.0 s, 3.0 s over 5.0 s", 8.0)
    assert "load: 2.9 s, 900 ms over 2.0 s" in verdict.details


def test_a_phase_over_fails_a_run_that_is_within_its_duration(facts, run):
    verdict = judge_phases(facts, run(phases=phases()), {"load": 2.0}, duration=30.0)
    assert (verdict.outcome, verdict.measured) == ("failed", 2.9)


def test_stretches_of_one_name_add_up(facts, run):
    again = [
        *phases(**LOAD),
        Phase(name="load", seconds=1.0, peak_bytes=1, cpu_seconds=0.5, throttled_seconds=0.0),
    ]
    verdict = judge_phases(facts, run(phases=again), {"load": 3.0})
    assert verdict.headline == '3.9 s, 900 ms over 3.0 s in "load"'
    assert "load: 3.9 s, 900 ms over 3.0 s; CPU time 4.6 s; throttled 1.2 s in 3.9 s" in (
        verdict.details
    )


def test_within_tells_what_is_left_of_the_phase_that_has_least_left(facts, run):
    verdict = judge_phases(facts, run(phases=phases()), {"load": 10.0, "inference": 2.5})
    assert verdict.outcome == "passed"
    assert verdict.text == '2.0 s, 500 ms under 2.5 s in "inference"'
    both = judge_phases(facts, run(phases=phases()), {"load": 10.0}, duration=30.0)
    assert both.text == "8.0 s, 22.0 s under 30.0 s"


def test_a_budget_for_a_phase_that_never_was_fails(facts, run):
    verdict = judge_phases(facts, run(phases=phases()), {"load": 10.0, "laod": 10.0})
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "no phase \"laod\" in the run\n  there were import, load, inference; did you mean 'load'?"
    )


def test_a_run_that_named_no_phase_says_how_to_name_one(facts, run):
    unnamed = run(phases=[Phase(name="run", seconds=8.0, peak_bytes=1)])
    for name in ("load", "start", "run"):
        verdict = judge_phases(facts, unnamed, {name: 10.0})
        assert verdict.outcome == "failed"
        assert verdict.text == (
            f'no phase "{name}" in the run\n'
            f"  it named none, and none was seen; a line `tfdocker: phase {name}` begins one"
        )


def test_what_was_seen_from_outside_is_a_phase_and_what_was_not_is_none(facts, run):
    seen = [
        Phase(name="import", seconds=3.1, peak_bytes=1),
        Phase(name="load and inference", seconds=4.9, peak_bytes=1),
    ]
    assert judge_phases(facts, run(phases=seen), {"import": 4.0}).outcome == "passed"
    verdict = judge_phases(facts, run(phases=seen), {"load": 4.0})
    assert verdict.text == (
        'no phase "load" in the run\n'
        "  there were import, load and inference; a line `tfdocker: phase load` begins one"
    )


def test_a_start_that_is_too_short_to_be_told_is_within_its_duration(facts, run):
    assert judge_phases(facts, run(phases=phases()), {"start": 0.5}).text == "8.0 s"
    long = [Phase(name="start", seconds=0.6, peak_bytes=1), *phases()]
    assert judge_phases(facts, run(phases=long), {"start": 0.5}).outcome == "failed"


def test_a_budget_of_a_start_holds_nothing_where_phases_were_only_seen(facts, run):
    seen = run(phases=phases(), phases_named=False)
    assert judge_phases(facts, seen, {"start": 0.5}).outcome == "failed"


def test_phases_that_an_image_without_python_has_not_are_no_failure(facts, run):
    held = run(phases=[], phases_named=False)
    verdict = judge_phases(facts, held, {"load": 0.5})
    assert verdict.outcome == "skipped"
    assert verdict.headline == "phases are read by the image's Python, and it has none"


KEPT_BACK = [
    Phase(name="start", seconds=2.906, peak_bytes=None),
    Phase(name="load", seconds=0.0002, peak_bytes=None, timed=False),
]
BUFFERED = "its phase lines came all at once: its output is buffered"


def test_a_phase_that_was_not_timed_is_an_error_and_never_a_pass(facts, run):
    kept_back = run(seconds=2.906, phases=KEPT_BACK, phases_named=True)
    smoke = {"name": "embed", "script": "smoke.py", "phase-duration": {"load": 1.0}}
    verdict = CHECK.judge(facts({"smoke": [smoke]}, run=kept_back), "embed")
    assert verdict.outcome == "error"
    assert verdict.text == (
        '"load" could not be timed\n'
        f"  {BUFFERED}, or phases are shorter than 20 ms\n"
        "  mend: PYTHONUNBUFFERED=1, or flush=True\n"
        "  start 2.9 s | load ?"
    )


def test_over_its_duration_no_phase_is_blamed_by_lines_that_were_kept_back(facts, run):
    kept_back = run(seconds=2.906, phases=KEPT_BACK, phases_named=True)
    verdict = judge(facts, kept_back, duration=1.0)
    assert verdict.outcome == "failed"
    assert f"  start 2.9 s | load ?\n  {BUFFERED}; PYTHONUNBUFFERED=1, or" in verdict.text
