"""From one smoke and a way to run it under a limit to the smallest limit that holds it."""

from collections.abc import Callable
from time import monotonic

from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.evidence.records import Absent, Fit, Run, Trial
from pytest_tfdocker.fitting.search import MIB, PASSES, Search
from pytest_tfdocker.fitting.trial import (
    allowed_seconds,
    not_in_force,
    phase_budgets,
    stop_seconds,
    trial_of,
)
from pytest_tfdocker.settings.schema import Smoke
from pytest_tfdocker.settings.units import format_memory
from pytest_tfdocker.text import HEADLINE_WIDTH, shorten

Start = Callable[[int | None, float], Run | Absent]
"""Runs the smoke under a limit in bytes, for so many seconds at most. None: without a limit."""
Tell = Callable[[str, str], None]
"""Takes a run's name and "started", then its name and how it ended; a line and "log" meanwhile."""

HEADROOM_PERCENT = 15
PEAK_PERCENT = 2
BESIDE_BYTES = 16 * MIB
"""Where to begin above the working peak: the kernel's own, our supervisor's, a little of the
program's files; and by how much peaks differ."""
STEPS = ((100 * MIB, MIB), (4096 * MIB, 10 * MIB))
COARSE_BYTES = 100 * MIB
"""Limits to set are multiples of 1 MiB below 100 MiB, of 10 MiB below 4 GiB, else of 100 MiB."""


_NO_END = 1 << 62
_FAILS_ANYHOW = "it fails without any limit too"


class NoLimitError(Exception):
    """There is no answer; its text says why."""


def find_limit(
    first: Run | Absent, smoke: Smoke, start: Start, tell: Tell, *, most: int | None
) -> Fit | Absent:
    """The smallest limit under which the smoke passes three times of three; Absent: why none.

    `first`: the run that `peak-memory` has judged; `most`: bytes that the engine has to give, None
    where it doesn't say.
    """
    try:
        return _Fitting(smoke, start, tell, most).fit(first)
    except NoLimitError as error:
        return Absent(reason=str(error))


