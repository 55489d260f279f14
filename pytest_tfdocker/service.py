"""`tfdocker_service`: the image's own service, started as production would, ready, and measured."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

import docker.errors
import msgspec
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from pytest_tfdocker import probe
from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.checks.run_story import limit_line
from pytest_tfdocker.engine.client import engine_errors
from pytest_tfdocker.engine.container import Container, new_cookie
from pytest_tfdocker.engine.errors import ConnectionLostError, EngineError
from pytest_tfdocker.evidence.records import Absent, Effective, Run
from pytest_tfdocker.evidence.run_record import killed_run, run_record
from pytest_tfdocker.evidence.smoke import NOTHING_TO_START, service_argv, service_ports
from pytest_tfdocker.evidence.supervised import (
    GRACE_SECONDS,
    SETTLE_SECONDS,
    Supervised,
    effective,
    probe_failed,
)
from pytest_tfdocker.readiness import Readiness
from pytest_tfdocker.text import one_line, printable_lines

LIFE_SECONDS = 3600
DYING_SECONDS = 1.0
"""Between the end of a service's connections and the word of its end."""
STOPPED = "it was stopped"


class Service(DockerContainer):
    """A testcontainers container under our supervisor, whose life hangs on this process."""

    def __init__(
        self,
        supervised: Supervised,
        *,
        network: str,
        ports: Sequence[int],
        wait: Any = None,
        ready_seconds: float | None = None,
        limit_origin: str = "",
    ) -> None:
        """`wait`: a wait strategy of testcontainers, or a function that takes the service.

        `ready_seconds`: until it must be ready; None: a strategy's own startup timeout, else 120.
        `limit_origin`: where the memory limit was set, for the text of a service that breaks.
        """
        with _unchanged_environment():
            super().__init__(supervised.evidence.reference)
        self.image = supervised.evidence.id
        self._supervised, self._network_name = supervised, network
        self._wait, self._ready_seconds = wait, ready_seconds
        self._limit_origin = limit_origin
        self._ours: Container | None = None
        self._effective: Effective | Absent = Absent(reason="not started")
        self._final: Run | None = None
        self._exit_code: int | None = None
        self._taking = threading.RLock()
        self.with_exposed_ports(*(ports or service_ports(supervised)))

    def with_kwargs(self, **kwargs: Any) -> Self:
        """Adds to earlier ones."""
        self._kwargs = {**self._kwargs, **kwargs}
        return self

    def start(self) -> Self:
        """Creates, attaches, then starts; returns when it is ready. Raises EngineError."""
        supervised, cookie = self._supervised, new_cookie()
        python = supervised.python
        if isinstance(python, Absent):
            raise EngineError(python.reason)
        if not self._argv():
            raise EngineError(NOTHING_TO_START)
        spec = supervised.spec(
            cookie,
            python,
            network=self._network_name,
            ports=[int(str(port).partition("/")[0]) for port in self.ports],
            env=[*supervised.env, *(f"{key}={value}" for key, value in self.env.items())],
            healthcheck=True,
            extra=self._kwargs,
        )
        self._ours = Container(supervised.engine, spec, supervised.run_id, cookie)
        try:
            self._ours.start(probe.supervisor_payload(self._plan(), {}))
        except ConnectionLostError as error:
            self._final = self._killed()
            raise EngineError(self._why_not_ready(error)) from error
        try:
            self._effective = effective(self._told("limits", SETTLE_SECONDS))
            self._container = supervised.engine.client.containers.get(self._ours.id)
            self._until_ready(self._ours)
        except Exception as error:
            raise EngineError(self._why_not_ready(error)) from error
        return self

    def __enter__(self) -> Self:
        """The service; what `tfdocker_service` gives is started already."""
        return self if self._ours is not None else self.start()

    def stop(self, force: bool = True, delete_volume: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        """Takes the last figures, then ends it. A container that is gone already is no error."""
        if self._ours is not None:
            if self._final is None:
                self._ours.stream.send(b"stop\n")
                with suppress(EngineError):
                    self._take_final(GRACE_SECONDS + SETTLE_SECONDS)
            self._ours.close()
        self.get_docker_client().client.close()

    @property
    def run(self) -> Run:
        """The record so far, or of the whole life once it has ended. Raises EngineError."""
        __tracebackhide__ = True
        if self._final is not None:
            return self._final
        self._started().stream.send(b"report\n")
        told = self._started().stream.wait_report("snapshot", SETTLE_SECONDS)
        if told is not None:
            return self._record(told["snapshot"])
        return self._take_final(0)  # snapshots end with the service

    def _take_final(self, timeout: float) -> Run:
        """The record of its whole life. Raises EngineError if none comes within `timeout` s."""
        __tracebackhide__ = True
        with self._taking:  # it is told once, and a strategy waits in a thread of its own
            if self._final is not None:
                return self._final
            try:
                [told] = self._told("children", timeout)
                self._final, self._exit_code = self._record(told), told["exit_code"]
            except ConnectionLostError as error:
                if not (error.oom_killed and self._started().stream.wait_end(0)):
                    raise
                self._final = self._killed()
                self._exit_code = self._final.exit_code
            return self._final

    def has_ended(self, timeout: float = 0) -> bool:
        """Whether it ended, or was stopped, within `timeout` seconds."""
        if self._ours is None:
            return False
        return self._final is not None or self._ours.stream.wait_end(timeout)

    def stand(self) -> tuple[bool, int, int]:
        """Whether it has ended, and how much it has written on stdout and stderr."""
        stdout, stderr = self.get_logs()
        return self.has_ended(), len(stdout), len(stderr)

    @property
    def command_line(self) -> str:
        """What it starts, on one line."""
        return self._supervised.mask(" ".join(self._argv()))

    def how_it_fell(self) -> str:
        """How it ended by itself, or lost a process to the OOM killer; "" while all is well."""
        if self._ours is None:
            return ""
        try:
            run = self.run
        except EngineError as error:
            return str(error)
        if self.has_ended():
            said = self._ending(run)
            return "" if said == STOPPED else f"the service ended: {said}"
        if not run.oom_killed:
            return ""
        who = ", ".join(map(one_line, run.killed)) or "a process of it"
        return f"OOM-killed: {who}; the service lives on\n  {limit_line(run, run.limit_origin)}"

    def _ending(self, run: Run) -> str:
        broken = how_it_broke(run)
        if broken is not None:
            return broken.text
        return STOPPED if run.exit_code is None else f"exit code {run.exit_code}"

    def _told(self, key: str, timeout: float) -> Any:
        """A report of the supervisor. Raises EngineError, whose text is fit for a terminal."""
        __tracebackhide__ = True
        ours, mask = self._started(), self._supervised.mask
        try:
            told = ours.report(key, timeout)
        except ConnectionLostError as error:
            said = printable_lines(mask(str(error)))
            text = f"the supervisor of the service ended, or went silent\n{said}".rstrip()
            raise ConnectionLostError(text, oom_killed=error.oom_killed) from None
        if key not in told:
            raise EngineError(printable_lines(mask(probe_failed(told, self._supervised.limits))))
        return told[key]

    def _started(self) -> Container:
        __tracebackhide__ = True
        if self._ours is None:
            raise EngineError("the service has not been started")
        return self._ours

    def get_container_host_ip(self) -> str:
        """Where its published ports answer."""
        engine = self._supervised.engine
        return urlsplit(engine.host).hostname or "127.0.0.1" if engine.remote else "127.0.0.1"

    def get_exposed_port(self, port: int) -> int:
        """The port on the engine's host that stands for `port` of the service."""
        __tracebackhide__ = True
        if not self.has_ended():
            self.reload()
        published = self.get_wrapped_container().attrs["NetworkSettings"]["Ports"] or {}
        bound = published.get(f"{port}/tcp")
        if self.has_ended(0 if bound else DYING_SECONDS):
            how = self._ending(self._take_final(0)).partition("\n")[0]
            raise EngineError(f"the service has ended: {how}")
        if not bound:
            raise EngineError(f"port {port} is not published; give it in ports=[…]")
        return int(bound[0]["HostPort"])

    def get_logs(self) -> tuple[bytes, bytes]:
        """Stdout and stderr so far, readable after the end too."""
        if self._ours is None:
            return b"", b""
        return self._ours.stream.stdout, self._ours.stream.stderr

    def mask(self, text: str) -> str:
        """The text without the values that were taken from the environment by name."""
        return self._supervised.mask(text)

    def reload(self) -> None:
        """Asks the engine anew; a container that is gone keeps its last state."""
        try:
            super().reload()
        except docker.errors.NotFound:
            return

    def wait(self) -> int:
        """The exit code of the service, once it has ended; 128 + signal where a signal did it."""
        __tracebackhide__ = True
        if self._final is None:
            self._take_final(LIFE_SECONDS)
        if self._exit_code is None:
            raise EngineError("the exit code of the service is not known")
        return self._exit_code

    def _plan(self) -> dict[str, object]:
        child = {"name": "service", "argv": self._argv(), "timeout_seconds": 0}
        plan = self._supervised.plan([child], deadline_seconds=LIFE_SECONDS)
        return {**plan, "relay": True}

    def _argv(self) -> list[str]:
        return service_argv(self._supervised)

    def _record(self, told: dict[str, Any]) -> Run:
        told = self._supervised.mask.throughout(told)
        run = run_record(self._supervised, "service", self._argv(), self._effective, told)
        return self._with_origin(run)

    def _killed(self) -> Run:
        return self._with_origin(killed_run(self._supervised, "service", self._argv()))

    def _with_origin(self, run: Run) -> Run:
        return msgspec.structs.replace(run, limit_origin=self._limit_origin)

    def _until_ready(self, ours: Container) -> None:
        strategy = self._wait or self._wait_strategy
        ready = Readiness(self, ours.stream, self._ready_seconds)
        if strategy is not None:
            ready.wait_by(strategy)
        elif self._supervised.evidence.config.healthcheck:
            ready.wait_for_health()
        elif self.ports:
            ready.wait_for_port(int(str(next(iter(self.ports))).partition("/")[0]))

    def _why_not_ready(self, error: Exception) -> str:
        """Stops it; how it broke, where it ended by itself, else the complaint and its output."""
        self.stop()
        lost = isinstance(error, ConnectionLostError)  # it ends in the output, which comes anyway
        broken, complaint = None, str(error).partition("\n")[0] if lost else str(error)
        if self._final is not None:
            broken = how_it_broke(self._final)
            if self._final.exit_code is not None:
                complaint = "it ended before it was ready, with exit code 0"
        if broken is not None:
            return f"the service is not ready: {broken.text}"
        logs = b"\n".join(self.get_logs()).decode("utf-8", "replace").strip()
        told = self._supervised.mask(f"{complaint}\n{logs[-2000:]}")
        return f"the service is not ready: {printable_lines(told)}".rstrip()


@contextmanager
def _unchanged_environment() -> Iterator[None]:
    """Testcontainers writes the context's address into DOCKER_HOST, for the whole process.

    With DOCKER_AUTH_CONFIG it logs in to a registry, of which a service needs nothing.
    """
    before = os.environ.get("DOCKER_HOST")
    login = getattr(testcontainers_config, "_docker_auth_config", None)
    try:
        testcontainers_config._docker_auth_config = None  # noqa: SLF001
        with engine_errors():
            yield
    finally:
        testcontainers_config._docker_auth_config = login  # noqa: SLF001
        if before is None:
            os.environ.pop("DOCKER_HOST", None)
        else:
            os.environ["DOCKER_HOST"] = before
