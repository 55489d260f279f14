"""The same programs again and again: a measurement that holds once may be luck."""

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MIB = 1 << 20
TIMES = range(20)
TAKE = """
import mmap, time
def take(mib):
    area = mmap.mmap(-1, mib << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, mib << 20, 4096):
        area[page] = 1
    return area
"""


def holds(found, mib, bare_peak):
    expected = mib * MIB + bare_peak
    print(f"known {expected / MIB:.1f} MiB, found {found.peak_bytes / MIB:.1f} MiB")
    return abs(found.peak_bytes - expected) <= max(4 * MIB, 0.03 * expected)


@pytest.mark.parametrize(
    ("program", "mib"),
    [
        ("area = take(100); time.sleep(0.1)", 100),
        ("time.sleep(0.2); area = take(300); time.sleep(0.03); area.close(); time.sleep(0.1)", 300),
        ("for mib in (60, 120, 40):\n    area = take(mib); time.sleep(0.1); area.close()", 120),
    ],
    ids=["held", "a spike of 30 ms", "freed and taken again"],
)
def test_the_peak_is_right_20_times_of_20(run, bare_peak, program, mib):
    found = [run(TAKE + program, memory=512 * MIB) for _ in TIMES]
    assert [holds(one, mib, bare_peak) for one in found] == [True] * len(TIMES)
    assert not any(one.oom_killed for one in found)


def test_an_oom_kill_is_told_20_times_of_20(run):
    found = [run(TAKE + "area = take(200)", memory=64 * MIB) for _ in TIMES]
    assert [(one.oom_killed, one.exit_code) for one in found] == [(True, 137)] * len(TIMES)
    assert all(48 * MIB < one.peak_bytes <= 64 * MIB for one in found)
