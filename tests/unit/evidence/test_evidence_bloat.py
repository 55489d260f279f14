"""What is no bloat, or less of it than it seems."""

import pytest
from scenes import MB, bloat, scene_of

from pytest_tfdocker import probe
from pytest_tfdocker.evidence.bloat import LARGE_BYTES, find_bloat, find_uncompared
from pytest_tfdocker.evidence.rpm.headers import Package

BUILDERS = (
    *("gcc", "gcc-c++", "gcc13-c++", "cpp", "make", "cmake", "binutils-gold", "python3-devel"),
    *("glibc-devel", "glibc-headers", "glibc-headers-x86", "glibc-static", "kernel-headers"),
    *(
        "linux-glibc-devel",
        "libstdc++6-devel-gcc13",
        "rust",
        "rust-std-static",
        "cargo",
        "golang",
        "gcc-toolset-13-gcc",
    ),
    *("clang", "llvm", "rpm-build", "redhat-rpm-config", "autoconf", "libtool"),
)
RUNNERS = (
    *("glibc", "glibc-common", "libgcc", "libstdc++", "libgomp", "libgfortran", "llvm-libs"),
    *("libgcc_s1", "python3", "python3-libs", "rpm", "rpm-libs", "busybox-static", "makeself"),
    *("kernel-core", "gccmakedep", "libxcrypt"),
)


def test_build_tools_are_told_by_the_names_that_distributions_of_linux_give():
    packages = [Package(name, "1", [f"/{name}"]) for name in (*BUILDERS, *RUNNERS)]
    found = {name: bloat((f"/{name}", 1), rpm=packages) for name in (*BUILDERS, *RUNNERS)}
    assert [name for name, causes in found.items() if causes] == list(BUILDERS)
    assert {*found["gcc"]} == {"build-tools"}


CACHES = [
    *(
        "/opt/downloads/http-v2/a/b.body",
        "/opt/downloads/wheels/a.whl",
        "/xdg/uv/archive-v0/a/b.so",
    ),
    "/xdg/pypoetry/artifacts/a.whl",
]
NO_CACHES = ["/opt/downloads/model.bin", "/xdg/pypoetry/virtualenvs/a/b.so", "/xdg/uv/python/a.so"]


def test_caches_stand_where_the_images_environment_has_them():
    """And no more of such a folder than the installer makes in it: it may be /tmp."""
    env = ["PIP_CACHE_DIR=/opt/downloads/", "XDG_CACHE_HOME=/xdg", "UV_CACHE_DIR=cache"]
    files = [(path, 2) for path in (*CACHES, *NO_CACHES)]
    assert bloat(*files, env=env) == {"pip-cache": 4, "uv-cache": 2, "poetry-cache": 2}
    assert bloat(*files, env=["PIP_CACHE_DIR=/", "XDG_CACHE_HOME="]) == {"archives": 4}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_cache_whose_files_have_other_names_frees_only_the_rest(turn):
    files = [
        ("/opt/conda/pkgs/mkl/lib.so", 200, "inode:1"),
        ("/opt/conda/lib/lib.so", 200, "inode:1"),
        ("/opt/conda/pkgs/mkl.conda", 50),
        ("/opt/conda/conda-meta/mkl.json", 0.1),
    ]
    assert bloat(*files[::turn]) == {"conda-cache": 50}


PIP, UV = "/root/.cache/pip/http-v2/x", "/root/.cache/uv/archive-v0/x"


@pytest.mark.parametrize("names", [(PIP, UV), (UV, PIP)])
def test_a_file_that_two_causes_have_names_of_goes_with_the_second(names):
    scene = scene_of(*((name, 5, "inode:1") for name in names))
    [found] = find_bloat(scene)
    assert (found.cause, found.bytes, found.path_bytes) == ("uv-cache", 5 * MB, [5 * MB])
    assert (found.paths, found.by_layer) == ([UV], [(0, 5 * MB)])


