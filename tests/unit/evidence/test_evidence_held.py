"""What the shell that holds a program has read, as evidence; and when a shell has to hold it."""

import msgspec
import pytest

from pytest_tfdocker.evidence.held import _said_of_exec, _why_no_peak, is_held
from pytest_tfdocker.evidence.held_counters import figures, limits_of
from pytest_tfdocker.evidence.records import Absent, Effective
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.settings.schema import Run

MIB = 1 << 20
MEMINFO = {"/proc/meminfo": "SwapTotal: 2048 kB"}
UNLIMITED = "9223372036854771712\n"
VERSION_1 = MEMINFO | {
    "memory/memory.limit_in_bytes": "67108864\n",
    "memory/memory.memsw.limit_in_bytes": "134217728\n",
    "memory/memory.max_usage_in_bytes": "5000000\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "cpu/cpu.cfs_quota_us": "50000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpu/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 1500000000\n",
    "cpuacct/cpuacct.usage": "2000000000\n",
    "pids/pids.max": "77\n",
}
VERSION_2 = MEMINFO | {
    "./memory.max": "67108864\n",
    "./memory.swap.max": "0\n",
    "./memory.peak": "5000000\n",
    "./memory.events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n",
    "./cpu.max": "50000 100000\n",
    "./cpu.stat": "usage_usec 2000000\nthrottled_usec 1500000\n",
    "./pids.max": "77\n",
}


def effective(**changes):
    found = Effective(
        memory_bytes=64 * MIB,
        swap_bytes=64 * MIB,
        cpus=0.5,
        pids=77,
        cgroup_version="1",
        machine_swap_bytes=2 * MIB,
    )
    return msgspec.structs.replace(found, **changes)


def test_limits_of_version_1():
    assert limits_of(VERSION_1) == effective()


def test_limits_of_version_2():
    assert limits_of(VERSION_2) == effective(cgroup_version="2", swap_bytes=0)


def test_no_limit_is_none_and_what_can_not_be_read_is_unknown():
    files = {"memory/memory.limit_in_bytes": UNLIMITED, "cpu/cpu.cfs_quota_us": "-1\n"}
    assert limits_of(files) == Effective(
        memory_bytes=None,
        swap_bytes=None,
        cpus=None,
        pids=None,
        cgroup_version="1",
        swap_known=False,
        unknown=["pids"],
    )
    assert limits_of({"./memory.max": "max\n", "./pids.max": "max\n"}) == Effective(
        memory_bytes=None,
        swap_bytes=None,
        cpus=None,
        pids=None,
        cgroup_version="2",
        swap_known=False,
        unknown=["cpus"],
    )


@pytest.mark.parametrize("files", [{}, MEMINFO, {"cpu/cpu.stat": "nr_periods 0\n"}])
def test_without_a_memory_counter_nothing_is_known(files):
    assert limits_of(files) is None
    assert figures(files, files) == {}


@pytest.mark.parametrize(
    ("before", "kills", "used", "throttled"),
    [
        (
            VERSION_1,
            "memory/memory.oom_control",
            ("cpuacct/cpuacct.usage", "500000000\n"),
            ("cpu/cpu.stat", "throttled_time 500000000\n"),
        ),
        (
            VERSION_2,
            "./memory.events",
            ("./cpu.stat", "usage_usec 500000\nthrottled_usec 500000\n"),
            None,
        ),
    ],
    ids=["1", "2"],
)
def test_what_a_run_took_is_what_rose_meanwhile(before, kills, used, throttled):
    first = before | {kills: "oom_kill 0\n"} | dict([used]) | dict([throttled] if throttled else [])
    assert figures(first, before) == {
        "oom_killed": True,
        "kernel_peak_bytes": 5_000_000,
        "cpu_seconds": 1.5,
        "throttled_seconds": 1.0,
    }
    assert figures(before, before)["oom_killed"] is False


@pytest.mark.parametrize("files", [VERSION_1, VERSION_2], ids=["1", "2"])
def test_a_counter_that_is_missing_is_none_and_never_zero(files):
    known = "memory/memory.limit_in_bytes", "./memory.max"
    few = {name: text for name, text in files.items() if name in known}
    assert set(figures(few, few).values()) == {None}


@pytest.fixture
def supervised(evidence):
    """Of an image whose interpreter is that version, or is absent for that reason."""

    def make(version=None, reason="", **changes):
        there = evidence(**changes)
        found = Absent(reason=reason)
        if version is not None:
            found = msgspec.structs.replace(there.interpreter, version=version)
        there = msgspec.structs.replace(there, interpreter=found)
        return Supervised(None, there, Run(), run_id="test")

    return make


@pytest.mark.parametrize("version", ["3.7.0", "3.11.2", "3.13.0rc1", "4.0.0"])
def test_a_python_of_the_probe_s_holds_its_own(supervised, version):
    one = supervised(version)
    assert not is_held(one)
    assert one.python == "/opt/venv/bin/python"


@pytest.mark.parametrize("version", ["3.6.15", "2.7.18"])
def test_a_python_that_is_too_old_is_as_none(supervised, version):
    one = supervised(version)
    assert is_held(one)
    old = f"the image's Python is {version}: the probe needs 3.7 or newer"
    assert one.python.reason.splitlines()[0] == old
    assert _why_no_peak(one) == f"working memory is sampled by the image's Python\n{old}"


def test_an_image_that_nobody_could_look_into_is_not_started(supervised):
    reason = "the image has no Python: the probe needs one, 3.7 or newer\nno Python: …"
    assert is_held(supervised(reason=reason))
    assert not is_held(supervised(reason=reason, files=Absent(reason="no inventory: …")))
    why = "the image has no Python: working memory is sampled by it"
    assert _why_no_peak(supervised(reason=reason)) == why


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("tfdocker: 98: exec: /app: not found\n", "not found"),
        ("x\ntfdocker: exec: line 98: /app: Permission denied\n", "Permission denied"),
        (
            "tfdocker: line 98: /app: cannot execute: required file not found",
            "required file not found",
        ),
        ("sh: 1: tfdocker: not found\n", None),
        ("", None),
    ],
)
def test_what_the_shell_says_of_a_program_that_it_could_not_start(stderr, said):
    assert _said_of_exec(stderr) == said
