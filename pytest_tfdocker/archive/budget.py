"""What may be remembered of all layers of an image: few bytes of it can't ask for all memory."""

from collections.abc import Sequence
from typing import NamedTuple

from pytest_tfdocker.archive.errors import ArchiveError

ENTRIES = 5_000_000
"""Of all layers together: the images of whole distributions have a tenth of it."""
TEXT_BYTES = 1 << 30
"""Of their paths and links, which have a hundred each."""
KEPT_BYTES = 256 << 20
"""Of contents that are kept, all together."""


class _Copy(NamedTuple):
    at: int
    """Of its layer, from below."""
    contents: dict[int, bytes]
    row: int


class Budget:
    """What is left of it. All layers of an image share one."""

    def __init__(self, order: Sequence[str] = ()) -> None:
        """`order`: names of the layers, the lowest first, where it is known before they are read.

        They may be read in any other.
        """
        self._at = {name: at for at, name in enumerate(order)}
        self._entries, self._text_bytes, self._kept_bytes = ENTRIES, TEXT_BYTES, KEPT_BYTES
        self._top: dict[str, _Copy] = {}
        self._below: list[_Copy] = []

    def count(self, *texts: str) -> None:
        """One entry more. Raises ArchiveError where these are too many."""
        self._entries -= 1
        self._text_bytes -= sum(map(len, texts))
        if self._entries < 0:
            raise ArchiveError(f"its layers have more than {ENTRIES:,} files, more than any image")
        if self._text_bytes < 0:
            raise ArchiveError(
                f"the paths in its layers take more than {TEXT_BYTES >> 20:,} MiB, "
                "more than those of any image"
            )

    def has_room(self, layer: str, path: str, size: int) -> bool:
        """Whether so much may be kept; if need be copies go that a higher layer has anew."""
        if size > self._kept_bytes:
            for copy in self._below:
                self._free(copy)
            self._below.clear()
        there = self._top.get(path)
        if size > self._kept_bytes and there and there.at < self._at.get(layer, -1):
            self._free(self._top.pop(path))
        return size <= self._kept_bytes

    def keep(self, layer: str, path: str, contents: dict[int, bytes], row: int) -> None:
        """Counts a content of that path."""
        self._kept_bytes -= len(contents[row])
        if layer not in self._at:
            return
        copy = _Copy(self._at[layer], contents, row)
        there = self._top.get(path)
        if there is None or there.at <= copy.at:
            self._top[path], copy = copy, there or copy
        if self._top[path] is not copy:
            self._below.append(copy)

    def _free(self, copy: _Copy) -> None:
        self._kept_bytes += len(copy.contents.pop(copy.row))
