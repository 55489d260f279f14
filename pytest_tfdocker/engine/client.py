"""The connection to the engine that the user's own `docker` would talk to."""

import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread
from typing import Any, Self, TypeVar

import docker
import requests
import urllib3
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import version_lt

from pytest_tfdocker.engine.errors import (
    EngineError,
    EngineUnavailableError,
    ImageNotFoundError,
)

T = TypeVar("T")


def _ssh_error() -> type[Exception]:
    """What docker-py lets through of an engine behind ssh; without paramiko it refuses."""
    try:
        import paramiko  # noqa: PLC0415
    except ImportError:
        return DockerException
    found: type[Exception] = paramiko.SSHException
    return found


LABEL = "org.pytest-tfdocker.run"
"""On every container and network of ours; its value is the id of the run."""
API_SECONDS = 120
SETTLE_SECONDS = 20
"""For a start and a removal; an engine that takes longer is not waited for at the end."""
PIECE_BYTES = 1 << 20
IN_USE_TRIES, IN_USE_SECONDS = 10, 2
FAILURES = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    _ssh_error(),
)
"""What a refusal, and an engine that breaks off at any point of an answer, are raised as."""


@contextmanager
def engine_errors() -> Iterator[None]:
    """Whatever goes wrong with the engine in the `with` is an EngineError that says it."""
    try:
        yield
    except FAILURES as error:
        raise EngineError(explain(error)) from error


class Engine:
    """A client of one engine. Close it, or use it in `with`."""

    def __init__(self, client: docker.DockerClient) -> None:
        """`client` is closed with this."""
        self.client = client
        self.api: Any = client.api
        _ask_the_environment_once(self.api)
        self.version: dict[str, Any] = _agree(self.api)
        self.info: dict[str, Any] = client.info()
        self._at_work: list[Thread] = []

    @classmethod
    def connect(cls) -> Self:
        """The engine of DOCKER_HOST, DOCKER_CONTEXT or the current context, in this order.

        Raises EngineUnavailableError with what to do about it.
        """
        client = None
        try:
            # with a version given, docker-py doesn't ask for one: `_agree` does, once for both
            client = docker.from_env(version=MINIMUM_DOCKER_API_VERSION, timeout=API_SECONDS)
            _try_socket(client)
            return cls(client)
        except (*FAILURES, ValueError) as error:
            if client is not None:
                client.close()
            raise EngineUnavailableError(_why_unavailable(error)) from error

    @property
    def host(self) -> str:
        """The address that a docker CLI needs to reach the same engine."""
        base = str(self.api.base_url)
        if base.startswith("http+docker://localhost"):
            adapter = getattr(self.api, "_custom_adapter", None)
            return "unix://" + str(getattr(adapter, "socket_path", "/var/run/docker.sock"))
        if base.startswith("http+docker://ssh"):
            return f"ssh://{self.api._custom_adapter.ssh_host}"  # noqa: SLF001
        return base.replace("https://", "tcp://").replace("http://", "tcp://")

    @property
    def remote(self) -> bool:
        """Whether the engine is reached over a network; a socket file is taken for local."""
        return not self.host.startswith(("unix://", "npipe://"))

    def answers(self) -> bool:
        """Whether it is still there."""
        try:
            return bool(self.api.ping())
        except FAILURES:
            return False

    def inspect(self, reference: str) -> dict[str, Any]:
        """The engine's record of an image. Raises ImageNotFoundError."""
        with engine_errors():
            try:
                found: dict[str, Any] = self.api.inspect_image(reference)
            except ImageNotFound as error:
                raise ImageNotFoundError(f"the engine has no image {reference}") from error
        return found

    def history(self, image_id: str) -> list[dict[str, Any]]:
        """The image's history, oldest first, with sizes in the store's own unit."""
        with engine_errors():
            return list(reversed(self.api.history(image_id)))

    def save(self, image_id: str) -> Generator[bytes, None, None]:
        """The image as `docker save` writes it, in pieces. Raises EngineError, also in between."""
        with engine_errors():
            yield from self.api.get_image(image_id, chunk_size=PIECE_BYTES)

    def tag(self, image_id: str, tag: str) -> None:
        """Gives an image one tag more. Raises EngineError."""
        with engine_errors():
            self.api.tag(image_id, *tag.rsplit(":", 1))

    def remove_image(self, reference: str) -> None:
        """Removes a tag or image of ours; one that is gone or in use is left."""
        self.settle()
        for _ in range(IN_USE_TRIES):
            try:
                self.api.remove_image(reference)
            except FAILURES as error:
                if getattr(error, "status_code", None) != HTTPStatus.CONFLICT:
                    return
                # A container that the engine is about to remove still counts as use
                time.sleep(IN_USE_SECONDS / IN_USE_TRIES)
            else:
                return

    def in_background(self, work: Callable[[], None]) -> None:
        """Starts what nobody needs the end of now; `settle` waits for it."""
        # A daemon: what a process that ends leaves behind ends with its lifeline
        thread = Thread(target=work, daemon=True)
        thread.start()
        self._at_work.append(thread)

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Starts what is needed later: the future gives what it gave, or raised."""
        future: Future[T] = Future()

        def fulfil() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  raised where it is asked for
                future.set_exception(error)

        self.in_background(fulfil)
        return future

    def close(self) -> None:
        """Ends every connection, once what goes on in the background is done."""
        self.settle()
        self.client.close()

    def settle(self) -> None:
        """Waits for what goes on in the background, though not for an engine that hangs."""
        until = time.monotonic() + SETTLE_SECONDS
        while self._at_work:
            self._at_work[0].join(max(0, until - time.monotonic()))
            del self._at_work[0]

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()


def _ask_the_environment_once(api: Any) -> None:
    """Proxies and certificates are looked up in os.environ here, not anew in each request.

    Requests go on in threads while pytest changes the environment, and a look at a dictionary that
    changes is a KeyError.
    """
    merged = api.merge_environment_settings(api.base_url, {}, None, None, None)
    api.proxies, api.verify, api.trust_env = merged["proxies"], merged["verify"], False


def explain(error: BaseException) -> str:
    """The engine's own words, without the URL and the class names round them."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation).strip()
    return " ".join(str(error).split())[:400]


