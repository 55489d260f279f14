"""When a service is ready: a strategy's word, its HEALTHCHECK's, or that it listens on its port."""

import threading
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from typing import Any

from testcontainers.core.container import DockerContainer

from pytest_tfdocker.engine.attachment import Attachment
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.supervised import SETTLE_SECONDS

READY_SECONDS = 120.0
POLL_SECONDS = 0.1
SEEN_SECONDS = 2.0
"""After its end, for a strategy to find in the output that it was ready before."""
GONE = "it is gone, and nothing is left to say why"


class Readiness:
    """Ways to wait for one service. Each raises EngineError where it ends or takes too long."""

    def __init__(self, service: DockerContainer, stream: Attachment, seconds: float | None) -> None:
        """`seconds`: until it must be ready; None: a strategy's own startup timeout, else 120."""
        self._service, self._stream, self._seconds = service, stream, seconds

    def wait_by(self, strategy: Any) -> None:
        """A wait strategy of testcontainers, or a function that takes the service."""
        if not hasattr(strategy, "wait_until_ready"):
            strategy(self._service)
            return
        if self._seconds is not None and hasattr(strategy, "with_startup_timeout"):
            strategy.with_startup_timeout(self._seconds)
        self._wait_beside(lambda: strategy.wait_until_ready(self._service))

    def wait_for_health(self) -> None:
        """Its HEALTHCHECK succeeds."""
        self._poll(self._is_healthy, "its HEALTHCHECK did not succeed")

    def wait_for_port(self, port: int) -> None:
        """It listens there."""
        self._poll(lambda: self._listens(port), f"nothing listens on port {port}")

    def _wait_beside(self, wait: Callable[[], object]) -> None:
        """A strategy would wait its whole time, two minutes, for a service that has died."""
        outcome: Future[object] = Future()

        def fulfil() -> None:
            try:
                outcome.set_result(wait())
            except BaseException as error:  # noqa: BLE001  raised anew below
                outcome.set_exception(error)

        threading.Thread(target=fulfil, name="tfdocker-wait", daemon=True).start()
        while not (outcome.done() or self._stream.wait_end(POLL_SECONDS)):
            pass
        futures.wait([outcome], SEEN_SECONDS)
        if not outcome.done():
            raise EngineError(GONE)
        outcome.result()

    def _poll(self, is_ready: Callable[[], bool], complaint: str) -> None:
        seconds = READY_SECONDS if self._seconds is None else self._seconds
        until = time.monotonic() + seconds
        while not is_ready():
            if self._stream.wait_end(POLL_SECONDS):
                raise EngineError(GONE)
            if time.monotonic() > until:
                raise EngineError(f"{complaint} within {seconds:g} s")

    def _is_healthy(self) -> bool:
        self._service.reload()
        state = self._service.get_wrapped_container().attrs.get("State") or {}
        return (state.get("Health") or {}).get("Status") == "healthy"

    def _listens(self, port: int) -> bool:
        """Asked from inside: the engine's proxy accepts connections before the service does."""
        self._stream.send(f"listens {port}\n".encode())
        told = self._stream.wait_report("listens", SETTLE_SECONDS)
        return told is not None and bool(told["listens"])
