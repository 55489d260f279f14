"""Each cause of bloat in an image that has it and nothing else, and in one with the fix applied."""

import os
from contextlib import nullcontext

import pytest

from pytest_tfdocker.checks.bloat import findings
from pytest_tfdocker.evidence.bloat import CAUSES, REWRITTEN
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings

pytestmark = pytest.mark.engine

SITE = "/usr/lib/python3/dist-packages"
OTHER = "/opt/other/lib/python3.11/site-packages"
HUB = "/models/models--org--name"
TOLERANCE, MB = 0.02, 10**6

SETUP = f"""
fill() {{ mkdir -p "${{2%/*}}"; head -c "$1" /dev/urandom >"$2"; }}
has() {{ # SITE NAME FILE…: a distribution with a RECORD
  folder="$1/$2-1.0.dist-info"; mkdir -p "$folder"
  printf 'Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n' "$2" >"$folder/METADATA"
  site=$1; shift 2; printf '%s,,\\n' "$@" >"$folder/RECORD"
}}
package() {{ # NAME FILE…: one of dpkg's
  mkdir -p /var/lib/dpkg/info; name=$1; shift; printf '%s\\n' "$@" >"/var/lib/dpkg/info/$name.list"
}}
stated() {{ # NAME FIELD…: what dpkg knows of it
  printf 'Package: %s\\nStatus: install ok installed\\n' "$1" >>/var/lib/dpkg/status; shift
  printf '%s\\n' "$@" '' >>/var/lib/dpkg/status
}}
automatic() {{ # NAME: it came for another's sake
  mkdir -p /var/lib/apt
  printf 'Package: %s\\nAuto-Installed: 1\\n\\n' "$1" >>/var/lib/apt/extended_states
}}
site={SITE} other={OTHER} hub={HUB} system=/usr/lib/x86_64-linux-gnu mamba=/root/micromamba
"""
"""Functions of the shell in each RUN of the cases."""

