"""--tfdocker-fit on real programs: the figure is what they need, and nothing is left behind."""

import json
import signal
import subprocess
import sys
import time

import pytest
from without_python import dockerfile

from pytest_tfdocker.fitting.fit import limit_to_set
from pytest_tfdocker.fitting.search import tolerance

pytestmark = pytest.mark.engine

MIB = 1 << 20
TAKEN = 120
BESIDE_BYTES = 24 * MIB
"""Our supervisor's memory, the kernel's, and the pages of the interpreter's own files."""
TAKE = f"""
import mmap, os, sys, time
print("tfdocker: phase load", flush=True)
area = mmap.mmap(-1, {TAKEN} << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, {TAKEN} << 20, 4096):
    area[page] = 1
time.sleep(0.2)
"""
SMOKE = '[[smoke]]\nname = "take"\nscript = "take.py"\n'
KINDS = """
[run]
command = ["python3", "-m", "http.server", "8000"]
[[smoke]]
name = "command"
command = ["python3", "-c", "held = b'x' * (40 << 20); print(len(held))"]
[[smoke]]
name = "request"
request = { path = "/", port = 8000 }
[images.one]
[images.other]
"""
MAPPED = 150
READ_MAPPED = """
import mmap
with open("/weights", "rb") as file:
    area = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
for _ in range(200):
    for page in range(0, len(area), 4096):
        area[page]
"""


def fit_of(image, name="take"):
    return next(run["fit"] for run in image["runs"] if run["name"] == name)


@pytest.fixture
def taking(user_project, small_image):
    """Judges a program that takes a known amount of memory; with `lines` of a settings file."""

    def judge(*arguments, code=TAKE, lines=SMOKE, given=small_image):
        user_project.write("take.py", code)
        user_project.write("tfdocker.toml", lines)
        asked = ("--tfdocker-fit", f"--tfdocker-image={given}", "-k", "peak-memory")
        return user_project.judge(*asked, *arguments)

    return judge


@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="workers", marks=pytest.mark.slow)],
)
def test_the_smallest_is_what_the_program_takes(
    taking, workers, run, bare_peak, small_image, docker_client
):
    said = taking(*workers)
    assert said.exit_code == 0
    assert said.left == []
    found = fit_of(said.image)
    smallest, failing = found["smallest_bytes"], found["failing_bytes"]
    print(f"{TAKEN} MiB and an interpreter: {smallest / MIB} MiB, in {found['runs']} runs")
    needed = TAKEN * MIB + bare_peak
    assert needed <= smallest <= needed + BESIDE_BYTES + tolerance(smallest)
    assert 0 < smallest - failing <= tolerance(smallest)
    assert found["failed_by"].startswith('OOM-killed in "load"')
    assert found["limit_bytes"] == limit_to_set(smallest)
    assert found["runs"] == len(found["trials"]) <= 9
    # Held to it once more; and below it
    assert run(TAKE, memory=smallest).exit_code == 0
    assert run(TAKE, memory=failing).oom_killed
    # As production starts it, without our supervisor
    docker_client.containers.run(
        small_image,
        ["python3", "-c", TAKE],
        mem_limit=smallest,
        memswap_limit=smallest,
        remove=True,
    )
    limit = found["limit_bytes"] // MIB
    for told in (
        f"  take: {smallest // MIB} MiB, 3 times of 3; {found['runs']} runs in ",
        f"    under {failing // MIB} MiB: OOM-killed in ",
        f"set {limit} MiB, 15 % above it (none is set):",
        f"deploy.resources.limits.memory: {limit}M ",
        f"resources.limits.memory: {limit}Mi",
        f'memory = "{limit} MiB"',
    ):
        assert said.output.count(told) == 1


def test_the_kill_that_the_check_has_seen_is_known_and_its_failure_stays(taking):
    said = taking(lines='[run]\nmemory = "128 MiB"\n' + SMOKE)
    assert said.outcomes == {"peak-memory[take]": "failed"}
    found = fit_of(said.image)
    assert found["failing_bytes"] >= 128 * MIB
    assert found["runs"] <= 6
    assert "(now 128 MiB, tfdocker.toml:2):" in said.output


def test_each_run_is_a_line(taking):
    said = taking()
    runs = fit_of(said.image)["runs"]
    lines = [line for line in said.output.splitlines() if "fit take: " in line]
    assert sum(" of ~" in line for line in lines) == runs
    assert "fit take: 1 of ~5, without a limit peaks at " in said.output
    assert " MiB passes, " in said.output


