"""The entries of a tar, one after the other, from a stream that is read once."""

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any, Self, cast

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.forward import Forward

_HEADER = struct.Struct("100s8s16x12s12x8sx100s255x")
"""Of a POSIX header its name, mode, size, checksum and target."""
PLAIN = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
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
    Of files, links and folders it knows name, size, mode and target alone: an image has so many
    that the rest, which nobody asks for, would take a good part of the time.
    """

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        """As tarfile has it: of the errors of a header it passes on that of the end alone."""
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if str(error) == "end of file header":
                raise
            raise _BrokenHeaderError(str(error)) from None

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As tarfile has it."""
        return cls._checked(buf, encoding, errors, super().frombuf)

    @classmethod
    def _frombuf(
        cls, buf: bytes | bytearray, encoding: str, errors: str, *, dircheck: bool = True
    ) -> Self:
        """What Python 3.14 and the last releases before it read headers by; others don't ask."""
        other = partial(super()._frombuf, dircheck=dircheck)  # type: ignore[misc]
        return cls._checked(buf, encoding, errors, other)

    @classmethod
    def _checked(
        cls, buf: bytes | bytearray, encoding: str, errors: str, other: Callable[..., Any]
    ) -> Self:
        """`other`: how tarfile itself reads a header."""
        if not buf:
            raise _BrokenHeaderError("it lacks its end")
        found = cls._plain(buf, encoding, errors) or cast("Self", other(buf, encoding, errors))
        if found.type in SPECIAL and found.size > SPECIAL_BYTES:
            raise _BrokenHeaderError(f"a header of {found.size:,} bytes")
        return found.sound()

    @classmethod
    def _plain(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self | None:
        """None where anything in it is less than usual."""
        if len(buf) != tarfile.BLOCKSIZE or buf[156:157] not in PLAIN or buf[345]:
            return None
        name, mode, size, checksum, target = _HEADER.unpack(buf)
        found = cls(name.partition(tarfile.NUL)[0].decode(encoding, errors))
        try:
            # Of itself the sum has counted eight blanks
            if int(checksum.strip(b" \0"), 8) != _sum(buf) - sum(checksum) + 8 * ord(" "):
                return None
            found.mode, found.size = int(mode.strip(b" \0"), 8), int(size.strip(b" \0"), 8)
        except ValueError:
            return None
        found.type = bytes(buf[156:157])
        found.linkname = target.partition(tarfile.NUL)[0].decode(encoding, errors)
        if found.type == tarfile.DIRTYPE:
            found.name = found.name.rstrip("/")
        return found

    def sound(self) -> Self:
        """Itself. Raises an error where its size is none: it would lead back in the tar."""
        if self.size < 0:
            raise _BrokenHeaderError(f"a size of {self.size:,} bytes")
        return self


def _sum(block: bytes | bytearray) -> int:
    """Of all bytes of a block, six times as quick as `sum`.

    The lower half of Adler-32 is one more than that by the modulus 65,521; that of half a block is
    at most 65,280.
    """
    half = len(block) // 2
    first, second = zlib.adler32(block[:half]), zlib.adler32(block[half:])
    return (first & 0xFFFF) + (second & 0xFFFF) - 2


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


class Tar:
    """Entries and their contents, in order. Nothing is unpacked."""

    def __init__(self, stream: IO[bytes], what: str) -> None:
        """`what`: names the tar in errors."""
        self._stream, self._what = stream, what

    def __iter__(self) -> Iterator[tuple[Entry, IO[bytes] | None]]:
        """Each entry with a reader of its content; None where it has none.

        Raises ArchiveError.
        """
        stream = Forward(self._stream)
        with (
            broken(self._what),
            # Not "r|": tarfile's own stream copies all that it has buffered at each read
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
                yield entry.sound(), _content(tar, entry, stream)
                stream.skip_to(tar.offset)


def _content(tar: tarfile.TarFile, entry: Entry, stream: Forward) -> IO[bytes] | None:
    if not entry.isreg() or not entry.size:
        return None
    return tar.extractfile(entry) if entry.issparse() else stream.content(entry.size)


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
