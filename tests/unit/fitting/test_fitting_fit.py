"""From a smoke and a way to run it to its smallest limit, of a program that we know all of."""

import msgspec
import pytest

from pytest_tfdocker.evidence.records import Absent, Effective, Limits
from pytest_tfdocker.fitting.fit import find_limit, limit_to_set
from pytest_tfdocker.settings.schema import Seconds, Smoke

MIB = 1 << 20
MOST = 8 << 30
PEAK = 400 * MIB
SMOKE = Smoke(name="embed", command="x", timeout=Seconds(300))


class Program:
    """Needs so much to live, and so much to be quick; its first runs may end otherwise."""

    def __init__(self, run, *, needs=PEAK, quick_from=0, otherwise=()):
        self.make, self.needs, self.quick_from = run, needs, quick_from
        self.otherwise = list(otherwise)
        self.asked, self.told = [], []

    def __call__(self, limit_bytes, seconds):
        self.asked.append((limit_bytes, seconds))
        found = self.under(limit_bytes)
        changed = self.otherwise.pop(0) if self.otherwise else None
        if changed is None or isinstance(found, Absent):
            return found
        return changed if isinstance(changed, Absent) else msgspec.structs.replace(found, **changed)

    def under(self, limit_bytes):
        limits = Limits(memory_bytes=limit_bytes, swap_bytes=0)
        effective = Effective(
            memory_bytes=limit_bytes, swap_bytes=0, cpus=None, pids=None, cgroup_version="2"
        )
        told = {"limits": limits, "effective": effective}
        if limit_bytes is not None and limit_bytes < self.needs:
            killed = {
                "exit_code": 137,
                "oom_killed": True,
                "killed_in": "inference",
                "peak_bytes": limit_bytes,
            }
            return self.make(**told, **killed)
        if limit_bytes is not None and limit_bytes < self.quick_from:
            slow = {"timed_out": True, "exit_code": None, "kernel_peak_bytes": limit_bytes}
            return self.make(**told, **slow)
        return self.make(**told, peak_bytes=PEAK, kernel_peak_bytes=max(self.quick_from, PEAK))

    def tell(self, name, state):
        self.told.append((name, state))


@pytest.fixture
def fitted(run):
    """What is found of a program, and the program, after its first run as the check has judged."""

    def make(first=None, most=MOST, smoke=SMOKE, **program):
        one = Program(run, **program)
        judged = run() if first is None else first
        return find_limit(judged, smoke, one, one.tell, most=most), one

    return make


def test_the_smallest_what_fails_below_and_the_limit_to_set(fitted):
    found, program = fitted(needs=410 * MIB)
    assert 410 <= found.smallest_bytes / MIB <= 426
    assert 0 < found.smallest_bytes - found.failing_bytes <= 16 * MIB
    assert found.failed_by.startswith('OOM-killed in "inference" at 408 MiB')
    assert found.limit_bytes == 490 * MIB
    assert found.runs == len(program.asked) == 5
    assert [one.outcome for one in found.trials] == ["passed", "passed", "killed", *["passed"] * 2]
    assert found.notes == []


def test_the_first_run_has_all_that_the_engine_can_give_and_the_smokes_own_time(fitted):
    _, program = fitted(needs=410 * MIB)
    assert program.asked[0] == (MOST, 300.0)
    # Twice the 8 s, and 3
    assert {seconds for _, seconds in program.asked[1:]} == {19.0}


def test_an_engine_that_does_not_say_what_it_has_is_asked_for_no_limit_first(fitted):
    found, program = fitted(needs=410 * MIB, most=None)
    assert program.asked[0] == (None, 300.0)
    assert found.smallest_bytes >= 410 * MIB


