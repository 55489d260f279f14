"""The smallest memory limits that `--tfdocker-fit` has found, and the limit to set, to paste."""

from pytest_tfdocker.checks.wording import origin
from pytest_tfdocker.evidence.records import Absent, Fit
from pytest_tfdocker.fitting.fit import HEADROOM_PERCENT, mib
from pytest_tfdocker.fitting.search import MIB, PASSES
from pytest_tfdocker.report.image_report import ImageReport
from pytest_tfdocker.report.suggestions import table_name
from pytest_tfdocker.settings.units import format_memory, format_seconds
from pytest_tfdocker.text import one_line, table

NOTHING = (
    "--tfdocker-fit had nothing to look at in {}: it takes the smokes whose `peak-memory` is run, "
    "see [[smoke]] in the settings and -k"
)


def fit_lines(report: ImageReport) -> list[str]:
    """What was found of each smoke, then one limit for all of them; none where nobody has asked."""
    if report.fits is None:
        return []
    if not report.fits:
        return [NOTHING.format(report.image.name)]
    lines = [line for name, one in report.fits.items() for line in _smoke(name, one)]
    return [
        f"smallest memory limit in {report.image.name}:",
        *(f"  {line}" for line in lines),
        *_to_set(report, report.fits),
    ]


def _smoke(name: str, fit: Fit | Absent) -> list[str]:
    if isinstance(fit, Absent):
        headline, _, _ = fit.reason.partition("\n")
        return [f"{name}: no limit found: {one_line(headline, 160)}"]
    found = f"{name}: {mib(fit.smallest_bytes)}, {PASSES} times of {PASSES}"
    below = "the least that an engine takes"
    if fit.failing_bytes is not None:
        below = f"under {mib(fit.failing_bytes)}: {one_line(fit.failed_by)}"
    took = f"{fit.runs} runs in {format_seconds(fit.seconds)}"
    return [f"{found}; {took}", f"  {below}", *(f"  {one_line(note)}" for note in fit.notes)]


def _to_set(report: ImageReport, fits: dict[str, Fit | Absent]) -> list[str]:
    """The service has one limit, which is to hold every smoke."""
    found = {name: one for name, one in fits.items() if isinstance(one, Fit)}
    if not found:
        return []
    name, largest = max(found.items(), key=lambda pair: pair[1].limit_bytes)
    whose = f", the largest, {name}'s" if len(found) > 1 else ""
    limit = largest.limit_bytes // MIB
    rows = [
        ("Compose", f"deploy.resources.limits.memory: {limit}M", "(its M is MiB)"),
        ("Kubernetes", f"resources.limits.memory: {limit}Mi", ""),
        ("settings", f'memory = "{limit} MiB"', _place(report)),
    ]
    # `table` sets the first column flush right
    rows = [(row[0].ljust(len("Kubernetes")), *row[1:]) for row in rows]
    return [
        f"set {limit} MiB, {HEADROOM_PERCENT} % above {whose.removeprefix(', ') or 'it'}"
        f"{_now(report)}:",
        *(f"  {row}" for row in table(rows)),
        *_unknown(report, found),
    ]


def _place(report: ImageReport) -> str:
    name = report.image.name
    return f"in [{table_name(report, 'run')}]" if name == "default" else f"in `run` of {name}"


def _now(report: ImageReport) -> str:
    memory = report.image.settings.run.memory
    if memory is None:
        return " (none is set)"
    return f" (now {format_memory(memory)}, {origin(report.image, 'run.memory')})"


def _unknown(report: ImageReport, found: dict[str, Fit]) -> list[str]:
    """Smokes that the limit may not hold."""
    names = [one.name for one in report.image.settings.smoke if one.name not in found]
    return [f"  whether it holds {', '.join(names)} is not known"] if names else []
