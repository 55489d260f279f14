"""Containers of one image under the supervisor: smokes, imports, limits, all by one PID 1."""

import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
)
from pytest_tfdocker.evidence.inside import ANOTHER, probe_failure, unfit
from pytest_tfdocker.evidence.mask import Mask
from pytest_tfdocker.evidence.owners import WEIGHTS
from pytest_tfdocker.evidence.passed_files import TMPFS, PassedFiles
from pytest_tfdocker.evidence.records import (
    Absent,
    Effective,
    ImageEvidence,
    Interpreter,
    Limits,
)
from pytest_tfdocker.evidence.started import started_as
from pytest_tfdocker.settings import schema
from pytest_tfdocker.settings.units import format_memory

SAMPLE_SECONDS = 0.02
KEEP_OUTPUT_BYTES = 64 << 10
KEEP_ANSWER_BYTES = 1 << 20
"""Of programs of ours: an answer holds up to 160 warnings, and the module may print after it."""
GRACE_SECONDS = 10.0
SETTLE_SECONDS = 30.0
"""Beyond the children's own time limits: the engine's start, the last figures, the removal."""
PASSED_BYTES_PER_SECOND = 1 << 20
"""At least, over a slow line to the engine."""


ENGINE_GONE = (
    "the engine went away during the run: nothing is known of it\n"
    "the container ends with the connection; see the engine's own log, and run this again"
)


def environment(env: list[str], secrets: Mapping[str, str]) -> tuple[list[str], Mask]:
    """NAME=VALUE for each entry; a bare name's value is a secret, else ours, where it is set."""
    known = {**os.environ, **secrets}
    taken = {name: known[name] for name in env if "=" not in name and name in known}
    full = [item for item in env if "=" in item]
    return full + [f"{name}={value}" for name, value in taken.items()], Mask([*taken.values()])


def _origins(run: schema.Run, image: schema.Image | None) -> dict[str, str]:
    """Where settings of [run] stand, but for those that a test has changed."""
    if image is None:
        return {}
    named = {f"run.{name.replace('_', '-')}": name for name in run.__struct_fields__}
    own = image.settings.run
    return {
        key: place
        for key, place in image.origins.items()
        if key in named and getattr(run, named[key]) == getattr(own, named[key])
    }


def asked_limits(run: schema.Run, engine_cpus: int) -> Limits:
    """The limits of the settings; CPUs above the engine's are lowered to what it has."""
    cpus = min(run.cpus, engine_cpus) if run.cpus and engine_cpus else run.cpus
    memory = int(run.memory) if run.memory else None
    swap = int(run.swap or 0) if memory else None
    return Limits(memory_bytes=memory, swap_bytes=swap, cpus=cpus, pids=run.pids)