@pytest.mark.slow
def test_commands_and_requests_of_several_images(taking, small_image, user_project):
    said = taking(f"--tfdocker-image=other={small_image}", lines=KINDS, given=f"one={small_image}")
    assert said.exit_code == 0
    images = json.loads((user_project.folder / "report.json").read_text())["images"]
    assert [image["name"] for image in images] == ["one", "other"]
    for image in images:
        assert 40 * MIB < fit_of(image, "command")["smallest_bytes"] < 90 * MIB
        assert 6 * MIB < fit_of(image, "request")["smallest_bytes"] < 60 * MIB
        assert f"smallest memory limit in {image['name']}:" in said.output


@pytest.mark.parametrize("failing", ["raise SystemExit(3)", "import time; time.sleep(99)"])
def test_a_smoke_that_fails_without_any_limit_has_none(taking, failing):
    said = taking(code=failing, lines=f'{SMOKE}timeout = "2 s"\n')
    assert said.outcomes == {"peak-memory[take]": "failed"}
    assert fit_of(said.image) is None
    assert "  take: no limit found: it fails without any limit too: " in said.output
    assert "fit take: 1 of" not in said.output


def test_where_no_smoke_was_run_that_is_told(taking):
    said = taking("-k", "pinned")
    assert "--tfdocker-fit had nothing to look at in default" in said.output


@pytest.mark.slow
def test_a_limit_that_mapped_weights_do_not_fit_in_is_none(user_project, small_image):
    """Nor where an earlier run has read them: each starts as on a machine that has not."""
    code = f"import os; open('/weights', 'wb').write(os.urandom({MAPPED} << 20))"
    user_project.write("Dockerfile", f'FROM {small_image}\nRUN ["python3", "-c", "{code}"]\n')
    user_project.write("take.py", READ_MAPPED)
    user_project.write("tfdocker.toml", SMOKE)
    said = user_project.judge("--tfdocker-fit", "-k", "build or peak-memory")
    (measured,) = said.image["runs"]
    found = fit_of(said.image)
    print([(one["limit_bytes"], one["outcome"], one["seconds"]) for one in found["trials"]])
    assert measured["peak_bytes"] < 20 * MIB
    assert MAPPED * MIB * 0.9 < found["smallest_bytes"] < (MAPPED + 40) * MIB
    assert found["failed_by"].startswith("slower, not killed: over ")
    assert found["failed_by"].endswith("; its mapped files don't fit")
    assert {one["outcome"] for one in found["trials"]} == {"passed", "slower"}


@pytest.mark.slow
def test_an_image_without_python_is_searched_from_the_kernels_own_peak(user_project, small_image):
    user_project.write("Dockerfile", dockerfile(small_image, "/bin/dash:/bin/sh"))
    fill = "x=aaaaaaaa; i=0; while [ $i -lt 22 ]; do x=$x$x; i=$((i+1)); done"
    user_project.write("tfdocker.toml", f'[[smoke]]\nname = "take"\ncommand = "{fill}"\n')
    said = user_project.judge("--tfdocker-fit", "-k", "build or peak-memory")
    found = fit_of(said.image)
    # The last two of 32 MiB and 16 MiB are there at once
    assert 32 * MIB < found["smallest_bytes"] < 128 * MIB
    assert found["smallest_bytes"] - found["failing_bytes"] <= 16 * MIB
    (note,) = found["notes"]
    assert note.startswith("its files were in the page cache, where they may have cost nothing: ")
    assert "the image has no Python" in note


def test_ctrl_c_in_a_search_leaves_nothing_but_what_the_tests_have_said(
    user_project, small_image, tmp_path
):
    user_project.environment["TMPDIR"] = str(tmp_path)  # its measured runs wait for no other
    user_project.write("take.py", TAKE.replace("0.2", "3"))
    user_project.write("tfdocker.toml", SMOKE)
    log = user_project.folder / "log.txt"
    command = [sys.executable, "-m", "pytest", "--tfdocker", "--tfdocker-json=report.json"]
    command += ["--tfdocker-fit", f"--tfdocker-image={small_image}", "-k", "peak-memory"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=user_project.folder,
            env=user_project.environment,
            stdout=output,
            stderr=output,
            # A shell that starts its jobs in the background has SIGINT ignored in them
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        try:
            until = time.monotonic() + 120
            while "1 of ~5, without a limit peaks" not in log.read_text():
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.1)
            time.sleep(2)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == pytest.ExitCode.INTERRUPTED
        finally:
            process.kill()
            process.wait()
    said = log.read_text()
    assert user_project._left_by(process.pid) == []
    assert "fit take: 2 of ~5, " in said
    assert " MiB interrupted, " in said
    assert "  take: no limit found: interrupted" in said
    assert "Traceback" not in said
    (image,) = json.loads((user_project.folder / "report.json").read_text())["images"]
    assert [one["id"] for one in image["checks"]] == ["peak-memory[take]"]
    assert image["runs"][0]["fit"] is None
