"""Collects runs of the user's own program: a script, a command, or the service and a request."""

import re
from typing import Any

import msgspec

from pytest_tfdocker.evidence.held import held_run, is_held
from pytest_tfdocker.evidence.records import Absent, Interpreter, Run
from pytest_tfdocker.evidence.run_record import killed_run, run_record
from pytest_tfdocker.evidence.supervised import Supervised
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
    interpreter = supervised.interpreter
    if isinstance(interpreter, Absent):
        if not is_held(supervised):
            return interpreter
        if command is not None:
            return held_run(supervised, name, command, timeout_seconds)
        first, *rest = interpreter.reason.split("\n")
        what = "a script runs on it" if script is not None else "a request is sent by it"
        return Absent(reason="\n".join([first, f"{what}; a `command` does without", *rest]))
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