CASES = {
    "pip-cache": ("fill 3000000 /root/.cache/pip/http-v2/a", "true"),
    "uv-cache": ("fill 3000000 /root/.cache/uv/archive-v0/a", "true"),
    "poetry-cache": (
        "fill 3000000 /root/.cache/pypoetry/artifacts/a/b/c.whl; "
        "fill 2000000 /root/.cache/pypoetry/virtualenvs/app/lib/a.so",
        "fill 2000000 /root/.cache/pypoetry/virtualenvs/app/lib/a.so",
    ),
    "conda-cache": (
        "fill 9 /opt/conda/conda-meta/a.json; fill 3000000 /opt/conda/pkgs/a/lib.so",
        "fill 9 /opt/conda/conda-meta/a.json",
    ),
    "apt-lists": ("fill 3000000 /var/lib/apt/lists/deb.debian.org_dists", "true"),
    "apt-archives": ("fill 3000000 /var/cache/apt/archives/a.deb", "true"),
    "apk-cache": ("fill 3000000 /var/cache/apk/APKINDEX.1.tar.gz", "true"),
    "dnf-cache": (
        "fill 2000000 /var/cache/dnf/a/repodata/b.xml.gz; fill 1000000 /var/cache/yum/a/b.sqlite",
        "true",
    ),
    "zypp-cache": ("fill 3000000 /var/cache/zypp/packages/a.rpm", "true"),
    "git": ("fill 3000000 /srv/app/.git/objects/pack/a.pack", "true"),
    "build-tools": (
        "fill 2000000 /usr/bin/cc1; fill 1000000 /usr/include/all.h; package gcc-12 /usr/bin/cc1; "
        "package libc6-dev:amd64 /usr/include/all.h",
        "true",
    ),
    "archives": (
        "fill 2000000 /wheels/a-1.0-py3-none-any.whl; fill 1000000 /srv/data.tar.gz",
        "true",
    ),
    "second-copies": (
        "fill 2000000 $site/foo.so; has $site foo foo.so; "
        "fill 1500000 $other/foo.so; has $other foo foo.so",
        "fill 2000000 $site/foo.so; has $site foo foo.so",
    ),
    "cuda-twice": (
        "fill 2000000 $site/nvidia/libcublas.so; has $site nvidia-cublas-cu12 nvidia/libcublas.so; "
        "fill 2500000 /usr/local/cuda-12.4/lib64/libcublas.so.12",
        "fill 2000000 $site/nvidia/libcublas.so; has $site nvidia-cublas-cu12 nvidia/libcublas.so",
    ),
    "two-frameworks": (
        "fill 3000000 $site/torch/a.so; has $site torch torch/a.so; "
        "fill 2000000 $site/tensorflow/a.so; has $site tensorflow tensorflow/a.so",
        "fill 3000000 $site/torch/a.so; has $site torch torch/a.so",
    ),
    "duplicate-weights": (
        "fill 3000000 /m/model.safetensors; fill 3100000 /m/pytorch_model.bin; "
        "fill 2900000 /m/onnx/model.onnx",
        "fill 3000000 /m/model.safetensors",
    ),
    "hub-cache": (
        "fill 3000000 $hub/blobs/abc; mkdir -p $hub/snapshots/1; "
        "cp $hub/blobs/abc $hub/snapshots/1/model.safetensors",
        "fill 3000000 $hub/blobs/abc; mkdir -p $hub/snapshots/1; "
        "ln -s ../../blobs/abc $hub/snapshots/1/model.safetensors",
    ),
    "identical-files": (
        "fill 3000000 /data/a; cp /data/a /data/b; ln /data/a /data/c",
        "fill 3000000 /data/a; ln -s a /data/b; ln /data/a /data/c",
    ),
    "byte-code": (
        "fill 2000000 $site/foo/a.py; fill 1500000 $site/foo/__pycache__/a.cpython-311.pyc; "
        "has $site foo foo/a.py foo/__pycache__/a.cpython-311.pyc",
        "fill 2000000 $site/foo/a.py; has $site foo foo/a.py",
    ),
    "static-libraries": (
        "fill 1000 $site/foo/a.so; fill 2000000 $site/foo/a.a; has $site foo foo/a.so foo/a.a",
        "fill 1000 $site/foo/a.so; has $site foo foo/a.so foo/a.a",
    ),
    "headers": (
        "fill 1000 $site/foo/a.so; fill 2000000 $site/foo/include/a.h; "
        "has $site foo foo/a.so foo/include/a.h",
        "fill 1000 $site/foo/a.so; has $site foo foo/a.so foo/include/a.h",
    ),
    "tests": (
        "fill 1000 $site/foo/a.so; fill 2000000 $site/foo/tests/data.bin; "
        "has $site foo foo/a.so foo/tests/data.bin",
        "fill 1000 $site/foo/a.so; has $site foo foo/a.so foo/tests/data.bin",
    ),
    "cuda-libraries": (
        "fill 2000000 $site/torch/lib/libtorch_cuda.so; fill 90000 $site/torch/a.so; "
        "has $site torch torch/lib/libtorch_cuda.so torch/a.so; "
        "fill 1500000 $site/nvidia/libcufft.so; has $site nvidia-cufft-cu12 nvidia/libcufft.so",
        "fill 90000 $site/torch/a.so; has $site torch torch/a.so",
    ),
}
MORE = {
    "pip-cache where ENV says": (
        "fill 3000000 /opt/downloads/http-v2/a; fill 2000000 /opt/downloads/model.bin",
        "fill 2000000 /opt/downloads/model.bin",
    ),
    "conda-cache of micromamba": (
        "fill 9 $mamba/envs/a/conda-meta/b.json; fill 2000000 $mamba/pkgs/b/c.so; "
        "fill 1000000 $mamba/pkgs/b/d.so; mkdir $mamba/envs/a/lib; "
        "ln $mamba/pkgs/b/d.so $mamba/envs/a/lib/d.so",
        "fill 9 $mamba/envs/a/conda-meta/b.json; fill 1000000 $mamba/envs/a/lib/d.so",
    ),
    "build-tools and what they alone brought along": (
        "fill 2000000 /usr/bin/cc1; package gcc-12 /usr/bin/cc1; "
        "stated gcc-12 'Depends: libisl23'; "
        "fill 1500000 /usr/lib/libisl.so.23; package libisl23 /usr/lib/libisl.so.23; "
        "stated libisl23; automatic libisl23; "
        "fill 1200000 /usr/lib/liba.so; package liba /usr/lib/liba.so; stated liba",
        "fill 1200000 /usr/lib/liba.so; package liba /usr/lib/liba.so; stated liba",
    ),
    "duplicate-weights of Llama": (
        "fill 3000000 /m/model.safetensors; fill 2900000 /m/original/consolidated.00.pth; "
        "fill 1500000 /m/model.fp16.safetensors",
        "fill 3000000 /m/model.safetensors",
    ),
    "cuda-libraries without wheels of nvidia": (
        "fill 1400000 $system/libcudnn.so.9.1.0; ln $system/libcudnn.so.9.1.0 $system/libcudnn.so; "
        "fill 1300000 /usr/include/cudnn.h; "
        "package libcudnn9-cuda-12 $system/libcudnn.so.9.1.0 /usr/include/cudnn.h; "
        "fill 1200000 /opt/libtorch/lib/libtorch_cuda.so; "
        "fill 1100000 $site/cupy/core.so; has $site cupy-cuda12x cupy/core.so",
        "true",
    ),
}
"""Other forms of a cause, which the first word of the name is."""


