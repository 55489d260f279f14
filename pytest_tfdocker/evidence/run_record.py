"""The supervisor's record of one child as evidence: a finished run."""

import signal
from typing import Any

import msgspec

from pytest_tfdocker.evidence.records import (
    WHOLE_RUN,
    Absent,
    Effective,
    Phase,
    Requests,
    Resources,
    Run,
)
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.evidence.working import LAG_BYTES, working_peak

LOAD = "load"
"""As the supervisor names it when a file of weights is mapped or open."""
LOAD_AND_ALL = "load, inference"


def run_record(
    supervised: Supervised,
    name: str,
    command: list[str],
    effective_limits: Effective | Absent,
    told: dict[str, Any],
) -> Run:
    """The supervisor's record of one child as evidence; the command is masked here."""
    # What never started has no peak, whatever the supervisor beside it took
    peak, source = (None, None) if told["error"] else working_peak(told)
    request, warm_up = told.get("request"), told.get("warm_up") or (0.0, 0.0, 0.0)
    return Run(
        name=name,
        command=[supervised.mask(word) for word in command],
        limits=supervised.limits,
        effective=effective_limits,
        exit_code=None if told["stopped"] else told["exit_code"],
        timed_out=told["timed_out"],
        oom_killed=None if told.get("oom_kills") is None else bool(told["oom_kills"]),
        peak_bytes=peak,
        peak_source=source,
        kernel_peak_bytes=told.get("kernel_peak_bytes"),
        # Requests before those that count are no more judged by their time than they are
        seconds=told["seconds"] - warm_up[0],
        cpu_seconds=_without(told.get("cpu_seconds"), warm_up[1]),
        throttled_seconds=_without(told.get("throttled_seconds"), warm_up[2]),
        largest_gap_seconds=told.get("gap_seconds"),
        phases=_phases(told),
        phases_named=told["phases_named"],
        phases_left_out=told["phases_left_out"],
        samples=[(seconds, working, cache) for seconds, working, cache in told["samples"]],
        resources=[_resources(row) for row in told["resources"]],
        swapped_bytes=told.get("swapped_bytes"),
        tasks=told.get("tasks"),
        refaulted_bytes=told.get("refaulted_bytes"),
        major_faults=told.get("major_faults"),
        killed=_names(told, "gone"),
        survivors=_names(told, "alive"),
        killed_in=told.get("killed_in") if len(told["phases"]) > 1 else None,
        stdout=told["stdout"],
        stderr=told["stderr"],
        shared_bytes=told.get("shared_bytes"),
        largest_processes=[
            f"{process} (pid {pid}) {size / (1 << 20):.0f} MiB"
            for size, process, pid in told["processes"]
        ],
        error=told["error"],
        started=supervised.started,
        request_error=_request_error(told, request),
        requests=_requests(request, warm_up[0]) if request else None,
    )


def _without(seconds: float | None, warm_up_seconds: float | None) -> float | None:
    return None if seconds is None else seconds - (warm_up_seconds or 0.0)


def _resources(row: list[Any]) -> Resources:
    seconds, swapped, tasks, cpu, throttled = row
    return Resources(
        seconds=seconds,
        swapped_bytes=swapped,
        tasks=tasks,
        cpu_seconds=cpu,
        throttled_seconds=throttled,
    )


def _names(told: dict[str, Any], which: str) -> list[str]:
    return [f"{name} (pid {pid})" for name, pid in told.get("killed", {}).get(which, [])]


def _phases(told: dict[str, Any]) -> list[Phase]:
    """The phases that the program named, without a short and small stretch before.

    With it where the kernel killed in it. Of one that named none, what was seen of it; one phase
    alone is the whole run.
    """
    phases = [Phase(**row) for row in told["phases"]]
    if len(phases) == 1:
        return [msgspec.structs.replace(phases[0], name=WHOLE_RUN)]
    if not told["phases_named"]:
        return _seen(phases, told.get("killed_in"))
    peaks = [phase.peak_bytes or 0 for phase in phases]
    is_short = phases[0].seconds < 0.5 and not told.get("request")  # noqa: PLR2004
    is_small = peaks[0] <= max(peaks[1:]) + LAG_BYTES
    is_told = told.get("killed_in") == phases[0].name
    return phases[1:] if is_short and is_small and not is_told else phases


def _seen(phases: list[Phase], killed_in: str | None) -> list[Phase]:
    """Weights that stay mapped to the end don't tell where loading ended; a kill in it does."""
    last = phases[-1]
    if last.name == LOAD and killed_in != LOAD:
        return [*phases[:-1], msgspec.structs.replace(last, name=LOAD_AND_ALL)]
    return phases


def _requests(request: dict[str, Any], warm_up_seconds: float) -> Requests:
    seconds = request["seconds"] or {}
    return Requests(
        count=request["count"],
        answered=max(0, request["answered"] - request["warm_up"]),
        warm_up=request["warm_up"],
        warm_up_seconds=warm_up_seconds,
        concurrency=request["concurrency"],
        min_seconds=seconds.get("min"),
        median_seconds=seconds.get("median"),
        p95_seconds=seconds.get("p95"),
        max_seconds=seconds.get("max"),
    )


def _request_error(told: dict[str, Any], request: dict[str, Any] | None) -> str | None:
    if request is None or (request["done"] and not request["error"]):
        return None
    if request["error"] and (told["stopped"] or not told["exit_code"]):
        return str(request["error"])
    if told["timed_out"]:
        if request["is_ready"]:
            which = request["waits_for"].removesuffix(": ")
            return f"no answer to {which}" if which else "no answer within the time limit"
        return _not_ready(request)
    return f"the service ended with exit code {told['exit_code']} {_how_far(request)}"


def _not_ready(request: dict[str, Any]) -> str:
    port, ready = request["port"], request["ready"]
    if request["seen"] is not None and ready:
        return f"not ready: GET {ready} gave {request['seen']}"
    if port in request["listening"]:
        return f"port {port} is listened on, but not at 127.0.0.1"
    others = ", ".join(map(str, request["listening"][:3]))
    return f"nothing listened on port {port}" + (f", but on {others}" if others else "")


def _how_far(request: dict[str, Any]) -> str:
    total = request["warm_up"] + request["count"]
    if not request["is_ready"]:
        return "before it was ready"
    if total == 1:
        return "before it had answered"
    return f"after {request['answered']} of {total} requests"


def killed_run(supervised: Supervised, name: str, command: list[str]) -> Run:
    """What is left to say where the kernel killed the supervisor too."""
    return Run(
        name=name,
        command=[supervised.mask(word) for word in command],
        limits=supervised.limits,
        effective=Absent(reason="the kernel killed the supervisor too"),
        exit_code=128 + signal.SIGKILL,
        oom_killed=True,
        started=supervised.started,
    )