def test_a_file_that_two_causes_and_a_service_have_names_of_stays():
    assert bloat(*((name, 5, "inode:1") for name in (PIP, UV, "/app/x"))) == {}


@pytest.mark.parametrize("root", ["/root/micromamba", "/opt/conda"])
def test_the_package_cache_of_micromamba_stands_beside_its_environments(root):
    files = [(f"{root}/pkgs/x.conda", 100), (f"{root}/pkgs/x/lib/x.so", 50)]
    assert bloat(*files, (f"{root}/envs/e/conda-meta/history", 0.1)) == {"conda-cache": 150}
    assert bloat(*files) == {}


@pytest.mark.parametrize("folder", ["tests", "test", "x/tests", "x/y/test/data"])
def test_tests_that_a_distribution_puts_beside_all_others_are_tests(folder):
    files = [(f"/s/site-packages/{folder}/a.py", 5), ("/s/site-packages/x/testing/a.py", 5)]
    installed = [("x", "/s/site-packages", f"{folder}/a.py\nx/testing/a.py")]
    assert bloat(*files, distributions=installed) == {"tests": 5}


def test_tensorflow_of_arm64_is_that_of_its_own_wheel():
    site = "/s/site-packages"
    files = [("torch/a.so", 700), ("tensorflow/__init__.py", 1), ("tensorflow/b.so", 500)]
    names = ("torch", "tensorflow", "tensorflow-cpu-aws")
    installed = [(name, site, path) for name, (path, _) in zip(names, files, strict=True)]
    placed = [(f"{site}/{path}", size) for path, size in files]
    assert bloat(*placed, distributions=installed) == {"two-frameworks": 501}


def test_every_environment_has_a_pip_and_the_newer_of_two_copies_is_the_second():
    sites = ("/usr/lib/site-packages", "/venv/lib/site-packages")
    files = [(f"{site}/{name}.so", 10) for site in sites for name in ("pip", "torch")]
    installed = [(name, site, f"{name}.so") for site in sites for name in ("pip", "torch")]
    files[1], files[3] = (files[1][0], 20), (files[3][0], 10)
    assert bloat(*files, distributions=installed, layers=[0, 0, 2, 2]) == {"second-copies": 10}


STALE = "numpy/core.so\nnumpy/old.so\nnumpy-1.dist-info/RECORD"
FRESH = "numpy/core.so\nnumpy/new.so\nnumpy-2.dist-info/RECORD"


@pytest.mark.parametrize("records", [(STALE, FRESH), (FRESH, STALE)])
def test_two_versions_in_one_folder_are_one_copy(records):
    """As a COPY of one site-packages over another leaves them, or `pip install --target` twice."""
    names = ["core.so", "old.so", "new.so"]
    files = [(f"/s/site-packages/numpy/{name}", 50) for name in names]
    files += [(f"/s/site-packages/numpy-{n}.dist-info/RECORD", 1) for n in (1, 2)]
    installed = [("numpy", "/s/site-packages", record) for record in records]
    assert bloat(*files, distributions=installed) == {}
    files.append(("/venv/site-packages/numpy/core.so", 40))
    installed.append(("numpy", "/venv/site-packages", "numpy/core.so"))
    assert bloat(*files, distributions=installed) == {"second-copies": 40}


def test_what_setup_py_has_installed_is_a_copy_of_that_in_another_folder():
    """The paths of its installed-files.txt begin at its own .egg-info."""
    sites = ("/s/site-packages", "/venv/site-packages")
    files = [(f"{site}/a-2.dist-info/RECORD", 1) for site in sites]
    egg = ("a", f"{sites[0]}/a-1.egg-info", "../a.so")
    here, there = (("a", site, "a-2.dist-info/RECORD") for site in sites)
    found = [
        bloat((f"{sites[0]}/a.so", 5), *files, distributions=[egg, other])
        for other in (here, there)
    ]
    assert found == [{}, {"second-copies": 1}]


