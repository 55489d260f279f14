"""The terminal's summary: what was measured, what could be budgeted, what was judged."""

from collections import Counter
from collections.abc import Sequence

from pytest_tfdocker.checks.bloat import fix_of, layer_of, row, unread_packages
from pytest_tfdocker.checks.comparison import difference
from pytest_tfdocker.checks.limits import OUT_OF_REACH
from pytest_tfdocker.checks.run_story import throttled_words
from pytest_tfdocker.checks.size import above_base, layer_rows
from pytest_tfdocker.checks.wasted import waste_rows
from pytest_tfdocker.evidence.records import (
    Absent,
    Distribution,
    Download,
    ImageEvidence,
    Imports,
    Run,
)
from pytest_tfdocker.report.fits import fit_lines
from pytest_tfdocker.report.image_report import CheckResult, ImageReport
from pytest_tfdocker.report.suggestions import suggest
from pytest_tfdocker.settings.units import format_cpus, format_memory, format_seconds, format_size
from pytest_tfdocker.text import bounded, one_line, printable, shorten, table

LARGEST = 5
REASONS = 3
UNREACHED = 3


def render_figures(reports: Sequence[ImageReport], width: int = 80) -> list[str]:
    """All but the last lines; none where nothing was measured."""
    lines: list[str] = []
    for report in reports:
        lines += [shorten(line, max(width, 40)) for line in _figures(report)]
        lines += _bloat(report)
        lines += _hidden(report)
        lines += fit_lines(report)
        lines += suggest(report)
        lines += _warned(report)
        lines += _not_judged(report)
        lines += _noted(report)
        lines += _not_read(report)
    return lines


def last_line(report: ImageReport) -> str:
    """What was judged: image, digest, platform, interpreter and why, counts and reasons."""
    return printable(f"tfdocker: {_what(report)}: {_counts(report)}")


def _what(report: ImageReport) -> str:
    evidence, prepared = report.known, report.prepared
    if evidence is None and prepared is not None:
        return one_line(f"{prepared.reference} {prepared.id[:19]} {prepared.platform}")
    if evidence is None:
        name = report.image.given or report.image.settings.dockerfile
        reason = report.evidence.reason if isinstance(report.evidence, Absent) else "not built"
        headline, _, _ = reason.partition("\n")
        return f"{one_line(name)} ({one_line(headline, 100)})"
    what = one_line(f"{evidence.reference} {evidence.id[:19]} {evidence.platform}")
    return f"{what}, {_interpreter(evidence)}"


def _interpreter(evidence: ImageEvidence) -> str:
    found = evidence.interpreter
    if isinstance(found, Absent):
        headline, _, _ = found.reason.partition("\n")
        return f"no interpreter ({one_line(headline, 100)})"
    python = one_line(f"python {found.executable} {found.version}")
    return f"{python} ({one_line(found.reason, 80)})"


def _counts(report: ImageReport) -> str:
    checks = report.checks
    counts = Counter(check.outcome for check in checks)
    parts = [f"{counts['passed']} passed", f"{counts['failed']} failed"]
    if not checks:
        parts = ["no check was run"]
    if counts["warned"]:
        parts.append(f"{counts['warned']} warned")
    if counts["error"]:
        parts.append(f"{_errors(counts['error'])} ({_reasons(checks, 'error')})")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} not judged ({_reasons(checks, 'skipped')})")
    if report.unreached:
        names = ", ".join(bounded(report.unreached, UNREACHED))
        parts.append(f"{len(report.unreached)} not reached ({names})")
    return ", ".join(parts)


def _errors(count: int) -> str:
    return "1 error" if count == 1 else f"{count} errors"


def _reasons(checks: Sequence[CheckResult], outcome: str) -> str:
    """The checks by reason, since one cause (an image that isn't built) stops many."""
    by_reason: dict[str, list[str]] = {}
    for check in checks:
        if check.outcome == outcome:
            by_reason.setdefault(one_line(check.headline), []).append(check.id)
    told = [
        f"{ids[0] if len(ids) == 1 else f'{len(ids)} checks'}: {reason}"
        for reason, ids in by_reason.items()
    ]
    return "; ".join(bounded(told, REASONS))


def _warned(report: ImageReport) -> list[str]:
    """What pytest keeps to itself of an expected failure: the whole text of each warning."""
    warned = [one for one in report.checks if one.outcome == "warned"]
    rows = [f"  {one.id}: {one.message}".replace("\n", "\n  ").split("\n") for one in warned]
    lines = [line for row in rows for line in row]
    return [f"warned in {report.image.name}:", *lines] if lines else []


def _not_judged(report: ImageReport) -> list[str]:
    rows = [
        f"  {one.id}: {one_line(one.headline)}"
        for one in report.checks
        if one.outcome in ("skipped", "error")
    ]
    rows += _passed_over(report)
    if not rows:
        return []
    return [f"not judged in {report.image.name}:", *bounded(rows)]


def _passed_over(report: ImageReport) -> list[str]:
    """What a check that passes could not look at; pytest shows the text of failures alone."""
    return _lines_of_passed(
        report, "not followed:", "not judged, since", "not compared", "warning:"
    )


def _lines_of_passed(report: ImageReport, *beginnings: str) -> list[str]:
    lines = [
        (one.id, line.strip())
        for one in report.checks
        if one.outcome == "passed"
        for line in one.message.split("\n")[1:]
    ]
    told: dict[str, str] = {}
    for name, line in lines:
        if line.startswith(beginnings):
            told.setdefault(line, name)
    return [f"  {name}: {one_line(line)}" for line, name in told.items()]


