"""How long a CPU limit stood a run still, as a whole and by its phases."""

import pytest

pytestmark = pytest.mark.engine

TOLERANCE_SECONDS = 0.3
"""The whole counts from the first sample, phases from a look before it: a period's stop between."""

BUSY = """
import os, time
time.sleep(0.8)  # a shorter start is no phase, and what it stood still is in none
print("tfdocker: phase busy", flush=True)
end = time.monotonic() + 2
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() < end:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()
print("tfdocker: phase idle", flush=True)
time.sleep(0.3)
"""


def test_what_a_limit_stood_still_is_told_and_the_phases_add_up_to_it(run):
    found = run(BUSY, cpus=0.3)
    assert found.exit_code == 0, found.stderr
    assert found.throttled_seconds > 0.5
    of_phase = {phase.name: phase.throttled_seconds for phase in found.phases}
    assert list(of_phase) == ["start", "busy", "idle"]
    assert of_phase["busy"] > 0.5
    assert sum(of_phase.values()) == pytest.approx(found.throttled_seconds, abs=TOLERANCE_SECONDS)


def test_without_a_limit_nothing_stands_still(run):
    found = run(BUSY)
    assert found.throttled_seconds == 0
    assert all(phase.throttled_seconds == 0 for phase in found.phases)
