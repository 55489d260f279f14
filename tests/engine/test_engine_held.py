"""Runs in images without Python, held by a shell: limits, output, exit code, time, OOM kill."""

import os
import signal
from contextlib import nullcontext

import pytest
from without_python import dockerfile

from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.evidence.limits import collect_limits
from pytest_tfdocker.evidence.records import Absent, Run
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.running import changed
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings
from pytest_tfdocker.settings.schema import Request

pytestmark = pytest.mark.engine

MIB = 1 << 20
NO_PEAK = "the image has no Python: working memory is sampled by it"
NO_PYTHON = "the image has no Python: the probe needs one, 3.7 or newer"
FILL_MEMORY = "x=aaaaaaaa; while :; do x=$x$x; done"
"""Of the shell's own; no other program is there."""
BUSYBOX = "RUN apt-get update && apt-get install -y --no-install-recommends busybox-static"
SHELLS = [
    pytest.param("dash", id="dash"),
    pytest.param("bash", id="bash", marks=pytest.mark.slow),
    pytest.param("busybox", id="busybox", marks=pytest.mark.slow),
]


class Shelled:
    """An image of a shell alone, and its runs."""

    def __init__(self, session):
        self.session, self.image = session, session.settings.images[0]

    def supervised(self, **settings):
        asked = changed(self.image.settings.run, **settings)
        return self.session.supervised_as(self.image, asked)

    def run(self, text, *, timeout=60, **settings):
        return self.run_words("/bin/sh", "-c", text, timeout=timeout, **settings)

    def run_words(self, *words, timeout=60, **settings):
        with self.session.measuring("a test's run"):
            found = collect_run(
                self.supervised(**settings), "test", timeout_seconds=timeout, command=[*words]
            )
        assert isinstance(found, Run), found
        return found


@pytest.fixture(scope="module")
def shelled_of(_answering_engine, docker_client, tmp_path_factory):
    """Makes one of the text of its Dockerfile."""
    made = []

    def make(text):
        folder = tmp_path_factory.mktemp("image")
        tag = f"tfdocker-test/held:{os.getpid()}-{len(made)}"
        (folder / "Dockerfile").write_text(text)
        docker_client.images.build(path=str(folder), tag=tag, rm=True)
        session = Session(
            load_settings(folder, options=Options(images=[tag]), environ={}),
            Store(tmp_path_factory.mktemp("run"), None),
            f"held{os.getpid()}",
            building=lambda: nullcontext(lambda _: None),
            doing=lambda _: nullcontext(lambda _: None),
        )
        made.append((session, tag))
        return Shelled(session)

    yield make
    for session, tag in made:
        session.close()
        _answering_engine.remove_image(tag)


@pytest.fixture(scope="module")
def shelled(shelled_of, small_image):
    """With dash and its libraries, and nothing else."""
    return shelled_of(dockerfile(small_image, "/bin/dash:/bin/sh"))


@pytest.fixture(scope="module", params=SHELLS)
def each_shell(request, shelled_of):
    """With each of the shells that images have, in turn."""
    if request.param == "dash":
        return request.getfixturevalue("shelled")
    slim_image = request.getfixturevalue("slim_image")
    prepare = BUSYBOX if request.param == "busybox" else ""
    program = f"/bin/{request.param}:/bin/sh"
    return shelled_of(dockerfile(slim_image, program, prepare=prepare))


def test_it_ends_well(each_shell):
    found = each_shell.run("echo out; echo err >&2")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "out\n", "err\n")
    assert (found.timed_out, found.oom_killed, found.error) == (False, False, None)
    assert (found.peak_bytes, found.peak_error, found.samples) == (None, NO_PEAK, [])
    assert 0 < found.kernel_peak_bytes < 64 * MIB
    assert found.command == ["/bin/sh", "-c", "echo out; echo err >&2"]
    assert 0 < found.cpu_seconds < 10


def test_it_ends_badly(each_shell):
    found = each_shell.run("echo why >&2; exit 3")
    assert (found.exit_code, found.stderr) == (3, "why\n")
    verdict = judge_run(found, 100 * MIB)
    assert (verdict.outcome, verdict.headline) == ("failed", "exit code 3: why")


def test_it_is_oom_killed(each_shell):
    found = each_shell.run(FILL_MEMORY, memory=32 * MIB)
    assert (found.exit_code, found.oom_killed, found.stderr) == (128 + signal.SIGKILL, True, "")
    assert found.effective.memory_bytes == 32 * MIB
    verdict = judge_run(found)
    assert verdict.outcome == "failed"
    assert verdict.headline == "OOM-killed at 32 MiB, SIGKILL (exit code 137)"