@pytest.fixture
def evidence_of(user_project, small_image, tmp_path):
    """The evidence of an image whose third instruction runs these commands."""
    sessions = []

    def build(commands, gpu="auto"):
        user_project.write("setup.sh", SETUP)
        user_project.write("tfdocker.toml", f'[gpu]\nexpect = "{gpu}"\n')
        lines = [f"FROM {small_image}", "COPY setup.sh /setup.sh", f"RUN . /setup.sh; {commands}"]
        lines.append("ENV PIP_CACHE_DIR=/opt/downloads")
        user_project.write("Dockerfile", "\n".join([*lines, 'CMD ["python3", "-V"]', ""]))
        session = Session(
            load_settings(user_project.folder, options=Options(), environ={}),
            Store(tmp_path / f"run-{len(sessions)}", None),
            f"bloat{os.getpid()}",
            building=lambda: nullcontext(lambda _: None),
            doing=lambda _: nullcontext(),
        )
        session.store.run_folder.mkdir()
        sessions.append(session)
        image = session.settings.images[0]
        evidence = session.evidence(image)
        return evidence, findings(image, evidence.files.bloat)

    yield build
    for session in sessions:
        session.let_go()
        session.close()


def test_every_cause_has_an_image():
    assert [*CASES, REWRITTEN] == [cause.name for cause in CAUSES]


@pytest.mark.parametrize("case", {**CASES, **MORE})
def test_a_cause_is_found_and_its_fix_saves_what_the_finding_said(evidence_of, case):
    with_it, fixed = {**CASES, **MORE}[case]
    cause = case.split()[0]
    gpu = "none" if cause == "cuda-libraries" else "auto"
    bloated, [found] = evidence_of(with_it, gpu)
    slim, left = evidence_of(fixed, gpu)
    assert found.cause == cause
    saved = bloated.total_bytes - slim.total_bytes
    assert abs(found.bytes - saved) <= max(TOLERANCE * saved, 4096)
    assert found.bytes >= MB
    assert sum(found.path_bytes) == found.bytes
    assert left == []
    assert [bloated.layers[at].line for at, _ in found.by_layer] == [3]
    for evidence in (bloated, slim):
        owned = sum(owner.bytes for owner in evidence.files.owners)
        assert owned == evidence.files.apparent_bytes


COMPILERS = {
    "gcc libc6-dev": "",
    "build-essential": "",
    "g++ python3-dev": "libpython3.11",
    "cmake libpq-dev": "libpq5",
}
"""Of Debian, and what stays of the libraries that they bring."""


