"""The JSON report, schema 1: docs/json.md. Keys may be added, none renamed."""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.checks.bloat import fix_of, layer_of
from pytest_tfdocker.checks.comparison import Comparison
from pytest_tfdocker.evidence.records import (
    Absent,
    Download,
    Fit,
    Gpu,
    ImageEvidence,
    Import,
    Imports,
    Limits,
    Run,
    Threads,
    Waste,
)
from pytest_tfdocker.report.image_report import ImageReport
from pytest_tfdocker.text import encodable

SCHEMA = 1


def render(images: Sequence[ImageReport], tool_version: str | None) -> bytes:
    """The whole report, as UTF-8 text that ends in a newline."""
    report = {
        "schema": SCHEMA,
        "tool": {"name": "pytest-tfdocker", "version": tool_version},
        "images": [_image(report) for report in images],
    }
    encoded = msgspec.json.encode(encodable(report), enc_hook=str)
    return msgspec.json.format(encoded, indent=2) + b"\n"


def write_json(path: Path, images: Sequence[ImageReport]) -> None:
    """Writes the report, whole or not at all; its folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{os.getpid()}")
    whole.write_bytes(render(images, _version()))
    whole.replace(path)


def _version() -> str | None:
    """None where the plugin runs from a checkout that isn't installed."""
    try:
        return version("pytest-tfdocker")
    except PackageNotFoundError:
        return None


def _image(report: ImageReport) -> dict[str, Any]:
    evidence, image = report.known, report.image
    there = evidence or report.prepared
    return {
        "name": image.name,
        "reference": there.reference if there else image.given,
        "id": there.id if there else None,
        "digests": evidence.digests if evidence else None,
        "platform": there.platform if there else image.settings.build.platform,
        "dockerfile": image.settings.dockerfile,
        "engine": _engine(evidence),
        "build": _part(evidence.build if evidence else None, "builder", "seconds", "cached"),
        "interpreter": _part(
            evidence.interpreter if evidence else None,
            *("executable", "reason", "version", "platform"),
        ),
        "size": _size(report, evidence),
        "dependencies": _dependencies(report),
        "imports": _imports(report.imports),
        "gpu": _gpu(report.gpu),
        "threads": _threads(report.threads),
        "comparisons": [_comparison(one) for one in report.comparisons],
        "runs": [_run(run, (report.fits or {}).get(run.name)) for run in report.runs],
        "checks": [
            _part(check, "id", "outcome", "measured", "budget", "message")
            for check in report.checks
        ],
        "unreached": list(report.unreached),
    }


def _part(part: object, *names: str) -> dict[str, Any] | None:
    """The named fields; None where the part is absent."""
    if part is None or isinstance(part, Absent):
        return None
    return {name: getattr(part, name) for name in names}


def _engine(evidence: ImageEvidence | None) -> dict[str, Any] | None:
    engine = evidence.engine if evidence else None
    return _part(engine, "name", "version", "cgroup_version", "store", "remote")


