"""What a meter makes of counters that say what the test has them say."""

import pytest

MODULES = ("processes", "weights", "phases", "meter")
COUNTERS = """
    import time
    import tfdocker_meter as meter
    class Counters:
        cpu, working, kills, swapped, tasks = 100.0, 0, 0, None, None
        throttled, shared = 0.0, 0
        def sample(self):
            return self.working, 0, 0, self.swapped, None, None, self.shared
        def used(self):
            return self.tasks, self.cpu, self.throttled
        def oom_kills(self):
            return self.kills
        def kernel_peak(self):
            return None
        def limits(self):
            return {"memory_bytes": None}
    class Child:
        def __init__(self, ended_by=None):
            self.ended_by, self.name, self.pid = ended_by, "python", 7
    counters = Counters()
    m = meter.Meter(counters, 0.02, 0)
"""


@pytest.fixture
def told(ask, end_python):
    return lambda body: ask(end_python, MODULES, COUNTERS + body)


def test_cpu_time_is_counted_from_the_start_however_the_timeline_was_thinned(told):
    found = told("""
    for number in range(1, 6001):
        counters.cpu = 100.0 + number
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
    m.phases(["load"], True)
    m.stop_clock()
    time.sleep(0.05)
    m.phases(["shutdown"], True)
    return [[one["name"], one["seconds"] >= 0] for one in m.figures()["phases"]]
    """)
    assert found == [["start", True], ["load", True]]


PHASES = """
    def at(mib):
        counters.working = (mib << 20) + m.own
    def peaks():
        rows = m.figures()["phases"]
        return [[one["name"], one["peak_bytes"] and one["peak_bytes"] >> 20] for one in rows]
    meter.processes.with_memory = lambda: []
    m.started -= 10  # samples are 20 ms apart by then
    at(10)
    m.sample(time.monotonic())
    at(300)
"""


@pytest.mark.parametrize(
    ("before", "was_awaited", "peak"),
    [
        ("m.next = time.monotonic() + 60", True, 300),
        ("", False, 10),
        ("time.sleep(0.1)", True, 10),
        ("counters.throttled = 0.02", True, 10),
    ],
    ids=["read at once", "read later", "after a gap", "throttled"],
)
def test_what_is_there_as_a_phase_begins_is_the_old_ones_only_where_its_line_was_just_written(
    ask, end_python, before, was_awaited, peak
):
    body = f"""
    {before or "pass"}
    m.phases(["load"], {was_awaited})
    at(5)
    m.end(None)
    return peaks()
    """
    told = ask(end_python, MODULES, COUNTERS + PHASES + body)
    assert told == [["start", peak], ["load", 300]]


def test_a_kill_that_is_seen_with_the_line_of_a_phase_read_late_was_in_it(ask, end_python):
    body = """
    counters.kills = 1
    m.next = time.monotonic() + 60  # no sample is overdue
    m.phases(["load"], plan)
    return m.figures()["killed_in"]
    """
    told = [ask(end_python, MODULES, COUNTERS + body, data=known) for known in (True, False)]
    assert told == ["start", "load"]


def test_of_phases_that_are_read_together_the_last_alone_has_a_peak(told):
    found = told(
        PHASES
        + """
    m.phases(["one", "two", "three"], False)
    m.phases(["four"], True)
    return peaks()[:4] + [one["timed"] for one in m.figures()["phases"]]
    """
    )
    assert found[4:] == [True, False, False, False, True]
    assert found[:4] == [["start", 10], ["one", None], ["two", None], ["three", 300]]


def test_a_phase_that_is_named_again_while_it_runs_begins_none_and_is_not_measured(told):
    found = told("""
    m.phases(["step"], True)
    before = m.figures()["samples"]
    for _ in range(1000):
        m.phases(["step", "step"], True)
    figures = m.figures()
    names = [one["name"] for one in figures["phases"]]
    return [names, figures["samples"] == before, figures["phases_left_out"]]
    """)
    assert found == [["start", "step"], True, False]


def test_a_hundred_phases_are_kept_and_those_that_we_know_of_beside_them(told):
    found = told("""
    full = [m.phases(["step %d" % number], True) for number in range(1000)]
    m.see_phase("request")
    full.append(m.phases(["x", "y"], True))
    figures = m.figures()
    names = [one["name"] for one in figures["phases"]]
    return [names[0], names[-2:], len(names), full.index(True), full[-1],
            figures["phases_left_out"]]
    """)
    assert found == ["start", ["step 98", "request"], 101, 99, True, True]


KILL = """
    class Candidate:
        has_signal = has_ended = False
        def __init__(self, name, pid):
            self.name, self.pid = name, pid
            everyone[name] = self
        def is_killed(self):
            return self.has_signal
        def is_over(self):
            return self.has_ended
        def close(self):
            pass
    everyone, listed = {}, []
    meter.processes.Candidate = Candidate
    meter.processes.with_memory = lambda: sorted(listed, reverse=True)
    now = m.started
    def pass_time(seconds, mib):
        nonlocal now
        until = now + seconds
        counters.working = (mib << 20) + m.own
        while now < until:
            now += 0.02
            m.sample(now)
    listed[:] = [[100 << 20, "serve", 9], [50 << 20, "python", 7], [4096, "gunicorn", 6]]
    pass_time(1, 150)
"""


