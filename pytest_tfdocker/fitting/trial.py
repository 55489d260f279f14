"""What one run of a search says of its limit."""

from collections.abc import Mapping

from pytest_tfdocker.checks.duration import judge_seconds
from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.checks.run_story import FULL
from pytest_tfdocker.evidence.records import Absent, Effective, Run, Trial
from pytest_tfdocker.evidence.records.fit import Outcome
from pytest_tfdocker.settings.schema import Smoke
from pytest_tfdocker.settings.units import format_seconds
from pytest_tfdocker.text import one_line

TIMES = 2
BESIDE_SECONDS = 3.0
"""A run that takes more than twice as long, and this, is slower by more than chance."""


def allowed_seconds(unlimited: Run, smoke: Smoke) -> float:
    """How long a run may take under a limit: not much longer than without, and in its budget."""
    usual = TIMES * unlimited.seconds + BESIDE_SECONDS
    is_held = smoke.duration is not None and unlimited.seconds < smoke.duration
    return min(usual, float(smoke.duration or 0)) if is_held else usual


def stop_seconds(unlimited: Run, smoke: Smoke) -> float:
    """When a run is stopped: of several in one container, the first may take far longer."""
    longest = max([unlimited.seconds, *(unlimited.repeats.seconds if unlimited.repeats else [])])
    if unlimited.requests is not None:  # whose warm-up is in no run's seconds
        longest += unlimited.requests.warm_up_seconds
    return min(TIMES * longest + BESIDE_SECONDS, float(smoke.timeout))


def phase_budgets(unlimited: Run, smoke: Smoke) -> Mapping[str, float]:
    """Those of its phases; none where it does not keep them without any limit either."""
    within = judge_seconds(unlimited, None, smoke.phase_duration).outcome == "passed"
    return smoke.phase_duration if within else {}


def trial_of(
    run: Run | Absent,
    limit_bytes: int,
    *,
    unlimited: Run,
    allowed: float,
    phases: Mapping[str, float],
) -> Trial:
    """Whether the limit holds the smoke: it ends well, and in time. Else how it ended.

    Absent: the limit leaves no room to begin it; none that says nothing of the limit may come here.
    """
    if isinstance(run, Absent):
        return Trial(limit_bytes=limit_bytes, outcome="failed", why=one_line(run.reason, 120))
    outcome, why = _outcome(run, limit_bytes, unlimited, allowed)
    late = judge_seconds(run, None, phases) if outcome == "passed" and phases else None
    if late is not None and late.outcome == "failed":
        outcome, why = "slower", f"slower, not killed: {late.headline}"
    return Trial(limit_bytes=limit_bytes, outcome=outcome, why=why, seconds=run.seconds)


def _outcome(run: Run, limit_bytes: int, unlimited: Run, allowed: float) -> tuple[Outcome, str]:
    broken = how_it_broke(run, Held(timeout_seconds=allowed))
    if broken is not None and run.oom_killed:
        return "killed", broken.headline
    if run.timed_out or run.seconds > allowed:
        return "slower", _slower(run, limit_bytes, unlimited, allowed)
    return ("passed", "") if broken is None else ("failed", broken.headline)


def _slower(run: Run, limit_bytes: int, unlimited: Run, allowed: float) -> str:
    """Not killed; that its files are the cause is only said where the limit was full."""
    usual = format_seconds(unlimited.seconds)
    told = f"slower, not killed: over {format_seconds(allowed)}, {usual} without a limit"
    peak = run.kernel_peak_bytes
    # Where the kernel's peak came so near to the limit, page cache was thrown out
    is_full = peak is not None and peak >= FULL * limit_bytes and run.refaulted_bytes != 0
    return f"{told}; its mapped files don't fit" if is_full else told


def not_in_force(run: Run, limit_bytes: int) -> str | None:
    """Why a run that ended well says nothing of the limit: it was not held to it."""
    effective = run.effective
    if not isinstance(effective, Effective):
        return f"whether the limit is in force is not known: {one_line(effective.reason)}"
    found = effective.memory_bytes
    if found is None or found > limit_bytes:
        return "the engine does not hold memory limits, see the check `limits`"
    if effective.swaps_more_than(run.limits.swap_bytes or 0):
        return "the engine does not hold swap limits: what does not fit would be swapped out"
    return None