def _noted(report: ImageReport) -> list[str]:
    """What production's file says that this run did not have, or had in another way."""
    notes = [f"  {one_line(note)}" for note in report.image.notes]
    notes += _lines_of_passed(report, OUT_OF_REACH)
    return [f"noted in {report.image.name}:", *bounded(notes)] if notes else []


def _not_read(report: ImageReport) -> list[str]:
    """What of an image in a file is unknown, or odd."""
    files = None if report.known is None else report.known.files
    notes = [] if files is None or isinstance(files, Absent) else files.notes
    rows = [f"  {one_line(note)}" for note in notes]
    return [f"not read in {report.image.name}:", *bounded(rows)] if rows else []


def _figures(report: ImageReport) -> list[str]:
    evidence = report.known
    lines = [] if evidence is None else [*_sizes(report, evidence), *_layers(report, evidence)]
    lines += [] if evidence is None else _packages(evidence)
    lines += bounded(filter(None, map(difference, report.comparisons)), LARGEST)
    lines += [line for run in report.runs for line in (*_run(run), *_throttled(run))]
    lines += _imports(report.imports)
    if not lines:
        return []
    return [f"measured in {report.image.name}:", *(f"  {line}" for line in lines)]


def _sizes(report: ImageReport, evidence: ImageEvidence) -> list[str]:
    total, wasted = evidence.total_bytes, evidence.wasted_bytes
    parts = [] if total is None else [f"{format_size(total)} in all"]
    parts += [] if wasted is None else [f"{format_size(wasted)} wasted"]
    if not isinstance(evidence.files, Absent):
        count = evidence.files.count
        parts.append(f"{count:,} files" if count != 1 else "1 file")
    if isinstance(report.download, Download):
        about = "about " if report.download.source == "estimate" else ""
        parts.append(f"{about}{format_size(report.download.bytes)} to download")
    return [f"size: {', '.join(parts)}"] if parts else []


def _layers(report: ImageReport, evidence: ImageEvidence) -> list[str]:
    layers = above_base(evidence)[:LARGEST]
    rows = table(layer_rows(report.image, layers))
    return ["largest layers:", *(f"  {row}" for row in rows)] if rows else []


def _bloat(report: ImageReport) -> list[str]:
    """What could be saved: it fails nothing unless `size.bloat` says so."""
    evidence = report.known
    if evidence is None or isinstance(evidence.files, Absent):
        return []
    found = report.bloat
    unread = unread_packages(evidence.files)
    if not found:
        return unread
    rows = table([row(report.image, evidence, one) for one in found])
    mends = [fix_of(evidence, one, layer_of(evidence, one)) for one in found]
    fixes = [f"{line}\n    {mend}" for line, mend in zip(rows, mends, strict=True)]
    lines = [line for fix in bounded(fixes) for line in fix.split("\n")]
    return [f"could be saved in {report.image.name}:", *(f"  {line}" for line in lines), *unread]


def _hidden(report: ImageReport) -> list[str]:
    """Which files of which layer a later one hides, where somebody has asked for it."""
    waste, evidence = report.waste, report.known
    if not report.waste_asked or evidence is None or waste is None:
        return []
    if isinstance(waste, Absent):
        return [f"hidden by later layers in {report.image.name}: {one_line(waste.reason)}"]
    rows = waste_rows(report.image, evidence, waste) or ["nothing"]
    return [f"hidden by later layers in {report.image.name}:", *(f"  {row}" for row in rows)]


def _packages(evidence: ImageEvidence) -> list[str]:
    if isinstance(evidence.distributions, Absent):
        return []
    known = [one for one in evidence.distributions.installed if one.bytes]
    largest = sorted(known, key=_by_bytes)[:LARGEST]
    rows = table(
        [(format_size(one.bytes or 0), one_line(f"{one.name} {one.version}")) for one in largest]
    )
    return ["largest distributions:", *(f"  {row}" for row in rows)] if rows else []


def _by_bytes(distribution: Distribution) -> tuple[int, str]:
    return -(distribution.bytes or 0), distribution.name


def _run(run: Run) -> list[str]:
    limit = run.limits.memory_bytes
    peak = "not known" if run.peak_bytes is None else format_memory(run.peak_bytes)
    of = "no memory limit" if limit is None else f"limit {format_memory(limit)}"
    kernel = run.kernel_peak_bytes
    cached = "" if kernel is None else f"; {format_memory(kernel)} with page cache"
    took = format_seconds(run.seconds)
    return [f"{one_line(run.name, 30)}: peak {peak}, {of}{cached}; {took}"]


def _throttled(run: Run) -> list[str]:
    words, limit = throttled_words(run.throttled_seconds, run.seconds), run.limits.cpus
    if not words or limit is None:
        return []
    return [f"{one_line(run.name, 30)}: {words} by {format_cpus(limit)}, see `threads`"]


def _imports(imports: Imports | Absent | None) -> list[str]:
    if not isinstance(imports, Imports):
        return []
    tried = [one for one in imports.modules.values() if one.ok]
    told = ", ".join(f"{one.name} {format_seconds(one.seconds)}" for one in tried)
    return [f"imports: {told}"] if told else []
