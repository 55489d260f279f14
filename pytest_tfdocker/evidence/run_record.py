"""The supervisor's record of one child as evidence: a finished run."""

import signal
from typing import Any

from pytest_tfdocker.evidence.records import WHOLE_RUN, Absent, Effective, Phase, Run
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.evidence.working import LAG_BYTES, working_peak


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
    request = told.get("request")
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
        seconds=told["seconds"],
        cpu_seconds=told.get("cpu_seconds"),
        throttled_seconds=told.get("throttled_seconds"),
        largest_gap_seconds=told.get("gap_seconds"),
        phases=_phases(told),
        samples=[(seconds, working, cache) for seconds, working, cache in told["samples"]],
        stdout=told["stdout"],
        stderr=told["stderr"],
        largest_processes=[
            f"{process} (pid {pid}) {size / (1 << 20):.0f} MiB"
            for size, process, pid in told["processes"]
        ],
        error=told["error"],
        started=supervised.started,
        request_error=_request_error(told, request),
    )


def _phases(told: dict[str, Any]) -> list[Phase]:
    """The phases that the program named; the stretch before only if it lasted or holds the peak."""
    phases = [Phase(name=name, seconds=s, peak_bytes=peak) for name, s, peak in told["phases"]]
    if len(phases) == 1:
        return [Phase(name=WHOLE_RUN, seconds=phases[0].seconds, peak_bytes=phases[0].peak_bytes)]
    peaks = [phase.peak_bytes or 0 for phase in phases]
    is_short = phases[0].seconds < 0.5  # noqa: PLR2004
    return phases[1:] if is_short and peaks[0] <= max(peaks[1:]) + LAG_BYTES else phases


def _request_error(told: dict[str, Any], request: dict[str, Any] | None) -> str | None:
    if request is None or request["answered"]:
        return None
    if request["error"] and (told["stopped"] or not told["exit_code"]):
        return str(request["error"])
    if told["timed_out"] and not request["sent"]:
        return f"nothing listened on port {request['port']}"
    if told["timed_out"]:
        return "no answer within the time limit"
    return f"the service ended with exit code {told['exit_code']} before it had answered"


def killed_run(supervised: Supervised, name: str, command: list[str]) -> Run:
    """What is left to say where the kernel killed the supervisor too."""
    return Run(
        name=name,
        command=[supervised.mask(word) for word in command],
        limits=supervised.limits,
        effective=Absent(reason="the kernel killed the supervisor too"),
        exit_code=128 + signal.SIGKILL,
        oom_killed=True,
    )