def test_progress_names_each_run_its_limit_and_how_it_ended(fitted):
    found, program = fitted(needs=410 * MIB)
    assert program.told == [
        ("1 of ~5, without a limit", "started"),
        ("1 of ~5, without a limit", "peaks at 400 MiB"),
        ("2 of ~5, 424 MiB", "started"),
        ("", "log"),
        ("2 of ~5, 424 MiB", "passes"),
        ("3 of ~5, 408 MiB", "started"),
        ("424 MiB passes", "log"),
        ("3 of ~5, 408 MiB", found.failed_by),
        ("4 of ~5, 424 MiB", "started"),
        ("424 MiB passes, 408 MiB fails", "log"),
        ("4 of ~5, 424 MiB", "passes"),
        ("5 of ~5, 424 MiB", "started"),
        ("424 MiB passes, 408 MiB fails", "log"),
        ("5 of ~5, 424 MiB", "passes"),
    ]


def test_mapped_files_that_do_not_fit_are_no_pass(fitted):
    found, program = fitted(needs=410 * MIB, quick_from=900 * MIB)
    assert 900 * MIB <= found.smallest_bytes <= 918 * MIB
    assert found.failed_by.startswith("slower, not killed: over 19.0 s, 8.0 s without a limit")
    # What the run without a limit has filled is enough: what lies below is cut, by no small steps
    assert [limit // MIB for limit, _ in program.asked[1:4]] == [424, 543, 722]
    assert found.runs <= 11


def test_one_of_three_that_fails_raises_the_answer_and_is_told(fitted):
    ends = [None, None, None, {"exit_code": 1, "stderr": "Oops"}]
    found, _ = fitted(needs=410 * MIB, otherwise=ends)
    assert (found.smallest_bytes, found.failing_bytes) == (440 * MIB, 424 * MIB)
    assert found.notes == [
        '424 MiB passed once and then failed: exit code 1 in "inference": Oops',
    ]
    assert found.failed_by == 'exit code 1 in "inference": Oops'
    assert found.runs == 7


def test_the_limit_that_the_check_has_seen_to_kill_is_taken_for_known(fitted, run):
    killed = run(
        limits=Limits(memory_bytes=410 * MIB), oom_killed=True, killed_in="inference", exit_code=137
    )
    found, program = fitted(first=killed, needs=415 * MIB)
    assert len(program.asked) == 4
    assert (found.smallest_bytes, found.failing_bytes) == (424 * MIB, 410 * MIB)
    assert found.failed_by.startswith('OOM-killed in "inference" at 400 MiB')


def test_a_smoke_that_fails_without_a_limit_is_run_no_more(fitted, run):
    broken = run(limits=Limits(), exit_code=1, stderr="Oops")
    found, program = fitted(first=broken)
    told = 'it fails without any limit too: exit code 1 in "inference": Oops'
    assert found == Absent(reason=told)
    assert program.asked == []


def test_a_smoke_that_fails_under_its_limit_and_without_is_run_once(fitted, run):
    broken = run(exit_code=1, stderr="Oops")
    found, program = fitted(first=broken, otherwise=[{"exit_code": 1, "stderr": "Oops"}])
    told = 'it fails without any limit too: exit code 1 in "inference": Oops'
    assert found == Absent(reason=told)
    assert len(program.asked) == 1
    assert program.told[-1] == ("1 of ~5, without a limit", "failed")


def test_a_smoke_that_is_too_slow_without_a_limit_has_no_smallest(fitted):
    found, _ = fitted(otherwise=[{"timed_out": True, "exit_code": None}])
    assert found.reason.startswith("it fails without any limit too: 5 min are over")


@pytest.mark.parametrize(
    ("first_run", "reason"),
    [
        (Absent(reason="the engine is gone"), "the engine is gone"),
        (
            {"peak_bytes": None, "kernel_peak_bytes": None},
            "what memory it takes could not be read",
        ),
        (
            {"effective": Absent(reason="no group")},
            "whether the limit is in force is not known: no group",
        ),
    ],
)
def test_without_what_it_stands_on_there_is_no_search(fitted, first_run, reason):
    found, program = fitted(otherwise=[first_run])
    assert found == Absent(reason=reason)
    assert len(program.asked) == 1


def test_where_nobody_samples_it_goes_down_from_the_kernels_own_peak(fitted):
    unsampled = {"peak_bytes": None, "kernel_peak_bytes": 600 * MIB, "samples": []}
    found, program = fitted(needs=410 * MIB, otherwise=[unsampled])
    assert program.asked[1][0] == 628 * MIB
    assert 410 * MIB <= found.smallest_bytes <= 426 * MIB


def test_a_limit_that_is_dropped_later_is_no_pass(fitted):
    unheld = Effective(memory_bytes=None, swap_bytes=0, cpus=None, pids=None, cgroup_version="2")
    found, _ = fitted(otherwise=[None, {"effective": unheld}])
    assert found == Absent(reason="the engine does not hold memory limits, see the check `limits`")


def test_nothing_above_what_the_engine_has_is_tried(fitted):
    ends = [{"peak_bytes": 380 * MIB}]
    found, program = fitted(most=500 * MIB, needs=400 * MIB, quick_from=501 * MIB, otherwise=ends)
    assert max(limit for limit, _ in program.asked) == 500 * MIB
    assert found.reason.startswith("it fails without any limit too")


def test_an_engine_with_too_little_is_told(fitted):
    crowded = Absent(reason="files: 600 MiB to pass in", limit_too_small=True)
    found, _ = fitted(most=500 * MIB, needs=600 * MIB, otherwise=[{}])
    assert found.reason.startswith("it fails without any limit too: OOM-killed")
    found, program = fitted(most=500 * MIB, needs=400 * MIB, otherwise=[None, *[crowded] * 24])
    assert program.asked[-1][0] == 500 * MIB
    assert found.reason == (
        "not even 500 MiB, nearly all that the engine has, hold it: files: 600 MiB to pass in"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "the engine went away during the run: nothing is known of it\nsee its log",
        "the container could not be started: no such image",
        "the container ended before the probe reported",
    ],
)
def test_a_run_that_says_nothing_of_its_limit_ends_the_search(fitted, reason):
    found, program = fitted(needs=410 * MIB, otherwise=[None, None, Absent(reason=reason)])
    assert found == Absent(reason=reason)
    assert len(program.asked) == 3
    assert program.told[-1] == ("3 of ~5, 408 MiB", "failed")


