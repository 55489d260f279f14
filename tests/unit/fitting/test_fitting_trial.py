"""What one run says of its limit: it ends well, in time, held to the limit; or how it did not."""

import msgspec
import pytest

from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.evidence.records import (
    Absent,
    Effective,
    Limits,
    Phase,
    Repeats,
    Requests,
    Trial,
)
from pytest_tfdocker.fitting.trial import (
    allowed_seconds,
    not_in_force,
    phase_budgets,
    stop_seconds,
    trial_of,
)
from pytest_tfdocker.settings.schema import Seconds, Smoke

MIB = 1 << 20
LIMIT = 400 * MIB


@pytest.fixture
def tried(run):
    """The trial that a run makes, of 8 s without a limit and at most 19 s."""

    def make(**changes):
        return trial_of(run(**changes), LIMIT, unlimited=run(seconds=8.0), allowed=19.0, phases={})

    return make


@pytest.mark.parametrize(
    ("seconds", "duration", "allowed"),
    [
        (8.0, None, 19.0),
        (0.2, None, 3.4),
        (8.0, 10.0, 10.0),
        (8.0, 60.0, 19.0),
        # Over its budget without any limit: that is `duration`'s matter, not the limit's
        (8.0, 8.0, 19.0),
        (8.0, 7.0, 19.0),
    ],
)
def test_twice_the_time_and_3_seconds_within_the_budget(run, seconds, duration, allowed):
    budget = None if duration is None else Seconds(duration)
    smoke = Smoke(name="embed", command="x", duration=budget)
    assert allowed_seconds(run(seconds=seconds), smoke) == pytest.approx(allowed)


def test_a_run_is_stopped_at_what_its_longest_repeat_may_take_and_at_its_timeout(run):
    smoke = Smoke(name="embed", command="x", timeout=Seconds(60))
    assert stop_seconds(run(seconds=8.0), smoke) == 19.0
    repeats = Repeats(warm_up=1, count=2, seconds=[20.0, 8.0, 9.0], peak_bytes=[1, 1, 1])
    assert stop_seconds(run(seconds=8.5, repeats=repeats), smoke) == 43.0
    assert stop_seconds(run(seconds=40.0), smoke) == 60.0


def test_a_run_is_not_stopped_in_the_warm_up_of_its_requests(run):
    smoke = Smoke(name="embed", command="x", timeout=Seconds(600))
    asked = Requests(
        count=1,
        answered=1,
        warm_up=50,
        warm_up_seconds=20.0,
        concurrency=1,
        min_seconds=1.0,
        median_seconds=1.0,
        p95_seconds=1.0,
        max_seconds=1.0,
    )
    assert stop_seconds(run(seconds=3.0, requests=asked), smoke) == 49.0


def test_a_phase_over_its_budget_is_too_slow_unless_it_always_is(run):
    smoke = Smoke(name="embed", command="x", phase_duration={"load": Seconds(3.0)})
    usual = run(seconds=8.0)
    budgets = phase_budgets(usual, smoke)
    assert budgets == {"load": 3.0}
    late = [*usual.phases[:1], Phase(name="load", seconds=6.0, peak_bytes=1), *usual.phases[2:]]
    slow = run(seconds=11.0, phases=late)
    tried = trial_of(slow, LIMIT, unlimited=usual, allowed=19.0, phases=budgets)
    assert (tried.outcome, tried.why) == (
        "slower",
        'slower, not killed: 6.0 s, 3.0 s over 3.0 s in "load"',
    )
    assert phase_budgets(slow, smoke) == {}


def test_a_run_that_ends_well_passes(tried):
    assert tried(seconds=19.0) == Trial(limit_bytes=LIMIT, outcome="passed", seconds=19.0)


def test_a_kill_is_told_as_the_check_tells_it(tried, run):
    killed = {"oom_killed": True, "exit_code": 137, "peak_bytes": 380 * MIB, "seconds": 2.0}
    found = tried(**killed)
    assert (found.outcome, found.seconds) == ("killed", 2.0)
    assert found.why == how_it_broke(run(**killed)).headline


def test_a_kill_stays_one_where_the_parent_waits_for_ever(tried):
    assert tried(oom_killed=True, exit_code=None, timed_out=True).outcome == "killed"


def test_a_run_that_takes_longer_is_slower_and_its_files_are_only_blamed_where_the_limit_is_full(
    tried,
):
    told = "slower, not killed: over 19.0 s, 8.0 s without a limit"
    stopped = {"exit_code": None, "timed_out": True}
    late, full = {"seconds": 19.1}, {"kernel_peak_bytes": int(LIMIT * 0.96)}
    for how in (stopped, late):
        found = tried(**how, **full)
        assert (found.outcome, found.why) == ("slower", f"{told}; its mapped files don't fit")
        assert tried(**how, kernel_peak_bytes=int(LIMIT * 0.94)).why == told
        assert tried(**how, kernel_peak_bytes=None).why == told
        assert tried(**how, **full, refaulted_bytes=0).why == told


def test_another_failure_is_told(tried):
    found = tried(exit_code=1, stderr="ValueError: no")
    assert (found.outcome, found.why) == ("failed", 'exit code 1 in "inference": ValueError: no')


def test_a_run_that_has_no_room_to_begin_failed(run):
    absent = Absent(reason="files: 60 MiB to pass in\nmore", limit_too_small=True)
    found = trial_of(absent, LIMIT, unlimited=run(), allowed=19.0, phases={})
    told = "files: 60 MiB to pass in more"
    assert (found.outcome, found.why) == ("failed", told)


def effective(**changes):
    sound = Effective(
        memory_bytes=LIMIT,
        swap_bytes=0,
        cpus=None,
        pids=4096,
        cgroup_version="2",
        machine_swap_bytes=8 << 30,
    )
    return msgspec.structs.replace(sound, **changes)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (effective(), None),
        (effective(memory_bytes=LIMIT - 4096), None),
        (effective(memory_bytes=None), "the engine does not hold memory limits"),
        (effective(memory_bytes=LIMIT + 4096), "the engine does not hold memory limits"),
        (effective(swap_bytes=65_536), None),
        (effective(swap_bytes=131_072), "the engine does not hold swap limits"),
        (effective(swap_bytes=None), "the engine does not hold swap limits"),
        (effective(swap_bytes=None, machine_swap_bytes=None), "the engine does not hold swap"),
        (effective(swap_bytes=None, swap_known=False, machine_swap_bytes=0), None),
        (Absent(reason="no group"), "whether the limit is in force is not known: no group"),
    ],
)
def test_a_limit_that_is_not_held_proves_nothing(run, found, reason):
    told = not_in_force(run(effective=found), LIMIT)
    assert told is None if reason is None else told.startswith(reason)


def test_swap_that_is_asked_for_may_be_there(run):
    limits = Limits(memory_bytes=LIMIT, swap_bytes=1 << 30)
    swapping = effective(swap_bytes=1 << 30)
    assert not_in_force(run(limits=limits, effective=swapping), LIMIT) is None
