"""Every file of an image: path, size, when it was last changed on the engine's disk, links."""

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any


class Listing:
    """Columns, a row each name of a file; folders are not in it.

    What has several names is counted at the first: the others' `sizes` are 0.
    """

    def __init__(self) -> None:
        """Empty; `add` fills it."""
        self.paths: list[str] = []
        self.sizes: list[int] = []
        self.changed: list[int] = []
        """Milliseconds, by the engine's clock: st_ctime, which no image can bring along."""
        self.targets: dict[int, str] = {}
        """Row of a symbolic link → where it leads, as it stands there."""
        self.inodes: dict[str, list[int]] = {}
        """Of what has several names: the rows of these, the one that is counted first."""
        self._starts: list[tuple[str, int]] = []
        """Folders, and the row that each begins with."""

    def add_folder(
        self, folder: str, names: list[str], sizes: list[int], changed: list[int]
    ) -> int:
        """The row of the first of a folder's files; which of them are links is told one by one."""
        first = len(self.paths)
        start = folder.rstrip("/") + "/"
        self._begin(start[:-1])
        self.paths += [start + name for name in names]
        self.sizes += sizes
        self.changed += changed
        return first

    def add(self, path: str, size: int, changed: int, inode: str | None = None) -> int:
        """The row of a new name."""
        row = len(self.paths)
        self._begin(path.rpartition("/")[0])
        self.paths.append(path)
        self.changed.append(changed)
        self.sizes.append(size)
        if inode is not None:
            self.share(row, inode)
        return row

    def share(self, row: int, inode: str) -> None:
        """That a row is one of several names of a file."""
        names = self.inodes.setdefault(inode, [])
        if names:
            self.sizes[row] = 0
        names.append(row)

    def _begin(self, folder: str) -> None:
        if not self._starts or self._starts[-1][0] != folder:
            self._starts.append((folder, len(self.paths)))

    def rows_by_folder(self) -> Iterator[tuple[str, range]]:
        """The rows of each folder, which stand together."""
        ends = [*(start for _, start in self._starts[1:]), len(self.paths)]
        for (folder, start), end in zip(self._starts, ends, strict=False):
            yield folder, range(start, end)


def unpacked(packed: list[str]) -> Any:
    """What the probe's `files.packed` was given."""
    kind, text = packed
    data = zlib.decompress(base64.b64decode(text)) if kind == "zlib" else text.encode()
    return json.loads(data)  # msgspec takes no lone surrogates, which names of files may be


def read_listing(folders: list[Any]) -> Listing:
    """The listing of the probe's walk."""
    listing = Listing()
    for folder, joined, sizes, changed, hard, targets in folders:
        first = listing.add_folder(folder, joined.split("/"), sizes, changed)
        for at, inode in hard.items():
            listing.share(first + int(at), inode)
        for at, target in targets.items():
            listing.targets[first + int(at)] = target
    return listing
