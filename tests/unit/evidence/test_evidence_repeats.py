"""Several runs of one program as one record."""

import msgspec
import pytest

from pytest_tfdocker.evidence.records import Phase
from pytest_tfdocker.evidence.repeats import fold

MIB = 2**20


@pytest.fixture
def ran(run):
    """A run by its seconds and MiB, phases as (name, seconds, MiB)."""

    def make(seconds, mib=100, *, phases=(), **changes):
        told = [Phase(name=name, seconds=s, peak_bytes=m * MIB) for name, s, m in phases]
        figures = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_bytes": mib * MIB}
        return run(**{**figures, "phases": told, **changes})

    return make


def test_a_single_run_stays_as_it_is(ran):
    one = ran(1.0)
    assert fold([one], 0, 1) is one


def test_time_is_the_median_of_those_that_count_and_memory_the_most_of_any(ran):
    runs = [ran(9.0, 500), ran(1.0, 100), ran(3.0, 300), ran(2.0, 200, stdout="last")]
    found = fold(runs, 1, 3)
    assert (found.seconds, found.cpu_seconds) == (2.0, 4.0)
    assert (found.peak_bytes, found.stdout) == (500 * MIB, "last")
    assert msgspec.to_builtins(found.repeats) == {
        "warm_up": 1,
        "count": 3,
        "seconds": [9.0, 1.0, 3.0, 2.0],
        "peak_bytes": [500 * MIB, 100 * MIB, 300 * MIB, 200 * MIB],
        "broken": None,
    }


def test_the_median_of_two_lies_between_them(ran):
    assert fold([ran(1.0), ran(2.0)], 0, 2).seconds == 1.5


def test_the_timeline_is_that_of_the_largest_peak(ran):
    low = ran(1.0, 100, samples=[(0.0, 1, 1)], largest_processes=["a"])
    high = ran(1.0, 200, samples=[(0.0, 2, 2)], largest_processes=["b"], kernel_peak_bytes=5)
    found = fold([low, high, low], 0, 3)
    assert (found.samples, found.largest_processes) == ([(0.0, 2, 2)], ["b"])
    assert found.kernel_peak_bytes == low.kernel_peak_bytes


def test_phases_are_told_by_their_median_and_their_peak(ran):
    first = ran(9.0, phases=[("download", 5.0, 10), ("load", 3.0, 500)])
    second = ran(2.0, phases=[("load", 1.0, 100), ("step", 0.2, 50), ("step", 0.4, 60)])
    third = ran(4.0, phases=[("load", 2.0, 90), ("step", 0.6, 70)])
    found = fold([first, second, third], 1, 2).phases
    assert [(one.name, one.seconds, one.peak_bytes // MIB) for one in found] == [
        ("load", 1.5, 500),
        ("step", 0.4, 70),
        ("step", 0.4, 60),
    ]


def test_counted_runs_of_other_phases_are_told_as_a_whole(ran):
    first = ran(9.0, 100, phases=[("import", 5.0, 60), ("load", 3.0, 90)])
    seen = ran(2.0, 120, phases=[("import", 1.0, 60), ("load", 1.0, 110)])
    missed = ran(4.0, 130, phases=[("run", 4.0, 125)])
    [whole] = fold([first, seen, missed], 1, 2).phases
    assert (whole.name, whole.seconds, whole.peak_bytes) == ("run", 3.0, 125 * MIB)


def test_swap_and_what_was_read_again_are_the_most_of_any(ran):
    swapped = ran(2.0, 90, swapped_bytes=200, refaulted_bytes=300, major_faults=4, tasks=2)
    larger = ran(2.0, 100, swapped_bytes=0, refaulted_bytes=0, major_faults=0, tasks=9)
    found = fold([swapped, larger], 0, 2)
    assert (found.swapped_bytes, found.refaulted_bytes) == (200, 300)
    assert (found.major_faults, found.tasks) == (4, 9)


@pytest.mark.parametrize(
    "broken",
    [
        {"exit_code": 3},
        {"timed_out": True, "exit_code": None},
        {"oom_killed": True},
        {"error": "no such program"},
    ],
)
@pytest.mark.parametrize(
    ("before", "name"), [(0, "warm-up 1 of 2"), (1, "warm-up 2 of 2"), (2, "run 1 of 3")]
)
def test_the_run_that_broke_is_the_record_and_is_named(ran, broken, before, name):
    last = ran(7.0, **broken)
    found = fold([*[ran(1.0, 900)] * before, last], 2, 3)
    assert found.repeats.broken == name
    assert msgspec.structs.replace(found, repeats=None) == last


def test_without_counters_nothing_is_zero(ran):
    bare = ran(1.0, peak_bytes=None, kernel_peak_bytes=None, cpu_seconds=None)
    found = fold([bare, bare], 0, 2)
    assert (found.peak_bytes, found.kernel_peak_bytes, found.largest_gap_seconds) == (None,) * 3