def limit_to_set(smallest_bytes: int) -> int:
    """15 % above the smallest, rounded up to a figure that people can remember."""
    wanted = smallest_bytes + -(-smallest_bytes * HEADROOM_PERCENT // 100)
    step = next((step for below, step in STEPS if wanted < below), COARSE_BYTES)
    return -(-wanted // step) * step


class _Fitting:
    def __init__(self, smoke: Smoke, start: Start, tell: Tell, most: int | None) -> None:
        self._smoke, self._start, self._tell, self._most = smoke, start, tell, most
        self._begun = monotonic()
        self._trials: list[Trial] = []
        self._notes: list[str] = []

    def fit(self, first: Run | Absent) -> Fit:
        """Raises NoLimitError."""
        unlimited = self._without_limit(first)
        known = first if isinstance(first, Run) and first.oom_killed else None
        search = Search(
            guess=_guess(unlimited),
            enough=_enough(unlimited),
            most=self._most or _NO_END,
            failed_at=known.limits.memory_bytes if known else None,
        )
        while (limit := search.next()) is not None:
            self._try(search, limit, unlimited)
        if search.smallest is None:
            raise NoLimitError(self._why_none(search))
        failing = [one for one in self._trials if one.limit_bytes == search.failing and one.why]
        failed_by = failing[-1].why if failing else _headline(known) if known else ""
        return Fit(
            smallest_bytes=search.smallest,
            failing_bytes=search.failing,
            failed_by="" if search.failing is None else failed_by,
            limit_bytes=limit_to_set(search.smallest),
            runs=len(self._trials),
            seconds=monotonic() - self._begun,
            trials=self._trials,
            notes=[*self._notes, *_swap_note(unlimited)],
        )

    def _without_limit(self, first: Run | Absent) -> Run:
        """The run that all others are held against. Raises NoLimitError where it fails, too."""
        if isinstance(first, Run) and first.limits.memory_bytes is None and _headline(first):
            raise NoLimitError(f"{_FAILS_ANYHOW}: {_headline(first)}")
        name = f"1 of ~{PASSES + 2}, without a limit"
        self._tell(name, "started")
        run = self._start(self._most, float(self._smoke.timeout))
        broken = run.reason if isinstance(run, Absent) else _headline(run, self._smoke.timeout)
        if isinstance(run, Absent) or broken:
            self._tell(name, "failed")
            raise NoLimitError(broken if isinstance(run, Absent) else f"{_FAILS_ANYHOW}: {broken}")
        peak = _peak(run)
        if peak is None:
            self._tell(name, "failed")
            raise NoLimitError("what memory it takes could not be read")
        self._tell(name, f"peaks at {format_memory(peak)}")
        if self._most is not None:
            _must_hold(run, self._most)
        self._trials.append(Trial(limit_bytes=None, outcome="passed", seconds=run.seconds))
        return run

    def _try(self, search: Search, limit: int, unlimited: Run) -> None:
        name = f"{len(self._trials) + 1} of ~{len(self._trials) + search.left}, {mib(limit)}"
        self._tell(name, "started")
        self._tell(_so_far(search), "log")
        allowed = allowed_seconds(unlimited, self._smoke)
        run = self._start(limit, stop_seconds(unlimited, self._smoke))
        # A start that takes more than the limit is OOM-killed, and told as a run
        if isinstance(run, Absent) and not (run.oom_killed or run.limit_too_small):
            self._tell(name, "failed")
            raise NoLimitError(run.reason)
        phases = phase_budgets(unlimited, self._smoke)
        trial = trial_of(run, limit, unlimited=unlimited, allowed=allowed, phases=phases)
        self._tell(name, _ending(trial))
        if isinstance(run, Run) and trial.outcome == "passed":
            _must_hold(run, limit)
        self._trials.append(trial)
        passed = sum(one.outcome == "passed" for one in self._trials if one.limit_bytes == limit)
        search.learn(limit, passed=trial.outcome == "passed", is_far=trial.outcome == "slower")
        if passed and trial.outcome != "passed":
            self._notes.append(f"{mib(limit)} passed {_times(passed)} and then failed: {trial.why}")

    def _why_none(self, search: Search) -> str:
        last = next((one.why for one in reversed(self._trials) if one.why), "")
        if self._most is not None and (search.failing or 0) >= search.most:
            return f"not even {mib(search.most)}, nearly all that the engine has, hold it: {last}"
        return f"none found in {len(self._trials)} runs, it fails now and then: {last}"


def mib(limit_bytes: int) -> str:
    """A limit, which is whole MiB, to the byte: "1180 MiB"."""
    return f"{limit_bytes // MIB} MiB"


def _ending(trial: Trial) -> str:
    """For a line of progress, which the figures of a slow run would fill."""
    words = {"passed": "passes", "slower": "slower, not killed"}
    return words.get(trial.outcome) or shorten(trial.why, HEADLINE_WIDTH)


def _so_far(search: Search) -> str:
    known = ((search.passing, "passes"), (search.failing, "fails"))
    return ", ".join(f"{mib(limit)} {word}" for limit, word in known if limit is not None)


def _times(count: int) -> str:
    return "once" if count == 1 else "twice"


def _headline(run: Run, timeout_seconds: float | None = None) -> str:
    """How a run ended that did not end well; "" of one that did."""
    broken = how_it_broke(run, Held(timeout_seconds=timeout_seconds))
    return "" if broken is None else broken.headline


def _must_hold(run: Run, limit_bytes: int) -> None:
    reason = not_in_force(run, limit_bytes)
    if reason is not None:
        raise NoLimitError(reason)


def _swap_note(run: Run) -> list[str]:
    swap = run.limits.swap_bytes
    return [f"with {format_memory(swap)} of swap beside it, as run.swap has it"] if swap else []


def _peak(run: Run) -> int | None:
    """Working memory; the kernel's own peak where nobody could sample, in an image without Python.

    That one counts page cache, so the search then goes down from it.
    """
    return run.kernel_peak_bytes if run.peak_bytes is None else run.peak_bytes


def _guess(unlimited: Run) -> int:
    peak = _peak(unlimited) or 0
    return peak + peak * PEAK_PERCENT // 100 + BESIDE_BYTES


def _enough(unlimited: Run) -> int:
    """The kernel's peak counts page cache: so much is not felt as a limit."""
    sampled = max((working + cache for _, working, cache in unlimited.samples), default=0)
    kernel = unlimited.kernel_peak_bytes
    return max(_guess(unlimited), (kernel or sampled + BESIDE_BYTES) + MIB)
