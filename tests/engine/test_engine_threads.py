"""Threads against a CPU limit: what is told of them, and that what is advised mends it."""

import re

import pytest

pytestmark = pytest.mark.engine

CPUS = "[tool.tfdocker.run]\ncpus = {}\n"
MADE_UP = """\
import os
import threading

__version__ = "1.0"
for _ in range(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))) - 1):
    threading.Thread(target=threading.Event().wait, daemon=True).start()


class ones:
    def __init__(self, shape):
        pass

    def dot(self, other):
        pass
"""
METADATA = "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"
IMAGE = """\
FROM {}
WORKDIR /app
ENV PYTHONPATH=/app
COPY numpy.py ./
COPY numpy-1.0.dist-info numpy-1.0.dist-info/
CMD ["python3"]
"""
INDEX = "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n"
MEND = re.compile(r"in the Dockerfile: (ENV .*); or run\.env in the settings")


@pytest.fixture
def with_made_up_numpy(user_project, small_image):
    """A project whose image has a numpy that does nothing but start threads, as the real one."""
    user_project.write("Dockerfile", IMAGE.format(small_image))
    user_project.write("numpy.py", MADE_UP)
    user_project.write("numpy-1.0.dist-info/METADATA", METADATA)
    user_project.write("pyproject.toml", CPUS.format(1))
    return user_project


@pytest.fixture
def cpus(engine):
    """Those of the engine; with one alone nothing is above a limit of one."""
    found = engine.info["NCPU"]
    if found == 1:
        pytest.skip("the engine has one CPU")
    return found


def judged(project, *arguments):
    """The outcome of `threads`, and its text."""
    said = project.judge("-k", "threads", *arguments)
    return said.outcomes["threads"], said.texts["threads"], said


def test_an_image_without_a_framework_skips(user_project, small_image):
    user_project.write("Dockerfile", f'FROM {small_image}\nCMD ["python3"]\n')
    user_project.write("pyproject.toml", CPUS.format(1))
    outcome, text, said = judged(user_project)
    assert (outcome, text) == ("skipped", "no framework that is asked for threads is installed")
    assert said.image["threads"] == {"cpus": None, "cores": None, "frameworks": []}


def test_threads_above_the_limit_fail_until_the_advice_is_followed(with_made_up_numpy, cpus):
    project = with_made_up_numpy
    outcome, text, said = judged(project)
    assert outcome == "failed"
    assert text.startswith(f"numpy starts {cpus} threads, the limit is 1 CPU\n")
    assert "limit 1 CPU (pyproject.toml:2); the container sees " in text
    assert f"numpy 1.0 (BLAS): {cpus} threads; OMP_NUM_THREADS is not set" in text
    (numpy,) = said.image["threads"]["frameworks"]
    assert (numpy["threads"], numpy["error"]) == (cpus, None)

    with (project.folder / "Dockerfile").open("a") as file:
        file.write(MEND.search(text)[1] + "\n")
    assert judged(project)[:2] == ("passed", "numpy 1: within 1 CPU")

    project.write("pyproject.toml", CPUS.format(1) + 'env = ["OMP_NUM_THREADS=3"]\n')
    outcome, text, _ = judged(project)
    assert outcome == "failed"
    assert "OMP_NUM_THREADS=3 is set\n" in text
    assert "set OMP_NUM_THREADS=1 in pyproject.toml:3, where it is set now" in text


def test_a_limit_of_all_that_the_engine_has_tells_nothing(with_made_up_numpy, cpus):
    with_made_up_numpy.write("pyproject.toml", CPUS.format(cpus))
    outcome, text, _ = judged(with_made_up_numpy)
    assert outcome == "skipped"
    assert re.match(rf"the engine has {cpus} CPUs.*, no more than the limit\n", text)
    settings = CPUS.format(cpus) + f'env = ["OMP_NUM_THREADS={cpus}"]\n'
    with_made_up_numpy.write("pyproject.toml", settings)
    assert judged(with_made_up_numpy)[0] == "passed"


def test_one_that_cannot_be_imported_gives_no_answer(with_made_up_numpy):
    """With what the framework says of it, though its import is another check's."""
    with_made_up_numpy.write("numpy.py", "raise ImportError('libgomp.so.1: no such file')\n")
    outcome, text, _ = judged(with_made_up_numpy)
    assert outcome == "skipped"
    assert text.startswith("numpy gave no answer: exit code 1\n")
    assert "ImportError: libgomp.so.1: no such file" in text


