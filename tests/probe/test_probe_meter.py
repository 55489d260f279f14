"""What a meter makes of counters that say what the test has them say."""

import pytest

MODULES = ("processes", "weights", "meter")
COUNTERS = """
    import time
    import tfdocker_meter as meter
    class Counters:
        cpu, working, kills, swapped, tasks = 100.0, 0, 0, None, None
        def sample(self):
            return self.working, 0, 0, self.swapped, None, None
        def cpu_seconds(self):
            return self.cpu
        def throttled_seconds(self):
            return 0.0
        def oom_kills(self):
            return self.kills
        def kernel_peak(self):
            return None
        def processes(self):
            return self.tasks
        def limits(self):
            return {"memory_bytes": None}
    class Child:
        def __init__(self, exit_code):
            self.exit_code, self.name, self.pid = exit_code, "python", 7
    counters = Counters()
    m = meter.Meter(counters, 0.02, 0)
"""


@pytest.fixture
def told(ask, end_python):
    return lambda body: ask(end_python, MODULES, COUNTERS + body)


def test_cpu_time_is_counted_from_the_start_however_the_timeline_was_thinned(told):
    found = told("""
    for number in range(1, 6001):
        counters.working, counters.cpu = number << 20, 100.0 + number
        m.sample(m.started + number * 0.02)
    figures = m.figures()
    return [figures["cpu_seconds"], figures["samples"][0][0], len(figures["samples"])]
    """)
    assert found[:2] == [6000.0, 0.0]
    assert found[2] <= 2000


def test_what_the_kernel_does_not_count_is_none_and_never_zero(told):
    found = told("""
    figures = m.figures()
    names = ("swapped_bytes", "tasks", "refaulted_bytes", "major_faults")
    return [figures[name] for name in names] + figures["resources"][0][1:3]
    """)
    assert found == [None] * 6


def test_while_it_is_ended_no_phase_of_the_run_begins(told):
    found = told("""
    m.phase("load")
    m.stop_clock()
    time.sleep(0.05)
    m.phase("shutdown")
    return [[one["name"], one["seconds"] >= 0] for one in m.figures()["phases"]]
    """)
    assert found == [["start", True], ["load", True]]


KILL = """
    m.largest.found = [[4096, "gunicorn", 1 << 22], [4096, "python", 7]]
    meter.processes.is_dying = lambda pid: pid == plan["dying"]
    counters.kills = 1
    m.sample(time.monotonic())
"""


def test_a_process_that_ends_by_itself_later_was_not_killed(ask, end_python):
    body = (
        COUNTERS
        + KILL
        + """
    plan["dying"] = 7
    m.sample(time.monotonic() + 5)
    m.end(Child(0))
    return m.figures()["killed"]
    """
    )
    found = ask(end_python, MODULES, body, data={"dying": None})
    assert found == {"gone": [], "alive": [["gunicorn", 1 << 22], ["python", 7]]}


def test_a_child_that_was_killed_is_known_by_its_end(ask, end_python):
    body = COUNTERS + KILL + "    m.end(Child(137))\n    return m.figures()['killed']\n"
    found = ask(end_python, MODULES, body, data={"dying": None})
    assert found == {"gone": [["python", 7]], "alive": [["gunicorn", 1 << 22]]}


def test_at_its_limit_nothing_is_opened(told):
    found = told("""
    looks = []
    m.largest.look = lambda now, working: looks.append(working >> 20)
    m.room = 64 << 20
    for mib in (10, 20, 58, 59):
        counters.working = (mib << 20) + m.own
        m.sample(time.monotonic())
    return looks
    """)
    assert found[:2] == [10, 20]
    assert 58 not in found
