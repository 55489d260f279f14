"""The example, broken by hand one thing at a time: exactly what is broken fails, and says so."""

import re

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("example")]

SMOKES = {"peak-memory[embed]", "peak-memory[service]"}
DURATIONS = {"duration[embed]", "duration[service]"}
RUNS = SMOKES | DURATIONS
WITHOUT_RUNS = ("-k", "not peak-memory and not duration", "Dockerfile")
"""For what can't change a run: the image is the same, and so is how it is started."""
MB = 10**6
SITE_PACKAGES = "/opt/venv/lib/python3.11/site-packages"


def test_nothing_broken_passes_every_check_and_the_users_own_tests(project):
    judged = project.judge()
    assert judged.exit_code == 0, judged.output
    assert set(judged.outcomes.values()) == {"passed"}
    assert {"build", "pinned", "parity", "conflicts", "limits", "threads"} < set(judged.outcomes)
    assert {"import[torch]", "import[transformers]", "package-size[torch]"} < set(judged.outcomes)
    assert {"size[total]", "size[layer]", "size[wasted]"} | RUNS < set(judged.outcomes)
    assert "23 passed" in judged.output


def test_a_changed_pin_fails_parity_alone(project, image):
    project.edit("requirements.txt", r"^tqdm==.*", "tqdm==4.66.0")
    judged = project.judge(f"--tfdocker-image={image}", *WITHOUT_RUNS)
    assert judged.broken == {"parity"}
    assert judged.headlines["parity"] == "1 of 38 differs: tqdm 4.70.1, not 4.66.0"
    assert "wanted tqdm 4.66.0   requirements.txt:" in judged.texts["parity"]
    assert f"found  tqdm 4.70.1 in {SITE_PACKAGES}" in judged.texts["parity"]


def test_a_dropped_package_fails_what_declares_what_requires_and_what_imports_it(project):
    project.add_layers(f"rm -r {SITE_PACKAGES}/safetensors*")
    judged = project.judge("Dockerfile")
    assert judged.broken == {"parity", "conflicts", "import[transformers]"} | SMOKES
    assert judged.skipped == DURATIONS
    assert judged.headlines["parity"] == "1 of 38 is missing: safetensors 0.8.0"
    assert judged.headlines["conflicts"].startswith("1 conflict: transformers wants safetensors")
    for name in ("import[transformers]", *SMOKES):
        assert "PackageNotFoundError: " in judged.headlines[name]
        assert "safetensors>=0.8.0 is not installed" in judged.texts[name]


def test_a_file_added_and_deleted_again_fails_what_is_wasted_and_the_total(project):
    project.add_layers("head -c 300000000 /dev/zero > /opt/dump", "rm /opt/dump")
    judged = project.judge("Dockerfile")
    assert judged.broken == {"size[wasted]", "size[total]"}
    assert not judged.skipped
    assert 300 * MB <= judged.measured["size[wasted]"] < 300 * MB + 4096
    assert judged.headlines["size[wasted]"] == "300 MB, 290 MB over 10 MB"
    assert re.fullmatch(r"1\.39 GB, 22\d MB over 1\.17 GB", judged.headlines["size[total]"])
    hidden = r"300 MB  /opt/dump  Dockerfile:\d+  deleted by Dockerfile:\d+"
    assert re.search(hidden, judged.texts["size[wasted]"])
    assert "300 MB  hidden by a later layer " in judged.texts["size[total]"]
    assert "head -c 300000000" in judged.texts["size[total]"]


@pytest.mark.parametrize(
    ("check", "pattern", "lowered"),
    [
        ("size[total]", r'^total = ".*"', 'total = "1.05 GB"'),
        ("size[layer]", r'^layer = ".*"', 'layer = "800 MB"'),
        ("package-size[torch]", r'torch = "640 MB"', 'torch = "550 MB"'),
    ],
)
def test_a_lowered_size_budget_fails_that_one(project, image, check, pattern, lowered):
    project.edit("pyproject.toml", pattern, lowered)
    judged = project.judge(f"--tfdocker-image={image}", *WITHOUT_RUNS)
    assert judged.broken == {check}
    budget = lowered.partition('"')[2].rstrip('"')
    assert judged.headlines[check].endswith(f" over {budget}")


def test_a_lowered_memory_budget_of_one_smoke_fails_that_one(project, image):
    project.edit(
        "pyproject.toml", r'(?s)(name = "embed".*?peak-memory = )"350 MiB"', r'\1"200 MiB"'
    )
    judged = project.judge(f"--tfdocker-image={image}", "Dockerfile")
    assert judged.broken == {"peak-memory[embed]"}
    assert not judged.skipped
    assert " over 200 MiB" in judged.headlines["peak-memory[embed]"]


