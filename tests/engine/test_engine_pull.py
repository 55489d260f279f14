"""A pull from a registry of the test's own: what is told meanwhile, and that the image is there."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.errors import ImageNotFoundError
from pytest_tfdocker.engine.pull import PullProgress, pull

DOCKER = "application/vnd.docker"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(name):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return written.getvalue()


class Registry(BaseHTTPRequestHandler):
    """One image of two layers, app:ci, by the API that registries have."""

    layers = [layer(name) for name in ("one", "two")]  # noqa: RUF012
    blobs = {digest(gzip.compress(one, mtime=0)): gzip.compress(one, mtime=0) for one in layers}  # noqa: RUF012
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{DOCKER}.distribution.manifest.v2+json",
            "config": {
                "mediaType": f"{DOCKER}.container.image.v1+json",
                "size": len(config),
                "digest": digest(config),
            },
            "layers": [
                {
                    "mediaType": f"{DOCKER}.image.rootfs.diff.tar.gzip",
                    "size": len(blob),
                    "digest": name,
                }
                for name, blob in blobs.items()
            ],
        }
    ).encode()

    def do_GET(self):
        kind, _, name = self.path.removeprefix("/v2/").rpartition("/")
        answers = {**self.blobs, digest(self.config): self.config, "": b"{}"}
        if kind == "app/manifests":
            answers = dict.fromkeys(("ci", digest(self.manifest)), self.manifest)
        body = answers.get(name)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", f"{DOCKER}.distribution.manifest.v2+json")
        self.send_header("Docker-Content-Digest", digest(body or b""))
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(engine):
    """The address of a registry that this machine's engine can reach."""
    if engine.remote:
        pytest.skip("the registry is on this machine")
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.engine
def test_a_pull_tells_how_far_it_is(engine, registry):
    reference, told = f"{registry}/app:ci", []
    pull(engine, reference, told.append)
    engine.inspect(reference)
    engine.remove_image(reference)
    assert {(one.part_of, one.name) for one in told} == {("pull", reference)}
    assert [one.state for one in told if one.state != "log"] == ["started", "done"]
    assert [one.line for one in told if one.state == "log"][-1].startswith("2 of 2 layers")


@pytest.mark.engine
def test_a_pull_that_fails_tells_the_registry_s_answer(engine, registry):
    told = []
    with pytest.raises(ImageNotFoundError, match=r"(?s)no image .*/app:none\n.*can't pull it: .*"):
        pull(engine, f"{registry}/app:none", told.append)
    assert told[-1] == StepSeen(name=f"{registry}/app:none", state="failed", part_of="pull")


@pytest.mark.engine
def test_what_was_pulled_for_a_comparison_goes_with_the_run(engine, registry, judged_small_image):
    session, than = judged_small_image.session, f"{registry}/app:ci"
    other = session.other(judged_small_image.settings, than)
    assert (other.reference, engine.inspect(than)["Id"]) == (than, other.id)
    session.let_go()
    with pytest.raises(ImageNotFoundError):
        engine.inspect(other.id)
    assert engine.inspect(judged_small_image.id)


def test_layers_and_bytes_are_those_told_so_far():
    seen, lines = PullProgress(), []
    for event in (
        {"status": "Pulling from team/app", "id": "ci"},
        {"status": "Already exists", "id": "a"},
        {"status": "Pulling fs layer", "id": "b", "progressDetail": {}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 3e6, "total": 9e6}},
        {"status": "Download complete", "id": "b", "progressDetail": {}},
        {"status": "Extracting", "id": "b", "progressDetail": {"current": 1, "total": 9e6}},
        {"status": "Pull complete", "id": "b", "progressDetail": {}},
        {"status": "Digest: sha256:0"},
    ):
        seen.take(event)
        lines.append(seen.line)
    assert lines == [
        "",
        "1 of 1 layers",
        "1 of 2 layers",
        "1 of 2 layers, 3 of 9 MB",
        "1 of 2 layers, 9 of 9 MB",
        "1 of 2 layers, 9 of 9 MB",
        "2 of 2 layers, 9 of 9 MB",
        "2 of 2 layers, 9 of 9 MB",
    ]
