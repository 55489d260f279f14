"""Collects supervised runs: a smoke, the imports, the limits in force, all by the same PID 1."""

import os
import signal
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import ConnectionLostError, EngineError
from pytest_tfdocker.evidence.records import (
    Absent,
    Effective,
    ImageEvidence,
    Import,
    Imports,
    Interpreter,
    Limits,
    Phase,
    Run,
)
from pytest_tfdocker.evidence.working import working_peak
from pytest_tfdocker.settings import schema

SAMPLE_SECONDS = 0.02
KEEP_OUTPUT_BYTES = 64 << 10
GRACE_SECONDS = 10.0
SETTLE_SECONDS = 30.0
"""Beyond the children's own time limits: the engine's start, the last figures, the removal."""


class Mask:
    """Values taken from the environment by name, which are never printed nor stored."""

    def __init__(self, values: list[str]) -> None:
        """Values under four characters would mask half of the text, and are no secret."""
        self._values = [value for value in values if len(value) > 3]  # noqa: PLR2004

    def __call__(self, text: str) -> str:
        """The text with every such value as ***."""
        for value in self._values:
            text = text.replace(value, "***")
        return text


def environment(env: list[str]) -> tuple[list[str], Mask]:
    """NAME=VALUE for each entry; a bare name is taken from ours, where it is set."""
    taken = {name: os.environ[name] for name in env if "=" not in name and name in os.environ}
    full = [item for item in env if "=" in item]
    return full + [f"{name}={value}" for name, value in taken.items()], Mask([*taken.values()])


def asked_limits(run: schema.Run, engine_cpus: int) -> Limits:
    """The limits of the settings; CPUs above the engine's are lowered to what it has."""
    cpus = min(run.cpus, engine_cpus) if run.cpus and engine_cpus else run.cpus
    memory = int(run.memory) if run.memory else None
    swap = int(run.swap or 0) if memory else None
    return Limits(memory_bytes=memory, swap_bytes=swap, cpus=cpus, pids=run.pids)


class Supervised:
    """Starts containers of one image under the supervisor, as production would start them."""

    def __init__(
        self, engine: Engine, evidence: ImageEvidence, run: schema.Run, *, run_id: str
    ) -> None:
        """`run`: how production starts it."""
        self.engine, self.evidence, self.settings, self.run_id = engine, evidence, run, run_id
        self.limits = asked_limits(run, evidence.engine.cpus)
        self.env, self.mask = environment(run.env)

    @property
    def python(self) -> str | Absent:
        """The interpreter inside; Absent with the reason where there is none."""
        found = self.evidence.interpreter
        return found if isinstance(found, Absent) else found.executable

    def spec(self, cookie: str, python: str, **changes: Any) -> ContainerSpec:
        """What is asked of the engine for a run as production has it."""
        run, limits = self.settings, self.limits
        values: dict[str, Any] = {
            "image": self.evidence.id,
            "argv": probe.command(python, cookie),
            "user": run.user,
            "env": self.env,
            "memory_bytes": limits.memory_bytes,
            "swap_bytes": limits.swap_bytes,
            "cpus": limits.cpus,
            "pids": limits.pids,
            "shm_bytes": run.shm_size,
            "read_only": run.read_only,
            "tmpfs": run.tmpfs,
            "volumes": run.volumes,
            "network": run.network,
        }
        return ContainerSpec(**{**values, **changes})

    def children(
        self,
        children: list[dict[str, object]],
        *,
        files: Mapping[str, bytes] | None = None,
        script: bool = False,
        **changes: Any,
    ) -> tuple[Effective | Absent, list[dict[str, Any]], list[str]] | Absent:
        """Limits in force, a record each child, and the engine's events; Absent: why not."""
        python = self.python
        if isinstance(python, Absent):
            return python
        seconds = sum(float(str(child["timeout_seconds"])) for child in children) + SETTLE_SECONDS
        plan = self.plan(children, deadline_seconds=int(seconds), script=script)
        cookie = new_cookie()
        spec = self.spec(cookie, python, **changes)
        try:
            with Container(self.engine, spec, self.run_id, cookie) as container:
                container.start(probe.supervisor_payload(plan, dict(files or {})))
                return _reports(container, seconds)
        except ConnectionLostError as error:
            return Absent(reason=_lost(str(error), spec))
        except EngineError as error:
            return Absent(reason=f"the container could not be started: {error}")

    def plan(
        self, children: list[dict[str, object]], *, deadline_seconds: int, script: bool = False
    ) -> dict[str, object]:
        """The supervisor's plan, as JSON holds it."""
        return {
            "children": children,
            "script": script,
            "relay": False,
            "interval_seconds": SAMPLE_SECONDS,
            "deadline_seconds": deadline_seconds,
            "keep_bytes": KEEP_OUTPUT_BYTES,
            "grace_seconds": GRACE_SECONDS,
            "stop_signal": stop_signal(self.evidence.config.stop_signal),
        }


def stop_signal(name: str | None) -> int:
    """The number of the image's STOPSIGNAL; SIGTERM where it names none."""
    text = (name or "SIGTERM").upper()
    if text.isdigit():
        return int(text)
    found = getattr(signal, text if text.startswith("SIG") else f"SIG{text}", signal.SIGTERM)
    return int(found)


def _reports(
    container: Container, seconds: float
) -> tuple[Effective | Absent, list[dict[str, Any]], list[str]] | Absent:
    first = container.report("limits", SETTLE_SECONDS)
    if "limits" not in first:
        return Absent(reason=f"the probe failed inside the image: {first}")
    last = container.report("children", seconds)
    if "children" not in last:
        return Absent(reason=f"the probe failed inside the image:\n{last.get('crash', last)}")
    return effective(first["limits"]), last["children"], []


