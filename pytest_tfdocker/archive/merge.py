"""Layers put one on the other: what is there in the end, and what is hidden, and by which layer."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal

import msgspec

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import FILE, FOLDER, HARD_LINK, SYMLINK, LayerFiles

LINKS = 40
"""Symbolic links in one path, as Linux follows."""
STEPS = 1000
"""Names in one path, with those of the links that it leads by."""

FOLDERS_BYTES = 512 << 20
"""Of all folders, with their paths: the largest images have a tenth of it."""
FOLDER_BYTES = 400
"""Of one, without its path."""

MOVED_BYTES = 1 << 16
"""Smaller files of one content are many: where the name differs too, nothing was moved."""
Row = tuple[int, int]
"""Of a layer, and of an entry in it."""


class Hidden(msgspec.Struct, frozen=True):
    """A file whose bytes stand in a layer, and no longer in the image."""

    path: str
    bytes: int
    layer: int
    by: int
    """The layer that hides it."""
    how: Literal["deleted", "overwritten", "rewritten", "moved"]
    """"rewritten": by the same content, as chown and chmod do; "moved": it stands elsewhere now."""
    now: str = ""
    """Of what was moved."""


class _Folder:
    __slots__ = ("files", "folders")

    def __init__(self) -> None:
        self.files: dict[str, Row] = {}
        self.folders: set[str] = set()


class Merged:
    """The file system that the layers make."""

    def __init__(self, layers: Sequence[LayerFiles]) -> None:
        """`layers`: the lowest first. Raises ArchiveError."""
        self._layers = layers
        self._folders: dict[str, _Folder] = {"/": _Folder()}
        self._same: dict[Row, Row] = {}
        """Of a hard link: the entry whose content it has."""
        self._gone: dict[Row, tuple[int, bool]] = {}
        """What a layer has hidden, by which, and whether by another file."""
        self._causes: dict[tuple[int, bool], tuple[int, bool]] = {}
        """Of these one of each: a chown -R has one for all files."""
        self._folders_bytes = 0
        self.unlinked = 0
        """Hard links whose target is not there: they have no bytes."""
        self._by_content: dict[int, tuple[dict[bytes, str], dict[bytes, list[str]]]] = {}
        for at, layer in enumerate(layers):
            self._put(at, layer)

    @property
    def folders(self) -> list[str]:
        """Absolute paths."""
        return list(self._folders)

    def files(self) -> Iterator[tuple[str, Row, Row]]:
        """Path, entry, and the entry that has its content; those of a folder stand together."""
        for path, folder in self._folders.items():
            start = "/" if path == "/" else f"{path}/"
            for name, row in folder.files.items():
                yield start + name, row, self._same.get(row, row)

    @property
    def shared(self) -> set[Row]:
        """Entries whose content has several names."""
        return set(self._same.values())

    def layer_bytes(self, at: int, *, links: bool) -> int:
        """Of the layer once it is unpacked: of two entries of one name the last is what is left.

        `links`: whether the targets of symbolic links count.
        """
        layer = self._layers[at]
        size = layer.bytes if links else layer.bytes - layer.link_bytes
        kinds = (FILE, SYMLINK) if links else (FILE,)
        return size - sum(layer.sizes[row] for row in self._again[at] if layer.kinds[row] in kinds)

    @cached_property
    def _again(self) -> list[list[int]]:
        """Of each layer the entries that another of its own has replaced."""
        found: list[list[int]] = [[] for _ in self._layers]
        for (at, row), (by, _) in self._gone.items():
            if at == by and (at, row) not in self._left:
                found[at].append(row)
        return found

    def hidden(self) -> Iterator[Hidden]:
        """Files whose bytes are in no name that is left, one by one: they may be all of a layer."""
        for (at, row), (by, is_over) in self._gone.items():
            layer = self._layers[at]
            is_file = layer.kinds[row] == FILE and layer.sizes[row] > 0
            if is_file and by != at and (at, row) not in self._left:
                yield self._told(at, row, by, is_over=is_over)

    @cached_property
    def _left(self) -> set[Row]:
        """Of what was hidden under one name, contents that have another."""
        return {content for _, _, content in self.files() if content in self._gone}

    def _told(self, at: int, row: int, by: int, *, is_over: bool) -> Hidden:
        layer = self._layers[at]
        path, size = layer.paths[row], layer.sizes[row]
        digest = layer.digests.get(row)
        copies = [] if digest is None else self._copies(by, digest)
        if path in copies:
            return Hidden(path, size, at, by, "rewritten")
        if is_over:
            return Hidden(path, size, at, by, "overwritten")
        name = path.rpartition("/")[2]
        same = [one for one in copies if one.rpartition("/")[2] == name]
        if same or (copies and size >= MOVED_BYTES):
            return Hidden(path, size, at, by, "moved", (same or copies)[0])
        return Hidden(path, size, at, by, "deleted")

    def _copies(self, at: int, digest: bytes) -> list[str]:
        """Paths of one layer's files of that content, in the order of the tar."""
        if at not in self._by_content:
            self._by_content[at] = _by_content(self._layers[at])
        one, several = self._by_content[at]
        if digest in several:
            return several[digest]
        return [one[digest]] if digest in one else []

    def _put(self, at: int, layer: LayerFiles) -> None:
        # Whiteouts are for the layers below alone, wherever in the tar they stand
        for path in layer.opaque:
            self._empty(path, at)
        for path in layer.deleted:
            self._remove(path, at, is_over=False)
        for row, (path, kind) in enumerate(zip(layer.paths, layer.kinds, strict=True)):
            folder, _, name = path.rpartition("/")
            above = self._real(folder or "/", at)
            path = f"{above.rstrip('/')}/{name}"  # noqa: PLW2901
            if kind == FOLDER:
                self._folder(path, at)
                continue
            parent = self._folder(above, at)
            if name in parent.files or name in parent.folders:
                self._remove(path, at, is_over=True)
            parent.files[name] = (at, row)
            if kind == HARD_LINK:
                self._link(layer.targets[row], (at, row))

    def _link(self, target: str, row: Row) -> None:
        folder, _, name = target.rpartition("/")
        there = self._folders.get(self._real(folder or "/", row[0]))
        other = there.files.get(name) if there else None
        if other is None or other == row:
            self.unlinked += 1
        else:
            self._same[row] = self._same.get(other, other)

    def _real(self, folder: str, at: int) -> str:
        """Where it leads by links of the same layer: lib/x, behind lib → usr/lib, is usr/lib/x.

        A link of a layer below is replaced by a folder, as overlay2 has it.
        """
        if folder in self._folders:
            return folder
        ahead, found, links, steps = folder.split("/")[::-1], "", 0, 0
        while ahead:
            name = ahead.pop()
            steps += 1
            if steps > STEPS:
                return folder
            if name == "..":
                found = found.rpartition("/")[0]
            elif name not in {"", "."}:
                there = self._folders.get(found or "/")
                row = there.files.get(name) if there else None
                if row is None or row[0] != at or self._layers[at].kinds[row[1]] != SYMLINK:
                    found = f"{found}/{name}"
                    continue
                target = self._layers[at].targets[row[1]]
                links += 1
                if links > LINKS:
                    return folder
                ahead += target.split("/")[::-1]
                found = "" if target.startswith("/") else found
        return found or "/"

    def _folder(self, path: str, at: int) -> _Folder:
        """The folder; it and those above it are made where they are not there."""
        missing = []
        while path not in self._folders:
            missing.append(path)
            self._folders_bytes += FOLDER_BYTES + len(path)
            if self._folders_bytes > FOLDERS_BYTES:
                raise ArchiveError(
                    f"its folders take more than {FOLDERS_BYTES >> 20} MiB, "
                    "more than those of any image"
                )
            path = path.rpartition("/")[0] or "/"
        found = self._folders[path]
        for inner in reversed(missing):
            name = inner.rpartition("/")[2]
            self._hide(found.files.pop(name, None), at, is_over=True)
            found.folders.add(name)
            found = self._folders[inner] = _Folder()
        return found

    def _remove(self, path: str, at: int, *, is_over: bool) -> None:
        folder, _, name = path.rpartition("/")
        parent = self._folders.get(folder or "/")
        if parent is None:
            return
        self._hide(parent.files.pop(name, None), at, is_over=is_over)
        if name in parent.folders:
            self._empty(path, at)
            parent.folders.remove(name)
            del self._folders[path]

    def _empty(self, path: str, at: int) -> None:
        """Hides all that is below."""
        ahead = [path] if path in self._folders else []
        while ahead:
            inner = ahead.pop()
            found = self._folders[inner]
            start = "/" if inner == "/" else f"{inner}/"
            ahead += [start + name for name in found.folders]
            for row in found.files.values():
                self._hide(row, at, is_over=False)
            if inner == path:
                self._folders[path] = _Folder()
            else:
                del self._folders[inner]

    def _hide(self, row: Row | None, at: int, *, is_over: bool) -> None:
        if row is not None:
            cause = (at, is_over)
            self._gone[self._same.get(row, row)] = self._causes.setdefault(cause, cause)


def _by_content(layer: LayerFiles) -> tuple[dict[bytes, str], dict[bytes, list[str]]]:
    """By digest the first path, and all paths of a content that has several: few have."""
    one: dict[bytes, str] = {}
    several: dict[bytes, list[str]] = {}
    for row, digest in layer.digests.items():
        path = layer.paths[row]
        if digest in one:
            several.setdefault(digest, [one[digest]]).append(path)
        else:
            one[digest] = path
    return one, several
