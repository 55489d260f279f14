"""The supervisor's record of a run as evidence."""

import pytest

from pytest_tfdocker.evidence.run_record import _phases

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


def test_without_counters_the_start_is_no_peak():
    told = named(("start", 0.1, None), ("load", 1.0, None))
    assert [(one.name, one.peak_bytes) for one in _phases(told)] == [("load", None)]


@pytest.mark.parametrize(
    ("seen", "names"),
    [
        (["import"], ["run"]),
        (["import", "load"], ["import", "load and inference"]),
        (["import", "load", "inference"], ["import", "load", "inference"]),
    ],
    ids=["no weights", "weights that stay mapped", "weights that are read"],
)
def test_a_program_that_names_no_phase_has_those_that_were_seen(seen, names):
    told = named(*((name, 0.1, MIB) for name in seen), by_the_program=False)
    assert [phase.name for phase in _phases(told)] == names