def test_what_a_test_of_the_users_asserts_is_the_same(with_made_up_numpy, cpus):
    with_made_up_numpy.write(
        "test_threads.py",
        "from pytest_tfdocker import assert_threads\n"
        "def test_threads(tfdocker_image):\n"
        "    assert_threads(tfdocker_image)\n",
    )
    said = with_made_up_numpy.judge("test_threads.py", "-k", "threads")
    assert said.tests == {"test_threads": "failed"}
    assert said.output.count(f"numpy starts {cpus} threads, the limit is 1 CPU") >= 2
    with_made_up_numpy.write("pyproject.toml", "[tool.tfdocker.run]\nmemory = '1 GiB'\n")
    said = with_made_up_numpy.judge("test_threads.py", "-k", "threads")
    assert "TypeError: no CPU limit is set: give `cpus` in [tool.tfdocker.run]" in said.output


def test_counts_are_kept_by_how_the_container_is_started(with_made_up_numpy, cpus):
    project = with_made_up_numpy
    judged(project)
    (kept,) = (project.folder / ".pytest_cache").rglob("threads-*.json")
    kept.write_text(kept.read_text().replace(f'"threads":{cpus}', '"threads":77'))
    assert judged(project)[1].startswith("numpy starts 77 threads, the limit is 1 CPU\n")
    project.write("pyproject.toml", CPUS.format(0.5))
    assert judged(project)[1].startswith(f"numpy starts {cpus} threads, the limit is 0.5 CPUs\n")


FRAMEWORKS = {
    "numpy onnxruntime==1.32.0": {
        "onnxruntime": "ORT_INTRA_OP_NUM_THREADS",
        "numpy": "OMP_NUM_THREADS",
    },
    "tensorflow-cpu==2.21.0 jax==0.10.2": {
        "tensorflow": "TF_NUM_INTRAOP_THREADS",
        "jax": "NPROC",
        "numpy": "OMP_NUM_THREADS",
    },
}


def installing(project, packages, base):
    install = f"RUN pip install --no-cache-dir {packages}\n"
    project.write("Dockerfile", f'FROM {base}\n{INDEX}{install}CMD ["python"]\n')
    project.write("pyproject.toml", CPUS.format(1) + 'memory = "4 GiB"\n')


@pytest.mark.slow
@pytest.mark.parametrize("packages", FRAMEWORKS)
def test_each_variable_that_is_advised_holds_its_framework(
    user_project, slim_image, cpus, packages
):
    installing(user_project, packages, slim_image)
    outcome, text, said = judged(user_project)
    assert outcome == "failed"
    found = {one["name"]: one["threads"] for one in said.image["threads"]["frameworks"]}
    assert found.keys() == FRAMEWORKS[packages].keys()
    assert set(found.values()) <= {cpus, said.image["threads"]["cores"]}
    for name, variable in FRAMEWORKS[packages].items():
        assert re.search(rf"{name} .*: {found[name]} threads.*; {variable} is not set\n", text)
    with (user_project.folder / "Dockerfile").open("a") as file:
        file.write(MEND.search(text)[1] + "\n")
    outcome, text, said = judged(user_project)
    assert outcome == "passed", text
    assert {one["threads"] for one in said.image["threads"]["frameworks"]} == {1}


@pytest.mark.slow
@pytest.mark.usefixtures("cpus")
def test_an_onnxruntime_that_reads_no_variable_is_left_to_the_code(user_project, slim_image):
    installing(user_project, "onnxruntime==1.28.0", slim_image)
    settings = 'env = ["OMP_NUM_THREADS=1", "ORT_INTRA_OP_NUM_THREADS=1"]\n'
    user_project.write("pyproject.toml", CPUS.format(1) + settings)
    outcome, text, said = judged(user_project)
    assert outcome == "skipped"
    cores = said.image["threads"]["cores"]
    assert text.startswith(f"onnxruntime starts {cores} threads unless the code says\n")
    assert f"onnxruntime 1.28.0: {cores} threads; it reads no variable\n" in text
    assert "SessionOptions.intra_op_num_threads = 1 where its sessions are made" in text
