"""`threads`: what frameworks start against the CPU limit."""

import pytest

from pytest_tfdocker.checks.threads import CHECK
from pytest_tfdocker.evidence.records import Absent, FrameworkThreads, Threads

ORIGINS = {"run.cpus": "compose.yaml:14"}
OPENBLAS = ["OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"]
OF_TORCH = {
    "name": "torch",
    "version": "2.13.0",
    "library": "MKL, OpenMP",
    "inter_op": 16,
    "reads": ["MKL_NUM_THREADS", "OMP_NUM_THREADS"],
    "seconds": 4.0,
}
OF_NUMPY = {"name": "numpy", "version": "2.4.6", "library": "OpenBLAS", "reads": OPENBLAS}
OF_ONNXRUNTIME = {
    "name": "onnxruntime",
    "version": "1.32.0",
    "reads": ["ORT_INTRA_OP_NUM_THREADS"],
}
LIMIT = "  limit 2 CPUs (compose.yaml:14); the container sees 16 CPUs\n"


def of(framework, threads, **changes):
    return FrameworkThreads(**{**framework, "threads": threads, **changes})


def seen(*frameworks, cpus=16, cores=None):
    return Threads(cpus=cpus, cores=cores or cpus, frameworks=list(frameworks))


@pytest.fixture
def judge(facts):
    def give(threads, *, cpus=2.0, runs=(), origins=ORIGINS, **settings):
        asked = {**settings, "run": {"cpus": cpus, **settings.get("run", {})}}
        return CHECK.judge(facts(asked, threads=threads, runs=runs, origins=origins), None)

    return give


def test_it_is_planned_where_a_cpu_limit_is_set(image, declared):
    assert CHECK.plan(image(run={"cpus": 2.0}), declared()) == [None]
    assert CHECK.plan(image(run={"memory": 1}), declared()) == []


@pytest.mark.parametrize(
    ("threads", "cpus", "outcome"),
    [
        (1, 2.0, "passed"),
        (2, 2.0, "passed"),
        (3, 2.0, "failed"),
        (2, 1.5, "passed"),
        (3, 1.5, "failed"),
        (1, 0.5, "passed"),
        (2, 0.5, "failed"),
    ],
)
def test_as_many_threads_as_the_limit_rounded_up_hold(judge, threads, cpus, outcome):
    verdict = judge(seen(of(OF_TORCH, threads)), cpus=cpus)
    assert (verdict.outcome, verdict.measured) == (outcome, threads)
    assert verdict.budget == -(-cpus // 1)


def test_every_framework_over_the_limit_is_told_with_the_variable_that_holds_it(judge):
    tensorflow = FrameworkThreads(
        name="tensorflow",
        version="2.21.0",
        library="Eigen",
        threads=16,
        inter_op=16,
        reads=["TF_NUM_INTRAOP_THREADS"],
    )
    several = seen(of(OF_ONNXRUNTIME, 2), of(OF_NUMPY, 8), of(OF_TORCH, 16), tensorflow)
    verdict = judge(several)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "torch starts 16 threads, the limit is 2 CPUs\n"
        + LIMIT
        + "  torch 2.13.0 (MKL, OpenMP): 16 threads, inter-op 16; OMP_NUM_THREADS is not set\n"
        "  tensorflow 2.21.0 (Eigen): 16 threads, inter-op 16; TF_NUM_INTRAOP_THREADS is not set\n"
        "  numpy 2.4.6 (OpenBLAS): 8 threads; OMP_NUM_THREADS is not set\n"
        "  in the Dockerfile: ENV OMP_NUM_THREADS=2 TF_NUM_INTRAOP_THREADS=2; or run.env in the "
        "settings"
    )


def test_the_variable_that_wins_is_the_one_to_change(judge):
    given = {"MKL_NUM_THREADS": "16", "OMP_NUM_THREADS": "2"}
    verdict = judge(seen(of(OF_TORCH, 16, given=given)))
    assert verdict.details[1:] == (
        "torch 2.13.0 (MKL, OpenMP): 16 threads, inter-op 16; MKL_NUM_THREADS=16 is set",
        "in the Dockerfile: ENV MKL_NUM_THREADS=2; or run.env in the settings",
    )


def test_a_variable_of_the_settings_is_changed_there_since_it_wins_over_the_image(judge):
    given = {"OMP_NUM_THREADS": "16"}
    both = seen(of(OF_TORCH, 16, given=given), of(OF_ONNXRUNTIME, 16))
    verdict = judge(
        both,
        run={"env": ["OMP_NUM_THREADS=16"]},
        compose="compose.yaml",
        origins={**ORIGINS, "run.env": "compose.yaml:9"},
    )
    assert verdict.details[-2:] == (
        "set OMP_NUM_THREADS=2 in compose.yaml:9, where it is set now",
        "in the Dockerfile: ENV ORT_INTRA_OP_NUM_THREADS=2; or `environment:` in compose.yaml",
    )


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"compose": "compose.yaml"}, "`environment:` in compose.yaml"),
        ({"compose": ["compose.yaml"]}, "`environment:` in compose.yaml"),
        (
            {"compose": ["compose.yaml", "compose.prod.yaml"]},
            "`environment:` in compose.yaml or compose.prod.yaml",
        ),
        ({"kubernetes": "deploy/app.yaml"}, "`env:` in deploy/app.yaml"),
        ({"kubernetes": "deploy/app.yaml#Deployment/web/app"}, "`env:` in deploy/app.yaml"),
        ({}, "run.env in the settings"),
    ],
)
def test_the_file_that_says_how_production_runs_it_is_named(judge, settings, place):
    verdict = judge(seen(of(OF_NUMPY, 8)), **settings)
    assert verdict.details[-1] == f"in the Dockerfile: ENV OMP_NUM_THREADS=2; or {place}"


