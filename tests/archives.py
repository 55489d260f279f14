"""Tars of layers and images as files, made in memory."""

import gzip
import hashlib
import io
import json
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

from pytest_tfdocker.archive.compressed import zstd

OCI = "application/vnd.oci.image"
ATTESTS = {"vnd.docker.reference.type": "attestation-manifest"}


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **fields: Any):
    """One of a tar, and its content; `fields` are tarfile's."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def file(name: str, content: bytes = b"", mode: int = 0o644):
    return entry(name, content=content, mode=mode)


def folder(name: str):
    return entry(name, tarfile.DIRTYPE, mode=0o755)


def link(name: str, target: str):
    return entry(name, tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str):
    return entry(name, tarfile.LNKTYPE, linkname=target)


def gone(name: str):
    """The whiteout of a name."""
    above, slash, last = name.rpartition("/")
    return file(f"{above}{slash}.wh.{last}")


def opaque(name: str):
    """Hides what layers below have in a folder; "" for the root."""
    return file(f"{name}/.wh..wh..opq" if name else ".wh..wh..opq")


def sparse(name, real_bytes, *pieces):
    """As GNU tar 1.0 writes it in PAX headers: a map of the pieces, then these."""
    rows = [len(pieces), *(number for at, piece in pieces for number in (at, len(piece)))]
    numbers = "".join(f"{row}\n" for row in rows).encode()
    content = numbers.ljust(512, b"\0") + b"".join(piece for _, piece in pieces)
    info, _ = entry(name)
    info.size = len(content)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": name,
        "GNU.sparse.realsize": str(real_bytes),
    }
    return info, content


def tar(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(
        fileobj=made, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


PACKED = {"plain": bytes, "gzip": partial(gzip.compress, compresslevel=1), "zstd": zstd.compress}


def digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def config_of(layers: list[bytes], **changes: Any) -> dict[str, Any]:
    """With a history of every layer, which BuildKit has written."""
    return {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Cmd": ["/bin/app"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [
            {"created_by": f"COPY {at} /", "comment": "buildkit.dockerfile.v0"}
            for at in range(len(layers))
        ],
        **changes,
    }


class Layout:
    """The files of an OCI image layout, by name. `add` one image or several."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        self.manifests: list[dict[str, Any]] = []

    def blob(self, content: bytes | dict[str, Any] | list[Any], kind: str = "") -> dict[str, Any]:
        """Puts it there; its descriptor."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.files[f"blobs/{digest(data).replace(':', '/')}"] = data
        return {"mediaType": f"{OCI}.{kind}", "digest": digest(data), "size": len(data)}

    def image(self, layers: list[bytes], *, pack: str = "plain", **changes: Any) -> dict[str, Any]:
        """The descriptor of a new manifest."""
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(config_of(layers, **changes), "config.v1+json"),
            "layers": [self.blob(PACKED[pack](layer), f"layer.v1.{pack}") for layer in layers],
        }
        return self.blob(manifest, "manifest.v1+json")

    def add(self, layers: list[bytes], *, name: str | None = None, **changes: Any) -> "Layout":
        """The image in the index."""
        annotations = {"io.containerd.image.name": name} if name else {}
        self.manifests.append({**self.image(layers, **changes), "annotations": annotations})
        return self

    def all(self) -> dict[str, bytes]:
        """With the index."""
        return {**self.files, "index.json": json.dumps({"manifests": self.manifests}).encode()}

    def write(self, root: Path) -> Path:
        return write_folder(root, self.all())

    def tar(self) -> bytes:
        return tar_of(self.all())


def saved(
    layers: list[bytes], *, tags: list[str] | None = None, **changes: Any
) -> dict[str, bytes]:
    """As `docker save` up to version 24 writes it."""
    config = json.dumps(config_of(layers, **changes)).encode()
    name = f"{digest(config)[7:]}.json"
    names = [f"{digest(layer + bytes([at]))[7:]}/layer.tar" for at, layer in enumerate(layers)]
    files = {name: config}
    for at, layer in enumerate(layers):
        files[names[at].replace("layer.tar", "VERSION")] = b"1.0"
        files[names[at].replace("layer.tar", "json")] = b'{"id":"x"}'
        files[names[at]] = layer
    manifest = [{"Config": name, "RepoTags": tags, "Layers": names}]
    return {**files, "manifest.json": json.dumps(manifest).encode(), "repositories": b"{}"}


def tar_of(files: dict[str, bytes]) -> bytes:
    return tar(*(file(name, content) for name, content in files.items()))


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root
