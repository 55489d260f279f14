"""The causes: to add one, add a line to CAUSES, and to docs/checks/bloat.md what it means."""

import msgspec

from pytest_tfdocker.evidence.bloat import twice, weights
from pytest_tfdocker.evidence.bloat.building import build_tools
from pytest_tfdocker.evidence.bloat.caches import cache_of
from pytest_tfdocker.evidence.bloat.scene import Find, either, in_folders, named, owned_by

REWRITTEN = "rewritten"
"""The cause that is no matter of the files that are there: the layers tell of it, once read."""
TESTS = r"-packages/(?!numpy/_core/tests/)(.*/)?tests?/"
CUDA_FILES = (
    r"/lib(torch_cuda|c10_cuda|onnxruntime_providers_(cuda|tensorrt)|cublas|cudnn|cufft|curand|cusolver"
    r"|cusparse|nccl|nvrtc)[\w.-]*\.(so|a)(\.\d+)*$"
)
"""Whoever owns them, as in a folder that libtorch was unpacked into. Of hashes that auditwheel puts
into names, too; not the lists that dpkg has of packages of these names."""
CUDA_DISTRIBUTIONS = r"^(nvidia-|cuda-|triton$|cupy-cuda\d|jax-cuda\d+-(plugin|pjrt)$)"


class Cause(msgspec.Struct, frozen=True):
    """One reason for bytes that an image need not have."""

    name: str
    """As `size.bloat.NAME` and `bloat[NAME]` have it."""
    what: str
    """For people, in place of the paths."""
    fix: str
    """One sentence."""
    find: Find
    fix_of_run: str = ""
    """In place of it where a RUN has brought most of it, and none of the build context."""
    fix_of_base: str = ""
    """In place of both where the base image has."""


CAUSES = (
    Cause(
        "pip-cache",
        "pip's cache",
        "`pip install --no-cache-dir`, or `RUN --mount=type=cache,target=/root/.cache/pip`",
        cache_of("pip-cache"),
    ),
    Cause(
        "uv-cache",
        "uv's cache",
        "`uv --no-cache`, or `RUN --mount=type=cache,target=/root/.cache/uv`",
        cache_of("uv-cache"),
    ),
    Cause(
        "poetry-cache",
        "Poetry's cache",
        "`poetry install --no-cache`, or `RUN --mount=type=cache,target=/root/.cache/pypoetry`",
        cache_of("poetry-cache"),
    ),
    Cause(
        "conda-cache",
        "conda's package cache",
        "`conda clean -afy` in the RUN that installs",
        twice.conda_packages,
    ),
    Cause(
        "apt-lists",
        "apt's package lists",
        "`rm -rf /var/lib/apt/lists/*` in the RUN of `apt-get update`",
        in_folders(r"^/var/lib/apt/lists/"),
    ),
    Cause(
        "apt-archives",
        "packages that apt has kept",
        "`apt-get clean` in the RUN that installs",
        in_folders(r"^/var/cache/apt/"),
    ),
    Cause(
        "apk-cache",
        "apk's cache",
        "`apk add --no-cache`",
        in_folders(r"^/(var/cache/apk|etc/apk/cache)/"),
    ),
    Cause(
        "dnf-cache",
        "dnf's and yum's cache",
        "`dnf clean all` or `yum clean all` in the RUN that installs",
        in_folders(r"^/var/cache/(dnf|libdnf5|yum)/"),
    ),
    Cause(
        "zypp-cache",
        "zypper's cache",
        "`zypper clean --all` in the RUN that installs",
        in_folders(r"^/var/cache/zypp/"),
    ),
    Cause(
        "git",
        "a .git folder",
        "a line `.git` in .dockerignore",
        in_folders(r"/\.git/"),
        fix_of_run="`rm -rf .git` in the RUN that clones, or ADD of its URL, which brings none",
    ),
    Cause(
        "build-tools",
        "compilers and -dev packages",
        "compile in a stage of its own, and copy what it made into a slim one",
        build_tools,
    ),
    Cause(
        "archives",
        "wheels and archives",
        "`RUN --mount=type=bind` in place of COPY, or a line in .dockerignore",
        named(
            r"\.(whl|deb|rpm|tar|tgz|zip|tar\.(gz|bz2|xz|zst))$",
            kinds=twice.OWN[1:],
            below=r"^(?!.*/(ensurepip/_bundled|lib/python3\.\d+/test)/)",
        ),
        fix_of_run="delete them in the RUN that brings them",
    ),
    Cause(
        "second-copies",
        "distributions that are installed twice",
        "install into one environment",
        twice.second_copies,
    ),
    Cause(
        "cuda-twice",
        "the system's CUDA beside that of the nvidia-* wheels",
        "a base without CUDA: the wheels bring what torch loads",
        twice.second_cuda,
    ),
    Cause(
        "two-frameworks",
        "torch and TensorFlow together",
        "leave out the one that the service doesn't use",
        twice.second_framework,
    ),
    Cause(
        "duplicate-weights",
        "the same weights in several formats",
        "keep one format: `allow_patterns` of snapshot_download, or a line in .dockerignore",
        weights.other_formats,
    ),
    Cause(
        "hub-cache",
        "files of a Hugging Face cache that no link leads to",
        "copy the cache with its links (`cp -a`), or download with `local_dir`",
        weights.hub_cache,
    ),
    Cause(
        "identical-files",
        "large files of the same content",
        "keep one, and link to it",
        twice.identical,
    ),
    Cause(
        "byte-code",
        "byte code of whole packages",
        "`pip install --no-compile`, and compile what the service imports by importing it once",
        twice.byte_code,
    ),
    Cause(
        "static-libraries",
        "static libraries of distributions",
        "delete *.a in the RUN that installs",
        named(r"\.(a|lib)$", kinds=("distribution",)),
    ),
    Cause(
        "headers",
        "C and CUDA headers of distributions",
        "delete include/ in the RUN that installs, where nothing is compiled at run time",
        named(r"\.(h|hh|hpp|hxx|cuh|inl|inc)$", kinds=("distribution",), below="/include/"),
    ),
    Cause(
        "tests",
        "tests of distributions",
        "delete the distributions' test folders, but for numpy/_core/tests, "
        "in the RUN that installs",
        # numpy.testing of numpy 2.2 imports from it, and scipy and scikit-learn that
        named("", kinds=("distribution",), below=TESTS),
    ),
    Cause(
        "cuda-libraries",
        "CUDA libraries, and no GPU is asked for",
        "install the CPU build of the framework",
        either(
            owned_by("distribution", CUDA_DISTRIBUTIONS),
            owned_by("os-package", twice.SYSTEM_CUDA),
            named(CUDA_FILES, kinds=("distribution", "os-package", *twice.OWN)),
            in_folders(r"^/usr/local/cuda[^/]*/"),
        ),
        fix_of_base="a base without CUDA, and the CPU build of the framework",
    ),
    Cause(
        REWRITTEN,
        "files that a later chown, chmod or mv has doubled",
        "set owner, mode and place where the files are written, by COPY --chown and --chmod, say",
        lambda _: [],
    ),
)
"""In the order in which they claim files: each byte is one cause's. CUDA is the last that does: it
is bloat only where no GPU is asked for, which these facts don't know."""
