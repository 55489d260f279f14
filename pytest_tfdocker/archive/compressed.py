"""Streams of bytes that may be plain, gzip or zstd."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.pieces import PIECE_BYTES, Buffer, Buffered, read_into, read_past, skip

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UNREAD = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
"""Ways to pack that are none of a layer's, by their first bytes."""

STEP_BYTES = 1 << 20
"""Of what is passed over so much at a time is told."""

OnBytes = Callable[[int], None]
"""Is told how many bytes have been read so far."""
Hear = Callable[[memoryview], None]
"""Is told the next bytes; they are its own as long as it runs."""


class Heard(io.RawIOBase):
    """A stream of which somebody else is told what is read, or how much."""

    def __init__(
        self, stream: IO[bytes], hear: Hear | None = None, on_bytes: OnBytes | None = None
    ) -> None:
        """Reads no more of it than it is asked for."""
        self._stream, self._hear, self._on_bytes = stream, hear, on_bytes
        self._count = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """As io.RawIOBase has it."""
        count = read_into(self._stream, buffer)
        if self._hear is not None:
            self._hear(memoryview(buffer)[:count])
        self._tell(count)
        return count

    def skip(self, size: int) -> int:
        """As `pieces.skip` has it, but what is heard must be read."""
        if self._hear is not None:
            return read_past(cast("IO[bytes]", self), size)
        left = size
        while left > 0 and (count := skip(self._stream, min(left, STEP_BYTES))):
            left -= count
            self._tell(count)
        return size - left

    def _tell(self, count: int) -> None:
        self._count += count
        if self._on_bytes is not None:
            self._on_bytes(self._count)


def buffered(
    stream: IO[bytes], hear: Hear | None = None, on_bytes: OnBytes | None = None
) -> Buffered:
    """A stream whose first bytes can be looked at."""
    return Buffered(Heard(stream, hear, on_bytes), PIECE_BYTES)


def is_compressed(stream: io.BufferedReader) -> bool:
    """By its first bytes."""
    head = stream.peek(4)
    return head.startswith((GZIP, ZSTD))


def refuse_unread(stream: io.BufferedReader, what: str) -> None:
    """Raises ArchiveError where it is packed in another way."""
    for start, name in UNREAD.items():
        if stream.peek(8).startswith(start):
            raise ArchiveError(f"{what} is packed with {name}, which is not read: unpack it first")


@contextmanager
def decompressed(stream: io.BufferedReader, what: str) -> Iterator[IO[bytes]]:
    """What is in it, whichever way it is packed. Raises ArchiveError, also while it is read."""
    refuse_unread(stream, what)
    head = stream.peek(4)
    try:
        if head.startswith(GZIP):
            with gzip.open(stream, "rb") as opened:
                yield io.BufferedReader(opened, PIECE_BYTES)
        elif head.startswith(ZSTD):
            with zstd.ZstdFile(stream) as opened:
                yield io.BufferedReader(opened, PIECE_BYTES)
        else:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError) as error:
        raise ArchiveError(f"{what} is cut off or broken: {error}") from None
