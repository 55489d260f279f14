"""What `tfdocker_service` is: starts services of one image, and ends them with the module."""

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import pytest

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.engine.network import PrivateNetwork
from pytest_tfdocker.evidence.supervised import KEEP_OUTPUT_BYTES
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.running import changed, limit_origin, seconds_of, split_words
from pytest_tfdocker.service import DYING_SECONDS, Service
from pytest_tfdocker.text import one_line, printable_lines


class ServiceFactory:
    """Starts services of one image, and ends them all when the module's tests are done."""

    def __init__(self, image: JudgedImage) -> None:
        """`image`: whose service it is."""
        self._image = image
        self._stack = ExitStack()
        self._services: list[Service] = []
        self._never_ready: list[Service] = []
        self._owners: dict[Service, str] = {}
        """The fixture that has started it; "" for a test, or a fixture of one test."""
        self._stood: dict[Service, tuple[bool, int, int]] = {}
        """At the end of the last test."""

    def __call__(
        self,
        *,
        wait: Any = None,
        ports: Sequence[int] = (),
        env: dict[str, str] | None = None,
        command: list[str] | str | None = None,
        timeout: str | float | None = None,
        **settings: Any,
    ) -> Service:
        """A started service. `ports` default to the image's EXPOSE; `timeout` is seconds or text.

        A strategy keeps its own startup timeout where `timeout` isn't given; else that is 120 s.

        `command` takes the place of the image's CMD, behind its ENTRYPOINT. Ready is what `wait`
        says, else the image's HEALTHCHECK, else that the first port listens.
        Further keywords are those of [tool.tfdocker.run].
        """
        __tracebackhide__ = True
        _check_arguments(ports, env)
        self._image.must_run()
        image, session = self._image, self._image.session
        if command is not None:
            settings["command"] = split_words(command)
        run = changed(image.settings.settings.run, **settings)
        ready_seconds = None if timeout is None else seconds_of("timeout", timeout)
        try:
            engine = session.connect()
            supervised = session.supervised_as(image.settings, run)
            network = run.network
            if network == "none":
                network = self._stack.enter_context(PrivateNetwork(engine, session.run_id)).name
            service = Service(
                supervised,
                network=network,
                ports=ports,
                wait=wait,
                ready_seconds=ready_seconds,
                limit_origin=limit_origin(image, settings),
            )
            service.env.update(env or {})
            self._stack.callback(service.stop)
            self._services.append(service)
            return self._started(service)
        except EngineError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    def _started(self, service: Service) -> Service:
        """Ready; where it never was, the failure has said how it ended."""
        try:
            return service.start()
        except EngineError:
            self._never_ready.append(service)
            raise

    def claim(self, fixture: str) -> None:
        """What was started and has no owner yet is that fixture's, in place of what it had."""
        new = [service for service in self._services if service not in self._owners]
        if new:
            kept = {one: "" if name == fixture else name for one, name in self._owners.items()}
            self._owners = kept | dict.fromkeys(new, fixture)

    def end_test(self) -> None:
        """Notes how services stand, to tell what the next test has to do with them."""
        self._stood = {service: service.stand() for service in self._services}
        self._owners |= {one: "" for one in self._services if one not in self._owners}

    def sections(self, fixtures: Container[str]) -> list[tuple[str, str]]:
        """Title and text of how services fell, and of what they have written, for a failed test.

        Of those that a fixture of the test has started; and of those that the test has, or that
        wrote or ended in its time.

        The word of an end may come after the connection broke: it is waited for, for a moment.
        """
        until = time.monotonic() + DYING_SECONDS
        told = []
        for number, service in enumerate(self._services, 1):
            service.has_ended(max(0.0, until - time.monotonic()))
            is_owned = self._owners.get(service) in fixtures
            if not is_owned and self._stood.get(service) == service.stand():
                continue
            name = "tfdocker service"
            if len(self._services) > 1:
                name += f" {number} ({one_line(service.command_line, 40)})"
            fell = "" if service in self._never_ready else service.how_it_fell()
            if fell:
                told.append((name, printable_lines(fell)))
            for stream, data in zip(("stdout", "stderr"), service.get_logs(), strict=True):
                text = service.mask(data[-KEEP_OUTPUT_BYTES:].decode("utf-8", "replace"))
                if text:
                    told.append((f"{name} {stream}", printable_lines(text)))
        return told

    def __enter__(self) -> Self:
        """The factory itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what was started."""
        self._stack.close()


def _check_arguments(ports: Any, env: Any) -> None:
    """Raises TypeError, with the call's own line as the last of the traceback."""
    __tracebackhide__ = True
    if isinstance(ports, str) or not isinstance(ports, Iterable):
        raise TypeError(f"ports: expected a list such as [8000], found {ports!r}")
    if env is not None and not isinstance(env, Mapping):
        raise TypeError(f"env: expected a table such as {{'NAME': 'value'}}, found {env!r}")
