"""The entries of a tar, one after the other, from a stream that is read once."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Self, cast

from pytest_tfdocker.archive.errors import ArchiveError

BLOCKS_BYTES = 16 << 10
"""tarfile copies what is left of a block with each header: of a large one that takes minutes."""
ENDS = 16
"""Reads behind the end, of which a sound tar needs one or two."""
SPECIAL_BYTES = 1 << 20
"""Of PAX headers, or of a long name of GNU's: Go, in which engines are written, reads no more."""
SPECIAL = frozenset(
    (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )
)


class _BrokenHeaderError(Exception):
    """Of a header that is cut off, whose checksum is not its own, or that tells what can't be."""


class Entry(tarfile.TarInfo):
    """One that takes no broken header for the end, as tarfile does behind the first; nor a cut.

    A tar ends with blocks of zeros: one that has none is cut off between two entries.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As tarfile has it."""
        if not buf:
            raise _BrokenHeaderError("it lacks its end")
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if str(error) == "end of file header":
                raise
            raise _BrokenHeaderError(str(error)) from None
        if found.type in SPECIAL and found.size > SPECIAL_BYTES:
            raise _BrokenHeaderError(f"a header of {found.size:,} bytes")
        return found.sound()

    def sound(self) -> Self:
        """Itself. Raises an error where its size is none: it would lead back in the tar."""
        if self.size < 0:
            raise _BrokenHeaderError(f"a size of {self.size:,} bytes")
        return self


@contextmanager
def cut_off(what: str) -> Iterator[None]:
    """Makes an error of ours of a content that is read and is not all there."""
    try:
        yield
    except tarfile.TarError as error:
        raise ArchiveError(f"{what} is cut off or broken: {error}") from None


@contextmanager
def broken(what: str) -> Iterator[None]:
    """Makes one error of what tarfile raises of a tar that is cut off or none."""
    try:
        yield
    except RecursionError:
        raise ArchiveError(f"{what} is broken: headers of headers without an end") from None
    except (tarfile.TarError, _BrokenHeaderError, *_ODD) as error:
        raise ArchiveError(f"{what} is cut off or broken: {error}") from None


_ODD = (ValueError, OverflowError, IndexError, KeyError, TypeError, AttributeError)
"""Raised by tarfile where the numbers and maps of PAX headers are none."""


class _Ending:
    """A stream that can't be read on and on behind its end, as tarfile does to skip an entry."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._ends = stream, 0

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._ends += not piece
        if self._ends > ENDS:
            raise _BrokenHeaderError("unexpected end of data")
        return piece


class Tar:
    """Entries and their contents, in order. Nothing is unpacked."""

    def __init__(self, stream: IO[bytes], what: str) -> None:
        """`what`: names the tar in errors."""
        self._stream, self._what = stream, what

    def __iter__(self) -> Iterator[tuple[Entry, IO[bytes] | None]]:
        """Each entry with a reader of its content; None where it has none.

        Raises ArchiveError.
        """
        with (
            broken(self._what),
            tarfile.open(
                fileobj=cast("IO[bytes]", _Ending(self._stream)),
                mode="r|",
                bufsize=BLOCKS_BYTES,
                tarinfo=Entry,
                encoding="utf-8",
                errors="surrogateescape",
            ) as tar,
        ):
            while (entry := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # else it keeps them all
                assert isinstance(entry, Entry)  # noqa: S101 (by `tarinfo`)
                content = tar.extractfile(entry) if entry.isreg() and entry.size else None
                yield entry.sound(), content


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
