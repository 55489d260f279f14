"""A stream that is read once, for tarfile, which wants a file; and the contents in it."""

import tarfile
from typing import IO, cast

from pytest_tfdocker.archive.pieces import Buffer, read_into, skip


class Forward:
    """Knows where it is, and goes forward alone. What lacks is a tarfile.ReadError."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Reads no more of it than it is asked for."""
        self._stream, self._at = stream, 0

    def tell(self) -> int:
        """As a file has it."""
        return self._at

    def read(self, size: int) -> bytes:
        """Less than so much at the end alone."""
        piece = self._stream.read(size)
        while len(piece) < size and (more := self._stream.read(size - len(piece))):
            piece += more
        self._at += len(piece)
        return piece

    def take(self, size: int) -> bytes:
        """So much."""
        piece = self.read(size)
        if len(piece) < size:
            raise _cut_off()
        return piece

    def fill(self, buffer: memoryview) -> None:
        """The whole of the buffer."""
        filled = 0
        while filled < len(buffer):
            count = read_into(self._stream, buffer[filled:])
            if not count:
                raise _cut_off()
            filled += count
        self._at += filled

    def skip_to(self, at: int) -> None:
        """What nobody has read is left out."""
        size = at - self._at
        if size > 0:
            passed = skip(self._stream, size)
            self._at += passed
            if passed < size:
                raise _cut_off()

    def seek(self, at: int) -> int:
        """As a file has it, but forward alone."""
        if at < self._at:
            raise tarfile.ReadError("it leads back")
        self.skip_to(at)
        return self._at

    def content(self, size: int) -> IO[bytes]:
        """Of the entry that starts here."""
        return cast("IO[bytes]", _Content(self, size))


class _Content:
    """Of one entry, as long as the next one has not been asked for."""

    def __init__(self, stream: Forward, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.take(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece

    def readinto(self, buffer: Buffer) -> int:
        part = memoryview(buffer)[: self._left]
        self._stream.fill(part)
        self._left -= len(part)
        return len(part)

    def skip(self, size: int) -> int:
        """As `pieces.skip` has it."""
        passed = min(size, self._left)
        self._stream.skip_to(self._stream.tell() + passed)
        self._left -= passed
        return passed


def _cut_off() -> tarfile.ReadError:
    return tarfile.ReadError("unexpected end of data")
