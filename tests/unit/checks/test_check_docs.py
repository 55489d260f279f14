"""The failing examples in docs/checks are what the checks really say."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from pytest_tfdocker.checks import (
    bloat,
    duration,
    gpu_visible,
    imports,
    limits,
    package_size,
    peak_memory,
    size,
    threads,
)
from pytest_tfdocker.checks.build import judge_failed_build
from pytest_tfdocker.checks.oom_kill import Held
from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.evidence.bloat import CAUSES
from pytest_tfdocker.evidence.held import _why_no_peak
from pytest_tfdocker.evidence.inside import NO_PYTHON
from pytest_tfdocker.evidence.records import (
    Absent,
    Bloat,
    Download,
    Effective,
    FrameworkThreads,
    Gpu,
    GpuDevice,
    GpuFramework,
    Import,
    Imports,
    Layer,
    Owner,
    Phase,
    Threads,
    Waste,
    WastedFile,
    WastedGroup,
)
from pytest_tfdocker.evidence.repeats import fold
from pytest_tfdocker.evidence.run_record import _request_error
from pytest_tfdocker.evidence.script_errors import syntax_error
from pytest_tfdocker.settings.rules import BLOAT

DOCS = Path(__file__).parents[3] / "docs/checks"
MB, MIB, GIB = 10**6, 2**20, 2**30
ORIGINS = {"run.memory": "compose.yaml:9"}
WHEELS = [("torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64", 310), ("transformers-5.23.0", 11)]
WASTE = Waste(
    bytes=360 * MB,
    count=15,
    groups=[
        WastedGroup(layer=1, by=3, how="deleted", bytes=358 * MB, count=13, below="/wheels/"),
        WastedGroup(layer=1, by=2, how="rewritten", bytes=2 * MB, count=2, below="/wheels/models/"),
    ],
    files=[
        WastedFile(path=f"/wheels/{name}.whl", bytes=size * MB, layer=1, by=3, how="deleted")
        for name, size in WHEELS
    ],
)


def example(check_id, verdict, *, outcome="failed", most=None):
    """As pytest shows it: the summary's line with the headline, then the details, or the first."""
    assert verdict.outcome == outcome
    details = "".join(f"\n  {line}" for line in verdict.details[:most])
    return f"{outcome.upper()} Dockerfile::{check_id} - {verdict.headline}{details}"


def part(verdict, wanted):
    """Of the details those that have one of these words, as they stand below the headline."""
    return "\n".join(f"  {line}" for line in verdict.details if any(w in line for w in wanted))


def layers(*rows):
    return [
        Layer(instruction=text, bytes=figure * MB, empty=False, base=line is None, line=line)
        for text, figure, line in rows
    ]


def owner(kind, name, figure, version="", *, layer):
    return Owner(kind=kind, name=name, version=version, layer=layer, bytes=figure * MB)


@pytest.fixture
def broken_runs(run):
    """Those of `peak-memory` that are shown in part: what the headline, or a line of them, says."""
    blind = Absent(reason=NO_PYTHON)
    unsampled = run(
        peak_bytes=None,
        peak_error=_why_no_peak(SimpleNamespace(python=blind)),
        kernel_peak_bytes=int(5.6 * MIB),
        phases=[],
    )
    looked_up = run(
        exit_code=1,
        stderr="'[Errno -3] Temporary failure in name resolution' thrown while requesting HEAD "
        "https://huggingface.co/google-bert/bert-base-uncased/resolve/main/config.json\n",
    )
    read_again = run(refaulted_bytes=1792 * MIB, major_faults=12_003)
    swapping = msgspec.structs.replace(run().effective, swap_bytes=None)
    swapped = judge_run(
        run(peak_bytes=1012 * MIB, swapped_bytes=412 * MIB, effective=swapping),
        held=Held(limit_origin="compose.yaml:9"),
    )
    said_no = run(
        exit_code=None, request_error="request 17 of 200: status 500, not 200: POST /embed"
    )
    waited = {"timed_out": True, "exit_code": None, "stopped": True}
    asked = {"port": 8000, "listening": [5000], "ready": None, "seen": None, "is_ready": False}
    deaf = run(
        timed_out=True,
        exit_code=None,
        request_error=_request_error(waited, {**asked, "done": False, "error": None}),
    )
    no_python = syntax_error(
        '  File "smoke.py", line 3\n    if\n      ^\nSyntaxError: invalid syntax\n',
        "smoke.py",
        "3.11.2",
    )
    lacking = run(
        exit_code=1,
        phases=[],
        stderr="Traceback (most recent call last):\nModuleNotFoundError: No module named 'helpers'",
        missing_module="tests/helpers.py",
    )
    in_load = run(exit_code=1, stderr="no weights\n", phases=run().phases[:2])
    rows = [
        ("load", said_no, 0),
        ("service", deaf, 0),
        ("embed", run(error=no_python), 0),
        ("embed", lacking, 1),
        ("embed", fold([run(), in_load], 0, 3), 1),
    ]
    held = Held(timeout_seconds=300)
    return [
        example("peak-memory[serve]", judge_run(unsampled, 300 * MIB), outcome="error"),
        part(judge_run(looked_up), ["it asked", "HF_HUB_OFFLINE"]),
        part(judge_run(read_again), ["warning"]),
        example("peak-memory[embed]", swapped, outcome="error", most=0)
        + "\n"
        + part(swapped, ["limit 1.00", "swapped out", "mend"]),
        "\n".join(
            example(f"peak-memory[{name}]", judge_run(found, held=held), most=most)
            for name, found, most in rows
        ),
    ]


