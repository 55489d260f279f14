"""Programs of known behaviour: the peak is within 3 % or 4 MiB of what is known, 20 times of 20."""

import pytest
from behaviours import BEHAVIOURS, MIB, PROPERTY, tolerance_bytes
from small_runs import observe

from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import judge_run

pytestmark = pytest.mark.engine

TIMES = 20
each_behaviour = pytest.mark.parametrize(
    "behaviour", BEHAVIOURS, ids=[behaviour.name for behaviour in BEHAVIOURS]
)


@pytest.fixture
def observed(run, bare_peak, record_property):
    """Runs a program as often as is said; gives what isn't as known, and notes the figures."""

    def times(behaviour, count):
        known = behaviour.known_bytes(bare_peak)
        figures, wrong, wrong_runs = [], [], 0
        for number in range(count):
            found = observe(run, behaviour)
            if found.peak_bytes is None:
                wrong, wrong_runs = [*wrong, f"run {number}: no peak: {found}"], wrong_runs + 1
                continue
            figures.append(found.peak_bytes)
            told = f"known {known / MIB:.1f} MiB, found {found.peak_bytes / MIB:.1f} MiB"
            print(
                f"{told} ({found.peak_source}) in {found.seconds:.3f} s, "
                f"largest gap {found.largest_gap_seconds:.3f} s"
            )
            different = list(differences(behaviour, found, bare_peak))
            wrong_runs += bool(different)
            wrong += [f"run {number}: {text}" for text in different]
        record_property(PROPERTY, (behaviour.name, known, figures, count - wrong_runs))
        return wrong

    return times


def differences(behaviour, found, bare_bytes):
    """What is not as it is known to be."""
    known = behaviour.known_bytes(bare_bytes)
    off = found.peak_bytes - known
    if abs(off) > tolerance_bytes(known):
        yield f"peak off by {off / MIB:+.1f} MiB of {known / MIB:.1f} MiB ({found.peak_source})"
    if behaviour.mib is None and found.stdout:
        had = int(found.stdout.split()[-1]) * MIB + bare_bytes
        if abs(found.peak_bytes - had) > tolerance_bytes(had):
            yield f"killed at {had / MIB:.1f} MiB, told {found.peak_bytes / MIB:.1f} MiB"
    for name, mib in behaviour.phases.items():
        seen = [phase.peak_bytes for phase in found.phases if phase.name == name]
        expected = known - (behaviour.mib - mib) * MIB
        if len(seen) != 1 or abs(seen[0] - expected) > tolerance_bytes(expected):
            yield f"phase {name}: {seen} and not {expected}"
    ended = (found.oom_killed, found.exit_code)
    if ended != (behaviour.oom_killed, behaviour.exit_code):
        yield f"OOM-killed, exit code: {ended}; {found.stderr[-300:]}"
    verdict = judge_run(found, held=Held(timeout_seconds=behaviour.timeout_seconds))
    headline = verdict.headline if behaviour.headline else ""
    if verdict.outcome != behaviour.outcome or not headline.startswith(behaviour.headline):
        yield f"verdict: {verdict}"
    # A run that was not what it is meant to be would show nothing
    limit = (behaviour.limit_mib or 0) * MIB
    if behaviour.fills_cache and (found.kernel_peak_bytes or limit) < 0.75 * limit:
        yield f"page cache of {found.kernel_peak_bytes} bytes only"


@each_behaviour
def test_it_is_told_as_it_is_known(observed, behaviour):
    assert observed(behaviour, 1) == []


@pytest.mark.slow
@each_behaviour
def test_it_is_told_so_20_times_of_20(observed, behaviour):
    assert observed(behaviour, TIMES) == []
