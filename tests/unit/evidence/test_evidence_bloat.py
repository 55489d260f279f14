"""What is no bloat, or less of it than it seems."""

import pytest

from pytest_tfdocker.evidence.bloat import Scene, find_bloat
from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.owners import find_owners
from pytest_tfdocker.evidence.records import ImageConfig

MB = 10**6
HUB = "/hub/models--o--n"


def bloat(*files, distributions=(), identical=(), layers=None, dpkg=None):
    """Bytes by cause. `files`: path and MB, and an inode or what a link leads to.

    `distributions`: name, folder, what its RECORD lists.
    """
    listing = Listing()
    for path, size, *more in files:
        kind, _, value = (more or [""])[0].partition(":")
        row = listing.add(path, int(size * MB), 0, value if kind == "inode" else None)
        if kind == "link":
            listing.targets[row] = value
    named = [(name, "1.0", "pip") for name, _, _ in distributions]
    records = [(folder, record) for _, folder, record in distributions]
    owned = {"distributions": records, "dpkg": dpkg or {}, "apk": None}
    owners = find_owners(listing, named, owned, ImageConfig())
    at = layers or [0] * len(listing.paths)
    scene = Scene(listing, owners, [list(one) for one in identical], at)
    return {one.cause: one.bytes / MB for one in find_bloat(scene)}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_cache_whose_files_have_other_names_frees_only_the_rest(turn):
    files = [
        ("/opt/conda/pkgs/mkl/lib.so", 200, "inode:1"),
        ("/opt/conda/lib/lib.so", 200, "inode:1"),
        ("/opt/conda/pkgs/mkl.conda", 50),
        ("/opt/conda/conda-meta/mkl.json", 0.1),
    ]
    assert bloat(*files[::turn]) == {"conda-cache": 50}


def test_a_blob_that_two_revisions_share_counts_once():
    links = [
        (f"{HUB}/snapshots/{n}/{name}", 0.0001, f"link:../../blobs/{blob}")
        for n in (1, 2)
        for name, blob in (("model.safetensors", "aa"), ("pytorch_model.bin", "bb"))
    ]
    blobs = [(f"{HUB}/blobs/aa", 400), (f"{HUB}/blobs/bb", 390)]
    assert bloat(*links, *blobs) == {"duplicate-weights": 390}


@pytest.mark.parametrize(
    "other", [("/m/model.safetensors", 0.0001), ("/m/model.safetensors", 0.0001, "link:gone")]
)
def test_a_pointer_is_no_copy_of_the_weights(other):
    assert bloat(("/m/pytorch_model.bin", 400), other) == {}


def test_every_environment_has_a_pip_and_the_newer_of_two_copies_is_the_second():
    sites = ("/usr/lib/site-packages", "/venv/lib/site-packages")
    files = [(f"{site}/{name}.so", 10) for site in sites for name in ("pip", "torch")]
    installed = [(name, site, f"{name}.so") for site in sites for name in ("pip", "torch")]
    files[1], files[3] = (files[1][0], 20), (files[3][0], 10)
    assert bloat(*files, distributions=installed, layers=[0, 0, 2, 2]) == {"second-copies": 10}


def test_what_two_distributions_bring_alike_is_their_packagers():
    files = [("/s/a.libs/gfortran.so", 3), ("/s/b.libs/gfortran.so", 3), ("/own/gfortran.so", 3)]
    installed = [("a", "/s", "a.libs/gfortran.so"), ("b", "/s", "b.libs/gfortran.so")]
    same = [path for path, _ in files]
    assert bloat(*files[:2], distributions=installed, identical=[same[:2]]) == {}
    assert bloat(*files, distributions=installed, identical=[same]) == {"identical-files": 3}


def test_what_pythons_own_library_brings_is_no_archive_of_yours():
    bundled = "/usr/local/lib/python3.11/ensurepip/_bundled/pip-24.0-py3-none-any.whl"
    assert bloat((bundled, 2), ("/wheels/a-1.0-py3-none-any.whl", 3)) == {"archives": 3}


def test_the_licence_of_gcc_that_every_debian_has_is_no_compiler():
    licence, compiler = "/usr/share/doc/gcc-12-base/copyright", "/usr/bin/gcc-12"
    dpkg = {"gcc-12-base:amd64": licence, "gcc-12": compiler}
    assert bloat((licence, 0.1), dpkg=dpkg) == {}
    assert bloat((licence, 0.1), (compiler, 30), dpkg=dpkg) == {"build-tools": 30}