@pytest.mark.slow
@pytest.mark.parametrize("packages", COMPILERS)
def test_debians_compilers_are_as_large_as_an_image_without_them_is_smaller(
    user_project, slim_image, packages
):
    def judged(names):
        user_project.write(
            "Dockerfile",
            f"FROM {slim_image}\nRUN apt-get update && "
            f"apt-get install -y --no-install-recommends {names} && rm -rf /var/lib/apt/lists/*\n",
        )
        said = user_project.judge("-k", "build-tools or total")
        assert None not in said.measured.values(), said.output
        return said.measured["size[total]"], said.measured["bloat[build-tools]"]

    user_project.write("tfdocker.toml", '[size]\ntotal = "1 GB"\nbloat = { build-tools = "0 B" }\n')
    total, found = judged(packages)
    without, left = judged(COMPILERS[packages] or "ca-certificates")
    print(f"{packages}: {found} said, {total - without} saved")
    assert left == 0
    assert abs(found - (total - without)) <= max(MB, TOLERANCE * found)


WRITES = "mkdir /data && head -c 3000000 /dev/urandom >/data/a && echo b >/data/b"
DOUBLED = (
    "chown 1000 /data/a",
    pytest.param("chmod 700 /data/a", marks=pytest.mark.slow),
    pytest.param("mv /data/a /moved", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("command", DOUBLED)
def test_what_a_later_instruction_doubles_is_told_with_its_line(user_project, small_image, command):
    """Only the layers tell: they are read for this cause's budget alone."""

    def judged(*lines):
        user_project.write("Dockerfile", "\n".join([f"FROM {small_image}", *lines]))
        return user_project.judge("-k", "bloat or total")

    user_project.write("tfdocker.toml", '[size]\ntotal = "1 GB"\nbloat = { rewritten = "0 B" }\n')
    doubled = judged(f"RUN {WRITES}", f"RUN {command}")
    fixed = judged(f"RUN {WRITES} && {command}")
    assert doubled.outcomes["bloat[rewritten]"] == "failed"
    assert fixed.outcomes["bloat[rewritten]"] == "passed"
    found = doubled.measured["bloat[rewritten]"]
    assert found == doubled.measured["size[total]"] - fixed.measured["size[total]"]
    headline, where, largest, *_ = doubled.texts["bloat[rewritten]"].splitlines()
    assert headline == "3.0 MB, 3.0 MB over 0 B"
    assert where.split() == ["Dockerfile:3", "RUN", *command.split()]
    assert largest.split() == ["3.0", "MB", "/data/a"]


@pytest.mark.parametrize(
    ("lists", "outcome"), [("rm -rf /var/lib/dpkg", "skipped"), (SETUP + "package a /a", "passed")]
)
def test_build_tools_are_not_ruled_out_where_nothing_tells_of_packages(
    user_project, small_image, lists, outcome
):
    user_project.write("Dockerfile", f"FROM {small_image}\nRUN <<E\n{lists}\nE\n")
    user_project.write("tfdocker.toml", '[size]\nbloat = { build-tools = "0 B" }\n')
    said = user_project.judge("-k", "bloat")
    assert said.outcomes["bloat[build-tools]"] == outcome
    headline = "the files of the OS's packages are unknown"
    assert (headline in said.texts["bloat[build-tools]"]) == (outcome == "skipped")


def test_layers_are_read_where_somebody_asks(user_project, small_image):
    lines = [f"FROM {small_image}", f"RUN {WRITES}", "RUN rm /data/a"]
    user_project.write("Dockerfile", "\n".join(lines))
    user_project.write("tfdocker.toml", '[size]\nwasted = "1 GB"\n')
    said = user_project.judge("-k", "wasted")
    assert (said.exit_code, "layers: of the image" in said.output) == (0, False)
    asked = user_project.judge("-k", "wasted", "--tfdocker-waste")
    assert asked.exit_code == 0
    told = asked.output.partition("hidden by later layers in default:\n")[2].splitlines()[0]
    assert told.split() == ["3.0", "MB", "/data/a", "Dockerfile:2", "deleted", "by", "Dockerfile:3"]
