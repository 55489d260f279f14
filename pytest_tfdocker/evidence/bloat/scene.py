"""What a cause is looked for in, and ways to look."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.owners import Owners
from pytest_tfdocker.evidence.relations import Relations

LARGE_BYTES = 10**6
"""From here on a file is told by its own path, is compared with others, and may be weights. What
compares inside a container, probe/identical.py, can import nothing of ours and has a number of its
own."""


class Scene:
    """The files of an image, whose they are, and which of them have the same content."""

    def __init__(
        self,
        listing: Listing,
        owners: Owners,
        identical: list[list[str]],
        layers: Sequence[int | None],
        env: Sequence[str],
        real: Callable[[str], str],
        relations: Relations,
        python: Sequence[str],
    ) -> None:
        """`identical`: paths of large files of one content, a list each content.

        `layers`: which layer each row came with, as an index. `env`: of the image's config.
        `real`: gives a path without symbolic links, whether anything is there or not.
        `relations`: of the packages of the OS. `python`: the interpreter and its sys.path.
        """
        self.listing, self.owners, self.identical = listing, owners, identical
        self.layers, self.env = layers, env
        self._real, self.relations, self._python = real, relations, python
        self.claimed: set[int] = set()
        """Rows that belong to a cause already."""

    @cached_property
    def folders(self) -> list[tuple[str, range]]:
        """Every folder that holds files, with the rows of these."""
        return list(self.listing.rows_by_folder())

    @cached_property
    def names(self) -> list[tuple[str, str, range]]:
        """Of every folder its path with a slash, the paths of its files in one text, their rows.

        A pattern is tried on all files of a folder at once: most folders have none that matches.
        """
        paths = self.listing.paths
        return [
            (f"{folder}/", "\n".join(paths[rows.start : rows.stop]), rows)
            for folder, rows in self.folders
        ]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each path."""
        return dict(zip(self.listing.paths, count(), strict=False))

    @cached_property
    def rows_of(self) -> dict[int, list[int]]:
        """The rows of each owner, by its index."""
        found: dict[int, list[int]] = defaultdict(list)
        for row, owner in enumerate(self.owners.of_row):
            found[owner].append(row)
        return dict(found)

    @cached_property
    def names_of(self) -> dict[int, list[int]]:
        """Of a row that is one of several names of a file: all of these."""
        return {row: rows for rows in self.listing.inodes.values() for row in rows}

    @cached_property
    def led_to(self) -> set[str]:
        """Every path that a link leads to, over whichever others."""
        return {self._real(self.listing.paths[row]) for row in self.listing.targets}

    @cached_property
    def python_rows(self) -> list[int]:
        """Files of the interpreter and on its sys.path."""
        places = [self._real(path) for path in self._python]
        below = tuple(f"{place}/" for place in places)
        found = [row for folder, _, rows in self.names if folder.startswith(below) for row in rows]
        return found + [self.row_of[place] for place in places if place in self.row_of]

    def real(self, row: int) -> int:
        """The file that a link leads to; the row itself where it is none, or leads to no file."""
        if row not in self.listing.targets:
            return row
        return self.row_of.get(self._real(self.listing.paths[row]), row)

    def size(self, rows: Iterable[int]) -> int:
        """Bytes of these rows."""
        return sum(self.listing.sizes[row] for row in rows)

    def freed(self, rows: Sequence[int]) -> dict[int, int]:
        """Bytes by row that go with these; those of a file that has another name stay.

        A file goes with the last of its names, whichever causes had the others.
        """
        gone = {*rows, *self.claimed}
        found: dict[int, int] = {}
        for row in rows:
            names = self.names_of.get(row, [row])
            if gone.issuperset(names):
                first = next(name for name in names if name not in self.claimed)
                found[row] = self.size(names) if row == first else 0
        return found

    def age(self, row: int) -> tuple[int, str]:
        """By which the first of several copies is the one that came with the lowest layer."""
        layer = self.layers[row]
        return len(self.layers) if layer is None else layer, self.listing.paths[row]


Find = Callable[[Scene], list[int]]
"""Gives the rows of a cause: those that its fix removes."""


def in_folders(pattern: str) -> Find:
    """Every file below a folder whose path matches."""
    matches = re.compile(pattern).search

    def find(scene: Scene) -> list[int]:
        return [row for folder, _, rows in scene.names if matches(folder) for row in rows]

    return find


def named(pattern: str, *, kinds: tuple[str, ...], below: str = "") -> Find:
    """Files whose path matches, of owners of these kinds, in folders that match `below`."""
    matches, inside = re.compile(pattern).search, re.compile(below).search
    matches_any = re.compile(pattern, re.MULTILINE).search

    def find(scene: Scene) -> list[int]:
        paths, owners = scene.listing.paths, scene.owners
        return [
            row
            for folder, names, rows in scene.names
            if inside(folder) and matches_any(names)
            for row in rows
            if matches(paths[row]) and owners.kind(row) in kinds
        ]

    return find


def owned_by(kind: str, pattern: str) -> Find:
    """Every file of owners of that kind whose name matches."""
    matches = re.compile(pattern).search

    def find(scene: Scene) -> list[int]:
        return [
            row
            for index, (one, name, _) in enumerate(scene.owners.table)
            if one == kind and matches(name)
            for row in scene.rows_of.get(index, [])
        ]

    return find


def either(*finds: Find) -> Find:
    """What any of these finds."""

    def find(scene: Scene) -> list[int]:
        return sorted({row for one in finds for row in one(scene)})

    return find


def distributions(scene: Scene, pattern: str) -> Iterator[int]:
    """Indices of distributions whose name matches."""
    matches = re.compile(pattern).search
    for index, (kind, name, _) in enumerate(scene.owners.table):
        if kind == "distribution" and matches(name):
            yield index
