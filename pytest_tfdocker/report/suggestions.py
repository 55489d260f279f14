"""Settings to paste: a budget for each figure that is measured and has none."""

from math import ceil

import msgspec

from pytest_tfdocker.checks.size import above_base
from pytest_tfdocker.evidence.records import ImageEvidence, Run
from pytest_tfdocker.report.image_report import ImageReport
from pytest_tfdocker.settings.schema import Smoke

TIME_HEADROOM = 2
"""Times differ more than bytes from one machine to the next."""

HEADROOM_PERCENT = 10
HEADROOM_OF_OVERLAPPING_PERCENT = 50
"""Of requests at once: how many are in work when the peak is taken is chance, 57 MiB in one run
and 77 MiB in the next of a small service at two at once."""

DECIMAL = {"MB": 10**6, "GB": 10**9}
BINARY = {"MiB": 2**20, "GiB": 2**30}
LEAST_OF_TWO_FIGURES, LEAST_OF_THREE_FIGURES = 100, 1000
"""In tenths of a unit."""


def suggest(report: ImageReport) -> list[str]:
    """Lines of TOML under a heading; none where every figure has a budget."""
    tables = [*_sizes(report), *_smokes(report)]
    if not tables:
        return []
    name = report.image.source.name if report.image.source else "pyproject.toml"
    return [f"no budget is set for these; to hold them, in {name}:", *(f"  {x}" for x in tables)]


def _sizes(report: ImageReport) -> list[str]:
    if report.known is None:
        return []
    measured = _measured_sizes(report.known)
    budgets = report.image.settings.size
    lines = [
        f'{key} = "{rounded_up(with_headroom(figure), DECIMAL)}"'
        for key, figure in measured.items()
        if figure is not None and getattr(budgets, key) is None
    ]
    return [_header(report, "size", there=budgets != type(budgets)()), *lines] if lines else []


def _measured_sizes(evidence: ImageEvidence) -> dict[str, int | None]:
    own = above_base(evidence)
    return {
        "total": evidence.total_bytes,
        "layer": own[0].bytes if own else None,
        "wasted": evidence.wasted_bytes,
    }


def _smokes(report: ImageReport) -> list[str]:
    runs = {run.name: run for run in report.runs if run.ended_well}
    return [
        line
        for smoke in report.image.settings.smoke
        if smoke.name in runs
        for line in _smoke(report, smoke, runs[smoke.name])
    ]


def _smoke(report: ImageReport, smoke: Smoke, run: Run) -> list[str]:
    lines = []
    if smoke.peak_memory is None and run.peak_bytes is not None:
        lines.append(_peak_budget(smoke, run.peak_bytes))
    if smoke.duration is None:
        lines.append(f'duration = "{max(1, ceil(TIME_HEADROOM * run.seconds))} s"')
    header = table_name(report, "smoke")
    return [f"# in [[{header}]], beneath name = {_string(smoke.name)}:", *lines] if lines else []


def _peak_budget(smoke: Smoke, peak_bytes: int) -> str:
    overlap = smoke.request is not None and smoke.request.concurrency > 1
    percent = HEADROOM_OF_OVERLAPPING_PERCENT if overlap else HEADROOM_PERCENT
    budget = rounded_up(with_headroom(peak_bytes, percent), BINARY)
    why = f"  # {percent} % over one run: requests overlap" if overlap else ""
    return f'peak-memory = "{budget}"{why}'


def _header(report: ImageReport, name: str, *, there: bool) -> str:
    """A table's header; a comment where it stands already, since TOML takes it only once.

    Of several images it is a comment too: which tables one has, and in which form, only the file
    tells, since each inherits those above.
    """
    if report.image.name != "default":
        return f"# for the image {_string(report.image.name)}, in its table `{name}`:"
    header = f"[{table_name(report, name)}]"
    return f"# in {header}, which is there already:" if there else header


def table_name(report: ImageReport, name: str) -> str:
    """As the header of a table has it: in a tfdocker.toml without the tool's name."""
    source = report.image.source
    own_file = source is not None and source.name != "pyproject.toml"
    return name if own_file else f"tool.tfdocker.{name}"


def _string(text: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return msgspec.json.encode(text).decode()


def with_headroom(size_bytes: int, percent: int = HEADROOM_PERCENT) -> int:
    """What is measured, and a share of it more."""
    return size_bytes + size_bytes * percent // 100


def rounded_up(size_bytes: int, units: dict[str, int]) -> str:
    """A budget of two figures, never below the value: 1,529 MB → "1.6 GB", 0 → "1 MB"."""
    fitting = [name for name, factor in units.items() if size_bytes >= factor]
    name = fitting[-1] if fitting else next(iter(units))
    tenths = -(-10 * size_bytes // units[name])
    fine = tenths < LEAST_OF_TWO_FIGURES and name.startswith("G")
    step = 1 if fine else 100 if tenths >= LEAST_OF_THREE_FIGURES else 10
    return f"{max(step, -(-tenths // step) * step) / 10:g} {name}"
