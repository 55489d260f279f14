"""What is told of a smoke that ran or asked more than once, and of a module it was not given."""

from pytest_tfdocker.evidence.records import Run
from pytest_tfdocker.settings.units import format_seconds
from pytest_tfdocker.text import one_line


def notes(run: Run) -> list[str]:
    """Beside a failure: which of several runs it was, and what of the repo it lacked."""
    repeats, module = run.repeats, run.missing_module
    which = [f"in {repeats.broken}"] if repeats is not None and repeats.broken else []
    missing = [] if module is None else [_missing(module)]
    return [*which, *missing]


def _missing(module: str) -> str:
    return (
        f"{one_line(module)} of the repo is not in the image: pass it in by "
        f'`files = ["{one_line(module)}"]`, beside `script`'
    )


def repeats_line(run: Run) -> list[str]:
    """As "median of 5 runs, 1.0 s to 1.4 s, after 1 to warm up"; nothing of a single one."""
    repeats = run.repeats
    if repeats is None or repeats.broken:
        return []
    counted = repeats.seconds[repeats.warm_up :]
    after = f", after {repeats.warm_up} to warm up" if repeats.warm_up else ""
    spread = f"{format_seconds(min(counted))} to {format_seconds(max(counted))}"
    return [f"median of {len(counted)} {_runs(len(counted))}, {spread}{after}"]


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def requests_line(run: Run) -> list[str]:
    """As "200 requests, 4 at a time: median 12 ms, 95 % within 31 ms, longest 40 ms"."""
    asked = run.requests
    if asked is None or asked.median_seconds is None or asked.count == 1:
        return []
    together = f", {asked.concurrency} at a time" if asked.concurrency > 1 else ""
    p95, longest = format_seconds(asked.p95_seconds or 0), format_seconds(asked.max_seconds or 0)
    median = format_seconds(asked.median_seconds)
    return [
        f"{asked.answered} requests{together}: median {median}, 95 % within {p95}, "
        f"longest {longest}"
    ]