def test_an_oom_kill_of_a_child_alone_is_seen(each_shell):
    found = each_shell.run(f"({FILL_MEMORY}); exit 0", memory=32 * MIB)
    assert (found.exit_code, found.oom_killed) == (0, True)
    assert judge_run(found).headline == "OOM-killed at 32 MiB, exit code 0"


@pytest.mark.parametrize(("trap", "seconds"), [("", 1), ("trap '' TERM; ", 3)])
def test_its_time_is_over(each_shell, trap, seconds):
    """SIGTERM, and SIGKILL two seconds later."""
    found = each_shell.run(f"{trap}echo begun; while :; do :; done", timeout=1)
    assert (found.timed_out, found.exit_code, found.stdout) == (True, None, "begun\n")
    assert seconds <= found.seconds < seconds + 1.5
    assert judge_run(found, held=Held(timeout_seconds=1.0)).headline == "1.0 s are over, stopped"


def test_seconds_are_the_program_s_own(each_shell):
    code = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
    found = each_shell.run(code)
    assert 0.5 * found.cpu_seconds < found.seconds + 0.02


def test_what_it_prints_is_kept_as_it_came_and_bounded(each_shell):
    found = each_shell.run(r"printf 'a\033[2J\377\000b\n' >&2; printf '<tfdocker '")
    assert (found.stdout, found.stderr) == ("<tfdocker ", "a\x1b[2J\ufffd\0b\n")
    many = each_shell.run("i=0; while [ $i -lt 9999 ]; do echo line $i; i=$((i+1)); done")
    assert len(many.stdout) == 65536
    assert many.stdout.endswith("line 9998\n")


def test_secrets_are_masked(each_shell, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = each_shell.run("echo $HF_TOKEN; echo $HF_TOKEN >&2; exit 1", env=["HF_TOKEN"])
    assert (found.stdout, found.stderr) == ("***\n", "***\n")


def test_it_runs_as_another_user_on_a_root_that_is_read_only(each_shell):
    code = "while read -r key own rest; do [ $key != Uid: ] || echo $own; done </proc/self/status; "
    code += "echo x >/tmp/file && echo written; echo x 2>/dev/null >/file || echo read-only"
    found = each_shell.run(code, user="12345:12345", read_only=True, tmpfs=["/tmp"])
    assert (found.exit_code, found.stdout) == (0, "12345\nwritten\nread-only\n")


def test_limits_that_are_in_force_are_read(each_shell, engine):
    asked = each_shell.supervised(memory=64 * MIB, cpus=0.5, pids=77)
    found = collect_limits(asked)
    assert (found.memory_bytes, found.cpus, found.pids) == (64 * MIB, 0.5, 77)
    if engine.info.get("SwapLimit"):
        assert (found.swap_bytes, found.swap_known) == (0, True)
    run = each_shell.run(":", memory=64 * MIB, cpus=0.5, pids=77)
    assert run.effective == found


def test_a_cpu_limit_throttles_and_is_told(each_shell):
    found = each_shell.run("while :; do :; done", cpus=0.05, timeout=2)
    assert found.throttled_seconds > 0


def test_what_can_not_be_started_is_told(each_shell):
    for name, error in (
        ("serve", "serve: No such file or directory"),
        ("/proc", "/proc: Permission denied"),
        ("echo", "echo: No such file or directory"),
    ):
        found = each_shell.run_words(name, "--port=1")
        assert (found.error, found.exit_code) == (error, 127)
        assert judge_run(found).outcome == "failed"


@pytest.fixture(scope="module")
def odd(shelled_of, small_image):
    """With programs that no kernel starts, and a Python that says that it is too old."""
    lines = [
        r"RUN printf '#!/no/such/shell\n' >/lost && printf 'exit 0\n' >/unmarked",
        r"RUN printf '#!/bin/sh\necho Unknown option: -I >&2\nexit 2\n' >/python3",
        "RUN chmod +x /lost /unmarked /python3",
    ]
    end = "COPY --from=programs /lost /unmarked /python3 /usr/bin/"
    return shelled_of(
        dockerfile(small_image, "/bin/dash:/bin/sh", prepare="\n".join(lines), end=end)
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        # The first in the shell's words: dash says it so
        ("lost", "lost: not found"),
        ("/usr/bin/unmarked", "/usr/bin/unmarked: Exec format error"),
    ],
)
def test_what_production_would_not_start_is_not_started(odd, name, error):
    assert odd.run_words(name).error == error


