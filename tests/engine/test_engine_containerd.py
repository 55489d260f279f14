"""The containerd image store: what is told there of an image is what overlay2 tells of it."""

import os
import subprocess
from contextlib import closing, suppress

import docker
import pytest
from containerd_engine import containerd_engine, why_none
from user_project import UserProject

pytestmark = [pytest.mark.engine, pytest.mark.slow]

BLOCK = 4096
LAYERS = """\
FROM {base}
RUN mkdir -p /srv/many && cd /srv/many && for n in $(seq 600); do echo $n >file-$n; done
COPY large /srv/large
RUN cd /srv && head -c 1500003 /dev/urandom >hard && ln hard hard2 && ln -s hard soft \\
 && truncate -s 20000000 sparse && echo end >>sparse
WORKDIR /srv
COPY app.py .
"""
HIDING = """\
RUN chown 1000:1000 /srv/large
RUN rm /srv/many/file-1*
"""
DOCKERFILES = {
    "layers": LAYERS,
    "hiding": LAYERS + HIDING,
    "volume": LAYERS + "VOLUME /srv/many\n",
    "scratch": "FROM scratch\nCOPY large /data/a\nCOPY app.py /data/b\nCOPY again /data/a\n",
}
HIDDEN_FILES = {"layers": 0, "volume": 0, "hiding": 1 + 111, "scratch": 1}
HIDDEN_FOLDERS = {"layers": 0, "volume": 0, "hiding": 8, "scratch": 0}
SETTINGS = '[size]\ntotal = "1 B"\nlayer = "1 B"\ndownload = "1 B"\n'


@pytest.fixture(scope="module")
def stores(docker_client, _answering_engine, small_image):
    """DOCKER_HOST and a client of an engine with each store."""
    if (why := why_none()) is not None:
        pytest.skip(why)
    if _answering_engine.info["Driver"] != "overlay2":
        pytest.skip("the engine that answers does not store images by overlay2")
    with containerd_engine() as host, closing(docker.DockerClient(host)) as other:
        other.images.load(docker_client.images.get(small_image).save(named=True))
        yield {
            "overlay2": (os.environ.get("DOCKER_HOST", ""), docker_client),
            "containerd": (host, other),
        }


@pytest.fixture(scope="module", params=DOCKERFILES)
def judged(request, stores, small_image, tmp_path_factory):
    """Name, and what is said of the same image on each store."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "large").write_bytes(os.urandom(5_000_007))
    (folder / "again").write_bytes(os.urandom(1_000_001))
    (folder / "app.py").write_text("print('hello')\n")
    (folder / "Dockerfile").write_text(DOCKERFILES[request.param].format(base=small_image))
    (folder / ".dockerignore").write_text("*\n!large\n!again\n!app.py\n")
    (folder / "tfdocker.toml").write_text(SETTINGS)
    tag = f"tfdocker-test/containerd:{request.param}-{os.getpid()}"
    said = {}
    try:
        for name, (host, client) in stores.items():
            project = UserProject(folder, client)
            project.environment |= {"DOCKER_HOST": host} if host else {}
            command = ["docker", "build", "--quiet", "--provenance=false", "--network=none"]
            subprocess.run(
                [*command, "--tag", tag, "."], cwd=folder, env=project.environment, check=True
            )
            said[name] = project.judge("--tfdocker-waste", f"--tfdocker-image={tag}")
            saved = project.folder / "saved.tar"
            with saved.open("wb") as file:
                file.writelines(client.images.get(tag).save(named=True))
            said[f"saved from {name}"] = project.judge(f"--tfdocker-image=tar:{saved}")
    finally:
        for _, client in stores.values():
            with suppress(docker.errors.ImageNotFound):
                client.images.remove(tag)
    return request.param, {name: one.image for name, one in said.items()}


ENGINES_BYTES = 200
"""Of files of the base that a container's mounts hide, as /etc/hosts: overlay2's history has them,
and of symbolic links, which this engine's builder does not count."""


def test_total_and_waste_differ_by_no_more_than_a_block_a_hidden_file(judged):
    name, said = judged
    there, here = said["overlay2"], said["containerd"]
    assert here["engine"]["store"] == "containerd:overlayfs"
    # A folder of what is hidden may have been larger than it is now
    most = BLOCK * (HIDDEN_FILES[name] + HIDDEN_FOLDERS[name]) + ENGINES_BYTES
    for figure in ("total_bytes", "wasted_bytes"):
        assert -ENGINES_BYTES <= here["size"][figure] - there["size"][figure] <= most, figure


def test_layers_that_are_told_have_file_bytes_as_on_overlay2(judged):
    name, said = judged
    layers = [
        [layer["bytes"] for layer in said[store]["size"]["layers"]]
        for store in ("overlay2", "containerd")
    ]
    if name == "hiding":
        assert layers[0] != layers[1]
    else:
        assert layers[1] == pytest.approx(layers[0], abs=ENGINES_BYTES)


def test_waste_in_detail_is_the_same(judged):
    _, said = judged
    assert said["containerd"]["size"]["waste"] == said["overlay2"]["size"]["waste"]


def test_the_download_is_the_stores_own(judged):
    _, said = judged
    assert said["containerd"]["size"]["download_source"] == "store"


def test_what_is_saved_from_it_gives_what_is_saved_from_overlay2(judged):
    _, said = judged
    figures = ("total_bytes", "wasted_bytes", "files", "layers", "waste")
    there, here = (
        {figure: said[f"saved from {store}"]["size"][figure] for figure in figures}
        for store in ("overlay2", "containerd")
    )
    assert here == there