def _size(report: ImageReport, evidence: ImageEvidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    download = report.download if isinstance(report.download, Download) else None
    return {
        "total_bytes": evidence.total_bytes,
        "download_bytes": download.bytes if download else None,
        "download_source": download.source if download else None,
        "wasted_bytes": evidence.wasted_bytes,
        "files": None if isinstance(evidence.files, Absent) else evidence.files.count,
        "layers": [_part(one, "instruction", "line", "bytes", "base") for one in evidence.layers]
        or None,
        "distributions": _distributions(evidence),
        "bloat": _bloat(report, evidence),
        "waste": _waste(report.waste),
    }


def _waste(waste: Waste | Absent | None) -> dict[str, Any] | None:
    if not isinstance(waste, Waste):
        return None
    hidden = ("layer", "by", "how", "bytes")
    return {
        "bytes": waste.bytes,
        "count": waste.count,
        "by_number": waste.by_number,
        "groups": [_part(one, *hidden, "count", "below") for one in waste.groups],
        "files": [_part(one, *hidden, "path", "now") for one in waste.files],
    }


def _bloat(report: ImageReport, evidence: ImageEvidence) -> list[Any] | None:
    if isinstance(evidence.files, Absent):
        return None
    found = []
    for one in report.bloat:
        layer = layer_of(evidence, one)
        found.append(
            {
                "cause": one.cause,
                "bytes": one.bytes,
                "paths": one.paths,
                "instruction": layer.instruction if layer else None,
                "line": layer.line if layer else None,
                "fix": fix_of(evidence, one, layer),
            }
        )
    return found


def _distributions(evidence: ImageEvidence) -> list[Any] | None:
    if isinstance(evidence.distributions, Absent):
        return None
    installed = evidence.distributions.installed
    return [_part(one, "name", "version", "bytes", "path") for one in installed]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    told = ("kind", "name", "version", "than_version", "bytes", "than_bytes")
    owners = comparison.owners
    return {
        "than": comparison.than,
        "than_id": comparison.than_id,
        "bytes": comparison.bytes,
        "owners": None if owners is None else [_part(one, *told) for one in owners],
    }


def _dependencies(report: ImageReport) -> dict[str, Any]:
    evidence, declared = report.known, report.declared
    installed = evidence.distributions if evidence else None
    return {
        "declared": None
        if declared is None
        else [f"{one.name}{one.specifier}" for one in declared.requirements],
        "installed": None
        if installed is None or isinstance(installed, Absent)
        else [f"{one.name}=={one.version}" for one in installed.installed],
        "problems": None
        if report.problems is None
        else [
            _part(one, "kind", "name", "wanted", "found", "source", "line")
            for one in report.problems
        ],
    }


def _imports(imports: Imports | Absent | None) -> list[dict[str, Any]] | None:
    if not isinstance(imports, Imports):
        return None
    return [_import(one) for one in imports.modules.values()]


def _import(tried: Import) -> dict[str, Any]:
    error = "killed by SIGKILL: out of memory" if tried.oom_killed else None
    return {
        "name": tried.name,
        "ok": tried.ok,
        "seconds": tried.seconds,
        "rss_bytes": tried.rss_bytes,
        "warnings": tried.warnings,
        "error": tried.error or error,
        "version": tried.version,
    }


def _gpu(gpu: Gpu | Absent | None) -> dict[str, Any] | None:
    if not isinstance(gpu, Gpu):
        return None
    devices = [_part(one, "name", "capability", "memory_bytes") for one in gpu.devices]
    frameworks = [
        _part(one, "name", "version", "cuda", "architectures", "sees", "kernel_ran", "error")
        for one in gpu.frameworks
    ]
    return {
        "visible": gpu.visible,
        "devices": devices,
        "driver": gpu.driver,
        "frameworks": frameworks,
        "error": gpu.error,
    }


def _threads(threads: Threads | Absent | None) -> dict[str, Any] | None:
    if not isinstance(threads, Threads):
        return None
    told = ("name", "version", "library", "threads", "inter_op", "reads", "given", "error")
    return {
        "cpus": threads.cpus,
        "cores": threads.cores,
        "frameworks": [_part(one, *told) for one in threads.frameworks],
    }


def _run(run: Run, fit: Fit | Absent | None) -> dict[str, Any]:
    return {
        "name": run.name,
        "limits": _limits(run.limits),
        "effective": _part(run.effective, "memory_bytes", "swap_bytes", "cpus", "pids"),
        "exit_code": run.exit_code,
        "timed_out": run.timed_out,
        "oom_killed": run.oom_killed,
        "peak_bytes": run.peak_bytes,
        "peak_source": run.peak_source,
        "kernel_peak_bytes": run.kernel_peak_bytes,
        "seconds": run.seconds,
        "cpu_seconds": run.cpu_seconds,
        "throttled_seconds": run.throttled_seconds,
        "swapped_bytes": run.swapped_bytes,
        "refaulted_bytes": run.refaulted_bytes,
        "major_faults": run.major_faults,
        "tasks": run.tasks,
        "largest_gap_seconds": run.largest_gap_seconds,
        "killed": run.killed,
        "phases": [msgspec.to_builtins(phase) for phase in run.phases],
        "samples": run.samples,
        "resources": [msgspec.structs.astuple(sample) for sample in run.resources],
        "requests": _part(
            run.requests,
            *("count", "answered", "warm_up", "concurrency"),
            *("min_seconds", "median_seconds", "p95_seconds", "max_seconds"),
        ),
        "repeats": _part(run.repeats, "warm_up", "count", "seconds", "peak_bytes", "broken"),
        "error": run.error or run.request_error,
        "fit": _fit(fit),
    }


def _fit(fit: Fit | Absent | None) -> dict[str, Any] | None:
    told = ("smallest_bytes", "failing_bytes", "failed_by", "limit_bytes", "runs", "seconds")
    found = _part(fit, *told, "notes")
    if found is None or not isinstance(fit, Fit):
        return None
    trials = [_part(one, "limit_bytes", "outcome", "why", "seconds") for one in fit.trials]
    return {**found, "trials": trials}


def _limits(limits: Limits) -> dict[str, Any] | None:
    return _part(limits, "memory_bytes", "swap_bytes", "cpus", "pids")