def test_what_two_distributions_bring_alike_is_their_packagers():
    files = [("/s/a.libs/gfortran.so", 3), ("/s/b.libs/gfortran.so", 3), ("/own/gfortran.so", 3)]
    installed = [("a", "/s", "a.libs/gfortran.so"), ("b", "/s", "b.libs/gfortran.so")]
    same = [path for path, _ in files]
    assert bloat(*files[:2], distributions=installed, identical=[same[:2]]) == {}
    assert bloat(*files, distributions=installed, identical=[same]) == {"identical-files": 3}


def test_what_pythons_own_library_brings_is_no_archive_of_yours():
    bundled = "/usr/local/lib/python3.11/ensurepip/_bundled/pip-24.0-py3-none-any.whl"
    assert bloat((bundled, 2), ("/wheels/a-1.0-py3-none-any.whl", 3)) == {"archives": 3}


@pytest.mark.parametrize(
    ("missed", "count", "could_free"),
    [("a", 1, 3), ("ab", 2, 6), ("abc", 3, 6), ("o", 1, 3), ("abco", 4, 9), ("", 0, 0)],
)
def test_what_was_not_compared_could_free_all_but_one_of_a_size(missed, count, could_free):
    """a, b and c are the project's; o is a distribution's, of which each could be a copy."""
    files = [("/own/a", 3), ("/own/b", 3), ("/own/c", 3), ("/s/o", 3)]
    installed = [("foo", "/s", "o")]
    scene = scene_of(*files, distributions=installed)
    paths = [path for path, _ in files if "o" in missed or not path.startswith("/s")]
    sizes = [(3 * MB, paths, {path: "time" for path in paths if path[-1] in missed})]
    told = {one.reason: (one.count, one.bytes / MB) for one in find_uncompared(scene, sizes)}
    assert told == ({"time": (count, could_free)} if count else {})


def test_what_packagers_bring_is_no_bloat_compared_or_not():
    installed = [("a", "/s", "a.so"), ("b", "/s", "b.so")]
    scene = scene_of(("/s/a.so", 3), ("/s/b.so", 3), distributions=installed)
    missed = {"/s/a.so": "time", "/s/b.so": "unreadable"}
    assert find_uncompared(scene, [(3 * MB, list(missed), missed)]) == []


def test_the_licence_of_gcc_that_every_debian_has_is_no_compiler():
    licence, compiler = "/usr/share/doc/gcc-12-base/copyright", "/usr/bin/gcc-12"
    dpkg = {"gcc-12-base:amd64": licence, "gcc-12": compiler}
    assert bloat((licence, 0.1), dpkg=dpkg) == {}
    assert bloat((licence, 0.1), (compiler, 30), dpkg=dpkg) == {"build-tools": 30}


OF_PYTHON = {
    "gcc": "/usr/bin/gcc",
    "python3.11": "/usr/bin/python3.11",
    "libpython3.11-stdlib": "/usr/lib/python3.11/os.py",
    "python3-distutils": "/usr/lib/python3.11/distutils/core.py",
    "python3-lib2to3": "/usr/lib/python3.11/lib2to3/main.py",
}


def test_the_interpreter_that_the_service_runs_on_stays_whoever_has_brought_it():
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nDepends: {', '.join(OF_PYTHON)}\n\n"
        for name in OF_PYTHON
    )
    states = "".join(f"Package: {name}\nAuto-Installed: 1\n\n" for name in OF_PYTHON)
    owned = {"dpkg_status": status, "apt_states": states}
    files = [(path, 1) for path in OF_PYTHON.values()]
    python = ["/usr/bin/python3", "/usr/lib/python3.11", "/usr/lib/python3.11/lib-dynload"]
    link = ("/usr/bin/python3", 0, "link:python3.11")
    assert bloat(*files, link, dpkg=OF_PYTHON, owned=owned, python=python) == {"build-tools": 1}
    own = ["/usr/local/bin/python3", "/usr/local/lib/python3.11"]
    assert bloat(*files, link, dpkg=OF_PYTHON, owned=owned, python=own) == {
        "build-tools": len(files)
    }