def test_throttling_is_told_of_the_look_and_of_the_smokes_that_have_run(judge, run):
    ran = (run(throttled_seconds=4.0), run(name="quiet", throttled_seconds=0.79))
    verdict = judge(seen(of(OF_TORCH, 16, throttled_seconds=2.1)), runs=ran)
    assert verdict.details[2:4] == (
        "throttled 2.1 s in 4.0 s while torch was imported and asked",
        "throttled 4.0 s in 8.0 s in the smoke embed",
    )
    assert not any("quiet" in line for line in verdict.details)


def test_a_build_that_reads_no_variable_is_left_to_the_code(judge):
    old = of(OF_ONNXRUNTIME, 16, version="1.22.1", reads=[])
    verdict = judge(seen(old, of(OF_TORCH, 2)))
    assert (verdict.outcome, verdict.measured) == ("skipped", 16)
    assert verdict.text == (
        "onnxruntime starts 16 threads unless the code says\n"
        + LIMIT
        + "  onnxruntime 1.22.1: 16 threads; it reads no variable\n"
        "  onnxruntime: SessionOptions.intra_op_num_threads = 2 where its sessions are made, or "
        "onnxruntime 1.29 or newer, which reads ORT_INTRA_OP_NUM_THREADS"
    )
    both = judge(seen(old, of(OF_TORCH, 4)))
    assert (both.outcome, both.headline) == (
        "failed",
        "torch starts 4 threads, the limit is 2 CPUs",
    )
    assert both.details[-1].startswith("onnxruntime: SessionOptions.intra_op_num_threads = 2 ")


def test_no_more_cores_than_the_limit_tell_nothing_of_who_takes_them_all(judge):
    verdict = judge(seen(of(OF_TORCH, 2, inter_op=2), cpus=2))
    assert (verdict.outcome, verdict.measured) == ("skipped", 2)
    assert verdict.text == (
        "the engine has 2 CPUs, no more than the limit\n"
        "  limit 2 CPUs (compose.yaml:14); the container sees 2 CPUs\n"
        "  torch 2.13.0 (MKL, OpenMP): 2 threads, inter-op 2; OMP_NUM_THREADS is not set\n"
        "  their threads follow the CPUs of the machine: on a larger one they are too many\n"
        "  in the Dockerfile: ENV OMP_NUM_THREADS=2; or run.env in the settings\n"
        "  to see it on this engine: set run.cpus below what it has"
    )


def test_what_a_variable_holds_is_judged_on_any_machine(judge):
    held = of(OF_TORCH, 2, given={"OMP_NUM_THREADS": "2"})
    verdict = judge(seen(held, of(OF_NUMPY, 2, given={"OMP_NUM_THREADS": "2,1"}), cpus=2))
    assert (verdict.outcome, verdict.text) == ("passed", "torch 2, numpy 2: within 2 CPUs")


@pytest.mark.parametrize("value", ["0", "no number", "-1"])
def test_a_variable_without_a_number_holds_nothing(judge, value):
    verdict = judge(seen(of(OF_TORCH, 2, given={"OMP_NUM_THREADS": value}), cpus=2))
    assert verdict.outcome == "skipped"


def test_a_second_thread_of_a_core_is_no_core(judge):
    """MKL and onnxruntime take cores: 2 of 4 CPUs here would be 8 of 16 elsewhere."""
    verdict = judge(seen(of(OF_ONNXRUNTIME, 2), cpus=4, cores=2))
    assert (verdict.outcome, verdict.headline) == (
        "skipped",
        "the engine has 4 CPUs on 2 cores, no more than the limit",
    )


def test_one_that_takes_fewer_than_there_are_holds_by_itself(judge):
    assert judge(seen(of(OF_NUMPY, 1), cpus=2)).outcome == "passed"
    assert judge(seen(of(OF_NUMPY, 2), cpus=4)).outcome == "passed"


def test_one_that_gave_no_answer_is_not_judged(judge):
    traceback = "\n".join(f"  line {n}" for n in range(9))
    error = f"exit code 1\n{traceback}\nImportError: libgomp.so.1\n"
    broken = FrameworkThreads(name="torch", error=error)
    verdict = judge(seen(broken, of(OF_NUMPY, 1)))
    assert (verdict.outcome, verdict.text) == (
        "skipped",
        "torch gave no answer: exit code 1\n  … 5 more above\n    line 5\n    line 6\n"
        "    line 7\n    line 8\n  ImportError: libgomp.so.1",
    )
    assert judge(seen(broken, of(OF_NUMPY, 16))).outcome == "failed"


def test_without_a_framework_there_is_nothing_to_count(judge):
    verdict = judge(Threads())
    assert (verdict.outcome, verdict.headline) == (
        "skipped",
        "no framework that is asked for threads is installed",
    )


def test_what_could_not_be_counted_is_an_error(judge):
    verdict = judge(Absent(reason="the container could not be started: no space"))
    assert (verdict.outcome, verdict.headline) == (
        "error",
        "the container could not be started: no space",
    )


def test_an_image_whose_distributions_are_unknown_is_an_error(facts, evidence):
    unknown = evidence(distributions=Absent(reason="the image has no Python"))
    judged = facts({"run": {"cpus": 2.0}}, evidence=unknown, threads=Threads())
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.text) == ("error", "the image has no Python")
