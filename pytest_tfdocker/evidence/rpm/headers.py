"""The header that rpm keeps of each package: its tags, and the files that these name.

Numbers are big-endian: how many tags, how many bytes of data; an entry of four numbers each tag
(tag, type, offset into the data, count); the data.
"""

import struct
from collections.abc import Iterator

import msgspec

NAME, VERSION = 1000, 1001
WHOLE_PATHS = 1027
"""RPMTAG_OLDFILENAMES, of before rpm 4.0."""
FILE_STATES = 1029
FOLDER_OF_NAME, NAMES, FOLDERS = 1116, 1117, 1118
"""RPMTAG_DIRINDEXES, RPMTAG_BASENAMES, RPMTAG_DIRNAMES."""
NORMAL = 0
"""Of a file's state: others are replaced by another package's, or were never installed."""
_INTRO, _ENTRY = struct.Struct(">II"), struct.Struct(">IIII")
MOST_PATH_BYTES = 64 << 20
"""Of one package, so that a few damaged bytes can't ask for all memory."""


class BrokenError(Exception):
    """The database is none, or is damaged; the text says how."""


class Package(msgspec.Struct, frozen=True):
    """A package that rpm has installed."""

    name: str
    version: str
    paths: list[str]
    """Folders too; what is no UTF-8 as `os.fsdecode` has it."""


def piece(data: bytes, start: int, size: int) -> bytes:
    """So many bytes from there; raises BrokenError where there are fewer."""
    if start < 0 or size < 0 or start + size > len(data):
        raise BrokenError("is cut off")
    return data[start : start + size]


def read_header(blob: bytes) -> Package:
    """The package of a header. Raises BrokenError."""
    header = _Header(blob)
    return Package(
        name=_readable(header.text(NAME)),
        version=_readable(header.text(VERSION)),
        paths=[path.decode("utf-8", "surrogateescape") for path in header.paths()],
    )


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


class _Header:
    """The tags of one header."""

    def __init__(self, blob: bytes) -> None:
        count, size = _INTRO.unpack(piece(blob, 0, _INTRO.size))
        index = piece(blob, _INTRO.size, count * _ENTRY.size)
        self.data = piece(blob, _INTRO.size + len(index), size)
        # What was changed at the installation stands behind what the package came with
        self.entries = {tag: (start, number) for tag, _, start, number in _ENTRY.iter_unpack(index)}

    def text(self, tag: int) -> bytes:
        """The one string of a tag that every package has."""
        start, _ = self.entries.get(tag, (len(self.data), 0))
        end = self.data.find(b"\0", start)
        if end < 0:
            raise BrokenError(f"has a package without tag {tag}")
        return self.data[start:end]

    def texts(self, tag: int) -> list[bytes]:
        """The strings of a tag; [] where it is not there."""
        start, count = self.entries.get(tag, (0, 0))
        if not count:
            return []
        found = piece(self.data, start, len(self.data) - start).split(b"\0", count)
        if len(found) <= count:
            raise BrokenError("has a package whose strings are cut off")
        return found[:count]

    def numbers(self, tag: int, size: int) -> tuple[int, ...]:
        """The numbers of a tag, of so many bytes each; () where it is not there."""
        start, count = self.entries.get(tag, (0, 0))
        return struct.unpack(
            f">{count}{'B' if size == 1 else 'I'}", piece(self.data, start, count * size)
        )

    def paths(self) -> Iterator[bytes]:
        """Of what stands there; not of what was left out, or what is another package's now."""
        states = self.numbers(FILE_STATES, 1)
        found = self.texts(WHOLE_PATHS) or self._joined()
        for at, path in enumerate(found):
            if at >= len(states) or states[at] == NORMAL:
                yield path

    def _joined(self) -> Iterator[bytes]:
        names, folders = self.texts(NAMES), self.texts(FOLDERS)
        folder_of = self.numbers(FOLDER_OF_NAME, 4)
        if len(folder_of) != len(names) or max(folder_of, default=-1) >= len(folders):
            raise BrokenError("has a package whose files are in folders that it doesn't name")
        if sum(len(folders[at]) for at in folder_of) > MOST_PATH_BYTES:
            raise BrokenError("has a package whose paths are too long to be any")
        return (folders[at] + name for name, at in zip(names, folder_of, strict=True))