def test_what_came_with_another_layer_than_every_compiler_no_compiler_has_brought():
    status = "Package: gcc\nStatus: install ok installed\nDepends: a, b\n\n"
    status += "".join(f"Package: {name}\nStatus: install ok installed\n\n" for name in "ab")
    states = "".join(f"Package: {name}\nAuto-Installed: 1\n\n" for name in "ab")
    paths = {"gcc": "/usr/bin/gcc", "a": "/usr/lib/a", "b": "/usr/lib/b"}
    found = bloat(
        *((path, 1) for path in paths.values()),
        dpkg=paths,
        owned={"dpkg_status": status, "apt_states": states},
        layers=[1, 1, 0],
    )
    assert found == {"build-tools": 2}


STATUS = """
Package: gcc-12
Status: install ok installed
Depends: libisl23, libgcc-12-dev, gcc-12-base

Package: libgcc-12-dev
Status: install ok installed
Depends: libgomp1, libasan8

Package: libpq-dev
Status: install ok installed
Depends: libpq5, rpcsvc-proto

Package: libpq5
Status: install ok installed
Depends: libldap

Package: cmake
Status: install ok installed
Recommends: libuv1, libcurl4

Package: curl
Status: install ok installed
Depends: libcurl4
"""
LIBRARIES = {
    "libisl23": True,  # gcc's own
    "libasan8": True,
    "rpcsvc-proto": True,
    "libuv1": True,
    "libgomp1": False,  # what OpenMP has compiled loads it
    "libpq5": False,  # what was compiled with its headers loads it
    "libldap": False,
    "libcurl4": False,  # asked for by curl, too
    "gcc-12-base": False,  # nobody says that it came for another's sake
}


def test_what_compilers_alone_have_brought_goes_with_them_but_for_what_compiled_code_loads():
    names = ["gcc-12", "libgcc-12-dev", "libpq-dev", "cmake", "curl", *LIBRARIES]
    paths = {name: f"/usr/lib/{name}.so.1" for name in names}
    paths["rpcsvc-proto"] = "/usr/bin/rpcgen"
    sizes = {name: 2**at for at, name in enumerate(names)}
    status = STATUS + "".join(
        f"\nPackage: {name}\nStatus: install ok installed\n"
        for name in LIBRARIES
        if f"Package: {name}\n" not in STATUS
    )
    states = "".join(
        f"Package: {name}\nAuto-Installed: 1\n\n" for name in LIBRARIES if name != "gcc-12-base"
    )
    found = bloat(
        *((paths[name], sizes[name]) for name in names),
        dpkg=paths,
        owned={"dpkg_status": status, "apt_states": states},
    )
    going = {*names[:4], *(name for name, goes in LIBRARIES.items() if goes)}
    assert found == {"build-tools": sum(sizes[name] for name in going)}
    assert bloat(*((paths[name], sizes[name]) for name in names), dpkg=paths) == {
        "build-tools": sum(sizes[name] for name in names[:4])
    }


def test_a_container_compares_the_files_that_are_large_here_too():
    """The probe can't import the number."""
    assert f"\nLEAST_BYTES = {LARGE_BYTES}\n" in probe.source("identical")


SITE, SYSTEM = "/s/site-packages", "/usr/lib/x86_64-linux-gnu"


