"""`peak-memory[SMOKE]`: how a run broke off comes before how much it took."""

import msgspec
import pytest

from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import CHECK, judge_run
from pytest_tfdocker.evidence.records import WHOLE_RUN, Absent, Limits, Phase

MIB = 2**20
PHASES = "  import 300 MiB in 3.1 s | load 400 MiB in 2.9 s | inference 390 MiB in 2.0 s\n"
BROKEN = "  import 300 MiB in 3.1 s | load ≥ 1.00 GiB in 0.4 s\n"
CUT_OFF = [
    Phase(name="import", seconds=3.1, peak_bytes=300 * MIB),
    Phase(name="load", seconds=2.9, peak_bytes=1024 * MIB),
]
LIMIT = "  limit 1.00 GiB from compose.yaml:9, in force, swap off; page cache not counted\n"
KERNEL = "  the kernel's own peak, page cache counted: 640 MiB"


def judge(facts, run, **smoke):
    settings = {"smoke": [{"name": "embed", "script": "smoke.py", **smoke}]}
    judged = facts(settings, run=run, origins={"run.memory": "compose.yaml:9"})
    return CHECK.judge(judged, "embed")


def test_every_smoke_is_planned(image, declared):
    smokes = [{"name": "embed", "script": "a.py"}, {"name": "serve", "command": "true"}]
    assert CHECK.plan(image(smoke=smokes), declared()) == ["embed", "serve"]


def test_of_several_images_the_one_is_named_whose_limit_is_looked_for(facts, run):
    judged = facts({"smoke": [{"name": "a", "script": "a.py"}]}, run=run(oom_killed=True))
    judged = msgspec.structs.replace(
        judged, image=msgspec.structs.replace(judged.image, name="serve")
    )
    line = 'find the limit: pytest --tfdocker --tfdocker-fit -k "serve and peak-memory[a]"'
    assert line in CHECK.judge(judged, "a").details


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [(400 * MIB - 1, "failed"), (400 * MIB, "passed"), (400 * MIB + 1, "passed")],
)
def test_the_peak_holds_up_to_its_budget(facts, run, budget, outcome):
    verdict = judge(facts, run(), **{"peak-memory": budget})
    assert (verdict.outcome, verdict.measured, verdict.budget) == (outcome, 400 * MIB, budget)


def test_within_budget_tells_phases_limit_and_the_kernels_own_peak(facts, run):
    verdict = judge(facts, run(), **{"peak-memory": 900 * MIB})
    assert verdict.text == "400 MiB, 500 MiB under 900 MiB\n" + PHASES + LIMIT + KERNEL


def test_over_budget_names_the_phase_and_the_largest_processes(facts, run):
    heavy = run(largest_processes=["python (pid 9) 380 MiB"])
    verdict = judge(facts, heavy, **{"peak-memory": 300 * MIB})
    assert verdict.outcome == "failed"
    assert verdict.text == (
        '400 MiB, 100 MiB over 300 MiB in "load"\n'
        "  largest then: python (pid 9) 380 MiB\n" + PHASES + LIMIT + KERNEL
    )


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [(400 * MIB - 1, "failed"), (400 * MIB, "passed"), (400 * MIB + 1, "passed")],
)
def test_without_a_budget_the_limit_is_one(facts, run, limit, outcome):
    assert judge(facts, run(limits=Limits(memory_bytes=limit))).outcome == outcome


def test_with_neither_budget_nor_limit_it_skips_with_the_figure(facts, run):
    verdict = judge(facts, run(limits=Limits()))
    assert (verdict.outcome, verdict.measured) == ("skipped", 400 * MIB)
    assert verdict.text == (
        "400 MiB, with neither budget nor limit\n" + PHASES + "  no memory limit is set\n" + KERNEL
    )


def test_a_limit_that_is_not_in_force_is_said(facts, run):
    loose = msgspec.structs.replace(run().effective, memory_bytes=None)
    verdict = judge(facts, run(effective=loose))
    assert verdict.details[1] == (
        "limit 1.00 GiB from compose.yaml:9, NOT in force: none is; page cache not counted"
    )


