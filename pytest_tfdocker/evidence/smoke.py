"""Collects runs of the user's own program: a script, a command, or the service and a request."""

import re
import signal
from typing import Any

import msgspec

from pytest_tfdocker.evidence.records import WHOLE_RUN, Absent, Effective, Interpreter, Phase, Run
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.evidence.working import LAG_BYTES, working_peak
from pytest_tfdocker.settings import schema

NOTHING_TO_START = "the image has neither ENTRYPOINT nor CMD, and the settings name no command"
_MEMORY_FILE = re.compile(r'File "/proc/1/fd/\d+"')


def collect_run(
    supervised: Supervised,
    name: str,
    *,
    timeout_seconds: float,
    command: list[str] | None = None,
    script: bytes | None = None,
    script_name: str = "script.py",
    request: schema.Request | None = None,
) -> Run | Absent:
    """One finished run: of a script that is sent in, a command, or the service and one request."""
    interpreter = supervised.evidence.interpreter
    if isinstance(interpreter, Absent):
        return interpreter
    argv = _argv(supervised, interpreter, command, script, script_name)
    if not argv:
        return Absent(reason=NOTHING_TO_START)
    child: dict[str, object] = {"name": name, "argv": argv, "timeout_seconds": timeout_seconds}
    if request is not None:
        child["request"] = {
            "path": request.path,
            "port": request.port,
            "method": request.method,
            "headers": request.headers,
            "body": request.body,
            "json": request.json,
            "status": request.status,
        }
    files = {script_name: script} if script is not None else {}
    found = supervised.children([child], files=files, script=script is not None)
    told = [interpreter.executable, script_name] if script is not None else argv
    if isinstance(found, Absent):
        return killed_run(supervised, name, told) if found.oom_killed else found
    run = run_record(supervised, name, told, found[0], found[1][0])
    return _with_name(run, script_name) if script is not None else run


def _with_name(run: Run, script_name: str) -> Run:
    """A script runs from a memory file, which its tracebacks would name: the name instead."""
    named = {
        stream: _MEMORY_FILE.sub(f'File "{script_name}"', getattr(run, stream))
        for stream in ("stdout", "stderr")
    }
    return msgspec.structs.replace(run, **named)


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


def _argv(
    supervised: Supervised,
    interpreter: Interpreter,
    command: list[str] | None,
    script: bytes | None,
    script_name: str,
) -> list[Any]:
    """What the supervisor starts; {"file": NAME} is a file that it is sent."""
    if script is not None:
        # -P: sys.path[0] would be the root folder, since a memory file has no folder of its own
        version = tuple(int(part) for part in interpreter.version.split(".")[:2])
        safe = ["-P"] if version >= (3, 11) else []
        return [interpreter.executable, *safe, {"file": script_name}]
    if command is not None:
        return command
    return service_argv(supervised)


def service_argv(supervised: Supervised) -> list[str]:
    """What production starts: ENTRYPOINT and CMD, as the settings or Compose override them."""
    run, config = supervised.settings, supervised.evidence.config
    entrypoint = run.entrypoint if run.entrypoint is not None else config.entrypoint
    # A new entrypoint drops the image's CMD, as `docker run --entrypoint` and Compose do
    own = config.command if run.entrypoint is None else []
    return [*entrypoint, *(run.command if run.command is not None else own)]


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


def run_smoke(supervised: Supervised, image: schema.Image, smoke: schema.Smoke) -> Run | Absent:
    """The run of a smoke of the settings, of whichever of the three kinds it is."""
    timeout = float(smoke.timeout)
    if smoke.script is not None:
        path = image.root / smoke.script
        try:
            data = path.read_bytes()
        except OSError as error:
            return Absent(reason=f"{smoke.script} can't be read: {error.strerror}")
        return collect_run(
            supervised, smoke.name, timeout_seconds=timeout, script=data, script_name=path.name
        )
    if smoke.request is not None:
        return collect_run(supervised, smoke.name, timeout_seconds=timeout, request=smoke.request)
    command = smoke.command if isinstance(smoke.command, list) else _shell(smoke.command or "")
    return collect_run(supervised, smoke.name, timeout_seconds=timeout, command=command)


def _shell(text: str) -> list[str]:
    """A command given as text is a shell's, as in a Dockerfile."""
    return ["/bin/sh", "-c", text]