@pytest.fixture
def examples(facts, evidence, declared, run, engine, broken_runs):
    """One or more examples a document."""
    bloated = layers(
        ("python:3.11", 1010, None),
        ("COPY wheels /wheels", 360, 8),
        ("RUN pip install -r requirements.txt", 2930, 9),
        ("RUN rm -rf /wheels", 0, 12),
    )
    owners = [
        *[owner("distribution", f"nvidia-{n}", 235, layer=2) for n in range(9)],
        owner("distribution", "torch", 727, "2.14.1", layer=2),
        owner("os-package", "libc6", 650, layer=0),
        owner("nobody", "/wheels/", 360, layer=0),
        owner("distribution", "transformers", 52, "5.23.0", layer=2),
        owner("distribution", "hf-xet", 12, "1.8.0", layer=2),
        owner("distribution", "tokenizers", 12, "0.23.3", layer=2),
        *[owner("distribution", f"small-{n}", 1, layer=2) for n in range(12)],
    ]
    cache = Bloat(
        cause="pip-cache",
        bytes=143 * MB,
        paths=["/root/.cache/pip/http-v2/5/", "/root/.cache/pip/wheels/"],
        path_bytes=[120 * MB, 23 * MB],
        count=90,
        by_layer=[(2, 143 * MB)],
    )
    cuda = Bloat(
        cause="cuda-libraries",
        bytes=2731 * MB,
        paths=[],
        path_bytes=[],
        count=1,
        by_layer=[(2, 2731 * MB)],
    )
    files = msgspec.structs.replace(
        evidence().files, apparent_bytes=3940 * MB, owners=owners, bloat=[cuda, cache]
    )
    big = evidence(layers=bloated, files=files)

    def sized(name, budget, **more):
        settings = {"size": {name: budget}, "gpu": {"expect": "none"}}
        return size.CHECK.judge(facts(settings, evidence=big, **more), name)

    manifest = Download(
        bytes=1932 * MB,
        source="manifest",
        layers=[378 * MB, 351 * MB, 1203 * MB, 103],
        reference="ghcr.io/team/app@sha256:5f8f0d5a3f27d1d4",
    )
    estimate = Download(
        bytes=1960 * MB,
        source="estimate",
        error_bytes=76 * MB,
        sampled_bytes=62 * MB,
        archive_bytes=3980 * MB,
    )

    broken = Import(
        name="torch",
        ok=False,
        seconds=0.4,
        error="ImportError: libgomp.so.1: cannot open shared object file: "
        "No such file or directory",
    )
    killed = Import(
        name="transformers",
        ok=False,
        seconds=1.9,
        error="killed by SIGKILL",
        oom_killed=True,
        memory_limit_bytes=200 * MIB,
    )
    tried = facts(
        imports=Imports(modules={"torch": broken, "transformers": killed}),
        declared=declared("torch==2.13.0", "transformers==5.23.0"),
        origins=ORIGINS,
    )
    blind = GpuFramework(
        name="torch",
        version="2.14.1",
        cuda="13.0",
        architectures=["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"],
        error="The NVIDIA driver on your system is too old (found version 12080).",
    )
    seen = Gpu(
        visible=True,
        driver="570.124.06",
        devices=[GpuDevice(name="Tesla T4", capability="7.5", memory_bytes=15 * GIB)],
        frameworks=[blind],
    )
    with_gpu = evidence(engine=msgspec.structs.replace(engine, gpu=True))
    dropped = Effective(memory_bytes=None, swap_bytes=None, cpus=2.0, pids=None, cgroup_version="1")
    smoke = {"name": "embed", "script": "tests/smoke.py", "peak-memory": 300 * MIB, "duration": 5.0}
    oom = run(
        oom_killed=True,
        exit_code=0,
        killed_in="load",
        killed=["python (pid 9)"],
        survivors=["gunicorn (pid 7)"],
        peak_bytes=1021 * MIB,
        kernel_peak_bytes=1024 * MIB,
        largest_processes=["python (pid 9) 991 MiB", "gunicorn (pid 7) 24 MiB"],
        phases=[
            Phase(name="import", seconds=3.1, peak_bytes=412 * MIB),
            Phase(name="load", seconds=0.4, peak_bytes=1021 * MIB),
        ],
        stderr="Loading weights:  61%\n",
    )

    def smoked(check, of, **changes):
        smokes = [{**smoke, **changes}]
        return check.CHECK.judge(facts({"smoke": smokes}, run=of, origins=ORIGINS), "embed")

    slow_load = run().phases
    slow_load[1] = msgspec.structs.replace(slow_load[1], cpu_seconds=4.1, throttled_seconds=1.2)

    def phased(**budgets):
        changes = {"duration": 30.0, "phase-duration": budgets}
        return example("duration[embed]", smoked(duration, run(phases=slow_load), **changes))

    many = Threads(
        cpus=16,
        cores=16,
        frameworks=[
            FrameworkThreads(
                name="torch",
                version="2.13.0",
                library="MKL, OpenMP",
                threads=16,
                inter_op=16,
                reads=["MKL_NUM_THREADS", "OMP_NUM_THREADS"],
                seconds=4.0,
                throttled_seconds=2.1,
            ),
            FrameworkThreads(
                name="numpy",
                version="2.4.6",
                library="OpenBLAS",
                threads=16,
                reads=["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"],
            ),
        ],
    )

    return {
        "build": [
            example(
                "build",
                judge_failed_build(
                    'process "/bin/sh -c pip install -r requirements.txt" did not complete '
                    "successfully: exit code: 1",
                    step="[builder 3/7] RUN pip install -r requirements.txt",
                    line=9,
                    output=["Collecting torch==9.9", "ERROR: No matching distribution found"],
                ),
            )
        ],
        "size": [
            example("size[total]", sized("total", 2000 * MB)),
            example("size[download]", sized("download", 1500 * MB, download=manifest)),
            example("size[download]", sized("download", 1900 * MB, download=estimate)),
            example("size[layer]", sized("layer", 1000 * MB)),
            example("size[wasted]", sized("wasted", 20 * MB, waste=WASTE)),
        ],
        "bloat": [
            example(
                "bloat[pip-cache]",
                bloat.CHECK.judge(
                    facts({"size": {"bloat": {"pip-cache": 0}}}, evidence=big), "pip-cache"
                ),
            )
        ],
        "package-size": [
            example(
                "package-size[torch]",
                package_size.CHECK.judge(
                    facts(
                        {"size": {"packages": {"torch": 600 * MB}}},
                        declared=declared("torch==2.13.0"),
                    ),
                    "torch",
                ),
            )
        ],
        "import": [
            example("import[torch]", imports.CHECK.judge(tried, "torch")),
            example("import[transformers]", imports.CHECK.judge(tried, "transformers")),
        ],
        "gpu-visible": [
            example(
                "gpu-visible", gpu_visible.CHECK.judge(facts(evidence=with_gpu, gpu=seen), None)
            )
        ],
        "limits": [
            example(
                "limits",
                limits.CHECK.judge(
                    facts(
                        {"run": {"memory": 4 * GIB, "cpus": 2.0}},
                        effective=dropped,
                        origins=ORIGINS,
                    ),
                    None,
                ),
            )
        ],
        "threads": [
            example(
                "threads",
                threads.CHECK.judge(
                    facts(
                        {"run": {"cpus": 2.0}, "compose": "compose.yaml"},
                        threads=many,
                        origins={"run.cpus": "compose.yaml:14"},
                    ),
                    None,
                ),
            )
        ],
        "peak-memory": [
            example("peak-memory[embed]", smoked(peak_memory, run())),
            example("peak-memory[embed]", smoked(peak_memory, oom)),
            *broken_runs,
        ],
        "duration": [
            example("duration[embed]", smoked(duration, run(throttled_seconds=2.1))),
            phased(load=2.0),
            phased(laod=2.0),
        ],
    }


@pytest.mark.parametrize(
    "name",
    [
        "build",
        "size",
        "bloat",
        "package-size",
        "import",
        "gpu-visible",
        "limits",
        "threads",
        "peak-memory",
        "duration",
    ],
)
def test_examples_in_the_documentation_are_real(examples, name):
    text = (DOCS / f"{name}.md").read_text()
    for shown in examples[name]:
        assert f"```\n{shown}\n```" in text


def test_every_cause_is_on_its_page_with_its_fix():
    text = (DOCS / "bloat.md").read_text()
    for cause in CAUSES:
        assert f"| `{cause.name}` | {cause.what} | {cause.fix} |" in text
        for by, fix in (("a RUN", cause.fix_of_run), ("the base image", cause.fix_of_base)):
            assert (f"| `{cause.name}` | {by} | {fix} |" in text) == bool(fix)
    assert tuple(cause.name for cause in CAUSES) == BLOAT
