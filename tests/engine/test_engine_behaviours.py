"""Programs of known behaviour: the working peak within 3 % or 4 MiB of what is known, once and often."""

import pytest
from behaviours import BEHAVIOURS, MIB, PORT, PROPERTY, tolerance_bytes

from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.settings.schema import Request

pytestmark = pytest.mark.engine

TIMES = 20
BESIDE_BYTES = 12 * MIB
"""What is charged to a limit beside the program: the supervisor, the kernel's own."""
each_behaviour = pytest.mark.parametrize(
    "behaviour", BEHAVIOURS, ids=[behaviour.name for behaviour in BEHAVIOURS]
)


@pytest.fixture
def observe(run, bare_peak, record_property):
    """Runs a program as often as is said; gives what isn't as known, and notes the figures."""

    def times(behaviour, count):
        request = {"request": Request(path="/", port=PORT)} if behaviour.serves else {}
        figures, wrong = [], []
        wrong_runs = 0
        for number in range(count):
            found = run(
                behaviour.program(),
                timeout=behaviour.timeout_seconds,
                **request,
                **behaviour.run_settings,
            )
            known = behaviour.known_bytes(bare_peak, found.stdout)
            figures.append((known, found.peak_bytes))
            told = f"known {known / MIB:.1f} MiB, found {found.peak_bytes / MIB:.1f} MiB"
            print(
                f"{told} ({found.peak_source}) in {found.seconds:.3f} s, "
                f"largest gap {found.largest_gap_seconds:.3f} s"
            )
            different = list(differences(behaviour, found, known))
            wrong_runs += bool(different)
            wrong += [f"run {number}: {text}" for text in different]
        record_property(PROPERTY, (behaviour.name, figures, count - wrong_runs))
        return wrong

    return times


def differences(behaviour, found, known):
    """What is not as it is known to be."""
    off = found.peak_bytes - known
    if abs(off) > tolerance_bytes(known):
        yield f"peak off by {off / MIB:+.1f} MiB of {known / MIB:.1f} MiB ({found.peak_source})"
    limit = (behaviour.limit_mib or 0) * MIB
    if behaviour.oom_killed and not limit - BESIDE_BYTES < found.peak_bytes <= limit:
        yield f"killed at {found.peak_bytes / MIB:.1f} MiB, under {limit / MIB} MiB"
    for name, mib in behaviour.phases.items():
        seen = [phase.peak_bytes for phase in found.phases if phase.name == name]
        expected = known - (behaviour.mib - mib) * MIB
        if len(seen) != 1 or abs(seen[0] - expected) > tolerance_bytes(expected):
            yield f"phase {name}: {seen} and not {expected}"
    ended = (found.oom_killed, found.exit_code)
    if ended != (behaviour.oom_killed, behaviour.exit_code):
        yield f"OOM-killed, exit code: {ended}; {found.stderr[-300:]}"
    verdict = judge_run(found, timeout_seconds=behaviour.timeout_seconds)
    headline = verdict.headline if behaviour.headline else ""
    if verdict.outcome != behaviour.outcome or not headline.startswith(behaviour.headline):
        yield f"verdict: {verdict}"
    # A run that was not what it is meant to be would show nothing
    if behaviour.fills_cache and (found.kernel_peak_bytes or limit) < 0.75 * limit:
        yield f"page cache of {found.kernel_peak_bytes} bytes only"
    if behaviour.is_throttled and not found.throttled_seconds > 0.5:
        yield f"throttled for {found.throttled_seconds} s only"


@each_behaviour
def test_it_is_told_as_it_is_known(observe, behaviour):
    assert observe(behaviour, 1) == []


@pytest.mark.slow
@each_behaviour
def test_it_is_told_so_20_times_of_20(observe, behaviour):
    assert observe(behaviour, TIMES) == []
