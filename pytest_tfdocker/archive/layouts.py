"""The three ways in which an image stands on a disk or comes by a stream."""

import io
import posixpath
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import msgspec

from pytest_tfdocker.archive.compressed import OnBytes, buffered, decompressed, is_compressed
from pytest_tfdocker.archive.layer import LayerFiles, Wanted, nothing_wanted, scan_layer
from pytest_tfdocker.archive.tar import Entry, Tar, broken

DOCUMENT_BYTES = 16 << 20
"""Of a manifest or a config; what is larger is none."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of the layers; see `scan_layer`."""

    wanted: Wanted = nothing_wanted
    digests: bool = False
    on_bytes: OnBytes | None = None
    """Told how many bytes of the archive, as it is packed, have been read."""


class Layout(Protocol):
    """The files of an archive, by their names in it."""

    def document(self, name: str) -> bytes | None:
        """The content of a small one; None where it isn't there."""

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        """What these hold; those that are missing are left out. Raises ArchiveError."""


class _Progress:
    """Of several blobs, read one after the other."""

    def __init__(self, reading: Reading) -> None:
        self._tell, self._before = reading.on_bytes, 0

    def counted(self, content: IO[bytes]) -> io.BufferedReader:
        """Tells what is read of it."""
        return buffered(content, self._told if self._tell else None)

    def scan(self, stream: io.BufferedReader, size: int, name: str, reading: Reading) -> LayerFiles:
        """One layer, plain or compressed."""
        packed = is_compressed(stream)
        with decompressed(stream, f"layer {name}") as plain:
            found = scan_layer(
                plain, f"layer {name}", wanted=reading.wanted, digests=reading.digests
            )
        found.compressed_bytes = size if packed else None
        self._before += size
        return found

    def _told(self, count: int) -> None:
        if self._tell is not None:
            self._tell(self._before + count)


class LayoutFolder:
    """An OCI image layout."""

    def __init__(self, root: Path, reading: Reading) -> None:
        self._root, self._reading = root, reading

    def _path(self, name: str) -> Path | None:
        parts = PurePosixPath(name)
        path = self._root / name
        return path if ".." not in parts.parts and not parts.root and path.is_file() else None

    def document(self, name: str) -> bytes | None:
        path = self._path(name)
        if path is None or path.stat().st_size > DOCUMENT_BYTES:
            return None
        return path.read_bytes()

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        found, progress = {}, _Progress(self._reading)
        for name in names:
            path = self._path(name)
            if path is not None:
                with path.open("rb") as file:
                    size = path.stat().st_size
                    stream = progress.counted(file)
                    found[name] = progress.scan(stream, size, name, self._reading)
        return found


class LayoutTar:
    """An archive that can be read from anywhere."""

    def __init__(self, file: IO[bytes], reading: Reading) -> None:
        self._reading = reading
        with broken("it"):
            self._tar = tarfile.open(  # noqa: SIM115 (the file is the caller's)
                fileobj=file, mode="r:", tarinfo=Entry, errors="surrogateescape"
            )
            # Of two entries of one name the last is the one that counts
            self._members = {_clean(one.name): one for one in self._tar.getmembers()}

    def _open(self, name: str) -> tuple[IO[bytes], int] | None:
        member = self._members.get(_clean(name))
        if member is not None and member.issym():  # `docker save` up to 24 had the like
            member = self._members.get(_led_to(member.name, member.linkname))
        if member is None or not member.isreg():
            return None
        content = self._tar.extractfile(member)
        return None if content is None else (content, member.size)

    def document(self, name: str) -> bytes | None:
        found = self._open(name)
        if found is None or found[1] > DOCUMENT_BYTES:
            return None
        with broken(name):
            return found[0].read()

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        layers, progress = {}, _Progress(self._reading)
        for name in names:
            found = self._open(name)
            if found is not None:
                content, size = found
                stream = progress.counted(content)
                layers[name] = progress.scan(stream, size, name, self._reading)
        return layers


class LayoutStream:
    """An archive that is read once, all layers in it at that."""

    def __init__(self, stream: io.BufferedReader, reading: Reading) -> None:
        self._documents: dict[str, bytes] = {}
        self._links: dict[str, str] = {}
        self._layers: dict[str, LayerFiles] = {}
        progress = _Progress(reading)
        with decompressed(stream, "it") as plain:
            for entry, content in Tar(plain, "it"):
                name = _clean(entry.name)
                if entry.issym():
                    self._links[name] = _led_to(name, entry.linkname)
                elif content is not None:
                    self._take(name, entry.size, progress.counted(content), reading, progress)

    def _take(
        self,
        name: str,
        size: int,
        content: io.BufferedReader,
        reading: Reading,
        progress: _Progress,
    ) -> None:
        if content.peek(1)[:1] in (b"{", b"[") and size <= DOCUMENT_BYTES:
            self._documents[name] = content.read()
        elif is_compressed(content) or _is_tar(content):
            self._layers[name] = progress.scan(content, size, name, reading)

    def document(self, name: str) -> bytes | None:
        return self._documents.get(_clean(name))

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        found = ((name, self._links.get(_clean(name), _clean(name))) for name in names)
        return {name: self._layers[real] for name, real in found if real in self._layers}


def _is_tar(stream: io.BufferedReader) -> bool:
    """A layer that is empty has two blocks of zeros and no mark."""
    head = stream.peek(512)[:512]
    return head[257:262] == b"ustar" or not any(head)


def _clean(name: str) -> str:
    return name.removeprefix("./").rstrip("/")


def _led_to(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(_clean(name)), target))
