"""How threads are counted, with stand-ins for the frameworks that start real threads."""

import json
import os
import subprocess

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"
POOL = """
import ctypes
import threading

__version__ = "1.0"


def start(count, name=None):
    started = threading.Barrier(count + 1)

    def wait():
        if name:
            ctypes.CDLL(None).prctl(15, name, 0, 0, 0)  # PR_SET_NAME
        started.wait()
        threading.Event().wait()

    for _ in range(count):
        threading.Thread(target=wait, daemon=True).start()
    started.wait()


class Square:
    def dot(self, other):
        return self

    __matmul__ = add_ = dot

    def numpy(self):
        return self

    block_until_ready = numpy
"""
NUMPY = """
from pool import Square, __version__, start
start(3)
def ones(shape):
    return Square()
"""
TORCH = """
import numpy
from pool import Square, __version__, start
start(1)
int8 = None
class backends:
    class mkl:
        @staticmethod
        def is_available():
            return True
def ones(*shape, dtype=None):
    return Square()
def mm(left, right):
    start(POOL)
def get_num_threads():
    return 5
def get_num_interop_threads():
    return 8
"""
TENSORFLOW = """
from pool import Square, __version__, start
class config:
    class threading:
        @staticmethod
        def get_intra_op_parallelism_threads():
            return 0
class linalg:
    @staticmethod
    def matmul(left, right):
        return left
def ones(shape):
    start(2)
    start(3, b"tf_numa_-1_Eige")
    start(7, b"tf_Compute")
    start(1, b"tf_graph_runner")
    return Square()
"""
JAX = """
from pool import Square, __version__, start
class numpy:
    @staticmethod
    def ones(shape):
        start(2, b"another")
        return Square()
"""


@pytest.fixture
def ask(end_python, tmp_path):
    """Gives the answer of a framework whose stand-in has this text."""

    def run(name, variables=(), cpus=None, **texts):
        (tmp_path / "pool.py").write_text(POOL)
        for module, text in texts.items():
            (tmp_path / f"{module}.py").write_text(text)
        kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        done = subprocess.run(
            [end_python, "-B", "-c", probe.source("ask_threads"), COOKIE, name],
            env={**kept, **dict(variables), "PYTHONPATH": str(tmp_path)},
            preexec_fn=None if cpus is None else lambda: os.sched_setaffinity(0, cpus),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.split(COOKIE)[1].split(COOKIE[::-1])[0])

    return run


def test_the_callers_own_thread_computes_too(ask):
    told = ask("numpy", numpy=NUMPY)
    assert (told["version"], told["library"], told["threads"]) == ("1.0", "BLAS", 4)
    assert (told["reads"], told["given"], told["inter_op"]) == (["OMP_NUM_THREADS"], {}, None)


@pytest.mark.parametrize(("pool", "threads"), [(7, 8), (4, 5), (1, 5)])
def test_of_torch_what_the_work_starts_counts_and_what_it_tells_if_that_is_more(ask, pool, threads):
    told = ask("torch", numpy=NUMPY, torch=TORCH.replace("POOL", str(pool)))
    assert (told["threads"], told["inter_op"]) == (threads, 8)
    assert told["reads"] == ["MKL_NUM_THREADS", "OMP_NUM_THREADS"]


def test_a_numpy_that_cannot_be_imported_is_torchs_to_tell(ask):
    broken = "raise RuntimeError('module compiled against another ABI')"
    text = TORCH.replace("import numpy", "").replace("POOL", "7")
    assert ask("torch", numpy=broken, torch=text)["threads"] == 8


def test_of_tensorflow_its_pool_is_told_from_its_other_threads(ask):
    told = ask("tensorflow", tensorflow=TENSORFLOW)
    assert (told["threads"], told["inter_op"]) == (5, 7)


def test_a_pool_that_cannot_be_told_is_no_number(ask):
    assert ask("jax", jax=JAX)["threads"] is None
    named = JAX.replace('b"another"', 'b"tf_XLAEigen"')
    assert ask("jax", jax=named)["threads"] == 2


def test_variables_that_are_set_are_told_and_empty_ones_are_not(ask):
    variables = {"MKL_NUM_THREADS": "", "OMP_NUM_THREADS": "2", "TF_NUM_INTRAOP_THREADS": "3"}
    text = TORCH.replace("POOL", "1")
    told = ask("torch", variables=variables, numpy=NUMPY, torch=text)
    assert told["given"] == {"OMP_NUM_THREADS": "2"}


def test_cpus_are_those_that_the_process_may_use(ask):
    everywhere = os.sched_getaffinity(0)
    told = ask("numpy", numpy=NUMPY)
    assert told["cpus"] == len(everywhere)
    assert 1 <= told["cores"] <= told["cpus"]
    one = ask("numpy", cpus={min(everywhere)}, numpy=NUMPY)
    assert (one["cpus"], one["cores"]) == (1, 1)
