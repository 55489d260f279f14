"""What the errors of an import mean in plain words, and what mends them."""

import re
from collections.abc import Callable, Iterable

_DEBIAN = {
    "libgomp": "libgomp1",
    "libGL": "libgl1",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libSM": "libsm6",
    "libXext": "libxext6",
    "libXrender": "libxrender1",
    "libsndfile": "libsndfile1",
    "libportaudio": "libportaudio2",
    "libopenblas": "libopenblas0",
    "libstdc++": "libstdc++6",
    "libgfortran": "libgfortran5",
    "libffi": "libffi8",
    "libnuma": "libnuma1",
}
"""Shared library → the package of Debian and Ubuntu that brings it."""

_OPENCV = ("libGL", "libglib-2.0", "libgthread-2.0", "libSM", "libXext", "libXrender")
"""What opencv-python loads, and opencv-python-headless mostly does without."""

_NVIDIA = {
    "libcudart": "nvidia-cuda-runtime",
    "libcublas": "nvidia-cublas",
    "libcublasLt": "nvidia-cublas",
    "libcudnn": "nvidia-cudnn",
    "libcufft": "nvidia-cufft",
    "libcurand": "nvidia-curand",
    "libcusolver": "nvidia-cusolver",
    "libcusparse": "nvidia-cusparse",
    "libnvrtc": "nvidia-cuda-nvrtc",
    "libnccl": "nvidia-nccl",
}
"""Shared library → the wheel that brings it, less its -cu12."""

_DRIVER = ("libcuda", "libnvidia-ml")
_TORCH = ("libc10", "libc10_cuda", "libshm", "libtorch")


def _source(library: str) -> str | None:
    name = library.partition(".so")[0]
    if name in _DRIVER:
        return "it is the driver's, put in by NVIDIA's container runtime where there is a GPU"
    if name.startswith(_TORCH):
        return "it is torch's own: install torch again, and delete nothing of it"
    if name in _NVIDIA:
        return f"the wheel {_NVIDIA[name]}, or an nvidia/cuda base, brings it"
    if name not in _DEBIAN:
        return None
    other = "; opencv-python-headless may do without" if name in _OPENCV else ""
    return f"`apt-get install {_DEBIAN[name]}` brings it{other}"


def _library(match: re.Match[str]) -> str:
    library = match["library"]
    source = _source(library)
    return f"the shared library {library} is missing" + (f": {source}" if source else "")


def _newer_libc(match: re.Match[str]) -> str:
    needed = match["version"]
    return f"built for a newer system than the image's: it needs {needed}; take a newer base"


def _module(match: re.Match[str]) -> str:
    return f"{match['module']} is not installed for this interpreter"


def _distribution(match: re.Match[str]) -> str:
    return f"the distribution {match['wanted']} is not installed for this interpreter"


NO_WRITING = r"Read-only file system|Permission denied|trying to write"
NO_NETWORK = (
    r"Name or service not known|Temporary failure in name resolution|Network is unreachable"
)

Meaning = str | Callable[[re.Match[str]], str]

MEANINGS: tuple[tuple[str, Meaning], ...] = (
    (r"(?P<library>lib[\w.+-]+?\.so[\w.]*): cannot open shared object file", _library),
    (r"Error loading shared library (?P<library>lib[\w.+-]+?\.so[\w.]*)", _library),
    (r"version `(?P<version>(GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found", _newer_libc),
    (r"Error relocating|ld-linux[\w.-]+: No such file", "built for glibc, and the image has musl"),
    (
        (
            r"compiled using NumPy 1|_ARRAY_API not found|Failed to initialize NumPy: (?!No module)"
            r"|Numpy is not available|numpy\.dtype size changed|numpy\.core\.multiarray failed"
        ),
        (
            "built against another NumPy than the one installed: pin the NumPy that it needs "
            "(numpy<2 for what was built against NumPy 1), or take a newer build of it"
        ),
    ),
    (
        r"Disabling PyTorch because",
        "transformers finds no torch that it accepts, and gives out placeholders for models",
    ),
    (
        r"DummyObject|requires the (PyTorch|TensorFlow) library but it was not found",
        "it gives out placeholders, since the framework under it is missing or broken",
    ),
    (
        r"circular import",
        "a file of the image's may have the module's name and stand before it on sys.path",
    ),
    (
        r"SIGILL|Illegal instruction",
        "built for a newer CPU than this one's (AVX, as a rule)",
    ),
    (r"SIGSEGV", "native code crashed: two builds of one library, as a rule"),
    (
        NO_WRITING,
        (
            "it writes while it is imported: give it a folder that its user can write "
            "(HF_HOME, XDG_CACHE_HOME, NUMBA_CACHE_DIR, MPLCONFIGDIR, or run.tmpfs)"
        ),
    ),
    (
        NO_NETWORK,
        "it looks something up while it is imported, and the container has no network",
    ),
    (
        r"did not end within its time limit",
        "mend what it waits for (the container has no network), or raise imports.timeout",
    ),
    (r"No module named '(?P<module>[\w.]+)'", _module),
    (r"The '(?P<wanted>[^']+)' distribution was not found", _distribution),
    (r"No package metadata was found for (?P<wanted>[\w.-]+)", _distribution),
)
"""Texts of errors and warnings → what they mean. The first that is found holds."""

LOOKED_UP = (
    "it looks something up that the container's network does not reach: bring it into the image, "
    "or give the run a network (run.network)"
)

OF_RUNS: dict[str, Meaning] = {
    NO_WRITING: (
        "it writes where it may not: give it a folder that its user can write "
        "(HF_HOME, XDG_CACHE_HOME, NUMBA_CACHE_DIR, MPLCONFIGDIR, or run.tmpfs)"
    ),
    NO_NETWORK: LOOKED_UP,
}
"""The same of a run, where what fails need not be an import."""

_NOT_WORKING = re.compile(
    r"compiled using NumPy 1|_ARRAY_API not found|Failed to initialize NumPy: (?!No module)"
    r"|Disabling PyTorch because"
)
"""Not among them: the words of TensorFlow, torchvision and torch on libraries, and on a NumPy that
isn't installed, which they do without.
"""


def meaning_of(text: str) -> str | None:
    """What an error or a warning of an import means, None where it is none that is known."""
    return _first(MEANINGS, text)


def meaning_in_run(text: str) -> str | None:
    """As `meaning_of`, of what a run ended by."""
    return _first([(one, OF_RUNS.get(one, meaning)) for one, meaning in MEANINGS], text)


def _first(meanings: Iterable[tuple[str, Meaning]], text: str) -> str | None:
    for pattern, meaning in meanings:
        match = re.search(pattern, text)
        if match:
            return meaning if isinstance(meaning, str) else meaning(match)
    return None


def hides_an_error(warning: str) -> bool:
    """Whether a warning says that what was imported so well won't work."""
    return _NOT_WORKING.search(warning) is not None
