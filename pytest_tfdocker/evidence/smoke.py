"""Collects runs of the user's own program: a script, a command, or the service and requests."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.evidence.held import held_run, is_held
from pytest_tfdocker.evidence.passed_files import (
    FOLDER,
    PassedFiles,
    PassedFilesError,
    collect_files,
    crowd_out,
)
from pytest_tfdocker.evidence.records import Absent, Interpreter, Run
from pytest_tfdocker.evidence.repeats import fold
from pytest_tfdocker.evidence.run_record import killed_run, run_record
from pytest_tfdocker.evidence.script_errors import missing_module, syntax_error
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.settings import schema
from pytest_tfdocker.settings.json_path import parse_path

NOTHING_TO_START = "the image has neither ENTRYPOINT nor CMD, and the settings name no command"
NO_PORT = (
    "no port to ask: the image EXPOSEs none\n"
    "set `port` in the smoke's `request`, or in [tool.tfdocker.run]"
)
_MEMORY_FILE = re.compile(
    r'(?<=File ")/proc/1/fd/\d+(?=")|(?<=in file )/proc/1/fd/\d+|^/proc/1/fd/\d+(?=:\d+: )',
    re.MULTILINE,
)
"""A file of the supervisor's where an interpreter's own words name it."""
_PASSED_FILE = re.compile(rf'(?:(?<=File ")|(?<=in file )){re.escape(FOLDER)}/')


def collect_run(
    supervised: Supervised,
    name: str,
    *,
    timeout_seconds: float,
    command: list[str] | None = None,
    script: bytes | None = None,
    script_name: str = "script.py",
    request: schema.Request | None = None,
    passed: PassedFiles | None = None,
    warm_up: int = 0,
    repeat: int = 1,
    is_passed: bool = False,
) -> Run | Absent:
    """One finished run: of a script that is sent in, a command, or the service and its requests.

    `timeout_seconds` is for each run of a program, and for all requests together. `is_passed`: the
    script is among the `passed` files, by `script_name`, and runs from there.
    """
    interpreter = supervised.interpreter
    if isinstance(interpreter, Absent):
        if command is None or (passed is not None and passed.files) or not is_held(supervised):
            return _needs_python(supervised, interpreter, script, command)
        return _held(supervised, name, command, timeout_seconds, warm_up, repeat)
    path: object = f"{FOLDER}/{script_name}" if is_passed else {"file": script_name}
    argv = _argv(supervised, interpreter, command, script, path)
    crowded = crowd_out(passed or PassedFiles(), supervised.limits.memory_bytes)
    if not argv or crowded:
        return Absent(reason=crowded or NOTHING_TO_START, limit_too_small=bool(crowded))
    child: dict[str, object] = {"name": name, "argv": argv, "timeout_seconds": timeout_seconds}
    runs = warm_up + repeat
    if request is not None:
        port = request.port or next(iter(service_ports(supervised)), None)
        if port is None:
            return Absent(reason=NO_PORT)
        child["request"] = _request(request, port, warm_up, repeat)
        runs = 1
    found = supervised.children(
        [child] * runs,
        files={script_name: script} if script is not None and not is_passed else {},
        passed=passed,
        script=script is not None,
        until_failure=runs > 1,
    )
    told = [interpreter.executable, script_name] if script is not None else argv
    if isinstance(found, Absent):
        return killed_run(supervised, name, told) if found.oom_killed else found
    records = [run_record(supervised, name, told, found[0], one) for one in found[1]]
    if script is not None:
        records = [_named(one, script_name, interpreter.version) for one in records]
    return fold(records, *((0, 1) if request is not None else (warm_up, repeat)))


def _needs_python(
    supervised: Supervised, why: Absent, script: bytes | None, command: list[str] | None
) -> Absent:
    """Why an image without an interpreter has no such run."""
    if not is_held(supervised):
        return why
    first, *rest = why.reason.split("\n")
    if command is not None:
        what = "files are passed in by it; a `command` without any does without"
    elif script is not None:
        what = "a script runs on it; a `command` does without"
    else:
        what = "a request is sent by it; a `command` does without"
    return Absent(reason="\n".join([first, what, *rest]))


def _held(
    supervised: Supervised,
    name: str,
    command: list[str],
    timeout_seconds: float,
    warm_up: int,
    repeat: int,
) -> Run | Absent:
    """A shell holds one program, so each of several runs has a container of its own."""
    runs: list[Run] = []
    for _ in range(warm_up + repeat):
        found = held_run(supervised, name, command, timeout_seconds)
        if isinstance(found, Absent):
            return found
        runs.append(found)
        if not found.ended_well:
            break
    return fold(runs, warm_up, repeat)


def _request(request: schema.Request, port: int, warm_up: int, repeat: int) -> dict[str, object]:
    return {
        "path": request.path,
        "port": port,
        "method": request.method,
        "headers": request.headers,
        "body": request.body,
        "json": request.json,
        "status": request.status,
        "expect": [[path, parse_path(path), value] for path, value in request.expect.items()],
        "ready": request.ready,
        "concurrency": request.concurrency,
        "warm_up": warm_up,
        "repeat": repeat,
    }


def _named(run: Run, script_name: str, version: str) -> Run:
    """With the script's own name where its tracebacks have the file that it ran from."""
    named = {
        stream: _PASSED_FILE.sub("", _MEMORY_FILE.sub(script_name, getattr(run, stream)))
        for stream in ("stdout", "stderr")
    }
    error = run.error
    if run.exit_code and not (error or run.oom_killed or run.timed_out):
        error = syntax_error(named["stderr"], script_name, version)
    return msgspec.structs.replace(run, **named, error=error)