def _agree(api: Any) -> dict[str, Any]:
    """The engine's own account of its version; the client speaks that version from here on."""
    told: dict[str, Any] = api.version(api_version=False)
    version = str(told["ApiVersion"])
    if version_lt(version, MINIMUM_DOCKER_API_VERSION):
        raise DockerException(f"the engine speaks API {version}: too old for docker-py")
    api._version = version  # noqa: SLF001  docker-py has no other way
    return told


def _try_socket(client: docker.DockerClient) -> None:
    """Raises OSError where a socket file does not answer: docker-py would leak its own socket."""
    path = getattr(getattr(client.api, "_custom_adapter", None), "socket_path", None)
    if path is not None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            trial.connect(str(path))


def _why_unavailable(error: BaseException) -> str:
    text = str(error)
    where = os.environ.get("DOCKER_HOST") or _context_name() or "/var/run/docker.sock"
    if "Permission denied" in text or "PermissionError" in text:
        return (
            f"permission denied on the engine's socket\n{where}\n"
            "add your user to the socket's group (`sudo usermod -aG docker $USER`, then log in "
            "again), or name an engine of your own in DOCKER_HOST"
        )
    return (
        f"no container engine answers at {where}\n"
        f"{_innermost(error)}\n"
        "start Docker (or Podman's service), or name another engine in DOCKER_HOST"
    )


def _context_name() -> str | None:
    name = os.environ.get("DOCKER_CONTEXT")
    return f"the context {name}" if name else None


def _innermost(error: BaseException) -> str:
    while (error.__cause__ or error.__context__) is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return " ".join(str(error).split())[:300]