def cuda_of(path, *, wheel=None, package=None):
    """Bytes by cause of one file of 9 MB, in a wheel or a package of dpkg."""
    installed = [(wheel, SITE, path.removeprefix(f"{SITE}/"))] if wheel else []
    lists = f"/var/lib/dpkg/info/{package}.list"
    dpkg = {package: path} if package else {}
    return bloat((path, 9), (lists, 0.1), distributions=installed, dpkg=dpkg)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        (f"{SITE}/nvidia/cudnn/lib/libcudnn_ops.so.9", {"wheel": "nvidia-cudnn-cu12"}),
        (f"{SITE}/onnxruntime/capi/libonnxruntime_providers_cuda.so", {"wheel": "onnxruntime-gpu"}),
        (f"{SITE}/onnxruntime/capi/libonnxruntime_providers_tensorrt.so", {"wheel": "ort-nightly"}),
        (f"{SITE}/cupy/_core/core.cpython-311-x86_64-linux-gnu.so", {"wheel": "cupy-cuda12x"}),
        (f"{SITE}/jax_plugins/xla_cuda13/xla_cuda_plugin.so", {"wheel": "jax-cuda13-pjrt"}),
        (f"{SITE}/jax_cuda12_plugin/_solver.so", {"wheel": "jax-cuda12-plugin"}),
        (f"{SITE}/torch/lib/libcublas-37d11411.so.11", {"wheel": "torch"}),
        (f"{SYSTEM}/libcudnn.so.9.1.0", {"package": "libcudnn9-cuda-12"}),
        ("/usr/include/nccl.h", {"package": "libnccl2"}),
        (f"{SYSTEM}/libcudnn_static_v9.a", {}),
        ("/opt/libtorch/lib/libtorch_cuda.so", {}),
        ("/usr/local/cuda-12.4/bin/ptxas", {"package": "cuda-nvcc-12-4"}),
    ],
)
def test_libraries_of_cuda_are_known_wherever_they_stand(path, owner):
    assert cuda_of(path, **owner) == {"cuda-libraries": 9}


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        (f"{SITE}/onnxruntime/capi/libonnxruntime_providers_shared.so", {"wheel": "onnxruntime"}),
        (f"{SITE}/jaxlib/_jax.so", {"wheel": "jaxlib"}),
        (f"{SITE}/cupy_notes/a.so", {"wheel": "cupy-notes"}),
        (f"{SITE}/torch/lib/libtorch_cpu.so", {"wheel": "torch"}),
        ("/usr/share/lintian/overrides/libcudnn9", {}),
    ],
)
def test_what_runs_without_cuda_is_none_of_its_libraries(path, owner):
    assert cuda_of(path, **owner) == {}


PYC = "__pycache__/a.cpython-311.pyc"


def test_byte_code_that_pip_has_made_stands_in_record_and_what_an_import_has_made_does_not():
    """After `pip install --no-compile` and one import nothing is left to be saved."""
    files = [("/s/foo/a.py", 1), (f"/s/foo/{PYC}", 2), ("/s/bar/a.py", 1), (f"/s/bar/{PYC}", 4)]
    by_pip = ("foo", "/s", f"foo/a.py\nfoo/{PYC}")
    imported = ("bar", "/s", "bar/a.py")
    assert bloat(*files, distributions=[by_pip, imported]) == {"byte-code": 2}
    assert bloat(*files, distributions=[imported]) == {}


def test_the_byte_code_of_an_environments_own_pip_is_not_of_an_install():
    files = [("/s/pip/a.py", 1), (f"/s/pip/{PYC}", 2)]
    assert bloat(*files, distributions=[("pip", "/s", f"pip/a.py\npip/{PYC}")]) == {}


@pytest.mark.parametrize(
    ("modules", "compiled", "found"), [(200, 180, 180), (200, 179, 0), (9, 9, 0)]
)
def test_where_no_record_lists_byte_code_whole_packages_are_told_by_their_share(
    modules, compiled, found
):
    names = [f"foo/m{number}" for number in range(modules)]
    files = [(f"/s/{name}.py", 0.1) for name in names]
    files += [(f"/s/foo/__pycache__/m{number}.cpython-311.pyc", 1) for number in range(compiled)]
    record = "\n".join(f"{name}.py" for name in names)
    assert bloat(*files, distributions=[("foo", "/s", record)]).get("byte-code", 0) == found


def test_tests_that_numpy_imports_are_none():
    inside = "/usr/lib/python3/dist-packages"
    names = ["numpy/_core/tests/_natype.py", "numpy/lib/tests/test_io.py"]
    files = [(f"{inside}/{name}", 2) for name in names]
    found = bloat(*files, distributions=[("numpy", inside, "\n".join(names))])
    assert found == {"tests": 2}
