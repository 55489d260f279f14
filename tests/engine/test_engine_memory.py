"""The working peak against what is known beforehand: within 3 % or 4 MiB."""

import pytest

pytestmark = pytest.mark.engine

MIB = 1 << 20
TOLERANCE_BYTES = 4 * MIB

ANONYMOUS = """
import mmap, os, sys, time
def take(mib):
    area = mmap.mmap(-1, mib << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for page in range(0, mib << 20, 4096):
        area[page] = 1
    return area
"""


@pytest.fixture
def peak_is(bare_peak):
    """Asserts that a run's peak is what the program took, the interpreter beside it."""

    def check(run, mib):
        expected = mib * MIB + bare_peak
        print(f"known {expected / MIB:.1f} MiB, found {run.peak_bytes / MIB:.1f} MiB")
        print(f"({run.peak_source}; kernel's own {(run.kernel_peak_bytes or 0) / MIB:.1f} MiB)")
        assert run.exit_code == 0, run.stderr
        assert abs(run.peak_bytes - expected) <= max(TOLERANCE_BYTES, 0.03 * expected)
        assert run.oom_killed is False

    return check


def test_a_bare_interpreter_has_what_it_says_of_itself(run):
    code = """
import time
time.sleep(0.3)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon")))
"""
    found = run(code)
    assert abs(found.peak_bytes - int(found.stdout) * 1024) < MIB


def test_anonymous_memory(run, peak_is):
    peak_is(run(ANONYMOUS + "area = take(100); time.sleep(0.2)", memory=512 * MIB), 100)


def test_anonymous_memory_without_any_limit(run, peak_is):
    peak_is(run(ANONYMOUS + "area = take(100); time.sleep(0.2)"), 100)


def test_memory_that_is_freed_and_taken_again_is_not_added_up(run, peak_is):
    code = "for mib in (60, 120, 40):\n    area = take(mib); time.sleep(0.1); area.close()"
    peak_is(run(ANONYMOUS + code, memory=512 * MIB), 120)


def test_a_spike_of_30_ms(run, peak_is):
    code = "time.sleep(0.2); area = take(300); time.sleep(0.03); area.close(); time.sleep(0.2)"
    peak_is(run(ANONYMOUS + code, memory=1024 * MIB), 300)


def test_phases_have_their_own_peaks(run, bare_peak):
    code = """
for name, mib in (("load", 40), ("infer", 120), ("after", 10)):
    print("tfdocker: phase", name, flush=True)
    time.sleep(0.2); area = take(mib); time.sleep(0.2); area.close(); time.sleep(0.2)
"""
    found = run(ANONYMOUS + code, memory=512 * MIB)
    phases = [phase for phase in found.phases if phase.name != "start"]
    assert [phase.name for phase in phases] == ["load", "infer", "after"]
    for phase, mib in zip(phases, (40, 120, 10), strict=True):
        assert abs(phase.peak_bytes - mib * MIB - bare_peak) <= TOLERANCE_BYTES


def test_memory_of_ten_processes_is_added_up(run, peak_is):
    code = """
children = []
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        area = take(15); time.sleep(1); os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
"""
    peak_is(run(ANONYMOUS + code, memory=512 * MIB), 150)


def test_a_spike_between_two_samples_is_told_by_the_kernel(run, peak_is, monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.evidence.supervised.SAMPLE_SECONDS", 60.0)
    code = "time.sleep(1); area = take(150); area.close()"
    peak_is(run(ANONYMOUS + code, memory=512 * MIB), 150)


def test_a_run_of_a_few_milliseconds_has_a_peak(run, bare_peak):
    found = run("pass")
    assert found.peak_bytes > bare_peak / 3


def test_the_largest_processes_are_those_of_the_peak(run):
    found = run(ANONYMOUS + "area = take(100); time.sleep(0.2)")
    name, size = found.largest_processes[0].rsplit(" (pid ")
    assert name.startswith("python3")
    assert 90 <= int(size.split()[1]) <= 110


def test_a_spike_while_the_cpu_limit_stops_everybody(run, peak_is):
    code = """
for _ in range(4):
    if os.fork() == 0:
        until = time.monotonic() + 2
        while time.monotonic() < until: pass
        os._exit(0)
time.sleep(0.5)
area = take(150); area.close()
time.sleep(1)
"""
    found = run(ANONYMOUS + code, memory=512 * MIB, cpus=0.3)
    assert found.throttled_seconds > 0.5
    peak_is(found, 150)


def test_a_run_that_is_killed_at_its_limit_has_its_peak_there(run):
    found = run(ANONYMOUS + "area = take(200)", memory=96 * MIB)
    assert (found.oom_killed, found.exit_code) == (True, 137)
    # The rest is the kernel's and the supervisor's own
    assert 84 * MIB < found.peak_bytes <= 96 * MIB


def test_copy_on_write_counts_once_until_it_is_written(run, peak_is):
    code = """
area = take(80)
if os.fork() == 0:
    time.sleep(0.3)
    for page in range(0, 40 << 20, 4096):
        area[page] = 2
    time.sleep(0.3)
    os._exit(0)
os.wait()
"""
    peak_is(run(ANONYMOUS + code, memory=512 * MIB), 120)


def test_a_file_on_tmpfs_is_memory(run, peak_is):
    code = """
import time
with open("/scratch/x", "wb") as file:
    for _ in range(64):
        file.write(b"x" * (1 << 20))
time.sleep(0.3)
"""
    peak_is(run(code, memory=512 * MIB, tmpfs=["/scratch"]), 65)


def test_shared_memory_is_memory(run, peak_is):
    code = """
import mmap, time
file = open("/dev/shm/x", "w+b"); file.truncate(48 << 20)
area = mmap.mmap(file.fileno(), 48 << 20)
for page in range(0, 48 << 20, 4096):
    area[page] = 1
time.sleep(0.3)
"""
    peak_is(run(code, memory=512 * MIB), 48)


WRITE_FILE = """
import os
with open("/big", "wb") as file:
    for _ in range(200):
        file.write(os.urandom(1 << 20))
        os.fdatasync(file.fileno())
"""


def test_page_cache_of_a_file_far_above_the_limit_is_not_counted(run, peak_is):
    code = WRITE_FILE + "for _ in range(2):\n  with open('/big', 'rb') as file:\n"
    code += "    while file.read(1 << 16): pass\n"
    found = run(code, memory=64 * MIB)
    peak_is(found, 2)
    assert found.kernel_peak_bytes is None or found.kernel_peak_bytes > 48 * MIB


def test_a_mapped_file_is_not_counted_until_it_is_written_to_privately(run, peak_is):
    code = (
        WRITE_FILE
        + """
import mmap, time
file = open("/big", "rb")
area = mmap.mmap(file.fileno(), 200 << 20, access=mmap.ACCESS_COPY)
total = sum(area[page] for page in range(0, 200 << 20, 4096))
for page in range(0, 50 << 20, 4096):
    area[page] = 1
time.sleep(0.2)
"""
    )
    peak_is(run(code, memory=512 * MIB), 51)


def test_a_script_of_8_mib_is_no_memory_of_the_users(run, peak_is):
    found = run("# no memory\n" * 700_000 + "import time; time.sleep(0.3)", memory=256 * MIB)
    peak_is(found, 0)
