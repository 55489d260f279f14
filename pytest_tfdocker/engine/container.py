"""A container of ours: created, attached, then started, so that its life hangs on our stdin."""

import re
import secrets
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

import docker.types
import msgspec
from docker.errors import ImageNotFound

from pytest_tfdocker.engine.attachment import Attachment
from pytest_tfdocker.engine.client import FAILURES, LABEL, Engine, engine_errors, explain
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
    ImageNotFoundError,
)
from pytest_tfdocker.engine.sweep import OWNER_LABEL, owner

CREATE_KEYWORDS = frozenset({"hostname", "domainname", "working_dir", "stop_signal", "mac_address"})
DEFAULT_PIDS = 4096
"""A pids limit that no ML service reaches and that a fork bomb does."""


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What we ask of the engine for one container; docs/engine.md is the contract."""

    image: str
    argv: list[str]
    user: str | None = None
    env: list[str] = []
    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None
    shm_bytes: int | None = None
    workdir: str | None = None
    """Else the image's."""
    read_only: bool = False
    tmpfs: list[str] = []
    volumes: list[str] = []
    network: str = "none"
    locked_down: bool = False
    """cap_drop ALL and no-new-privileges, for the inventory and imports."""
    capabilities: list[str] = []
    gpus: bool = False
    ports: list[int] = []
    keep: bool = False
    healthcheck: bool = False
    """Whether the engine runs the image's HEALTHCHECK."""
    extra: dict[str, Any] = {}
    """docker-py's own keywords, of `create_container` or `create_host_config`."""


def host_config(engine: Engine, spec: ContainerSpec) -> dict[str, Any]:
    """The HostConfig of the API, from a spec."""
    values: dict[str, Any] = {
        "auto_remove": not spec.keep,
        "init": False,  # the probe is PID 1, whatever the engine's own setting
        "network_mode": spec.network,
        "pids_limit": spec.pids or DEFAULT_PIDS,
        "read_only": spec.read_only,
        "mem_limit": spec.memory_bytes,
        "nano_cpus": round(spec.cpus * 1e9) if spec.cpus else None,
        "shm_size": spec.shm_bytes,
        "tmpfs": dict(item.partition(":")[::2] for item in spec.tmpfs) or None,
        "binds": spec.volumes or None,
        "cap_add": spec.capabilities or None,
    }
    if spec.memory_bytes:
        values["memswap_limit"] = spec.memory_bytes + (spec.swap_bytes or 0)
    if spec.locked_down:
        values["cap_drop"] = ["ALL"]
        values["security_opt"] = ["no-new-privileges"]
    if spec.gpus:
        values["device_requests"] = [docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])]
    if spec.ports:
        address = "" if engine.remote else "127.0.0.1"
        values["port_bindings"] = dict.fromkeys(spec.ports, (address, None))
    given = {key: value for key, value in values.items() if value is not None}
    given |= {key: value for key, value in spec.extra.items() if key not in CREATE_KEYWORDS}
    config: dict[str, Any] = engine.api.create_host_config(**given)
    return config


class Container:
    """A started container. Leaving the `with` ends and removes it, whatever happened."""

    def __init__(self, engine: Engine, spec: ContainerSpec, run_id: str, cookie: str) -> None:
        """Creates it and attaches; `start` does the rest. Raises EngineError."""
        self.engine, self.spec = engine, spec
        self.id = self._create(run_id)
        try:
            with engine_errors():
                raw = engine.api.attach_socket(
                    self.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                )
        except BaseException:
            self._remove()
            raise
        self.stream = Attachment(raw, cookie)

    def start(self, payload: bytes) -> None:
        """Starts it and sends what PID 1 reads first. Raises CommandNotFoundError, EngineError."""
        try:
            self.engine.api.start(self.id)
        except FAILURES as error:
            self.close()
            raise start_error(explain(error), self.spec.argv[0]) from error
        except BaseException:
            self.close()
            raise
        self.stream.send(payload)

    def report(self, key: str, timeout: float) -> dict[str, Any]:
        """The next report that has `key`, or else raises ConnectionLostError with what was said."""
        found = self.stream.wait_report(key, timeout)
        if found is None and key not in ("too_old", "crash"):
            found = self.stream.wait_report("too_old", 0) or self.stream.wait_report("crash", 0)
        if found is None:
            said = (self.stream.stderr or self.stream.stdout).decode("utf-8", "replace")
            raise ConnectionLostError(said.strip()[-800:], oom_killed=self.was_oom_killed())
        return found

    def was_oom_killed(self) -> bool:
        """Whether the engine saw an OOM kill in it: it keeps its last events for a while.

        Tells of the case that nobody inside could report, PID 1 itself killed.
        """
        filters = {"container": [self.id], "event": ["oom"]}
        with suppress(*FAILURES):
            # By the engine's own clock; without an end the stream would go on for ever
            now = datetime.fromisoformat(self.engine.api.info()["SystemTime"])
            until = int(now.timestamp()) + 1
            events = self.engine.api.events(since=1, until=until, filters=filters, decode=True)
            return any(True for _ in events)
        return False

    def close(self) -> None:
        """Ends the lifeline and makes sure that the container is gone."""
        self.stream.close()
        if not self.spec.keep:
            self._remove()

    def __enter__(self) -> Self:
        """The container itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends and removes it."""
        self.close()

    def _create(self, run_id: str) -> str:
        spec, api = self.spec, self.engine.api
        own = {"working_dir": spec.workdir} | {
            key: value for key, value in spec.extra.items() if key in CREATE_KEYWORDS
        }
        try:
            made = api.create_container(
                spec.image,
                command=spec.argv[1:],
                entrypoint=spec.argv[:1],
                name=f"tfdocker-{run_id[:8]}-{secrets.token_hex(4)}",
                user=spec.user,
                environment=spec.env or None,
                stdin_open=True,
                host_config=host_config(self.engine, spec),
                ports=list(spec.ports) or None,
                # The next run sweeps up what a dead run owns; what is kept has no owner
                labels={LABEL: run_id} | ({} if spec.keep else {OWNER_LABEL: owner()}),
                healthcheck=None if spec.healthcheck else {"test": ["NONE"]},
                **own,
            )
        except ImageNotFound as error:
            raise ImageNotFoundError(f"the engine has no image {spec.image}") from error
        except FAILURES as error:
            raise EngineError(explain(error)) from error
        return str(made["Id"])

    def _remove(self) -> None:
        # auto_remove may have been first, or be at it
        with suppress(*FAILURES):
            self.engine.api.remove_container(self.id, force=True, v=True)


def start_error(text: str, program: str) -> EngineError:
    """What the runtime's refusal means, by its words about our program.

    Hooks, mounts and working folders lack files and permissions too: those are told as they stand.
    """
    found = re.search(
        rf"exec(?:utable file)?:? [\"'`]?{re.escape(program)}[\"'`]?:?\s(.*)", text, re.DOTALL
    )
    said = found[1].lower() if found else ""
    too_low = ("init was oom-killed", "unable to set memory limit")
    if any(words in text.lower() for words in too_low):  # for the runtime itself
        return ConnectionLostError("", oom_killed=True)
    if "not found" in said or "no such file or directory" in said:
        return CommandNotFoundError(f"the image has no {program}")
    if "permission denied" in said:
        return CommandNotFoundError(f"{program} in the image is no program that may be run")
    return EngineError(text)


def new_cookie() -> str:
    """A mark that no output holds by chance, and that differs from its own reverse."""
    return f"<tfdocker {secrets.token_hex(16)}|"
