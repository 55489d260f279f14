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
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
