"""pytest is ended in the midst of things: seconds later nothing of it is left in the engine."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from docker.errors import APIError
from without_python import dockerfile

from pytest_tfdocker.engine.buildx import find_buildx
from pytest_tfdocker.engine.sweep import OWNER_LABEL

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

BEGUN_SECONDS = 180
GONE_SECONDS = 5
ENDED_SECONDS = 15
WORKER_SECONDS = 20
"""A worker of xdist whose controller is gone interrupts itself after 5 s."""

SMOKE = """
[[smoke]]
name = "long"
command = ["sleep", "MARK"]
timeout = "10 min"
"""
SERVICE = """
import time

import pytest


@pytest.fixture(scope="module")
def service(tfdocker_service):
    return tfdocker_service(command=["sleep", "MARK"], wait=lambda _: time.sleep(600))


def test_service(service):
    pass
"""
CONFTEST = """
from types import SimpleNamespace

from pytest_tfdocker.engine import sweep

sweep.socket = SimpleNamespace(gethostname=lambda: "hostMARK")
"""
"""Another run on this machine would sweep up what a defect leaves, before a test sees it."""
FORKING_SERVICE = """
import os
import time
from pathlib import Path


def fork_and_wait(_):
    os.fork()
    with Path("forked").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)


def test_service(tfdocker_service):
    tfdocker_service(command=["sleep", "MARK"], wait=fork_and_wait)
"""
WITHOUT_PYTHON = dockerfile("IMAGE", "/bin/dash:/bin/sh", "/bin/sleep")
SLOW_MODULE = {
    "Dockerfile": "FROM IMAGE\nENV PYTHONPATH=/slow\nCOPY slowMARK.py /slow/\n",
    "slowMARK.py": "import time\n\ntime.sleep(600)\n",
    "tfdocker.toml": '[imports]\nmodules = ["slowMARK"]\n',
}
CASES = {
    "held by a shell": (
        {"Dockerfile": WITHOUT_PYTHON, "tfdocker.toml": SMOKE},
        "-k",
        "peak-memory",
    ),
    "smoke": ({"tfdocker.toml": SMOKE}, "-k", "peak-memory"),
    "import": (SLOW_MODULE, "-k", "import"),
    "service": ({"test_service.py": SERVICE}, "-k", "test_service"),
}
LONG_BUILD = {"Dockerfile": "FROM IMAGE\nRUN sleep MARK\n"}

MARKED = '[run]\nenv = ["BEGUN=MARK"]\n'
START_SECONDS = 8
"""In which even an emulated engine has started the user's program."""

_marks = count(1)


def processes(word):
    """Pids of the processes with `word` in their command line; those of a local engine too."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def seconds_until(is_so, limit, what):
    """How long it took, printed; fails where it took longer than `limit` seconds."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() < begun + limit, f"{what}: not within {limit} s"
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    print(f"{what}: {seconds:.1f} s")
    return seconds


