"""The supervisor's record of a run as evidence."""

import pytest

from pytest_tfdocker.evidence.run_record import _phases

MIB = 2**20


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
    told = {"phases": [["start", seconds, peak], ["load", 1.0, 90 * MIB], ["after", 0.1, MIB]]}
    assert [phase.name for phase in _phases(told)] == names


def test_without_counters_the_start_is_no_peak():
    told = {"phases": [["start", 0.1, None], ["load", 1.0, None]]}
    assert [(one.name, one.peak_bytes) for one in _phases(told)] == [("load", None)]
