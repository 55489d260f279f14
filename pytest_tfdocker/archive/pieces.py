"""Streams of pieces that come one by one."""

import io
from collections.abc import Iterator
from typing import IO, Any, cast

Buffer = bytearray | memoryview

PIECE_BYTES = 1 << 17
"""Read at once: more falls out of a processor's cache before it is used."""


def read_into(stream: IO[bytes], buffer: Buffer) -> int:
    """How many bytes of it stand in the buffer now: 0 at the end, else maybe less than it holds."""
    return cast("Any", stream).readinto(buffer) or 0


def skip(stream: IO[bytes], size: int) -> int:
    """How many of the next bytes nobody gets: fewer at the end alone.

    A stream that has a `skip` of its own is spared to copy them.
    """
    own = getattr(stream, "skip", None)
    return cast("int", own(size)) if own is not None else read_past(stream, size)


def read_past(stream: IO[bytes], size: int) -> int:
    """The same, of a stream that can but read them."""
    left = size
    while left > 0 and (piece := stream.read(min(left, PIECE_BYTES))):
        left -= len(piece)
    return size - left


class Buffered(io.BufferedReader):
    """One that copies less of what is passed over."""

    def skip(self, size: int) -> int:
        """Of what isn't in the buffer its own stream is asked."""
        if size <= PIECE_BYTES:
            return len(self.read(size))
        first = len(self.read(len(self.peek(1))))
        return first + skip(cast("IO[bytes]", self.raw), size - first)


class Pieces(io.RawIOBase):
    """A stream of what an iterator gives."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        """Takes the next piece when the one before it is read."""
        self._pieces, self._left = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """As io.RawIOBase has it."""
        if not self._has_more():
            return 0
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _has_more(self) -> bool:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._left = memoryview(piece)
        return True

    def skip(self, size: int) -> int:
        """Whole pieces are dropped."""
        left = size
        while left and self._has_more():
            count = min(left, len(self._left))
            self._left, left = self._left[count:], left - count
        return size - left
