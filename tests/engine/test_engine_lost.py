"""An engine that breaks off is an EngineError with a text, whatever was asked of it."""

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker.engine import buildx
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.inside import NO_PYTHON
from pytest_tfdocker.evidence.records import Absent
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.evidence.supervised import ENGINE_GONE, Supervised

pytestmark = pytest.mark.engine


class Cutting:
    """A socket before the engine's own, that breaks off for good at the first request of a kind."""

    def __init__(self, path, behind):
        self.at = b"POST /none"
        self._behind, self._open, self._threads, self._broken = behind, [], [], False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._start(self._accept)

    def break_off(self):
        """Still takes connections, since docker-py leaks the socket of one that is refused."""
        self._broken = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.break_off()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (*self._open, self._listener):
            one.close()

    def _start(self, target, *arguments):
        self._threads.append(threading.Thread(target=target, args=arguments))
        self._threads[-1].start()

    def _accept(self):
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                if self._broken:
                    ours.close()
                    continue
                theirs = socket.socket(socket.AF_UNIX)
                self._open += [ours, theirs]
                theirs.connect(self._behind)
                self._start(self._copy, ours, theirs)
                self._start(self._copy, theirs, ours)

    def _copy(self, source, target):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self.at in data:
                    self.break_off()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cutting(engine, monkeypatch):
    """The socket, and a client of the engine behind it."""
    if engine.remote:
        pytest.skip("stands before a socket file")
    path = Path(f"/tmp/tfdocker-test-{os.getpid()}.sock")  # pytest's own are too long for a socket
    proxy = Cutting(str(path), engine.host.removeprefix("unix://"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with Engine.connect() as client:
        yield proxy, client
    proxy.close()
    path.unlink()


@pytest.mark.parametrize("asked", ["inspect", "history"])
def test_an_engine_that_is_gone(cutting, asked, small_image):
    proxy, client = cutting
    proxy.break_off()
    with pytest.raises(EngineError, match=r"\w"):
        getattr(client, asked)(small_image)
    client.remove_image("tfdocker-test/none:none")


def test_an_engine_that_is_gone_before_the_container_is_attached(cutting, engine, small_image):
    proxy, client = cutting
    proxy.at = b"/attach"
    spec = ContainerSpec(image=small_image, argv=["true"])
    with pytest.raises(EngineError, match=r"\w"):
        Container(client, spec, f"lost{os.getpid()}", new_cookie())
    (left,) = engine.api.containers(all=True, filters={"name": f"tfdocker-lost{os.getpid()}"[:17]})
    engine.api.remove_container(left["Id"], force=True)


@pytest.mark.parametrize("interpreter", [True, False], ids=["supervised", "held by a shell"])
def test_an_engine_that_goes_away_during_a_run(cutting, engine, judged_small_image, interpreter):
    proxy, client = cutting
    session, image = judged_small_image.session, judged_small_image.settings
    run_id = f"{'away' if interpreter else 'gone'}{os.getpid()}"
    evidence = session.evidence(image)
    if not interpreter:
        evidence = msgspec.structs.replace(evidence, interpreter=Absent(reason=NO_PYTHON))
    supervised = Supervised(client, evidence, image.settings.run, run_id=run_id)
    breaking = threading.Timer(2, proxy.break_off)
    breaking.start()
    began = time.monotonic()
    found = collect_run(supervised, "test", timeout_seconds=60, command=["sleep", "60"])
    breaking.join()
    assert isinstance(found, Absent)
    assert found.reason == ENGINE_GONE
    assert time.monotonic() - began < 30
    left, until = [True], time.monotonic() + 10
    while left and time.monotonic() < until:  # its life hung on the connection
        left = engine.api.containers(all=True, filters={"name": f"tfdocker-{run_id[:8]}-"})
    assert left == []


@pytest.fixture
def _often_switched():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_often_switched")
def test_requests_in_threads_bear_an_environment_that_changes(monkeypatch):
    with Engine.connect() as engine:
        asking = engine.begin(lambda: [engine.api.ping() for _ in range(100)])
        while not asking.done():
            for at in range(50):
                monkeypatch.setenv(f"TFDOCKER_TEST_{at}", "1")
            for at in range(50):
                monkeypatch.delenv(f"TFDOCKER_TEST_{at}")
        assert asking.result() == [True] * 100


def test_what_was_begun_raises_where_it_is_asked_for():
    def work():
        raise EngineError("it broke off")

    with Engine.connect() as engine:
        begun = engine.begin(work)
        engine.settle()
        with pytest.raises(EngineError, match="it broke off"):
            begun.result()


def test_what_goes_on_is_waited_for_also_where_it_has_begun_more():
    done = []
    with Engine.connect() as engine:
        for number in range(50):
            engine.in_background(
                lambda number=number: engine.in_background(lambda: done.append(number))
            )
        engine.settle()
        assert sorted(done) == list(range(50))


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.engine.client.SETTLE_SECONDS", 0.1)
    ends = threading.Event()
    with Engine.connect() as engine:
        engine.in_background(lambda: ends.wait(30) and None)
        engine.settle()
        assert not ends.is_set()
        ends.set()


def test_a_docker_cli_that_hangs_is_named(tmp_path, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexec sleep 60\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(buildx, "INFO_SECONDS", 0.2)
    with pytest.raises(EngineError) as told:
        buildx.find_buildx.__wrapped__()
    assert str(told.value) == (
        "`docker info` has not answered within 0.2 s\n"
        f"{docker} tells where buildx is; the engine, or a plugin of the CLI, hangs"
    )
