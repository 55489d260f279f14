"""Which image of an archive is meant: Docker's manifest.json, or the OCI image index."""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from pytest_tfdocker.archive.documents import Config, Descriptor, Index, Manifest, Saved
from pytest_tfdocker.archive.errors import ArchiveError

T = TypeVar("T")
Document = Callable[[str], bytes | None]
"""Gives the content of a file of the archive by its name in it; None where it isn't there."""

DOCKER, OCI = "manifest.json", "index.json"
NAMED = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Annotations of an index; the first is the whole reference."""
NESTED = 4
"""Indices within indices."""
MANIFESTS = 1000
"""In all indices: of one image there are about ten, one each platform."""
LAYERS = 1000
"""Of one image: engines with overlay2 allow 127."""
_DIGEST = re.compile(r"(sha256|blake3):[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
"""Of the algorithms that engines know and OCI has registered; a blob's name is as long."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """One image of an archive."""

    names: list[str]
    """Its references, as the archive has them."""
    id: str
    """The digest of its config, by which an engine that has loaded it knows it."""
    config: dict[str, Any]
    """OCI image configuration."""
    layers: list[str]
    """Names of the blobs in the archive, the lowest first."""

    @property
    def entries(self) -> list[int] | None:
        """Of each layer its entry in the history; None where that doesn't tell of every layer."""
        history = self.config.get("history") or []
        found = [at for at, entry in enumerate(history) if not entry.get("empty_layer")]
        return found if len(found) == len(self.layers) else None

    @property
    def places(self) -> list[int]:
        """Of each layer its entry in the history; its number where that doesn't tell of each."""
        return list(range(len(self.layers))) if self.entries is None else self.entries

    @property
    def platform(self) -> str:
        """As in "linux/amd64", "linux/arm64/v8"."""
        return platform_of(self.config)


def platform_of(found: dict[str, Any]) -> str:
    """Of a config."""
    parts = (found.get("os"), found.get("architecture"), found.get("variant"))
    return "/".join(str(part) for part in parts if part)


def choose(document: Document, reference: str | None, platform: str | None) -> Chosen:
    """The image of that name and platform. Raises ArchiveError where that is none, or several."""
    read = _Read(document)
    if read.document(OCI) is not None:
        found = list(read.of_index(OCI, [], NESTED))
    elif read.document(DOCKER) is not None:
        found = list(read.of_docker())
    else:
        raise ArchiveError(
            "no image is in it: neither manifest.json nor index.json\n"
            "`docker save IMAGE -o FILE` writes one that has them"
        )
    missing = read.missing
    if not found:
        raise ArchiveError(f"{missing[0]} is missing in it" if missing else "no image is in it")
    named = [one for one in found if reference is None or _is_named(one, reference)]
    if not named:
        raise ArchiveError(f"no image in it is named {reference}\nin it: {_listed(found)}")
    fitting = [one for one in named if _fits(one, platform)]
    if not fitting:
        there = ", ".join(sorted({one.platform for one in named}))
        raise ArchiveError(f"no image in it is for {platform}\nin it: {there}")
    if len({one.id for one in fitting}) > 1:
        raise ArchiveError(
            f"{len(fitting)} images are in it: {_listed(fitting)}\n"
            "name one: tar:FILE:NAME, oci:DIR:NAME; of several platforms, "
            "`platform` in [tool.tfdocker.build]"
        )
    return fitting[0]


def _listed(found: list[Chosen]) -> str:
    names = [", ".join(one.names) or f"{one.id[:19]} {one.platform}" for one in found]
    return "; ".join(dict.fromkeys(names))


def _is_named(one: Chosen, reference: str) -> bool:
    wanted = _whole(reference)
    return one.id == reference or any(
        name == reference or _whole(name) == wanted for name in one.names
    )


def _whole(name: str) -> str:
    """As the engine writes it out: app → docker.io/library/app:latest."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _fits(one: Chosen, platform: str | None) -> bool:
    """arm64 has no variant but v8, which is seldom written out."""
    there, wanted = (
        f"{text}/".replace("/arm64/v8/", "/arm64/") for text in (one.platform, platform)
    )
    return platform is None or there.startswith(wanted)


class _Read:
    """The images of an archive. A document that several of them name is read once."""

    def __init__(self, document: Document) -> None:
        self.document = cache(document)
        self.missing: list[str] = []
        self._decoded = cache(partial(_decoded, self.document))
        self._config = cache(self._read_config)
        self._seen: set[tuple[str, ...]] = set()
        self._count = 0

    def of_docker(self) -> Iterator[Chosen]:
        for one in self._decoded(DOCKER, list[Saved]):
            self._count_one()
            yield self._chosen(one.config, one.layers or [], one.tags or [])

    def of_index(self, name: str, names: list[str], depth: int) -> Iterator[Chosen]:
        for entry in self._decoded(name, Index).manifests or []:
            self._count_one()
            annotations = entry.annotations or {}
            # An attestation of another manifest is no image
            if "vnd.docker.reference.type" in annotations:
                continue
            own = [annotations[key] for key in NAMED if key in annotations][:1] or names
            blob = _blob(entry.digest)
            if (blob, *own) not in self._seen:
                self._seen.add((blob, *own))
                yield from self._of_entry(entry, blob, own, depth)

    def _of_entry(
        self, entry: Descriptor, blob: str, names: list[str], depth: int
    ) -> Iterator[Chosen]:
        # `docker save` leaves out the platforms that were not pulled, and names them
        if self.document(blob) is None:
            self.missing.append(blob)
        elif "index" in entry.media_type or "manifest.list" in entry.media_type:
            if depth:
                yield from self.of_index(blob, names, depth - 1)
        else:
            manifest = self._decoded(blob, Manifest)
            config = _blob(manifest.config.digest)
            if self.document(config) is None:
                self.missing.append(config)
                return
            layers = [_blob(layer.digest) for layer in manifest.layers or []]
            yield self._chosen(config, layers, names)

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MANIFESTS:
            raise ArchiveError(f"it lists more than {MANIFESTS:,} images")

    def _chosen(self, config: str, layers: list[str], names: list[str]) -> Chosen:
        if len(layers) > LAYERS:
            raise ArchiveError(f"an image in it has more than {LAYERS:,} layers, more than any")
        told, found, digest = self._config(config)
        if told and told != len(layers):
            raise ArchiveError(f"its config tells of {told} layers, its manifest of {len(layers)}")
        return Chosen(names=names, id=f"sha256:{digest}", config=found, layers=layers)

    def _read_config(self, name: str) -> tuple[int, dict[str, Any], str]:
        """How many layers it tells of, all of it, and its digest."""
        typed = _decoded(self.document, name, Config)
        found = _decoded(self.document, name, dict[str, Any])
        layers = (typed.rootfs and typed.rootfs.diff_ids) or []
        return len(layers), found, hashlib.sha256(self.document(name) or b"").hexdigest()


def _blob(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ArchiveError(f"{digest!r} is no digest")
    return f"blobs/{digest.replace(':', '/', 1)}"


def _decoded(document: Document, name: str, kind: type[T]) -> T:
    data = document(name)
    if data is None:
        raise ArchiveError(f"{name} is missing in it")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"{name} can't be read: {error}") from None
