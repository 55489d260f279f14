"""An image as a file, judged with no engine at all: what the engine gave is what it gives."""

import gzip
import json
import os
import subprocess
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections import Counter
from contextlib import nullcontext
from hashlib import sha256

import msgspec
import pytest
from archives import PACKED, Layout, tar_of, write_folder
from test_engine_checks import dist_files
from user_project import UserProject

from pytest_tfdocker.evidence.records import HIDDEN_BY_THE_ENGINE_BYTES
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings

pytestmark = pytest.mark.engine

KERNELS = ("platform_release", "platform_version")
ONLY_BY_A_START = {"libc": None, "bits": None}
NOWHERE = "unix:///nonexistent"
SITE = "/opt/venv/lib/python3.11/site-packages"
EXAMPLE = "tfdocker/sentence-embeddings:default"


def wheel(folder):
    """Of a distribution with a module of 50 KB, whose hash its RECORD has."""
    files = dist_files("small", "1.0", module_bytes=50_000)
    digest = urlsafe_b64encode(sha256(files["small.py"].encode()).digest()).decode().rstrip("=")
    record = "small-1.0.dist-info/RECORD"
    files[record] = files[record].replace("small.py,,", f"small.py,sha256={digest},")
    with zipfile.ZipFile(folder / "small-1.0-py3-none-any.whl", "w") as made:
        for path, text in files.items():
            made.writestr(path, text)


DOCKERFILE = f"""\
FROM {{base}}
RUN python3 -m venv --without-pip /opt/venv
COPY *.whl /wheels/
RUN python3 -m zipfile -e /wheels/*.whl {SITE} && head -c 3000000 /dev/urandom >/wheels/more.whl
RUN mkdir -p /data/sub && cd /data && head -c 2000000 /dev/urandom >moved && cp moved same \\
 && head -c 1500000 /dev/urandom >owned && head -c 900000 /dev/urandom >sub/gone \\
 && ln owned twice && ln -s owned link && ln -s /nowhere dangling && ln link hard-link \\
 && mkfifo pipe && truncate -s 5000000 sparse && : >empty && : >"$(printf 'caf\\351\\033[31m')"
RUN chown 1000 /data/owned && mkdir /root/.cache && mv /data/moved /root/.cache/moved
RUN rm -r /data/sub && rm /wheels/*.whl && rm /data/link && mkdir /data/link && echo 1 >/data/link/a
RUN echo 12 >/data/same && chmod 600 /data/sparse && echo '# patched' >>{SITE}/small.py
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv
COPY . .
CMD ["python", "app.py"]
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory, docker_client, small_image):
    """The tag of an image with all that a later layer can do to an earlier one, and its folder."""
    folder = tmp_path_factory.mktemp("archives") / f"tfdocker-test-archives-{os.getpid()}"
    project = UserProject(folder, docker_client)
    project.write("Dockerfile", DOCKERFILE.format(base=small_image))
    project.write("app.py", "import small\n")
    wheel(folder)
    subprocess.run(["docker", "build", "-q", "-t", project.tag, "."], cwd=folder, check=True)
    yield project.tag, folder
    project.remove_image()


@pytest.fixture(scope="module")
def saved(image, tmp_path_factory):
    """`docker save` of it."""
    path = tmp_path_factory.mktemp("saved") / "image.tar"
    subprocess.run(["docker", "save", image[0], "-o", path], check=True)
    return path


@pytest.fixture(scope="module")
def evidence_of(image, tmp_path_factory):
    """All that is known of what --tfdocker-image gives; no engine for a file."""

    def look(given, host=NOWHERE):
        options = Options(images=[given])
        store = Store(tmp_path_factory.mktemp("run"), None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", host)
            session = Session(
                load_settings(image[1], options=options, environ={}),
                store,
                f"test{os.getpid()}",
                building=lambda: nullcontext(lambda _: None),
                doing=lambda _: nullcontext(lambda _: None),
            )
            try:
                settings = session.image("default")
                told = session.evidence(settings), session.waste(settings)
                return *told, session.records(settings)
            finally:
                session.close()

    return look


@pytest.fixture(scope="module")
def by_engine(image, evidence_of):
    return evidence_of(image[0], os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))


def packed_again(saved, pack):
    """The same image with its layers packed."""
    with tarfile.open(saved) as archive:
        files = {
            one.name: archive.extractfile(one).read() for one in archive.getmembers() if one.isreg()
        }
    index = json.loads(files["index.json"])
    manifest = json.loads(blob(files, index["manifests"][0]))
    layout = Layout()
    layout.blob(blob(files, manifest["config"]))
    layers = [layout.blob(PACKED[pack](blob(files, one))) for one in manifest["layers"]]
    layout.manifests = [layout.blob({**manifest, "layers": layers})]
    return layout.all()


def blob(files, descriptor):
    return files[f"blobs/{descriptor['digest'].replace(':', '/')}"]


FORMS = ("docker save", "folder", "gzip -1", "layers by gzip", "layers by zstd")


def form_of(saved, form, folder):
    """What --tfdocker-image takes of it."""
    if form == "docker save":
        return f"tar:{saved}"
    if form == "folder":
        with tarfile.open(saved) as archive:
            archive.extractall(folder / "layout", filter="data")
        return f"oci:{folder / 'layout'}"
    path = folder / "image.tar"
    if form == "gzip -1":
        path.write_bytes(gzip.compress(saved.read_bytes(), 1))
        return f"tar:{path}"
    files = packed_again(saved, form.rpartition(" ")[2])
    if form == "layers by zstd":
        return f"oci:{write_folder(folder / 'layout', files)}"
    path.write_bytes(tar_of(files))
    return f"tar:{path}"


def owners(evidence):
    """Bytes by owner."""
    found = Counter()
    for one in evidence.files.owners:
        found[one.kind, one.name, one.version] += one.bytes
    return found


def without_layers(records):
    """From outside, which layer a file came with can't always be told; from the layers it can."""
    return [{k: v for k, v in msgspec.to_builtins(one).items() if k != "layer"} for one in records]