def test_a_python_that_is_too_old_is_as_none(odd):
    found = odd.run("exit 0", memory=64 * MIB)
    old = "the image's Python is 2: the probe needs 3.7 or newer"
    assert found.peak_error == f"working memory is sampled by the image's Python\n{old}"
    assert (found.exit_code, found.oom_killed) == (0, False)
    assert collect_limits(odd.supervised(memory=64 * MIB)).memory_bytes == 64 * MIB


def test_few_pids_are_no_verdict_on_the_program(shelled):
    found = collect_run(
        shelled.supervised(pids=3), "test", timeout_seconds=60, command=["/bin/sh", "-c", "exit 2"]
    )
    assert found == Absent(
        reason="the image's shell could not start the program\n"
        "run.pids is 3, and the shell takes five beside it"
    )


def test_a_variable_that_shells_drop_is_no_verdict_on_the_program(shelled):
    asked = shelled.supervised(env=["discovery.type=single-node"])
    found = collect_run(asked, "test", timeout_seconds=60, command=["/bin/sh", "-c", ":"])
    assert found.reason.splitlines()[0] == "a shell may drop the variable 'discovery.type'"


def test_a_script_and_a_request_say_that_they_need_python(shelled):
    asked = shelled.supervised()
    script = collect_run(asked, "test", timeout_seconds=60, script=b"print(1)")
    told = "a script runs on it; a `command` does without"
    assert script.reason.splitlines()[:2] == [NO_PYTHON, told]
    request = Request(path="/", port=80)
    sent = collect_run(asked, "test", timeout_seconds=60, request=request)
    told = "a request is sent by it; a `command` does without"
    assert sent.reason.splitlines()[:2] == [NO_PYTHON, told]


def test_where_there_is_no_shell_either_nothing_is_started(shelled_of, small_image):
    bare = shelled_of(dockerfile(small_image, "/bin/sleep"))
    found = collect_run(bare.supervised(), "t", timeout_seconds=60, command=["/bin/sleep", "9"])
    assert found == collect_limits(bare.supervised())
    assert found.reason.splitlines()[0] == "the image has neither Python nor /bin/sh"


PROJECT = """
[run]
memory = "64 MiB"

[[smoke]]
name = "well"
command = "echo ready"
peak-memory = "32 MiB"
duration = "20 s"

[[smoke]]
name = "badly"
command = ["/bin/sh", "-c", "echo no model >&2; exit 3"]

[[smoke]]
name = "script"
script = "smoke.py"
"""
OWN = """
import pytest

from pytest_tfdocker import assert_peak_memory


def test_own(tfdocker_run):
    run = tfdocker_run(["/bin/sh", "-c", "echo out; exit 3"], memory="32 MiB")
    assert (run.exit_code, run.stdout, run.effective.memory_bytes) == (3, "out\\n", 32 << 20)
    with pytest.raises(pytest.fail.Exception, match="^exit code 3"):
        assert_peak_memory(run)


def test_peak(tfdocker_run):
    assert_peak_memory(tfdocker_run(["/bin/sh", "-c", ":"]), "1 GiB")
"""


def test_a_user_sees_how_the_run_ended_before_what_could_not_be_measured(user_project, small_image):
    user_project.write("Dockerfile", dockerfile(small_image, "/bin/dash:/bin/sh"))
    user_project.write("tfdocker.toml", PROJECT)
    user_project.write("smoke.py", "print(1)")
    user_project.write("test_own.py", OWN)
    said = user_project.judge("-k", "peak or limits or duration or own")
    assert {one: said.outcomes[one] for one in said.outcomes if one != "build"} == {
        "limits": "passed",
        "peak-memory[well]": "error",
        "peak-memory[badly]": "failed",
        "peak-memory[script]": "error",
        "duration[well]": "passed",
    }
    well = said.texts["peak-memory[well]"].splitlines()
    assert well[0] == NO_PEAK
    assert well[1].startswith("  the kernel's own peak, page cache counted: ")
    assert said.headlines["peak-memory[badly]"] == "exit code 3: no model"
    assert said.headlines["peak-memory[script]"] == NO_PYTHON
    assert said.tests == {"test_own": "passed", "test_peak": "failed"}
    assert NO_PEAK in said.output
    assert said.left == []
    runs = {one["name"]: one for one in said.image["runs"]}
    assert (runs["badly"]["exit_code"], runs["badly"]["peak_bytes"]) == (3, None)
    assert runs["well"]["effective"]["memory_bytes"] == 64 * MIB
