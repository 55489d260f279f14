"""A registry of the tests' own, which has one image."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from http.server import BaseHTTPRequestHandler

DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"
INDEX = f"{DOCKER}.distribution.manifest.list.v2+json"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(name):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return written.getvalue()


def entry(data, os, architecture):
    return {
        "mediaType": MANIFEST,
        "digest": digest(data),
        "size": len(data),
        "platform": {"os": os, "architecture": architecture},
    }


class Registry(BaseHTTPRequestHandler):
    """One image of two layers by the API that registries have: app:ci, and app:many by an index.

    Each process has an image of its own: of one that an engine has, a pull tells nothing.
    """

    layers = [layer(f"{name}-{os.getpid()}") for name in ("one", "two")]  # noqa: RUF012
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
            "mediaType": MANIFEST,
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

    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                entry(b"proof of it", "unknown", "unknown"),
                entry(b"for another machine", "linux", "s390x"),
                entry(manifest, "linux", "amd64"),
            ],
        }
    ).encode()

    def do_GET(self):
        kind, _, name = self.path.removeprefix("/v2/").rpartition("/")
        answers = {**self.blobs, digest(self.config): self.config, "": b"{}"}
        if kind == "app/manifests":
            answers = dict.fromkeys(("ci", digest(self.manifest)), self.manifest)
            answers |= dict.fromkeys(("many", digest(self.index)), self.index)
        body = answers.get(name)
        kind = INDEX if body == self.index else MANIFEST
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Docker-Content-Digest", digest(body or b""))
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body or b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass
