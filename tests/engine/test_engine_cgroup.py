"""Where a container sees its control group: its own or the host's namespace, or none at all."""

import pytest
from behaviours import MIB, TAKE, tolerance_bytes

from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.evidence.records import Absent, Effective
from pytest_tfdocker.evidence.run_record import run_record
from pytest_tfdocker.running import changed

pytestmark = pytest.mark.engine

PROGRAM = TAKE.format(hold=0.2) + "area = take(100); time.sleep(HOLD)"
LIMIT = 256 * MIB


@pytest.fixture
def run_with(judged_small_image):
    """Gives the record of PROGRAM under LIMIT, the container made with further keywords."""
    session, image = judged_small_image.session, judged_small_image.settings

    def run(**extra):
        supervised = session.supervised_as(image, changed(image.settings.run, memory=LIMIT, cpus=1))
        child = {
            "name": "program.py",
            "argv": [supervised.python, {"file": "program.py"}],
            "timeout_seconds": 60,
        }
        files = {"program.py": PROGRAM.encode()}
        with session.measuring("a test's run"):
            found = supervised.children([child], files=files, script=True, extra=extra)
        assert not isinstance(found, Absent), found
        return run_record(supervised, "program.py", ["program.py"], found[0], found[1][0])

    return run


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_it_finds_its_own_group_in_either_namespace(run_with, engine, bare_peak, namespace):
    found = run_with(cgroupns=namespace)
    assert found.exit_code == 0, found.stderr
    assert isinstance(found.effective, Effective)
    assert found.effective.cgroup_version == engine.info["CgroupVersion"]
    assert (found.effective.memory_bytes, found.effective.cpus) == (LIMIT, 1)
    known = 100 * MIB + bare_peak
    assert abs(found.peak_bytes - known) <= tolerance_bytes(known)
    assert known <= found.kernel_peak_bytes <= LIMIT
    assert found.oom_killed is False
    assert found.cpu_seconds > 0


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_with_the_hosts_tree_mounted_it_takes_no_other_group_for_its_own(
    run_with, bare_peak, namespace
):
    volumes = ["/sys/fs/cgroup:/sys/fs/cgroup:ro"]
    found = run_with(cgroupns=namespace, binds=volumes)
    if found.peak_bytes is None:
        assert isinstance(found.effective, Absent)
        return
    assert found.effective.memory_bytes == LIMIT
    known = 100 * MIB + bare_peak
    assert abs(found.peak_bytes - known) <= tolerance_bytes(known)


def test_where_no_counter_can_be_read_nothing_is_told_and_nothing_passes(run):
    # What is mounted there hides the control groups
    found = run(PROGRAM, memory=LIMIT, tmpfs=["/sys/fs/cgroup"])
    assert found.exit_code == 0, found.stderr
    assert (found.peak_bytes, found.peak_source, found.kernel_peak_bytes) == (None, None, None)
    assert (found.oom_killed, found.cpu_seconds, found.throttled_seconds) == (None, None, None)
    assert [phase.peak_bytes for phase in found.phases] == [None]
    reason = "no memory control group can be read inside the container"
    assert found.effective == Absent(reason=reason)
    verdict = judge_run(found)
    assert verdict.outcome == "error"
    assert verdict.text == f"no working memory could be read\n  {reason}"


def test_a_kill_that_no_counter_tells_of_is_a_failure_all_the_same(run):
    code = TAKE.format(hold=0.2) + "area = take(300)"
    found = run(code, memory=LIMIT, tmpfs=["/sys/fs/cgroup"])
    assert (found.oom_killed, found.exit_code) == (None, 137)
    verdict = judge_run(found)
    assert verdict.outcome == "failed"
    assert "it may have been one" in verdict.text