def test_an_oom_kill_tells_phase_peak_limit_and_what_to_do(facts, run):
    killed = run(
        oom_killed=True,
        exit_code=137,
        killed_in="load",
        peak_bytes=1024 * MIB,
        kernel_peak_bytes=1024 * MIB,
        phases=CUT_OFF,
        largest_processes=["python (pid 9) 980 MiB"],
        stderr="Loading weights\nloading \\x1b[31mlayer 3\n",
    )
    verdict = judge(facts, killed)
    assert (verdict.outcome, verdict.measured) == ("failed", 1024 * MIB)
    assert verdict.text == (
        'OOM-killed in "load" at 1.00 GiB, SIGKILL (exit code 137)\n'
        "  import 300 MiB in 3.1 s | load ≥ 1.00 GiB in 2.9 s\n"
        "  largest then: python (pid 9) 980 MiB\n" + LIMIT + "  the kernel's own peak, page cache "
        "counted: 1.00 GiB\n"
        '  find the limit: pytest --tfdocker --tfdocker-fit -k "peak-memory[embed]"\n'
        "  last lines of stderr:\n"
        "    Loading weights\n"
        "    loading \\x1b[31mlayer 3"
    )


def test_a_parent_that_waits_for_a_worker_that_was_killed_is_an_oom_kill(facts, run):
    hung = run(oom_killed=True, timed_out=True, exit_code=143, killed_in="inference")
    verdict = judge(facts, hung, timeout=300)
    assert verdict.headline == 'OOM-killed in "inference" at 400 MiB, stopped after 5 min'
    assert "a child was killed, the run went on; Kubernetes would kill all of it" in verdict.text


def test_an_oom_kill_of_a_child_fails_though_the_exit_code_is_zero(facts, run):
    verdict = judge(
        facts, run(oom_killed=True, killed_in="inference"), **{"peak-memory": 900 * MIB}
    )
    assert verdict.outcome == "failed"
    assert verdict.headline == 'OOM-killed in "inference" at 400 MiB, exit code 0'
    assert "a child was killed, the run went on; Kubernetes would kill all of it" in verdict.details


def test_a_kill_in_a_phase_that_is_not_told_is_told_of_no_other(facts, run):
    verdict = judge(facts, run(oom_killed=True, killed_in="start"))
    assert verdict.headline == "OOM-killed at 400 MiB, exit code 0"


def test_who_was_killed_and_who_lived_is_named_with_the_phase_of_the_kill(facts, run):
    killed = run(
        oom_killed=True,
        killed=["python (pid 9)"],
        survivors=["gunicorn (pid 7)"],
        killed_in="load",
    )
    verdict = judge(facts, killed)
    assert verdict.headline == 'OOM-killed in "load" at 400 MiB, exit code 0'
    assert verdict.details[:2] == (
        "import 300 MiB in 3.1 s | load ≥ 400 MiB in 2.9 s | inference 390 MiB in 2.0 s",
        "python (pid 9) killed, gunicorn (pid 7) lived; Kubernetes would kill all of it",
    )


@pytest.mark.parametrize("oom_killed", [False, True])
def test_more_phases_than_are_kept_are_told_of(facts, run, oom_killed):
    verdict = judge(facts, run(phases_left_out=True, oom_killed=oom_killed))
    assert verdict.details[1] == (
        "more phases were named than are kept: what came after counts in inference"
    )


def test_a_run_of_a_test_is_told_to_try_a_higher_limit(run):
    told = judge_run(run(oom_killed=True, exit_code=137)).text
    assert "give it a memory limit of 2.00 GiB, and read its peak" in told
    assert "--tfdocker-fit" not in told


def test_mapped_weights_that_do_not_fit_are_a_warning_with_figures(facts, run):
    slow = run(refaulted_bytes=1792 * MIB, major_faults=12003)
    verdict = judge(facts, slow)
    assert verdict.outcome == "passed"
    assert (
        "warning: 1.75 GiB of files was evicted and read again, 12,003 major faults: the files "
        "that it maps or reads don't fit beside 400 MiB under 1.00 GiB"
    ) in verdict.details


def test_what_stood_in_swap_is_said_to_be_no_part_of_the_peak(facts, run):
    verdict = judge(facts, run(swapped_bytes=300 * MIB))
    assert "swapped out: up to 300 MiB, not in the peak" in verdict.details


