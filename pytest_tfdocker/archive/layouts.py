"""The three ways in which an image stands on a disk or comes by a stream."""

import io
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from pytest_tfdocker.archive.budget import Budget
from pytest_tfdocker.archive.compressed import (
    buffered,
    decompressed,
    is_compressed,
)
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import LayerFiles, Reading, scan_layer
from pytest_tfdocker.archive.pieces import PIECE_BYTES
from pytest_tfdocker.archive.tar import Entry, Tar, broken, cut_off

DOCUMENT_BYTES = 16 << 20
"""Of a manifest or a config; what is larger is none."""
DOCUMENTS_BYTES = 64 << 20
"""Of all that may be one, in a stream: a registry takes no manifest of more than 4 MB."""


class Layout(Protocol):
    """The files of an archive, by their names in it."""

    def document(self, name: str) -> bytes | None:
        """The content of a small one; None where it isn't there."""

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        """What these hold, the lowest first; those that are missing are left out.

        Raises ArchiveError.
        """

    def blob(self, name: str) -> IO[bytes] | None:
        """A file that can be read from anywhere; None where it isn't there, or is read but once."""


class _Progress:
    """Of several blobs, read one after the other."""

    def __init__(self, reading: Reading, order: Sequence[str]) -> None:
        self._reading = reading
        self._tell, self._before = reading.on_bytes, 0
        self.budget = Budget(order)

    def counted(self, content: IO[bytes]) -> io.BufferedReader:
        """Tells what is read of it."""
        return buffered(content, on_bytes=self._told if self._tell else None)

    def scan(self, stream: io.BufferedReader, size: int, name: str) -> LayerFiles:
        """One layer, plain or compressed. Raises ArchiveError."""
        packed = is_compressed(stream)
        with decompressed(stream, f"layer {name}") as plain:
            listener = self._reading.listener() if self._reading.listener else None
            heard = plain if listener is None else buffered(plain, listener.hear)
            found = scan_layer(heard, f"layer {name}", self._reading, name=name, budget=self.budget)
            found.listener = listener
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

    def blob(self, name: str) -> IO[bytes] | None:
        path = self._path(name)
        return None if path is None else path.open("rb")

    def document(self, name: str) -> bytes | None:
        path = self._path(name)
        if path is None or path.stat().st_size > DOCUMENT_BYTES:
            return None
        return path.read_bytes()

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        found, progress = {}, _Progress(self._reading, names)
        for name in dict.fromkeys(names):
            path = self._path(name)
            if path is not None:
                with path.open("rb") as file:
                    size = path.stat().st_size
                    found[name] = progress.scan(progress.counted(file), size, name)
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
            self._members = {_clean(one.name): one.sound() for one in self._entries()}

    def _entries(self) -> Iterator[Entry]:
        for entry in self._tar:
            assert isinstance(entry, Entry)  # noqa: S101 (by `tarinfo`)
            yield entry

    def _open(self, name: str) -> tuple[IO[bytes], int] | None:
        member = self._members.get(_clean(name))
        if member is not None and member.issym():  # `docker save` up to 24 had the like
            member = self._members.get(_led_to(member.name, member.linkname))
        if member is None or not member.isreg():
            return None
        content = self._tar.extractfile(member)
        return None if content is None else (content, member.size)

    def blob(self, name: str) -> IO[bytes] | None:
        found = self._open(name)
        return None if found is None else found[0]

    def document(self, name: str) -> bytes | None:
        found = self._open(name)
        if found is None or found[1] > DOCUMENT_BYTES:
            return None
        with cut_off(name):
            return found[0].read()

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        layers, progress = {}, _Progress(self._reading, names)
        for name in dict.fromkeys(names):
            found = self._open(name)
            if found is not None:
                content, size = found
                layers[name] = progress.scan(progress.counted(content), size, name)
        return layers


class LayoutStream:
    """An archive that is read once, when it is first asked for anything."""

    def __init__(
        self, stream: io.BufferedReader, reading: Reading | None, order: Sequence[str] = ()
    ) -> None:
        """`reading`: None where no layer will be asked for. `order`: as a Budget has it."""
        self._stream, self._reading, self._order = stream, reading, [*map(_clean, order)]

    @cached_property
    def _read(self) -> "_Streamed":
        return _Streamed(self._stream, self._reading, self._order)

    def blob(self, name: str) -> IO[bytes] | None:  # noqa: ARG002
        return None

    def document(self, name: str) -> bytes | None:
        return self._read.documents.get(_clean(name))

    def layers(self, names: list[str]) -> dict[str, LayerFiles]:
        links, layers = self._read.links, self._read.layers
        real = {name: links.get(_clean(name), _clean(name)) for name in names}
        found = {name: layers[there] for name, there in real.items() if there in layers}
        for layer in found.values():
            if isinstance(layer, ArchiveError):
                raise layer
        return {name: layer for name, layer in found.items() if isinstance(layer, LayerFiles)}


class _Streamed:
    """All of a stream: documents, and layers where they are wanted."""

    def __init__(
        self, stream: io.BufferedReader, reading: Reading | None, order: Sequence[str]
    ) -> None:
        self.documents: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.layers: dict[str, LayerFiles | ArchiveError] = {}
        self._documents_bytes, self._wants_layers = 0, reading is not None
        progress = _Progress(reading or Reading(), order)
        with decompressed(stream, "it") as plain, cut_off("it"):
            for entry, content in Tar(plain, "it"):
                name = _clean(entry.name)
                progress.budget.count(name, entry.linkname)
                if entry.issym():
                    self.links[name] = _led_to(name, entry.linkname)
                elif content is not None:
                    self._take(name, entry.size, progress.counted(content), progress)
            # A packed one tells at its end whether it was all of it. Else the last blocks do, and
            # an engine first tidies up before it ends what it sends
            while plain is not stream and plain.read(PIECE_BYTES):
                pass

    def _take(self, name: str, size: int, content: io.BufferedReader, progress: _Progress) -> None:
        is_layer = is_compressed(content) or _is_tar(content)
        # The first name in a layer may begin as a document does: {{cookiecutter.name}}
        if not is_layer and content.peek(1)[:1] in (b"{", b"[") and size <= DOCUMENT_BYTES:
            self._documents_bytes += size
            if self._documents_bytes > DOCUMENTS_BYTES:
                raise ArchiveError(
                    f"its manifests and configs take more than {DOCUMENTS_BYTES >> 20} MiB, "
                    "more than those of any image"
                )
            self.documents[name] = content.read()
        elif self._wants_layers and is_layer:
            try:
                self.layers[name] = progress.scan(content, size, name)
            except ArchiveError as error:  # of what may be no layer, or another image's
                self.layers[name] = error


def _is_tar(stream: io.BufferedReader) -> bool:
    """By its first header: of version 7 its sum is right, and it has no mark, as have the others.

    A layer that is empty has two blocks of zeros.
    """
    head = stream.peek(tarfile.BLOCKSIZE)[: tarfile.BLOCKSIZE]
    return head[257:262] == b"ustar" or not any(head) or _is_header(head)


def _is_header(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _clean(name: str) -> str:
    return name.removeprefix("./").rstrip("/")


def _led_to(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(_clean(name)), target))