def test_a_limit_that_leaves_no_room_for_the_files_is_too_small(fitted):
    crowded = Absent(reason="files: 420 MiB to pass in", limit_too_small=True)
    found, program = fitted(needs=410 * MIB, otherwise=[None, crowded])
    assert [limit // MIB for limit, _ in program.asked[1:3]] == [424, 440]
    assert found.failed_by == "files: 420 MiB to pass in"
    assert found.smallest_bytes == 440 * MIB


def test_a_smoke_that_fails_now_and_then_has_no_limit(fitted):
    ends = [None, *[None, {"exit_code": 1, "stderr": "Oops"}] * 30]
    found, program = fitted(most=1 << 50, needs=100 * MIB, otherwise=ends)
    assert isinstance(found, Absent)
    assert found.reason == (
        'none found in 25 runs, it fails now and then: exit code 1 in "inference": Oops'
    )
    assert len(program.asked) == 25


def test_swap_that_is_asked_for_is_told(fitted):
    swap = {"limits": Limits(memory_bytes=MOST, swap_bytes=1 << 30)}
    found, _ = fitted(needs=410 * MIB, otherwise=[swap])
    assert found.notes == ["with 1.00 GiB of swap beside it, as run.swap has it"]


@pytest.mark.parametrize(
    ("smallest", "limit"),
    [(6, 7), (20, 23), (86, 99), (87, 110), (142, 170), (1024, 1180), (3561, 4100), (8192, 9500)],
)
def test_the_limit_to_set_is_15_percent_more_and_easy_to_remember(smallest, limit):
    assert limit_to_set(smallest * MIB) == limit * MIB