class Judging:
    """A `pytest --tfdocker` that goes on, with a mark in the command lines of its programs."""

    def __init__(self, project, mark, arguments):
        self.client, self.project, self.mark = project.client, project, mark
        self._seen = {}
        self._output = project.folder / "output"
        command = [sys.executable, "-m", "pytest", "--tfdocker", "-p", "no:randomly", *arguments]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=project.folder,
                env=project.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A shell that starts its jobs in the background has SIGINT ignored in them
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )

    @property
    def said(self):
        return self._output.read_text()

    def containers(self):
        """Its containers, those of its workers too: id → owner's pid."""
        return self._owned(self.client.api.containers(all=True, filters={"label": OWNER_LABEL}))

    def left(self):
        """Its containers and networks: id → owner's pid."""
        networks = self.client.api.networks(filters={"label": OWNER_LABEL})
        return {**self.containers(), **self._owned(networks)}

    def until_running(self, programs=1):
        """Waits until the user's program runs in so many containers: pids of their owners."""
        self.until(lambda: len(self._running()) == programs, "begun")
        return self._running()

    def until(self, is_so, what):
        """Waits for something that happens while pytest goes on."""

        def has_happened():
            assert self.process.poll() is None, self.said
            return is_so()

        seconds_until(has_happened, BEGUN_SECONDS, what)

    def end(self, number):
        """Sends a signal to pytest alone, not to its children."""
        self.process.send_signal(number)

    def children(self):
        """Pids of pytest's own children: workers of xdist, helpers, a builder."""
        found = set()
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            found |= {int(pid) for pid in path.read_text().split()}
        return found

    def remove(self):
        """Ends pytest, and what a test that fails has found to be left."""
        self.process.kill()
        self.process.wait()
        for pid in processes(self.project.tag):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        api = self.client.api
        for remove, ids in (
            (lambda id_: api.remove_container(id_, force=True), self.containers()),
            (api.remove_network, self.left()),
        ):
            for id_ in ids:
                with suppress(APIError):
                    remove(id_)

    def _running(self):
        return {pid: id_ for id_, pid in self.containers().items() if self._runs_program(id_)}

    def _runs_program(self, id_):
        api = self.client.api
        with suppress(APIError):
            record = api.inspect_container(id_)
            if f"BEGUN={self.mark}" not in record["Config"]["Env"]:
                return False  # the inventory
            try:
                lines = api.top(id_)["Processes"] or []
            except APIError:  # no ps at the engine: by the time that it has had
                seen = self._seen.setdefault(id_, time.monotonic())
                return record["State"]["Running"] and time.monotonic() > seen + START_SECONDS
            return any(self.mark in line[-1] for line in lines)
        return False

    def _owned(self, records):
        found = {}
        for record in records:
            host, pid = record["Labels"][OWNER_LABEL].split("/")[:2]
            if host == f"host{self.mark}":
                found[record["Id"]] = int(pid)
        return found


@pytest.fixture
def begin(user_project, small_image, tmp_path):
    """Begins a run that lasts, of the small image where there is no Dockerfile."""
    begun = []
    user_project.environment["TMPDIR"] = str(tmp_path)  # its measured runs wait for no other

    def start(files, *arguments):
        mark = f"8{os.getpid()}{next(_marks):02}"
        settings = MARKED + files.get("tfdocker.toml", "")
        for name, text in {**files, "conftest.py": CONFTEST, "tfdocker.toml": settings}.items():
            written = text.replace("MARK", mark).replace("IMAGE", small_image)
            user_project.write(name.replace("MARK", mark), written)
        given = [] if "Dockerfile" in files else [f"--tfdocker-image={small_image}"]
        begun.append(Judging(user_project, mark, [*given, *arguments]))
        return begun[-1]

    yield start
    for one in begun:
        one.remove()


@pytest.fixture(params=["buildx", "classic"])
def begin_build(request, begin, user_project, engine):
    """Begins a build that lasts, by each of the builders; waits for its RUN."""
    if engine.remote:
        pytest.skip("whether a remote engine goes on building isn't seen from here")
    if request.param == "classic":
        # Without a docker CLI there is no buildx
        user_project.environment["PATH"] = str(Path(sys.executable).parent)
    elif find_buildx() is None:
        pytest.skip("the docker CLI has no buildx")

    def start():
        begun = begin(LONG_BUILD, "-k", "build")
        begun.until(lambda: processes(f"sleep\0{begun.mark}"), "the build's RUN")
        time.sleep(1)  # what buildx tells of it comes a moment later
        assert bool(processes(user_project.tag)) == (request.param == "buildx")
        return begun

    return start


def broken_off(said):
    """What was going on, as the last line of progress names it; the rest is one text, pytest's."""
    before, _, text = said.partition("\n!!!")
    assert re.fullmatch(
        r"!+ KeyboardInterrupt !+\n"
        r"\S+: KeyboardInterrupt\n"
        r"\(to show a full traceback on KeyboardInterrupt use --full-trace\)\n"
        r"=+ .* in .+ =+\n"
        r"tfdocker: .+: no check was run(, 1 not reached \(.+\))?\n",
        text,
    ), said
    assert "Traceback" not in said
    return before.rstrip().rpartition("\n")[2]


@pytest.mark.parametrize("case", CASES)
def test_sigkill_leaves_no_container_and_no_network(begin, case):
    begun = begin(*CASES[case])
    begun.until_running()
    assert len(begun.left()) == (2 if case == "service" else 1)
    begun.end(signal.SIGKILL)
    seconds_until(lambda: not begun.left(), GONE_SECONDS, "gone")