def causes(evidence):
    """Bytes and files by cause. Of two equal files the later is the copy, where that is known."""
    return {one.cause: (one.bytes, one.count) for one in evidence.files.bloat}


def without_kernel(interpreter):
    """What the image has no say in is left out."""
    told = {k: v for k, v in interpreter.environment.items() if k not in KERNELS}
    return msgspec.structs.replace(interpreter, environment=told, **ONLY_BY_A_START)


def assert_same(found, wanted):
    assert found.engine is None
    assert (found.id, found.platform, found.config) == (wanted.id, wanted.platform, wanted.config)
    assert found.layers == wanted.layers
    assert abs(found.total_bytes - wanted.total_bytes) < HIDDEN_BY_THE_ENGINE_BYTES
    assert abs(found.wasted_bytes - wanted.wasted_bytes) < HIDDEN_BY_THE_ENGINE_BYTES
    assert without_kernel(found.interpreter) == without_kernel(wanted.interpreter)
    assert without_layers(found.distributions.installed) == without_layers(
        wanted.distributions.installed
    )
    assert causes(found) == causes(wanted)
    off = owners(found)
    off.subtract(owners(wanted))  # /etc/mtab is the engine's, and in no layer
    assert sum(map(abs, off.values())) < HIDDEN_BY_THE_ENGINE_BYTES
    assert sum(owners(found).values()) == found.files.apparent_bytes
    assert all(one.layer is not None for one in found.files.owners)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_gives_what_the_engine_gave(form, saved, by_engine, evidence_of, tmp_path):
    found, waste, records = evidence_of(form_of(saved, form, tmp_path))
    wanted, by_stream, by_start = by_engine
    assert_same(found, wanted)
    assert waste == by_stream
    assert records == by_start
    small = records.distributions[f"{SITE}/small-1.0.dist-info"]
    assert (small.changed, small.paths) == (1, [f"{SITE}/small.py"])


def test_what_is_hidden_is_told_file_by_file(by_engine):
    evidence, waste, _ = by_engine
    told = {
        one.path: (one.bytes, one.how, one.now)
        for one in waste.files
        if one.path.startswith(("/data", "/wheels"))
    }
    assert told["/data/sparse"] == (5_000_000, "rewritten", "")
    assert told["/wheels/more.whl"][:2] == (3_000_000, "deleted")
    assert told["/data/moved"] == (2_000_000, "moved", "/root/.cache/moved")
    assert told["/data/same"][:2] == (2_000_000, "overwritten")
    assert told["/data/sub/gone"][:2] == (900_000, "deleted")
    assert "/data/owned" not in told, "the content stands there by its other name"
    assert abs(waste.bytes - evidence.wasted_bytes) < HIDDEN_BY_THE_ENGINE_BYTES


@pytest.mark.slow
def test_the_example_gives_what_the_engine_gave(docker_client, evidence_of, tmp_path):
    if not docker_client.images.list(EXAMPLE):
        pytest.skip(f"no image {EXAMPLE}; `make demo` builds it")
    path = tmp_path / "example.tar"
    subprocess.run(["docker", "save", EXAMPLE, "-o", path], check=True)
    wanted, _, by_start = evidence_of(
        EXAMPLE, os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    )
    found, _, records = evidence_of(f"tar:{path}")
    assert_same(found, wanted)
    assert records == by_start


WASTING = """\
FROM {base}
COPY big /srv/big
RUN rm /srv/big && echo 1 >/srv/a
"""


@pytest.fixture
def wasting(user_project, small_image):
    """A project whose image hides 3 MB of a file."""
    user_project.write("Dockerfile", WASTING.format(base=small_image))
    user_project.write("big", os.urandom(3_000_000))

    def judge(budget, *arguments):
        user_project.write("pyproject.toml", f'[tool.tfdocker.size]\nwasted = "{budget}"\n')
        return user_project.judge("-k", "wasted", "-p", "no:cacheprovider", *arguments)

    return judge


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "-n 2"])
def test_layers_are_read_where_too_much_is_wasted(wasting, workers):
    said = wasting("1 MB", *workers)
    (text,) = said.texts.values()
    assert text.split("\n")[1:] == [
        "  3.0 MB  /srv/big  Dockerfile:2  deleted by Dockerfile:3",
        "  mend: delete it in the instruction that writes it; a later one frees nothing",
    ]
    assert said.headlines["size[wasted]"] == "3.0 MB, 2.0 MB over 1.0 MB"
    if not workers:
        assert said.output.count("layers: of the image") == 1


def test_no_layer_is_read_where_little_enough_is_wasted(wasting):
    said = wasting("10 MB")
    assert said.outcomes == {"size[wasted]": "passed"}
    assert "layers: of the image" not in said.output