def test_an_exit_code_tells_the_last_line_of_stderr(facts, run):
    ended = run(exit_code=1, stderr="Traceback (most recent call last):\nValueError: no weights\n")
    verdict = judge(facts, ended, **{"peak-memory": 900 * MIB})
    assert verdict.outcome == "failed"
    assert verdict.text == (
        'exit code 1 in "inference": ValueError: no weights\n'
        "  after 8.0 s: python smoke.py\n"
        "  import 300 MiB in 3.1 s | load 400 MiB in 2.9 s | inference ≥ 390 MiB in 2.0 s\n"
        + LIMIT
        + "  last lines of stderr:\n"
        "    Traceback (most recent call last):\n"
        "    ValueError: no weights"
    )


def test_a_sigkill_where_nobody_counts_oom_kills_may_be_one(facts, run):
    verdict = judge(facts, run(exit_code=137, oom_killed=None))
    assert verdict.headline == 'SIGKILL (exit code 137) in "inference"'
    assert verdict.details[1] == "no counter of OOM kills can be read here: it may have been one"


def test_a_sigkill_that_is_no_oom_kill_is_told_apart(facts, run):
    verdict = judge(facts, run(exit_code=137, phases=[]))
    assert verdict.text == (
        "SIGKILL (exit code 137)\n"
        "  after 8.0 s: python smoke.py\n"
        "  the kernel counted no OOM kill: something else sent it\n" + LIMIT + "  it wrote nothing"
    )


def test_a_run_past_its_time_limit_fails_with_the_phase(facts, run):
    hung = run(
        timed_out=True, exit_code=None, seconds=300.0, throttled_seconds=200.0, stdout="hi\n"
    )
    verdict = judge(facts, hung)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        '5 min are over, stopped in "inference"\n'
        "  import 300 MiB in 3.1 s | load 400 MiB in 2.9 s | inference ≥ 390 MiB in 2.0 s\n"
        "  throttled 3 min 20 s in 5 min by the limit of 2 CPUs; if frameworks start more threads, "
        "OMP_NUM_THREADS=2 holds them\n"
        + LIMIT
        + "  mend what waits, or raise the smoke's `timeout`; no network is there unless "
        "run.network is set\n"
        "  last lines of stdout:\n"
        "    hi"
    )


def test_a_command_that_could_not_start_comes_first(facts, run):
    verdict = judge(facts, run(error="python: not found in the image's PATH", oom_killed=True))
    assert verdict.text == ("python: not found in the image's PATH\n  command: python smoke.py")


def test_a_request_that_was_answered_otherwise_fails(facts, run):
    verdict = judge(facts, run(exit_code=None, request_error="POST /embed: 500, 200 expected"))
    assert verdict.text == "POST /embed: 500, 200 expected\n  it wrote nothing"


def test_a_service_that_never_ends_is_judged_by_its_peak(facts, run):
    assert judge(facts, run(exit_code=None)).outcome == "passed"


def test_no_counter_is_an_error_and_never_a_zero(facts, run):
    blind = run(peak_bytes=None, effective=Absent(reason="no Python in the image"))
    verdict = judge(facts, blind, **{"peak-memory": 900 * MIB})
    assert verdict.outcome == "error"
    assert verdict.text == "no working memory could be read\n  no Python in the image\n" + KERNEL


def test_why_nobody_could_sample_stands_in_the_first_line(facts, run):
    why = "the image has no Python: working memory is sampled by it"
    blind = run(peak_bytes=None, peak_error=why, phases=[])
    verdict = judge(facts, blind, **{"peak-memory": 900 * MIB})
    assert (verdict.outcome, verdict.text) == ("error", f"{why}\n{KERNEL}")
    old = msgspec.structs.replace(blind, peak_error=f"by one\n{why}", limits=Limits())
    verdict = judge(facts, old)
    assert (verdict.outcome, verdict.text) == ("skipped", f"by one\n  {why}\n{KERNEL}")


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"exit_code": 3}, "exit code 3"),
        ({"timed_out": True, "exit_code": None}, "5 min are over, stopped"),
        ({"oom_killed": True, "exit_code": 137}, "OOM-killed at 1.00 GiB, SIGKILL (exit code 137)"),
    ],
)
def test_how_a_run_ended_comes_before_why_nobody_could_sample(facts, run, changes, headline):
    blind = run(peak_bytes=None, peak_error="no Python", phases=[], **changes)
    verdict = judge(facts, blind, **{"peak-memory": 900 * MIB})
    assert (verdict.outcome, verdict.headline) == ("failed", headline)


