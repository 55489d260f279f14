"""Which layer a file came with where the history counts disk blocks: on the containerd store."""

import posixpath
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.placing import FAR_LONGER, NEAR, SKIPPED, Placed, own_rows

SECTOR = 512
"""Bytes that st_blocks counts in, whatever the file system's own blocks are."""
ENGINES_FOLDERS = ("/", "/dev", "/etc", "/proc", "/run", "/sys")
"""A container has its own copy of these, so that the image's are not seen."""
UNSEEN, UNSEEN_ABOVE = 8, 3
"""Blocks of an image that a container's mounts hide: /dev, /proc, /sys, /dev/pts, /dev/shm and
/etc/hosts, hostname, resolv.conf; the first three came with the first RUN where a base has none."""
PAUSES = 100
"""Of so many files one may be written after a pause as long as lies between two layers."""


class Blocks(msgspec.Struct, frozen=True):
    """What files and folders take on the engine's disk, in bytes."""

    files: list[int]
    """Of each row of the listing; of a file's further names 0."""
    folders: list[tuple[str, int, int]]
    """Path, bytes, and milliseconds as in `Listing.changed`."""


class _Item(msgspec.Struct, frozen=True):
    """A file, or a folder."""

    changed: int
    bytes: int
    folder: str
    """Which it is in."""
    path: str = ""
    """Of a folder."""
    row: int = -1
    """Of a file."""


class _Layer(msgspec.Struct):
    """An entry of the history, and what was found of it."""

    at: int
    bytes: int
    items: Sequence[_Item] = ()
    hidden_bytes: int = 0
    copied_bytes: int = 0
    """Of folders that a higher layer has, too."""


def read_blocks(told: Any) -> Blocks:
    """What the probe's walk has beside its listing."""
    by_folder, folders = told
    return Blocks(
        files=[count * SECTOR for counts in by_folder for count in counts],
        folders=[(path, count * SECTOR, changed) for path, count, changed in folders],
    )


def place_by_blocks(
    listing: Listing, blocks: Blocks, layer_bytes: Sequence[int], volumes: Sequence[str] = ()
) -> Placed:
    """As `place_files`; and each layer's bytes, where every layer is told.

    A layer takes what its files take, and its folders: those that it has written, as they are, and
    those above them, a block each. So the sums must be met to the block, from the top down and from
    the bottom up. But files of one block meet any sum, so that a layer must begin after one of the
    longest pauses, too: another one is unpacked there.
    """
    items = _items(listing, blocks, volumes)
    search = _Search(items, _usual(blocks), [_Layer(*one) for one in enumerate(layer_bytes)])
    is_told = search.run()
    search.count_copies(*_volumes(listing, blocks, volumes))
    found: list[int | None] = [None] * len(listing.paths)
    sizes = [layer.hidden_bytes for layer in search.layers]
    for layer in search.layers:
        for item in layer.items:
            if item.row >= 0:
                found[item.row] = layer.at
                sizes[layer.at] += listing.sizes[item.row]
    engines = sum(size for path, size, _ in blocks.folders if path in ENGINES_FOLDERS)
    copied = sum(layer.copied_bytes for layer in search.layers) - engines - search.unit
    return Placed(
        layers=found,
        uncounted_bytes=0,
        layer_bytes=sizes if is_told else [],
        folder_bytes=max(0, copied),
    )


def _volumes(listing: Listing, blocks: Blocks, volumes: Sequence[str]) -> tuple[int, int]:
    """Bytes on disk of what stands at a VOLUME, and of its files."""
    folders = _below(volumes)
    rows = [row for row, path in enumerate(listing.paths) if path.startswith(folders)]
    taken = sum(blocks.files[row] for row in rows)
    taken += sum(size for path, size, _ in blocks.folders if f"{path}/".startswith(folders))
    return taken, sum(listing.sizes[row] for row in rows)


