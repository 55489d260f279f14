"""A hash of Berkeley DB, as rpm before 4.16 has it: RHEL 7 and 8, Amazon Linux 2.

Pages in the byte order of the machine that made it. Of the pages of the hash each second item is a
value: it stands there, or in a chain of overflow pages.
"""

import struct
from collections.abc import Iterator

from pytest_tfdocker.evidence.rpm.headers import BrokenError, piece

MAGIC = 0x061561
MAGIC_AT = 12
_META = struct.Struct("IIIBBBBII")
"""From MAGIC_AT: magic, version, bytes of a page, encryption, type, flags, -, -, last page."""
PAGE_HEAD_BYTES = 26
"""Log number, own number, previous and next page, items, free offset or bytes, level, type."""
HASH_UNSORTED, OVERFLOW, HASH = 2, 7, 13
HERE, ELSEWHERE = 1, 3
LEAST_PAGE_BYTES, MOST_PAGE_BYTES = 512, 65536
COUNTER = b"\0\0\0\0"
"""The key of what is no package: the next one's number."""


def is_one(data: bytes) -> bool:
    """Whether it begins as such a database does, of either byte order."""
    magic = data[MAGIC_AT : MAGIC_AT + 4]
    return MAGIC in (int.from_bytes(magic, "little"), int.from_bytes(magic, "big"))


def blobs(data: bytes) -> Iterator[bytes]:
    """The header of each package. Raises BrokenError."""
    database = _Database(data)
    for number in range(1, database.pages):
        yield from database.values(number)


class _Database:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if int.from_bytes(piece(data, MAGIC_AT, 4), "little") == MAGIC else ">"
        meta = struct.Struct(self.order + _META.format)
        _, _, size, encrypted, _, flags, _, _, last = meta.unpack(piece(data, MAGIC_AT, meta.size))
        if not LEAST_PAGE_BYTES <= size <= MOST_PAGE_BYTES or size & (size - 1):
            raise BrokenError(f"has pages of {size} bytes")
        if encrypted:
            raise BrokenError("is encrypted")
        if flags:
            raise BrokenError("has checksums or parts, which rpm doesn't use")
        self.page_bytes, self.pages = size, last + 1
        piece(data, 0, self.pages * size)

    def page(self, number: int) -> tuple[bytes, int, int, int, int]:
        """A page, and of its head: the next page, items, bytes in use, type."""
        page = piece(self.data, number * self.page_bytes, self.page_bytes)
        head = struct.unpack_from(self.order + "IHHBB", page, 16)
        return page, head[0], head[1], head[2], head[4]

    def values(self, number: int) -> Iterator[bytes]:
        page, _, count, _, kind = self.page(number)
        if kind not in (HASH, HASH_UNSORTED):
            return
        index = piece(page, PAGE_HEAD_BYTES, count * 2)
        starts = struct.unpack(f"{self.order}{count}H", index)
        # They stand from the page's end on, each before the one before
        items = [
            piece(page, start, end - start)
            for start, end in zip(starts, (self.page_bytes, *starts), strict=False)
        ]
        for key, value in zip(items[::2], items[1::2], strict=False):
            if key[1:] != COUNTER:
                yield self.value(value)

    def value(self, item: bytes) -> bytes:
        if item[:1] == bytes([HERE]):
            return item[1:]
        if item[:1] != bytes([ELSEWHERE]):
            raise BrokenError("has an item of a kind that rpm doesn't use")
        first, size = struct.unpack(self.order + "II", piece(item, 4, 8))
        piece(self.data, 0, size)
        found, number = bytearray(), first
        while len(found) < size:
            page, number, _, used, kind = self.page(number)
            if kind != OVERFLOW or not used:
                raise BrokenError("has a package whose pages are in disorder")
            found += piece(page, PAGE_HEAD_BYTES, used)
        return bytes(found[:size])