class Supervised:
    """Starts containers of one image under the supervisor, as production would start them."""

    def __init__(
        self,
        engine: Engine,
        evidence: ImageEvidence,
        run: schema.Run,
        *,
        run_id: str,
        keep: bool = False,
        cold: Sequence[str] = (),
        image: schema.Image | None = None,
    ) -> None:
        """`run`: how production starts it; `keep`: leave the containers for a look at them.

        `cold`: paths inside of files whose pages the kernel is to forget before each run. `image`:
        has the values of variables that `run` has by their bare names, and the places of settings.
        """
        self.keep, self.cold = keep, list(cold)
        self.engine, self.evidence, self.settings, self.run_id = engine, evidence, run, run_id
        self.limits = asked_limits(run, evidence.runs_on.cpus)
        self.env, self.mask = environment(run.env, {} if image is None else image.secrets)
        self.started = started_as(run, evidence.config, _origins(run, image))

    @property
    def interpreter(self) -> Interpreter | Absent:
        """What our programs run on inside; Absent with the reason where there is none."""
        found = self.evidence.interpreter
        if isinstance(found, Absent):
            return found
        version = tuple(int(part) for part in found.version.split(".")[:2])
        is_old = version < probe.OLDEST_PYTHON
        return Absent(reason=f"{unfit(found.version)}\n{ANOTHER}") if is_old else found

    @property
    def python(self) -> str | Absent:
        """The path of that interpreter."""
        found = self.interpreter
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
            "workdir": run.workdir,
            "read_only": run.read_only,
            "tmpfs": run.tmpfs,
            "volumes": run.volumes,
            "network": run.network,
            "keep": self.keep,
        }
        return ContainerSpec(**{**values, **changes})

    def children(
        self,
        children: list[dict[str, object]],
        *,
        files: Mapping[str, bytes] | None = None,
        passed: PassedFiles | None = None,
        script: bool = False,
        until_failure: bool = False,
        answers: str | None = None,
        wait: bool = True,
        **changes: Any,
    ) -> tuple[Effective | Absent, list[dict[str, Any]]] | Absent:
        """Limits in force, and a record each child, in which no secret stands; Absent: why not.

        `files` are run from memory, by their name; `passed` ones stand in a tmpfs.
        `answers`: the cookie of programs of ours; what each printed is its record's "answer".
        `wait`: until the container is gone; else that goes on in the background.
        """
        python = self.python
        if isinstance(python, Absent):
            return python
        passed = passed or PassedFiles()
        seconds = sum(float(str(child["timeout_seconds"])) for child in children) + SETTLE_SECONDS
        seconds += passed.total_bytes / PASSED_BYTES_PER_SECOND
        plan = self.plan(children, deadline_seconds=int(seconds), script=script)
        plan |= {"passed": passed.plan, "until_failure": until_failure}
        if passed.files:
            changes["tmpfs"] = [*self.settings.tmpfs, TMPFS]
        if answers is not None:
            plan["keep_bytes"], plan["weights"] = KEEP_ANSWER_BYTES, None
        cookie = new_cookie()
        spec = self.spec(cookie, python, **changes)
        try:
            with ExitStack() as stack:
                container = stack.enter_context(Container(self.engine, spec, self.run_id, cookie))
                payload = probe.supervisor_payload(plan, dict(files or {}))
                container.start(payload + passed.payload)
                found = self._reports(container, seconds, answers)
                if not wait:
                    self.engine.in_background(stack.pop_all().close)
                return found
        except ConnectionLostError as error:
            return self.broken_off(error, spec)
        except EngineError as error:
            reason = f"the container could not be started: {error}"
            return Absent(reason=self.mask("\n".join([reason, *self._as_who(error)])))

    def broken_off(self, error: ConnectionLostError, spec: ContainerSpec) -> Absent:
        """Why a container has not reported: it ended, or the engine went away, which is asked."""
        if not (error.oom_killed or self.engine.answers()):
            return Absent(reason=self.mask(f"{ENGINE_GONE}\n{error}".strip()))
        return Absent(reason=self.mask(lost(error, spec)), oom_killed=error.oom_killed)

    def _reports(
        self, container: Container, seconds: float, answers: str | None
    ) -> tuple[Effective | Absent, list[dict[str, Any]]] | Absent:
        first = container.report("limits", SETTLE_SECONDS)
        if "limits" not in first:
            return Absent(reason=self.mask(probe_failed(first, self.limits)))
        last = container.report("children", seconds)
        if "children" not in last:
            return Absent(reason=self.mask(probe_failed(last, self.limits)))
        records = [_masked(one, self.mask, answers) for one in last["children"]]
        return effective(first["limits"]), records

    def _as_who(self, error: EngineError) -> list[str]:
        """Of an interpreter that the user in particular may not run."""
        if not (isinstance(error, CommandNotFoundError) and self.started.user):
            return []
        return [
            f"as user {self.started.user} ({self.started.user_origin}): a folder above it may be "
            "closed to others, as /root is (uv puts interpreters there: set UV_PYTHON_INSTALL_DIR)"
        ]

    def plan(
        self, children: list[dict[str, object]], *, deadline_seconds: int, script: bool = False
    ) -> dict[str, object]:
        """The supervisor's plan, as JSON holds it."""
        return {
            "children": children,
            "script": script,
            "cold": self.cold,
            "relay": False,
            "interval_seconds": SAMPLE_SECONDS,
            "deadline_seconds": deadline_seconds,
            "keep_bytes": KEEP_OUTPUT_BYTES,
            "grace_seconds": GRACE_SECONDS,
            "stop_signal": stop_signal(self.evidence.config.stop_signal),
            "weights": WEIGHTS.pattern,
        }


def stop_signal(name: str | None) -> int:
    """The number of the image's STOPSIGNAL; SIGTERM where it names none."""
    text = (name or "SIGTERM").upper()
    if text.isdigit():
        return int(text)
    # SIGRTMIN+3 is systemd's
    told = re.fullmatch(r"(?:SIG)?(\w+?)([+-]\d+)?", text)
    found = getattr(signal, f"SIG{told[1]}", None) if told else None
    return int(signal.SIGTERM) if told is None or found is None else found + int(told[2] or 0)


def _masked(record: dict[str, Any], mask: Mask, answers: str | None) -> dict[str, Any]:
    """Answers are read first: values such as "true" or "torch" are masked in their texts alone."""
    answer = None if answers is None else _answer(record["stdout"], answers)
    return {**mask.throughout(record), "name": record["name"], "answer": mask.throughout(answer)}


def probe_failed(told: dict[str, Any], limits: Limits) -> str:
    """What a report says that came in place of the one that was awaited."""
    if told.get("not_forked"):
        pids = limits.pids
        why = "" if pids is None else f": run.pids is {pids}, and the supervisor takes one of them"
        return f"the supervisor could not start the program\n{told['crash']}{why}"
    return probe_failure(str(told.get("crash", told)))


def effective(told: dict[str, Any] | None) -> Effective | Absent:
    """The limits that the control group inside shows."""
    if told is None:
        return Absent(reason="no memory control group can be read inside the container")
    return Effective(**told)


def lost(error: ConnectionLostError, spec: ContainerSpec) -> str:
    """Why nothing was reported, and what was said in its place."""
    if error.oom_killed:
        limit = "" if spec.memory_bytes is None else f" under {format_memory(spec.memory_bytes)}"
        return f"OOM-killed{limit}, the probe included: no figures are left"
    return f"the container ended before the probe reported\n{error}".strip()


def _answer(out: str, cookie: str) -> dict[str, Any] | None:
    """What a program of ours printed between cookies; None where it did not get so far."""
    start, end = out.find(cookie), out.find(cookie[::-1])
    if start < 0 or end < 0:
        return None
    try:
        told: dict[str, Any] = msgspec.json.decode(out[start + len(cookie) : end])
    except msgspec.DecodeError:
        return None
    return told


def ending(record: dict[str, Any]) -> str:
    """How a child ended that gave no answer."""
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
