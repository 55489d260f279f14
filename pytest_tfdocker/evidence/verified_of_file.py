"""Whether installed files of an image in a file are those that were installed, as `verified`."""

import errno
import hashlib
from collections.abc import Callable, Sequence

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import opened, read_layers
from pytest_tfdocker.archive.layer import FILE, SYMLINK, LayerFiles, Reading
from pytest_tfdocker.archive.merge import Merged
from pytest_tfdocker.evidence.archived import Given, find_archived, key_of
from pytest_tfdocker.evidence.records import Absent, ImageEvidence, Verification, Verified
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.unstarted import ImageTree
from pytest_tfdocker.evidence.unstarted.kept import METADATA_BYTES
from pytest_tfdocker.evidence.unstarted.programs import load_records
from pytest_tfdocker.evidence.waste import Doing, telling
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import printable

ALGORITHM = "sha256"
"""Which every installer writes into RECORD; files of another count as not read."""
RECORD = "/RECORD"
EMPTY = hashlib.new(ALGORITHM).digest()


def verified_of_file(
    store: Store, image: Image, evidence: ImageEvidence, doing: Doing
) -> Verified | Absent:
    """By one more reading of all layers; kept until the file changes."""
    if isinstance(evidence.distributions, Absent):
        return evidence.distributions
    paths = [one.path for one in evidence.distributions.installed]
    try:
        given = find_archived(image)
        key = f"verified {key_of(given)} {image.settings.python}"
        known = store.recall(key, Verified)
        if known is not None:
            return known
        with doing("compare installed files with their RECORD") as tell:
            found = read_verified(given, paths, tell)
    except (ArchiveError, OSError) as error:
        return Absent(reason=f"installed files were not compared: {error}")
    store.keep(key, found)
    return found


def read_verified(
    given: Given, paths: list[str], tell: Callable[[str], None] = lambda _: None
) -> Verified:
    """`paths`: of the distributions' metadata. Raises ArchiveError, OSError."""
    reading = Reading(wanted=_wanted, digests=True, algorithm=ALGORITHM, on_bytes=telling(tell))
    with opened(given.path, reading, given.image.layers) as layout:
        scanned = read_layers(layout, given.image)
        merged = Merged(scanned)
    tree, digests = _told(scanned, merged)

    def digest_of(path: str, algorithm: str) -> str:
        found = digests.get(tree.real(path))
        if found is None and not tree.exists(path):
            raise FileNotFoundError(path)
        if found is None or algorithm != ALGORITHM:
            raise OSError(errno.EIO, "not read", path)
        encoded: str = records.encoded(found)
        return encoded

    records = load_records(tree)
    told = records.verified(paths, digest_of)
    unread = sorted(path for path in tree.unread if path.endswith(RECORD))
    if unread:
        raise ArchiveError(f"{printable(unread[0])} is not read: its bytes are too many")
    return Verified(distributions={path: Verification(**one) for path, one in told.items()})


def _told(scanned: Sequence[LayerFiles], merged: Merged) -> tuple[ImageTree, dict[str, bytes]]:
    """The files that are left, with the contents of RECORD, and the digests by path."""
    paths, targets = list[str](), dict[str, str]()
    contents, digests = dict[str, bytes](), dict[str, bytes]()
    for path, _, (at, row) in merged.files():
        layer = scanned[at]
        paths.append(path)
        if layer.kinds[row] == SYMLINK:
            targets[path] = layer.targets[row]
        elif row in layer.digests:
            digests[path] = layer.digests[row]
        elif layer.kinds[row] == FILE and not layer.sizes[row]:
            digests[path] = EMPTY
        if row in layer.contents:
            contents[path] = layer.contents[row]
    return ImageTree(paths, targets=targets, folders=merged.folders, contents=contents), digests


def _wanted(path: str, size: int, *, executable: bool) -> int | None:  # noqa: ARG001  as `Wanted`
    return size if path.endswith(RECORD) and size <= METADATA_BYTES else None