def test_a_child_that_a_test_forked_does_not_keep_the_service_alive(begin):
    begun = begin({"test_service.py": FORKING_SERVICE}, "-k", "test_service")
    told = begun.project.folder / "forked"
    begun.until(lambda: told.exists() and told.read_text().count("\n") == 2, "forked")
    begun.until_running()
    (child,) = {int(pid) for pid in told.read_text().split()} - {begun.process.pid}
    begun.end(signal.SIGKILL)
    try:
        seconds_until(lambda: not begun.left(), GONE_SECONDS, "gone")
    finally:
        os.kill(child, signal.SIGKILL)


def test_sigkill_leaves_no_helper_that_was_to_remove_the_network(begin):
    begun = begin(*CASES["service"])
    begun.until_running()
    (helper,) = processes("pytest_tfdocker.engine.reaper\0tfdocker-") & begun.children()
    begun.end(signal.SIGKILL)
    seconds_until(lambda: not begun.left(), GONE_SECONDS, "gone")
    seconds_until(lambda: not Path(f"/proc/{helper}").exists(), ENDED_SECONDS, "helper")


def test_sigkill_leaves_no_build(begin_build):
    begun = begin_build()
    begun.end(signal.SIGKILL)
    seconds_until(lambda: not processes(begun.project.tag), GONE_SECONDS, "the builder")
    seconds_until(lambda: not processes(f"sleep\0{begun.mark}"), GONE_SECONDS, "its RUN")


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("smoke", r"smoke: long interrupted, .+"),
        ("import", r"import: slow\d+ interrupted, .+"),
        ("service", r"inventory: of the image .+"),
    ],
)
def test_ctrl_c_leaves_nothing_and_ends_with_one_text(begin, case, told):
    begun = begin(*CASES[case])
    begun.until_running()
    begun.end(signal.SIGINT)
    seconds_until(lambda: begun.process.poll() is not None, ENDED_SECONDS, "ended")
    seconds_until(lambda: not begun.left(), 1, "gone")
    assert begun.process.returncode == pytest.ExitCode.INTERRUPTED
    assert re.fullmatch(told, broken_off(begun.said))


def test_ctrl_c_ends_the_build_with_one_text(begin_build):
    begun = begin_build()
    begun.end(signal.SIGINT)
    seconds_until(lambda: begun.process.poll() is not None, ENDED_SECONDS, "ended")
    seconds_until(lambda: not processes(f"sleep\0{begun.mark}"), 1, "its RUN")
    assert not processes(begun.project.tag)
    assert begun.process.returncode == pytest.ExitCode.INTERRUPTED
    told = rf"build: \[2/2\] RUN sleep {begun.mark} interrupted, .+"
    assert re.fullmatch(told, broken_off(begun.said))
    assert "building with " not in begun.said


@pytest.fixture
def begun_with_workers(begin):
    """Two workers of xdist, one in a smoke run, the other in a service's fixture."""
    files = {"tfdocker.toml": SMOKE, "test_service.py": SERVICE}
    begun = begin(files, "-n", "2", "-k", "peak-memory or test_service")
    begun.until_running(programs=2)
    return begun


def test_sigkill_of_the_controller_leaves_nothing_of_its_workers(begun_with_workers):
    begun_with_workers.end(signal.SIGKILL)
    seconds_until(lambda: not begun_with_workers.left(), WORKER_SECONDS, "gone")


def test_sigkill_of_the_workers_leaves_nothing_of_them_and_the_run_ends(begun_with_workers):
    for pid in begun_with_workers.until_running(programs=2):
        os.kill(pid, signal.SIGKILL)
    seconds_until(lambda: not begun_with_workers.left(), GONE_SECONDS, "gone")
    assert begun_with_workers.process.wait(60) == pytest.ExitCode.TESTS_FAILED
    assert "crashed while running 'tfdocker::peak-memory[long]'" in begun_with_workers.said
    assert not begun_with_workers.left()


def test_ctrl_c_of_the_controller_leaves_nothing_of_its_workers(begun_with_workers):
    begun_with_workers.end(signal.SIGINT)
    ended = begun_with_workers.process
    seconds_until(lambda: ended.poll() is not None, WORKER_SECONDS, "ended")
    seconds_until(lambda: not begun_with_workers.left(), 1, "gone")
    assert ended.returncode == pytest.ExitCode.INTERRUPTED
    assert broken_off(begun_with_workers.said)
