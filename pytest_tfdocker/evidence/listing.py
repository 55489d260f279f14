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

    def add(self, path: str, size: int, changed: int, inode: str | None = None) -> int:
        """The row of a new name."""
        row = len(self.paths)
        self.paths.append(path)
        self.changed.append(changed)
        names = [row] if inode is None else self.inodes.setdefault(inode, [])
        if inode is not None:
            names.append(row)
        self.sizes.append(size if names[0] == row else 0)
        return row

    def rows_by_folder(self) -> Iterator[tuple[str, range]]:
        """The rows of each folder, which stand together."""
        first, current = 0, None
        for row, path in enumerate(self.paths):
            folder = path.rpartition("/")[0]
            if folder != current:
                if current is not None:
                    yield current, range(first, row)
                first, current = row, folder
        if current is not None:
            yield current, range(first, len(self.paths))


def unpacked(packed: list[str]) -> Any:
    """What the probe's `files.packed` was given."""
    kind, text = packed
    data = zlib.decompress(base64.b64decode(text)) if kind == "zlib" else text.encode()
    return json.loads(data)  # msgspec takes no lone surrogates, which names of files may be


def read_listing(folders: list[Any]) -> Listing:
    """The listing of the probe's walk."""
    listing = Listing()
    for folder, joined, sizes, changed, hard, targets in folders:
        start = folder.rstrip("/") + "/"
        for at, (name, size, when) in enumerate(
            zip(joined.split("/"), sizes, changed, strict=True)
        ):
            row = listing.add(start + name, size, when, hard.get(str(at)) if hard else None)
            if targets and str(at) in targets:
                listing.targets[row] = targets[str(at)]
    return listing