def _below(folders: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{folder.rstrip('/')}/" for folder in folders)


def _usual(blocks: Blocks) -> int:
    """What most folders take: a block on ext4, nothing on xfs."""
    sizes = [size for _, size, _ in blocks.folders]
    return max(set(sizes), key=sizes.count) if sizes else 0


def _items(listing: Listing, blocks: Blocks, volumes: Sequence[str]) -> list[_Item]:
    """In the order they were written."""
    copied = _below(volumes)
    items = [
        _Item(
            listing.changed[row],
            blocks.files[row],
            posixpath.dirname(listing.paths[row]),
            row=row,
        )
        for row in own_rows(listing, volumes)
    ]
    items += [
        _Item(changed, size, posixpath.dirname(path), path=path)
        for path, size, changed in blocks.folders
        if path not in ENGINES_FOLDERS and not f"{path}/".startswith(copied)
    ]
    # A folder is changed by the last file in it
    return sorted(items, key=lambda item: (item.changed, bool(item.path)))


class _Search:
    """Tells layers from the top down, then from the bottom up, then the one that is left."""

    def __init__(self, items: list[_Item], unit: int, layers: list[_Layer]) -> None:
        self.items, self.unit, self.layers = items, unit, layers
        self._open = [layer for layer in layers if layer.bytes]
        changed = [item.changed for item in items]
        self._pauses = [0, *(b - a for a, b in pairwise(changed))]
        longest = sorted(self._pauses, reverse=True)
        some = max(2 * len(self._open), len(items) // PAUSES)
        self._unseen = UNSEEN * unit
        self._pause = max(1, longest[some] if some < len(longest) else 0)

    def run(self) -> bool:
        """Whether every layer is told."""
        begin, end = 0, len(self.items)
        while self._open and (start := self._topmost(end)) is not None:
            end = start
        while len(self._open) > 1 and (stop := self._lowest(begin, end)):
            begin = stop
        if len(self._open) == 1 and self._take(self._open[0], begin, end):
            self._open.pop()
            begin = end
        rest = self.items[begin:end]
        if self._open:
            self._open[0].copied_bytes += self._copied(rest)
            for layer in self._open[1:]:
                layer.copied_bytes += self.unit
        return not self._open and not rest

    def count_copies(self, taken: int, size: int) -> None:
        """Of what stands at a VOLUME, a copy that was placed nowhere: a layer lacks it."""
        layer = max(self.layers, key=lambda layer: layer.hidden_bytes, default=None)
        if taken and layer is not None and layer.hidden_bytes >= taken:
            hidden = layer.hidden_bytes - taken
            layer.hidden_bytes = size + (hidden if hidden > self._unseen else 0)

    def _sums(self, items: Sequence[_Item]) -> Iterator[int]:
        """Bytes of the first of them, with the folders that these need."""
        total, there = 0, set[str]()
        for item in items:
            total += item.bytes
            if item.path:
                total -= self.unit if item.path in there else 0
                there.add(item.path)
            folder = item.folder
            while folder not in there:
                there.add(folder)
                total += self.unit
                folder = posixpath.dirname(folder)
            yield total

    def _copied(self, items: Sequence[_Item]) -> int:
        total = self.unit
        for total in self._sums(items):  # noqa: B007 (the last one is wanted)
            pass
        return total - sum(item.bytes for item in items)

    def _topmost(self, end: int) -> int | None:
        """Where the highest layer begins of which something is left, which is told by that.

        A small one is no proof that of large ones above it nothing is left.
        """
        for at in range(len(self._open) - 1, max(-1, len(self._open) - 2 - SKIPPED), -1):
            skipped = sum(layer.bytes for layer in self._open[at + 1 :])
            start = self._start_of(self._open[at].bytes, end)
            if start is not None and skipped <= max(self._open[at].bytes, SKIPPED * self.unit):
                for layer in self._open[at + 1 :]:
                    self._take(layer, end, end)
                self._take(self._open[at], start, end)
                del self._open[at:]
                return start
        return None

    def _start_of(self, size: int, end: int) -> int | None:
        met: int | None = None
        near: int | None = None
        unseen = min(self._unseen, UNSEEN_ABOVE * self.unit)
        for at, total in enumerate(self._sums(self.items[:end][::-1]), 1):
            start = end - at
            if total > size:
                break
            is_after_pause = start == 0 or self._pauses[start] >= self._pause
            if total == size and is_after_pause:
                met = self._longer(met, start)
            elif size - total <= unseen and is_after_pause:
                near = self._longer(near, start)
        return near if met is None else met

    def _lowest(self, begin: int, end: int) -> int:
        """Where the lowest layer ends, but for what is hidden of it; 0 where that can't be told."""
        layer = self._open[0]
        best, before = None, 0
        for stop, total in enumerate(self._sums(self.items[begin:end]), begin + 1):
            if total > layer.bytes or stop == end:
                break
            pause = self._pauses[stop]
            lacks = layer.bytes - total
            is_met = lacks <= self._unseen and pause >= self._pause
            is_near = lacks <= NEAR * layer.bytes and pause > FAR_LONGER * before
            if is_met or (is_near and pause >= self._pause):
                best = self._longer(best, stop)
            before = max(before, pause)
        if best is None or not self._take(layer, begin, best):
            return 0
        self._open.pop(0)
        return best

    def _longer(self, best: int | None, at: int) -> int:
        return at if best is None or self._pauses[at] > self._pauses[best] else best

    def _take(self, layer: _Layer, begin: int, end: int) -> bool:
        """Gives a layer its items, unless these need more than it has."""
        items = self.items[begin:end]
        copied = self._copied(items)
        hidden = layer.bytes - sum(item.bytes for item in items) - copied
        if hidden < 0:
            return False
        if items and hidden <= self._unseen:
            self._unseen -= hidden
            copied, hidden = copied + hidden, 0
        layer.items, layer.copied_bytes, layer.hidden_bytes = items, copied, hidden
        return True