def killed(ask, python, body):
    """Who is told to have been killed, and who lived; `body` is what happens."""
    told = ask(
        python, MODULES, COUNTERS + KILL + body.rstrip() + "\n    return m.figures()['killed']\n"
    )
    return [[name for name, _ in told[which]] for which in ("gone", "alive")]


def test_who_has_a_sigkill_to_take_was_killed_and_the_others_lived(ask, end_python):
    body = """
    counters.kills, everyone["serve"].has_signal = 1, True
    pass_time(0.02, 150)
    everyone["gunicorn"].has_ended = True
    pass_time(1, 50)
    m.end(Child())
    """
    assert killed(ask, end_python, body) == [["serve"], ["python", "gunicorn"]]


def test_a_process_that_ended_before_the_kill_was_not_killed(ask, end_python):
    body = """
    listed.append([400 << 20, "convert", 12])
    pass_time(1, 550)
    listed.pop()
    everyone["convert"].has_ended = True
    m.room = 0  # near the limit no list is made
    pass_time(60, 150)
    counters.kills, everyone["serve"].has_ended = 1, True
    pass_time(0.02, 540)
    """
    assert killed(ask, end_python, body) == [["serve"], ["python", "gunicorn"]]


def test_who_came_after_another_has_ended_is_known_though_the_peak_was_higher_before(
    ask, end_python
):
    body = """
    listed.append([400 << 20, "convert", 12])
    pass_time(1, 550)
    listed.pop()
    everyone["convert"].has_ended = True
    listed.append([300 << 20, "late", 30])
    pass_time(1, 450)
    counters.kills, everyone["late"].has_signal = 1, True
    pass_time(0.02, 540)
    """
    assert killed(ask, end_python, body) == [["late"], ["serve", "python", "gunicorn"]]


def test_a_process_that_ends_by_itself_after_the_kill_was_not_killed(ask, end_python):
    body = """
    counters.kills = 1
    pass_time(0.3, 150)
    everyone["serve"].has_ended = True
    pass_time(1, 50)
    m.end(Child())
    """
    assert killed(ask, end_python, body) == [[], []]


def test_where_more_have_ended_than_the_kernel_has_killed_nobody_is_named(ask, end_python):
    body = """
    counters.kills = 1
    everyone["serve"].has_ended = everyone["gunicorn"].has_ended = True
    pass_time(0.02, 50)
    """
    assert killed(ask, end_python, body) == [[], []]
    assert killed(ask, end_python, body.replace("= 1", "= 2")) == [
        ["serve", "gunicorn"],
        ["python"],
    ]


def test_a_shell_that_ends_with_what_it_waited_for_was_not_killed(ask, end_python):
    body = """
    counters.kills = 1
    everyone["serve"].has_ended = everyone["python"].has_ended = True
    pass_time(0.02, 50)
    m.end(Child())
    """
    assert killed(ask, end_python, body) == [["serve"], ["gunicorn"]]


def test_where_the_kill_and_the_end_fall_between_two_samples_nobody_is_told_to_have_lived(
    ask, end_python
):
    body = """
    counters.kills, everyone["serve"].has_ended = 1, True
    m.end(Child())
    """
    assert killed(ask, end_python, body) == [[], []]


def test_a_child_that_was_killed_is_known_by_its_end(ask, end_python):
    body = "    counters.kills = 1\n    m.end(Child(9))\n"
    assert killed(ask, end_python, body) == [["python"], ["serve", "gunicorn"]]


@pytest.mark.parametrize(
    ("gap_ms", "sizes", "looked"),
    [
        (20, (10, 20, 58, 59), [10, 20]),
        # As fast as this it is there before a look is over
        (5, (20, 22, 58, 59), [22]),
        (0, (6, 7), [7]),
    ],
)
def test_at_its_limit_or_soon_there_nothing_is_opened(gap_ms, sizes, looked, told):
    found = told(f"""
    looks = []
    m.largest.look = lambda now, working: looks.append(working >> 20)
    m.room, now = (64 << 20) + m.own, m.started
    for mib in {sizes}:
        counters.working, now = (mib << 20) + m.own, now + {gap_ms} / 1000
        m.sample(now)
    return looks
    """)
    assert found == looked


def test_files_in_memory_are_those_of_the_moment_of_the_peak_without_what_we_passed_in(told):
    found = told("""
    m.files_bytes = 3 << 20
    for working, shared in ((100, 53), (200, 93), (150, 143)):
        counters.working, counters.shared = (working << 20) + m.own, shared << 20
        m.sample(time.monotonic())
    return m.figures()["shared_bytes"] >> 20
    """)
    assert found == 90
