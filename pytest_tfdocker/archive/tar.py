"""The entries of a tar, one after the other, from a stream that is read once."""

import io
import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Self, cast

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.pieces import PIECE_BYTES, Buffer, Pieces, read_into

_HEADER = struct.Struct("100s8s16x12s12x8sx100s255x")
"""Of a POSIX header its name, mode, size, checksum and target."""
_PLAIN = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)


class _BrokenHeaderError(Exception):
    """Of a header that is cut off, or whose checksum is not its own."""


class Entry(tarfile.TarInfo):
    """One that doesn't take a broken header for the end, as tarfile does behind the first.

    Of files, links and folders it knows name, size, mode and target alone: an image has so many
    that the rest, which nobody asks for, would take a good part of the time.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As tarfile has it."""
        return cls._plain(buf, encoding, errors) or cls._other(buf, encoding, errors)

    @classmethod
    def _plain(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self | None:
        """None where anything in it is less than usual."""
        if len(buf) != tarfile.BLOCKSIZE or buf[156:157] not in _PLAIN or buf[345]:
            return None
        name, mode, size, checksum, target = _HEADER.unpack(buf)
        found = cls(name.partition(tarfile.NUL)[0].decode(encoding, errors))
        try:
            if int(checksum.strip(b" \0"), 8) != sum(buf) - sum(checksum) + 8 * ord(" "):
                return None
            found.mode, found.size = int(mode.strip(b" \0"), 8), int(size.strip(b" \0"), 8)
        except ValueError:
            return None
        found.type = buf[156:157]
        found.linkname = target.partition(tarfile.NUL)[0].decode(encoding, errors)
        if found.type == tarfile.DIRTYPE:
            found.name = found.name.rstrip("/")
        return found

    @classmethod
    def _other(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if str(error) in {"empty header", "end of file header"}:
                raise
            raise _BrokenHeaderError(str(error)) from None


@contextmanager
def broken(what: str) -> Iterator[None]:
    """Makes one error of what tarfile raises of a tar that is cut off or none."""
    try:
        yield
    except (tarfile.TarError, _BrokenHeaderError, ValueError, OverflowError) as error:
        raise ArchiveError(f"{what} is cut off or broken: {error}") from None


class Tar:
    """Entries and their contents, in order. Nothing is unpacked."""

    def __init__(self, stream: IO[bytes], what: str) -> None:
        """`what`: names the tar in errors."""
        self._stream, self._what = stream, what

    def __iter__(self) -> Iterator[tuple[Entry, IO[bytes] | None]]:
        """Each entry with a reader of its content; None where it has none.

        Raises ArchiveError.
        """
        stream = _Forward(self._stream, self._what)
        with (
            broken(self._what),
            # Not "r|": tarfile's own stream copies the whole of its buffer at each read
            tarfile.open(
                fileobj=cast("IO[bytes]", stream),
                mode="r:",
                tarinfo=Entry,
                encoding="utf-8",
                errors="surrogateescape",
            ) as tar,
        ):
            while (entry := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # else it keeps them all
                assert isinstance(entry, Entry)  # noqa: S101 (by `tarinfo`)
                yield entry, stream.content(entry) if entry.isreg() and entry.size else None
                stream.skip_to(tar.offset)  # type: ignore[attr-defined]


class _Forward:
    """What tarfile asks of a file, from a stream: it knows where it is, and goes forward alone."""

    def __init__(self, stream: IO[bytes], what: str) -> None:
        self._stream, self._what, self._at = stream, what, 0

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        """Less at the end alone."""
        piece = self._stream.read(size)
        while len(piece) < size and (more := self._stream.read(size - len(piece))):
            piece += more
        self._at += len(piece)
        return piece

    def take(self, size: int) -> bytes:
        """So much. Raises ArchiveError where that is not there."""
        piece = self.read(size)
        if len(piece) < size:
            raise self._broken("unexpected end of data")
        return piece

    def fill(self, buffer: memoryview) -> None:
        """All of it. Raises ArchiveError where so much is not there."""
        filled = 0
        while filled < len(buffer):
            count = read_into(self._stream, buffer[filled:])
            if not count:
                raise self._broken("unexpected end of data")
            filled += count
        self._at += filled

    def skip_to(self, at: int) -> None:
        if at < self._at:
            raise self._broken("an entry ends before it starts")
        while self._at < at:
            self.take(min(PIECE_BYTES, at - self._at))

    def _broken(self, why: str) -> ArchiveError:
        return ArchiveError(f"{self._what} is cut off or broken: {why}")

    def content(self, entry: Entry) -> IO[bytes]:
        if entry.size < 0:
            raise self._broken("an entry of less than no bytes")
        if entry.sparse is None:  # type: ignore[attr-defined]
            return cast("IO[bytes]", _Content(self, entry.size))
        return io.BufferedReader(Pieces(self._with_holes(entry)), PIECE_BYTES)

    def _with_holes(self, entry: Entry) -> Iterator[bytes]:
        at = 0
        for start, size in [*entry.sparse, (entry.size, 0)]:  # type: ignore[attr-defined]
            for piece in _cut(start - at):
                yield bytes(piece)
            for piece in _cut(size):
                yield self.take(piece)
            at = start + size


def _cut(size: int) -> Iterator[int]:
    """As pieces; none of what is less than nothing."""
    for at in range(0, size, PIECE_BYTES):
        yield min(PIECE_BYTES, size - at)


class _Content(io.RawIOBase):
    """Of one entry, as long as the next one has not been asked for."""

    def __init__(self, stream: _Forward, size: int) -> None:
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.take(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        part = memoryview(buffer)[: self._left]
        self._stream.fill(part)
        self._left -= len(part)
        return len(part)


def absolute(name: str) -> tuple[str, bool]:
    """The path in the image, and whether the name led out of it."""
    if "/." not in name and "//" not in name and name[:1] not in "./":
        return "/" + name.rstrip("/"), False
    parts: list[str] = []
    leads_out = False
    for part in name.split("/"):
        if part == "..":
            leads_out = leads_out or not parts
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts), leads_out