def effective(told: dict[str, Any] | None) -> Effective | Absent:
    """The limits that the control group inside shows."""
    if told is None:
        return Absent(reason="no memory control group can be read inside the container")
    return Effective(**told)


def _lost(said: str, spec: ContainerSpec) -> str:
    text = "the container ended before the probe had reported"
    if spec.memory_bytes is not None and spec.memory_bytes < 32 << 20:
        text += f"; a limit of {spec.memory_bytes >> 20} MiB may leave no room for Python itself"
    return f"{text}\n{said}" if said else text


def collect_limits(supervised: Supervised) -> Effective | Absent:
    """The limits in force inside a container started as production would."""
    found = supervised.children([])
    return found if isinstance(found, Absent) else found[0]


def collect_imports(
    supervised: Supervised, modules: list[str], timeout_seconds: float
) -> Imports | Absent:
    """Imports each module in a process of its own, all in one container, under the limits."""
    python = supervised.python
    if isinstance(python, Absent):
        return python
    cookie = new_cookie()
    argv = [python, "-c", probe.source("try_import"), cookie]
    found = supervised.children(
        [
            {"name": name, "argv": [*argv, name], "timeout_seconds": timeout_seconds}
            for name in modules
        ],
        locked_down=True,
    )
    if isinstance(found, Absent):
        return found
    return Imports(
        modules={
            record["name"]: _import(record, cookie, supervised.limits.memory_bytes)
            for record in found[1]
        }
    )


def _import(record: dict[str, Any], cookie: str, limit: int | None) -> Import:
    out = record["stdout"]
    start, end = out.find(cookie), out.find(cookie[::-1])
    killed = bool(record.get("oom_kills"))
    common = {"name": record["name"], "oom_killed": killed, "memory_limit_bytes": limit}
    if start >= 0 and end >= 0:
        told = msgspec.json.decode(out[start + len(cookie) : end])
        told.pop("traceback", None)
        return Import(**{**told, **common})
    return Import(
        **common,
        ok=False,
        seconds=record["seconds"],
        rss_bytes=record["maxrss_bytes"],
        error=_ending(record),
    )


def _ending(record: dict[str, Any]) -> str:
    code = record["exit_code"]
    tail = record["stderr"].strip()[-1000:]
    if record["error"]:
        return str(record["error"])
    if record["timed_out"]:
        return f"did not end within its time limit\n{tail}".strip()
    if code is not None and code > 128:  # noqa: PLR2004
        name = signal.Signals(code - 128).name if code - 128 in set(signal.Signals) else code - 128
        return f"killed by {name}\n{tail}".strip()
    return f"exit code {code}\n{tail}".strip()


SmokeKind = Literal["script", "command", "request"]


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
    if isinstance(found, Absent):
        return found
    told = [interpreter.executable, script_name] if script is not None else argv
    return run_record(supervised, name, told, found[0], found[1][0])


def _argv(
    supervised: Supervised,
    interpreter: Interpreter,
    command: list[str] | None,
    script: bytes | None,
    script_name: str,
) -> list[str]:
    if script is not None:
        # -P: sys.path[0] would be the root folder, since a memory file has no folder of its own
        version = tuple(int(part) for part in interpreter.version.split(".")[:2])
        safe = ["-P"] if version >= (3, 11) else []
        return [interpreter.executable, *safe, f"@{script_name}"]
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
    """The supervisor's record of one child as evidence."""
    peak, source = working_peak(told)
    request = told.get("request")
    mask = supervised.mask
    return Run(
        name=name,
        command=[mask(word) for word in command],
        limits=supervised.limits,
        effective=effective_limits,
        exit_code=None if told["stopped"] else told["exit_code"],
        timed_out=told["timed_out"],
        oom_killed=bool(told.get("oom_kills")),
        peak_bytes=peak,
        peak_source=source,
        kernel_peak_bytes=told.get("kernel_peak_bytes"),
        seconds=told["seconds"],
        cpu_seconds=told.get("cpu_seconds"),
        throttled_seconds=told.get("throttled_seconds"),
        largest_gap_seconds=told.get("gap_seconds"),
        phases=_phases(told),
        samples=[(seconds, working, cache) for seconds, working, cache in told["samples"]],
        stdout=mask(told["stdout"]),
        stderr=mask(told["stderr"]),
        largest_processes=[
            f"{process} (pid {pid}) {size / (1 << 20):.0f} MiB"
            for size, process, pid in told["processes"]
        ],
        error=told["error"],
        request_error=_request_error(told, request),
    )


def _phases(told: dict[str, Any]) -> list[Phase]:
    """The phases that the program named; the stretch before the first only where it lasted."""
    phases = [Phase(name=name, seconds=s, peak_bytes=peak) for name, s, peak in told["phases"]]
    if len(phases) == 1:
        return [Phase(name="run", seconds=phases[0].seconds, peak_bytes=phases[0].peak_bytes)]
    return phases[1:] if phases[0].seconds < 0.5 else phases  # noqa: PLR2004


def _request_error(told: dict[str, Any], request: dict[str, Any] | None) -> str | None:
    if request is None or request["answered"]:
        return None
    if request["error"]:
        return str(request["error"])
    if told["timed_out"]:
        return "no answer within the time limit"
    return f"the service ended with exit code {told['exit_code']} before it had answered"
