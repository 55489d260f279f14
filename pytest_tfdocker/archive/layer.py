"""What one layer, or one exported file system, holds."""

import hashlib
import io
from typing import IO, Protocol

from pytest_tfdocker.archive.pieces import PIECE_BYTES, read_into
from pytest_tfdocker.archive.tar import Entry, Tar, absolute

FILE, HARD_LINK, SYMLINK, FOLDER, OTHER = range(5)
WHITEOUT, OPAQUE, OURS = ".wh.", ".wh..wh..opq", ".wh..wh."
"""OCI image layer specification: a name that a layer deletes; a folder of which it hides all that
is below; what AUFS kept for itself."""
KEPT_BYTES = 256 << 20
"""Of contents that are kept, all together."""


class Wanted(Protocol):
    """How many bytes of a file's start are kept; None: it is of no interest."""

    def __call__(self, path: str, size: int, *, executable: bool) -> int | None:
        """`executable`: whether somebody may execute it."""


def nothing_wanted(path: str, size: int, *, executable: bool) -> None:
    """Keeps no content."""


class LayerFiles:
    """Columns, a row an entry in the order of the tar; whiteouts are apart."""

    def __init__(self) -> None:
        """Empty; `scan_layer` fills it."""
        self.paths: list[str] = []
        """Absolute."""
        self.sizes: list[int] = []
        """Of regular files their bytes, of symbolic links their target's length, else 0."""
        self.kinds = bytearray()
        """FILE, HARD_LINK, SYMLINK, FOLDER or OTHER."""
        self.targets: dict[int, str] = {}
        """Of links: where they lead, as it stands there; of hard links the absolute path."""
        self.programs: set[int] = set()
        """Regular files that somebody may execute."""
        self.contents: dict[int, bytes] = {}
        self.digests: dict[int, bytes] = {}
        """Of regular files that are not empty, where digests were asked for."""
        self.deleted: list[str] = []
        self.opaque: list[str] = []
        self.leading_out = 0
        """Names with so many ".." that they lead out of the image; taken as below its root."""
        self.unkept = 0
        """Contents that were wanted and not kept: too many bytes of them."""
        self.compressed_bytes: int | None = None

    @property
    def bytes(self) -> int:
        """Of regular files and symbolic links; of two entries of one name both count."""
        return sum(self.sizes)

    @property
    def link_bytes(self) -> int:
        """Of symbolic links."""
        return sum(self.sizes[row] for row, kind in enumerate(self.kinds) if kind == SYMLINK)


def scan_layer(
    stream: IO[bytes],
    what: str,
    *,
    wanted: Wanted = nothing_wanted,
    digests: bool = False,
    kept_bytes: int = KEPT_BYTES,
) -> LayerFiles:
    """Reads a tar to its end. Raises ArchiveError.

    `digests`: of every file, by which a later copy of the same content is told.
    `kept_bytes`: how much of contents may be kept.
    """
    found, buffer = LayerFiles(), memoryview(bytearray(PIECE_BYTES if digests else 0))
    for entry, content in Tar(stream, what):
        path, leads_out = absolute(entry.name)
        found.leading_out += leads_out
        folder, _, name = path.rpartition("/")
        if name.startswith(WHITEOUT):
            if name == OPAQUE:
                found.opaque.append(folder or "/")
            elif not name.startswith(OURS):
                found.deleted.append(f"{folder}/{name.removeprefix(WHITEOUT)}")
        elif path != "/":
            row = _add(found, path, entry)
            if found.kinds[row] == FILE:
                keep = wanted(path, entry.size, executable=row in found.programs)
                if keep is not None and keep > kept_bytes:
                    found.unkept += 1
                    keep = None
                kept_bytes -= keep or 0
                _read(found, row, content or io.BytesIO(), keep, buffer)
    return found


def _add(found: LayerFiles, path: str, entry: Entry) -> int:
    row = len(found.paths)
    kind, size = OTHER, 0
    if entry.isreg():
        kind, size = FILE, entry.size
        if entry.mode & 0o111:
            found.programs.add(row)
    elif entry.islnk():
        kind = HARD_LINK
        found.targets[row] = absolute(entry.linkname)[0]
    elif entry.issym():
        kind, size = SYMLINK, len(entry.linkname.encode("utf-8", "surrogateescape"))
        found.targets[row] = entry.linkname
    elif entry.isdir():
        kind = FOLDER
    found.paths.append(path)
    found.sizes.append(size)
    found.kinds.append(kind)
    return row


def _read(
    found: LayerFiles, row: int, content: IO[bytes], keep: int | None, buffer: memoryview
) -> None:
    """`buffer`: by which its digest is made; none is where that is empty."""
    if keep is not None:
        found.contents[row] = content.read(keep)
    if buffer and found.sizes[row]:
        state = hashlib.sha1(found.contents.get(row, b""), usedforsecurity=False)
        while count := read_into(content, buffer):
            state.update(buffer[:count])
        found.digests[row] = state.digest()
