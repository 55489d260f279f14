# Asks one framework how many threads compute in it, in a process of its own: those of the process
# are listed before and after a small piece of work, since what starts is not always what is told.
import ctypes
import json
import mmap
import os
import sys

cookie, subject = sys.argv[1:3]

SIDE = 512  # of square matrices: their product takes some 10 ms, and a pool's every thread
ELEMENTS = 1 << 23  # torch gives a thread 32,768 of them at least: enough for 256 threads
OPENBLAS = ["OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"]
MKL = ["MKL_NUM_THREADS", "OMP_NUM_THREADS"]
OF_ONNXRUNTIME = "ORT_INTRA_OP_NUM_THREADS"  # read by 1.29 and newer


class Started(object):
    """The threads that have started since."""

    def __init__(self):
        self.before = set(os.listdir("/proc/self/task"))

    def names(self):
        found = []
        for thread in set(os.listdir("/proc/self/task")) - self.before:
            try:
                with open("/proc/self/task/%s/comm" % thread, errors="replace") as file:
                    found.append(file.read().strip())
            except OSError:  # it has ended meanwhile
                pass
        return found


def ask_numpy():
    started = Started()
    import numpy

    square = numpy.ones((SIDE, SIDE))
    square.dot(square)
    library, reads, declared = blas()
    return answer(numpy, 1 + len(started.names()), reads, library=library, declared=declared)


def blas():
    """What computes for numpy: its name, the variables that it reads, the number that it tells."""
    for path in loaded("openblas"):
        names = [
            "%sopenblas_get_num_threads%s" % (before, behind)
            for before in ("", "scipy_")
            for behind in ("", "64_", "_64", "_64_")
        ]
        return "OpenBLAS", OPENBLAS, told_by(path, names)
    for path in loaded("libmkl_rt"):
        return "MKL", MKL, told_by(path, ["MKL_Get_Max_Threads"])
    return "BLAS", ["OMP_NUM_THREADS"], None


def loaded(word):
    """The paths of loaded libraries that have this word in their names."""
    with open("/proc/self/maps", errors="replace") as lines:
        paths = {line.rstrip("\n")[line.index("/") :] for line in lines if "/" in line}
    return sorted(path for path in paths if word in os.path.basename(path))


def told_by(path, names):
    library = ctypes.CDLL(path)
    found = [getattr(library, name) for name in names if hasattr(library, name)]
    return found[0]() if found else None


def ask_torch():
    import_numpy()
    import torch

    has_mkl = torch.backends.mkl.is_available()
    started = Started()
    torch.ones(ELEMENTS, dtype=torch.int8).add_(1)
    square = torch.ones(SIDE, SIDE)
    torch.mm(square, square)
    return answer(
        torch,
        1 + len(started.names()),
        MKL if has_mkl else ["OMP_NUM_THREADS"],
        library="MKL, OpenMP" if has_mkl else "OpenMP",
        declared=torch.get_num_threads(),
        inter_op=torch.get_num_interop_threads(),
    )


def import_numpy():
    """Frameworks import it, where it is: the threads that it starts are none of theirs."""
    try:
        import numpy  # noqa: F401
    except Exception:  # theirs to tell, if they need it
        pass


def ask_onnxruntime():
    import numpy
    import onnxruntime

    started = Started()
    session = onnxruntime.InferenceSession(product(), providers=["CPUExecutionProvider"])
    session.run(None, {"x": numpy.ones((SIDE, SIDE), numpy.float32)})
    reads = [OF_ONNXRUNTIME] if any(map(reads_variable, loaded("onnxruntime"))) else []
    return answer(onnxruntime, 1 + len(started.names()), reads)


def reads_variable(path):
    with open(path, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(OF_ONNXRUNTIME.encode()) >= 0


def product():
    """An ONNX model, y = x times x, as its protocol buffer: onnx.proto has the numbers."""
    side = field(1, field(1, SIDE))  # TensorShapeProto.dim
    matrix = field(1, field(1, 1) + field(2, side + side))  # TypeProto.tensor_type, of float
    node = field(1, b"x") + field(1, b"x") + field(2, b"y") + field(4, b"MatMul")
    graph = field(1, node) + field(2, b"product")
    graph += field(11, field(1, b"x") + field(2, matrix))
    graph += field(12, field(1, b"y") + field(2, matrix))
    return field(1, 7) + field(7, graph) + field(8, field(2, 13))  # IR version 7, operators 13


def field(number, value):
    """A field of a message: a whole number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def ask_tensorflow():
    import_numpy()
    import tensorflow

    started = Started()
    square = tensorflow.ones((SIDE, SIDE))
    tensorflow.linalg.matmul(square, square).numpy()
    names = started.names()
    # "tf_numa_-1_Eigen" is longer than the kernel's 15 bytes, so most have no name of their own
    pool = [one for one in names if one.startswith("tf_numa") or not one.startswith("tf_")]
    return answer(
        tensorflow,
        len(pool),
        ["TF_NUM_INTRAOP_THREADS"],
        library="Eigen",
        declared=tensorflow.config.threading.get_intra_op_parallelism_threads(),
        inter_op=names.count("tf_Compute"),
    )


def ask_jax():
    import_numpy()
    import jax

    started = Started()
    square = jax.numpy.ones((SIDE, SIDE))
    (square @ square).block_until_ready()
    pool = [one for one in started.names() if "XLAEigen" in one]
    return answer(jax, len(pool), ["NPROC"], library="XLA")


def answer(module, started, reads, library="", declared=None, inter_op=None):
    """`reads`: variables that hold the number of threads, that which wins first."""
    cpus = os.sched_getaffinity(0)
    return {
        "version": str(module.__version__),
        "library": library,
        "threads": max(started, declared or 0) or None,
        "inter_op": inter_op,
        "reads": reads,
        "given": {name: os.environ[name] for name in reads if os.environ.get(name)},
        "cpus": len(cpus),
        "cores": cores(cpus),
    }


def cores(cpus):
    """How many of these CPUs are cores of their own, and not a second thread of another."""
    found = set()
    for cpu in cpus:
        try:
            with open("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list" % cpu) as file:
                found.add(file.read())
        except OSError:
            return len(cpus)
    return len(found)


told = globals()["ask_" + subject]()
sys.stdout.write(cookie + json.dumps(told) + cookie[::-1] + "\n")
sys.stdout.flush()
