"""What one layer, or one exported file system, holds."""

import hashlib
import io
from collections.abc import Callable
from typing import IO, Protocol

import msgspec

from pytest_tfdocker.archive.budget import Budget
from pytest_tfdocker.archive.compressed import OnBytes
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.pieces import PIECE_BYTES, read_into
from pytest_tfdocker.archive.tar import Entry, Tar, absolute, cut_off

FILE, HARD_LINK, SYMLINK, FOLDER, OTHER = range(5)
WHITEOUT, OPAQUE, OURS = ".wh.", ".wh..wh..opq", ".wh..wh."
"""OCI image layer specification: a name that a layer deletes; a folder of which it hides all that
is below; what AUFS kept for itself."""
ENCODING = ("utf-8", "surrogateescape")
PATH_BYTES = 4096
"""Linux' PATH_MAX: a path that is longer no engine can unpack."""
PATH_FOLDERS = 255
"""In each other: of the deepest that people have made there are 40."""


class Wanted(Protocol):
    """How many bytes of a file's start are kept; None: it is of no interest."""

    def __call__(self, path: str, size: int, *, executable: bool) -> int | None:
        """`executable`: whether somebody may execute it."""


def nothing_wanted(path: str, size: int, *, executable: bool) -> None:
    """Keeps no content."""


Reduce = Callable[[str, bytes], bytes]
"""What is worth keeping of what was read of a file, by its path."""


def whole(_path: str, content: bytes) -> bytes:
    """All of it."""
    return content


class Listener(Protocol):
    """Whoever wants to know more of a layer than its files."""

    def hear(self, data: memoryview) -> None:
        """The next bytes; they are its own as long as this runs."""


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
        """Of regular files that are neither empty nor sparse, where digests were asked for."""
        self.deleted: list[str] = []
        self.opaque: list[str] = []
        self.leading_out = 0
        """Names with so many ".." that they lead out of the image; taken as below its root."""
        self.unkept: set[int] = set()
        """Of what contents were wanted and not kept: too many bytes of them."""
        self.compressed_bytes: int | None = None
        self.listener: Listener | None = None
        """Where the reading has one made: what it has heard of this layer."""

    @property
    def bytes(self) -> int:
        """Of regular files and symbolic links; of two entries of one name both count."""
        return sum(self.sizes)

    @property
    def link_bytes(self) -> int:
        """Of symbolic links."""
        return sum(self.sizes[row] for row, kind in enumerate(self.kinds) if kind == SYMLINK)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of layers."""

    wanted: Wanted = nothing_wanted
    reduce: Reduce = whole
    digests: bool = False
    """Of every file, by which a later copy of the same content is told."""
    algorithm: str = "sha1"
    """Of the digests: it need not be safe against those who make one up."""
    digested_bytes: int | None = None
    """Files that are larger need no digest."""
    on_bytes: OnBytes | None = None
    """Told how many bytes of the archive, as it is packed, have been read."""
    listener: Callable[[], Listener] | None = None
    """Makes one for each layer, which is told all that its tar has, unpacked."""


def scan_layer(
    stream: IO[bytes], what: str, reading: Reading, *, name: str = "", budget: Budget | None = None
) -> LayerFiles:
    """Reads a tar to its end. Raises ArchiveError.

    `name`: of the layer in `budget`, which it shares with the image's others.
    """
    found, buffer = LayerFiles(), memoryview(bytearray(PIECE_BYTES))
    budget = budget or Budget()
    with cut_off(what):
        for entry, content in Tar(stream, what):
            row = _take(found, entry, what, budget)
            if row is not None and found.kinds[row] == FILE and not entry.issparse():
                content = content or io.BytesIO()  # noqa: PLW2901 (of an empty file)
                head = _keep(found, row, content, reading, name, budget)
                if _has_digest(reading, entry.size):
                    found.digests[row] = _digest(reading.algorithm, head, content, entry.size)
        # A packed layer tells at its end whether it was all of it
        while read_into(stream, buffer):
            pass
    return found


def _take(found: LayerFiles, entry: Entry, what: str, budget: Budget) -> int | None:
    """The row of an entry; None where it is a whiteout or the root."""
    path, leads_out = absolute(entry.name)
    budget.count(path, entry.linkname)
    for kind, text in (("path", path), ("link", entry.linkname)):
        if len(text) * 4 > PATH_BYTES and len(text.encode(*ENCODING)) > PATH_BYTES:
            raise ArchiveError(
                f"{what} has a {kind} of {len(text):,} characters, too long for any engine"
            )
    if len(path) > PATH_FOLDERS and path.count("/") > PATH_FOLDERS:
        raise ArchiveError(
            f"{what} has folders {path.count('/'):,} deep in each other, more than any image"
        )
    found.leading_out += leads_out
    folder, _, name = path.rpartition("/")
    if name == OPAQUE:
        found.opaque.append(folder or "/")
    elif name.startswith(WHITEOUT):
        if not name.startswith(OURS):
            found.deleted.append(f"{folder}/{name.removeprefix(WHITEOUT)}")
    elif path != "/":
        return _add(found, path, entry)
    return None


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
        kind, size = SYMLINK, len(entry.linkname.encode(*ENCODING))
        found.targets[row] = entry.linkname
    elif entry.isdir():
        kind = FOLDER
    found.paths.append(path)
    found.sizes.append(size)
    found.kinds.append(kind)
    return row


def _keep(
    found: LayerFiles,
    row: int,
    content: IO[bytes],
    reading: Reading,
    layer: str,
    budget: Budget,
) -> bytes:
    """What was read of it."""
    path, executable = found.paths[row], row in found.programs
    keep = reading.wanted(path, found.sizes[row], executable=executable)
    if keep is None:
        return b""
    if not budget.has_room(layer, path, keep):
        found.unkept.add(row)
        return b""
    head = content.read(keep) if keep else b""
    found.contents[row] = reading.reduce(path, head)
    budget.keep(layer, path, found.contents, row)
    return head


def _has_digest(reading: Reading, size: int) -> bool:
    most = reading.digested_bytes
    return reading.digests and size > 0 and (most is None or size <= most)


def _digest(algorithm: str, head: bytes, content: IO[bytes], size: int) -> bytes:
    """Of what was read of it and of the rest."""
    state, left = hashlib.new(algorithm, head, usedforsecurity=False), size - len(head)
    while left:
        piece = content.read(min(left, PIECE_BYTES))
        state.update(piece)
        left -= len(piece)
    return state.digest()
