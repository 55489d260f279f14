"""What else would have told of the runs whose peak is known: `docker stats`, the kernel, the code.

All of a row is of one run under our supervisor, which the kernel's own figure counts in.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from docker.errors import APIError, DockerException

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "engine"))

from behaviours import BEHAVIOURS, MIB, Behaviour, tolerance_bytes  # noqa: E402
from small_runs import RunCode, bare_bytes, judged, observe, runs_in  # noqa: E402

from pytest_tfdocker.checks.oom_kill import Held  # noqa: E402
from pytest_tfdocker.checks.peak_memory import judge_run  # noqa: E402
from pytest_tfdocker.engine.client import LABEL, Engine  # noqa: E402
from pytest_tfdocker.evidence.records import Effective, Run  # noqa: E402
from pytest_tfdocker.session import Session  # noqa: E402

SMALL = "tfdocker-test/python:small"
HOLD_SECONDS = 1.5
"""What a program reaches it holds so long: `docker stats` at 1 Hz can see all but the spike."""
POLL_SECONDS = 0.05
KERNEL_PEAK = {"1": "max_usage_in_bytes", "2": "memory.peak"}


class DockerStats:
    """The largest that `docker stats` shows of a run's container, asked once a second."""

    def __init__(self, engine: Engine, run_id: str) -> None:
        """`run_id`: whose containers are meant."""
        self._engine, self._label = engine, f"{LABEL}={run_id}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self.largest_bytes: int | None = None
        """None: it was never seen to run."""

    def __enter__(self) -> Self:
        """Begins to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Looks no more."""
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        api = self._engine.api
        while not self._over.wait(POLL_SECONDS):
            for found in api.containers(filters={"label": self._label}):
                with suppress(APIError, DockerException):
                    told = api.stats(found["Id"], stream=False, one_shot=True)
                    shown = _shown(told.get("memory_stats", {}))
                    self.largest_bytes = max(self.largest_bytes or 0, shown)
                    self._over.wait(1 - POLL_SECONDS)


def _shown(memory: dict[str, Any]) -> int:
    """As the docker CLI has it: usage less the page cache that is inactive."""
    stats = memory.get("stats", {})
    inactive = stats.get("total_inactive_file", stats.get("inactive_file", 0))
    return int(memory.get("usage", 0)) - int(inactive)


@contextmanager
def small_runs() -> Iterator[tuple[RunCode, Session]]:
    """Runs in the small image, and the session that they take turns by."""
    with tempfile.TemporaryDirectory() as folder, judged(SMALL, Path(folder)) as image:
        yield runs_in(image), image.session


def mib(value: float | None) -> str:
    """One decimal, as the known figures have."""
    return "–" if value is None else f"{value / MIB:.1f}"


def verdict(run: Run, behaviour: Behaviour) -> str:
    """A word or two of what the check says."""
    judged_ = judge_run(run, held=Held(timeout_seconds=behaviour.timeout_seconds))
    if run.oom_killed:
        return f"{judged_.outcome}: OOM-killed"
    return f"{judged_.outcome}: time is over" if run.timed_out else judged_.outcome


def compare() -> list[bool]:
    """Prints the table, in Markdown; gives whether each peak is as it is known."""
    held = []
    with small_runs() as (run, session), Engine.connect() as engine:
        bare = bare_bytes(run)
        rows = []
        for behaviour in BEHAVIOURS:
            print(behaviour.name, file=sys.stderr)
            with DockerStats(engine, session.run_id) as seen:
                found = observe(run, behaviour, HOLD_SECONDS)
            time.sleep(POLL_SECONDS)
            known = behaviour.known_bytes(bare)
            held.append(abs((found.peak_bytes or 0) - known) <= tolerance_bytes(known))
            code = "–" if found.exit_code is None else str(found.exit_code)
            figures = (known, found.peak_bytes, seen.largest_bytes, found.kernel_peak_bytes)
            rows.append((behaviour.name, *map(mib, figures), code, verdict(found, behaviour)))
    version = found.effective.cgroup_version if isinstance(found.effective, Effective) else "1"
    kernel = f"`{KERNEL_PEAK[version]}`"
    print(f"\ncgroup v{version}, MiB:\n")
    print(f"| program | known | ours | `docker stats` | {kernel} | exit code | verdict |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return held