def test_no_counter_and_nothing_to_hold_it_against_skips(facts, run):
    assert judge(facts, run(peak_bytes=None, limits=Limits())).outcome == "skipped"


def test_a_run_that_could_not_be_is_an_error(facts):
    verdict = judge(facts, Absent(reason="the engine went away"))
    assert (verdict.outcome, verdict.text) == ("error", "the engine went away")


def test_a_users_own_run_is_judged_without_settings(run):
    assert judge_run(run(), 900 * MIB).details[1] == (
        "limit 1.00 GiB, in force, swap off; page cache not counted"
    )


@pytest.mark.parametrize("name", ["x" * 200, "\x1b[2J" * 40])
def test_headlines_stay_within_sixty_characters(run, name):
    phases = [Phase(name="a", seconds=1, peak_bytes=1), Phase(name=name, seconds=1, peak_bytes=2)]
    for ended in (
        run(phases=phases, oom_killed=True, exit_code=137),
        run(phases=phases, exit_code=139, stderr=name),
        run(phases=phases, timed_out=True),
        run(phases=phases, error=name),
        run(phases=phases, peak_bytes=2**60),
    ):
        headline = judge_run(ended, 2**59).headline
        assert len(headline) <= 60
        assert headline.isprintable()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"swap_bytes": None}, "in force, swap unlimited"),
        ({"swap_bytes": None, "machine_swap_bytes": 0}, "in force, no swap on this machine"),
        ({"swap_bytes": 512 * MIB}, "in force, swap 512 MiB"),
        ({"swap_known": False}, "in force, swap not accounted by the kernel"),
        ({"memory_bytes": 2048 * MIB}, "NOT in force: 2.00 GiB is"),
    ],
)
def test_how_limit_and_swap_stand_is_told(run, changes, told):
    effective = msgspec.structs.replace(run().effective, **changes)
    line = judge_run(run(effective=effective)).details[1]
    assert line == f"limit 1.00 GiB, {told}; page cache not counted"


@pytest.mark.parametrize(
    ("changes", "peak_mib", "swapped", "outcome"),
    [
        ({"swap_bytes": None, "machine_swap_bytes": 8 << 30}, 1010, 50 * MIB, "error"),
        ({"swap_bytes": None, "machine_swap_bytes": 8 << 30}, 1010, 0, "passed"),
        ({"swap_bytes": None, "machine_swap_bytes": 8 << 30}, 900, 50 * MIB, "passed"),
        ({"swap_bytes": None, "machine_swap_bytes": 0}, 1010, None, "passed"),
        (
            {"swap_known": False, "swap_bytes": None, "machine_swap_bytes": 1 << 30},
            1010,
            None,
            "error",
        ),
        ({"swap_known": False, "swap_bytes": None}, 1010, None, "error"),
        ({"swap_bytes": 0}, 1010, None, "passed"),
    ],
)
def test_a_full_limit_that_may_have_been_swapped_has_no_peak(
    run, changes, peak_mib, swapped, outcome
):
    effective = msgspec.structs.replace(run().effective, **changes)
    found = run(effective=effective, peak_bytes=peak_mib * MIB, swapped_bytes=swapped)
    verdict = judge_run(found)
    assert verdict.outcome == outcome, verdict
    if outcome == "error":
        assert verdict.headline == "≥ 1010 MiB: what did not fit could be swapped out"


def test_an_oom_kill_without_counters_has_the_limits_figure(run):
    absent = Absent(reason="no Python in the image")
    blind = run(oom_killed=True, exit_code=None, peak_bytes=None, phases=[], effective=absent)
    verdict = judge_run(blind)
    assert verdict.headline == "OOM-killed at 1.00 GiB, no exit code"
    assert verdict.details[0] == (
        "limit 1.00 GiB, whether it is in force is not known (no Python in the image); "
        "page cache not counted"
    )


def test_an_error_of_several_lines_is_told_from_its_type_on(facts, run):
    stderr = (
        "Traceback (most recent call last):\n"
        '  File "smoke.py", line 1, in <module>\n'
        "ImportError: libc10.so: cannot open shared object file: No such file or directory\n"
        "Try: `pip install transformers -U`\n"
    )
    verdict = judge(facts, run(exit_code=1, stderr=stderr, phases=[]))
    assert verdict.headline == "exit code 1: ImportError: libc10.so: cannot open shared obj…"
    assert verdict.details[1] == (
        "the shared library libc10.so is missing: it is torch's own: install torch again, "
        "and delete nothing of it"
    )