@pytest.mark.slow
def test_a_lowered_time_budget_of_one_smoke_fails_that_one(project, image):
    project.edit("pyproject.toml", r'(?s)(name = "service".*?duration = )"60 s"', r'\1"500 ms"')
    judged = project.judge(f"--tfdocker-image={image}", "Dockerfile")
    assert judged.broken == {"duration[service]"}
    assert not judged.skipped
    assert judged.headlines["duration[service]"].endswith(" over 500 ms")


def test_too_low_a_memory_limit_fails_what_takes_more(project, image):
    project.edit("compose.yaml", "memory: 4G", "memory: 200M")
    judged = project.judge(f"--tfdocker-image={image}", "Dockerfile")
    assert judged.broken == {"import[transformers]"} | SMOKES
    assert judged.skipped == DURATIONS
    assert (
        judged.headlines["import[transformers]"] == "out of memory under 200 MiB, killed by SIGKILL"
    )
    for name in SMOKES:
        assert judged.headlines[name].startswith("OOM-killed ")
        assert "limit 200 MiB from compose.yaml:15, in force" in judged.texts[name]
        assert f'pytest --tfdocker --tfdocker-fit -k "{name}"' in judged.texts[name]


def test_a_library_of_torch_that_is_gone_fails_what_loads_it(project):
    project.add_layers(f"rm {SITE_PACKAGES}/torch/lib/libc10.so")
    judged = project.judge("Dockerfile")
    assert judged.broken == {"import[torch]", "import[transformers]"} | SMOKES
    assert judged.skipped == DURATIONS | {"threads"}
    assert judged.headlines["threads"].startswith("torch gave no answer: exit code ")
    for name in ("import[torch]", "import[transformers]", *SMOKES):
        assert "libc10.so: cannot open shared object file" in judged.texts[name]
    assert "it is torch's own" in judged.texts["import[torch]"]


def test_more_threads_than_cpus_fail_until_the_variable_says_so(project, image):
    """On 2 CPUs at least: torch and numpy take them all, whatever the limit."""
    if project.client.info()["NCPU"] == 1:
        pytest.skip("the engine has one CPU")
    project.edit("compose.yaml", 'cpus: "2"', 'cpus: "1"')
    project.edit("compose.yaml", '^      OMP_NUM_THREADS: "2".*\n', "      UNUSED: x\n")
    given = (f"--tfdocker-image={image}", "-k", "threads", "Dockerfile")
    judged = project.judge(*given)
    assert judged.broken == {"threads"}
    text = judged.texts["threads"]
    count = judged.measured["threads"]
    assert text.startswith(f"torch starts {count} threads, the limit is 1 CPU\n")
    assert "limit 1 CPU (compose.yaml:14); the container sees " in text
    assert re.search(rf"torch 2\.13\.0.* \(.*OpenMP\): {count} threads, inter-op ", text)
    assert "numpy 2.4.6 (OpenBLAS): " in text
    assert text.count("OMP_NUM_THREADS is not set") == 2
    assert "ENV OMP_NUM_THREADS=1; or `environment:` in compose.yaml" in text

    project.edit("compose.yaml", "^      UNUSED: x", '      OMP_NUM_THREADS: "1"')
    judged = project.judge(*given)
    assert judged.texts["threads"] == "torch 1, numpy 1: within 1 CPU"
    assert judged.outcomes["threads"] == "passed"


@pytest.mark.slow
def test_a_phase_over_its_budget_fails_with_its_own_cpu_time(project, image):
    budgets = 'phase-duration = { load = "1 ms", inference = "59 s" }'
    project.edit("pyproject.toml", r'(?s)(name = "embed".*?duration = "60 s")', rf"\1\n{budgets}")
    given = (f"--tfdocker-image={image}", "-k", "duration and embed", "Dockerfile")
    judged = project.judge(*given)
    assert judged.broken == {"duration[embed]"}
    assert re.search(r' over 1 ms in "load"$', judged.headlines["duration[embed]"])
    assert re.search(r"\n  load: .* over 1 ms; CPU time ", judged.texts["duration[embed]"])
    project.edit("pyproject.toml", 'load = "1 ms"', 'laod = "1 ms"')
    judged = project.judge(*given)
    assert judged.headlines["duration[embed]"] == 'no phase "laod" in the run'
    assert (
        "there were import, load, inference; did you mean 'load'?"
        in (judged.texts["duration[embed]"])
    )