def _argv(
    supervised: Supervised,
    interpreter: Interpreter,
    command: list[str] | None,
    script: bytes | None,
    path: object,
) -> list[Any]:
    """What the supervisor starts; {"file": NAME} is a file that it is sent."""
    if script is not None:
        # -P: sys.path[0] would be the root folder, since a memory file has no folder of its own
        version = tuple(int(part) for part in interpreter.version.split(".")[:2])
        safe = ["-P"] if version >= (3, 11) and not isinstance(path, str) else []
        return [interpreter.executable, *safe, path]
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


def service_ports(supervised: Supervised) -> list[int]:
    """Of TCP: `run.port`, which Compose may set; else those EXPOSEd, lowest first."""
    if supervised.settings.port is not None:
        return [supervised.settings.port]
    ports = [port.partition("/") for port in supervised.evidence.config.ports]
    tcp = [number for number, _, kind in ports if kind in ("tcp", "") and number.isdigit()]
    return sorted(map(int, tcp))


def run_smoke(supervised: Supervised, image: schema.Image, smoke: schema.Smoke) -> Run | Absent:
    """The run of a smoke of the settings, of whichever of the three kinds it is."""
    given: dict[str, Any] = {"timeout_seconds": float(smoke.timeout)}
    given |= {"warm_up": smoke.warm_up, "repeat": smoke.repeat}
    if smoke.script is not None:
        path = image.root / smoke.script
        try:
            return collect_script(supervised, smoke.name, path, image.root, smoke.files, **given)
        except OSError as error:
            return Absent(reason=f"{smoke.script} can't be read: {error.strerror}")
    try:
        passed = collect_files(image.root, smoke.files)
    except PassedFilesError as error:
        return Absent(reason=str(error))
    if smoke.request is not None:
        given["request"] = smoke.request
    else:
        is_list = isinstance(smoke.command, list)
        given["command"] = smoke.command if is_list else _shell(str(smoke.command or ""))
    return collect_run(supervised, smoke.name, passed=passed, **given)


def collect_script(
    supervised: Supervised,
    name: str,
    script: Path,
    root: Path,
    files: Sequence[str],
    **given: Any,
) -> Run | Absent:
    """The run of a script of the repo, which stands beside `files`, if any. Raises OSError."""
    data, script_name, is_passed = script.read_bytes(), script.name, False
    script, root = (Path(os.path.normpath(one)) for one in (script, root))
    if files and script.is_relative_to(root):
        script_name = script.relative_to(root).as_posix()
        files, is_passed = [*files, script_name], True
    try:
        passed = collect_files(root, files)
    except PassedFilesError as error:
        return Absent(reason=str(error))
    run = collect_run(
        supervised,
        name,
        script=data,
        script_name=script_name,
        passed=passed,
        is_passed=is_passed,
        **given,
    )
    if isinstance(run, Absent):
        return run
    names = [one.name for one in passed.files]
    missing = missing_module(run.stderr, root, script, names)
    return msgspec.structs.replace(run, missing_module=missing)


def with_env(run: schema.Run, env: Sequence[str]) -> schema.Run:
    """The settings of a run with more variables, which replace those of the same name."""
    names = {one.partition("=")[0] for one in env}
    kept = [one for one in run.env if one.partition("=")[0] not in names]
    return msgspec.structs.replace(run, env=[*kept, *env])


def _shell(text: str) -> list[str]:
    """A command given as text is a shell's, as in a Dockerfile."""
    return ["/bin/sh", "-c", text]