def test_the_one_phase_that_the_program_named_is_told(run):
    phases = [Phase(name="load", seconds=3.0, peak_bytes=MIB)]
    named = run(phases=phases, timed_out=True, exit_code=None)
    assert (
        judge_run(named, held=Held(timeout_seconds=3.0)).headline
        == '3.0 s are over, stopped in "load"'
    )
    phases = [Phase(name=WHOLE_RUN, seconds=3.0, peak_bytes=MIB)]
    whole = run(phases=phases, timed_out=True, exit_code=None)
    assert judge_run(whole, held=Held(timeout_seconds=3.0)).headline == "3.0 s are over, stopped"


def test_a_peak_between_two_samples_is_of_no_known_phase(facts, run):
    spike = run(peak_bytes=950 * MIB, peak_source="kernel")
    verdict = judge(facts, spike, **{"peak-memory": 900 * MIB})
    assert verdict.headline == "950 MiB, 50 MiB over 900 MiB"


def test_a_port_at_which_nothing_listens_is_told_where_the_time_is_over(facts, run):
    waited = run(timed_out=True, request_error="nothing listened on port 8001", phases=[])
    verdict = judge(facts, waited)
    assert verdict.headline == "5 min are over: nothing listened on port 8001"
    assert verdict.details[1] == (
        "see the service's port and its start below, or raise the smoke's `timeout`"
    )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "no answer within the time limit",
            "the service listens: see what its handler of this request waits for",
        ),
        (
            "no answer to request 3 of 20",
            "the service listens: see what its handler of this request waits for",
        ),
        (
            "not ready: GET /nope gave status 404",
            "the service listens: see the path that `ready` names, which has to answer 2xx",
        ),
        (
            "not ready: GET /ready gave no answer",
            "the service listens: see what its handler of `ready` waits for",
        ),
        (
            "port 80 is listened on, but not at 127.0.0.1",
            "let the service listen at 0.0.0.0: it is asked over loopback",
        ),
    ],
)
def test_what_to_look_at_fits_how_far_a_request_has_come(facts, run, error, told):
    waited = run(timed_out=True, request_error=error, phases=[])
    assert f"{told}, or raise the smoke's `timeout`" in judge(facts, waited).details


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("importlib.metadata.PackageNotFoundError: No package", "PackageNotFoundError: No package"),
        ("a.b.Error", "Error"),
        ("ValueError: see a.b.c: no", "ValueError: see a.b.c: no"),
        ("no such file: x.y", "no such file: x.y"),
    ],
)
def test_of_an_errors_class_the_name_alone_is_in_the_headline(facts, run, error, told):
    stderr = f"Traceback (most recent call last):\n  File x\n{error}\n"
    verdict = judge(facts, run(exit_code=1, stderr=stderr, phases=[]))
    assert verdict.headline == f"exit code 1: {told}"


def test_phase_lines_that_came_all_at_once_are_told(facts, run):
    phases = [
        Phase(name="start", seconds=2.9, peak_bytes=400 * MIB),
        Phase(name="load", seconds=0.0, peak_bytes=None, timed=False),
    ]
    verdict = judge(facts, run(phases=phases), **{"peak-memory": 900 * MIB})
    assert verdict.details[:2] == (
        "start 400 MiB in 2.9 s | load ? in ?",
        "its phase lines came all at once: its output is buffered; PYTHONUNBUFFERED=1, "
        "or flush=True",
    )


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (40 * MIB - 1, "python (pid 7) 4 MiB"),
        (40 * MIB, "python (pid 7) 4 MiB, files in memory (tmpfs, /dev/shm, shared): 40 MiB"),
        (389 * MIB, "files in memory (tmpfs, /dev/shm, shared): 389 MiB, python (pid 7) 4 MiB"),
    ],
)
def test_files_in_memory_that_are_a_tenth_of_the_peak_are_told_at_a_kill(facts, run, shared, told):
    killed = run(oom_killed=True, shared_bytes=shared, largest_processes=["python (pid 7) 4 MiB"])
    assert f"largest then: {told}" in judge(facts, killed).details
