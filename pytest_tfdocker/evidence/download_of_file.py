"""What a registry would send of an image in a file: as its layers stand there, or by a sample."""

import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import accumulate
from typing import IO

import msgspec

from pytest_tfdocker.archive.compressed import buffered, is_compressed
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import opened
from pytest_tfdocker.evidence.archived import Given, find_archived, key_of
from pytest_tfdocker.evidence.download_of_layers import sample_packed
from pytest_tfdocker.evidence.records import Absent, Download, ImageEvidence
from pytest_tfdocker.evidence.sampling import SAMPLE_SECONDS, Sample, estimate_from
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.unstarted.programs import load_sample
from pytest_tfdocker.evidence.waste import Doing
from pytest_tfdocker.settings.schema import Image


def download_of_file(
    store: Store, image: Image, evidence: ImageEvidence, doing: Doing
) -> Download | Absent:
    """Told where every layer is compressed; of those that are not, pieces are compressed.

    An estimate is kept until the file changes.
    """
    if isinstance(evidence.download, Download):
        return evidence.download
    try:
        given = find_archived(image)
        key = f"download {key_of(given)}"
        known = store.recall(key, Download)
        if known is not None:
            return known
        with doing("estimate of the download") as tell:
            found = _estimate(given, evidence, tell)
    except (ArchiveError, OSError) as error:
        return Absent(reason=f"no estimate of the download: {error}")
    if isinstance(found, Download):
        store.keep(key, found)
    return found


def _estimate(
    given: Given, evidence: ImageEvidence, tell: Callable[[str], None]
) -> Download | Absent:
    with ExitStack() as stack:
        layout = stack.enter_context(opened(given.path))
        # A layer that stands in the image twice is sent once
        blobs = [layout.blob(name) for name in dict.fromkeys(given.image.layers)]
        known = [stack.enter_context(blob) for blob in blobs if blob is not None]
        if len(known) < len(blobs):
            return estimate_from(sample_packed(given, evidence, tell), evidence)
        packed_bytes = sum(_size(blob) for blob in known if _is_packed(blob))
        plain = Plain([blob for blob in known if not _is_packed(blob)])
        sample = load_sample()
        told = sample.take(plain, zlib, sample.Clock(SAMPLE_SECONDS))
    # Layers hold what later ones hide, too: no mean has to stand for it
    found = estimate_from(Sample(**told, files_bytes=evidence.total_bytes or 0), evidence)
    if isinstance(found, Absent):
        return found
    return msgspec.structs.replace(found, bytes=packed_bytes + found.bytes)


def _size(blob: IO[bytes]) -> int:
    return blob.seek(0, 2)


def _is_packed(blob: IO[bytes]) -> bool:
    blob.seek(0)
    return is_compressed(buffered(blob))


class Plain:
    """Layers one behind the other, readable from any offset, as probe/sample.py reads them."""

    def __init__(self, blobs: Sequence[IO[bytes]]) -> None:
        """`blobs`: can be read from anywhere."""
        self._blobs = blobs
        self._ends = list(accumulate(map(_size, blobs)))
        self.bytes = self._ends[-1] if self._ends else 0

    def read(self, start: int, end: int) -> bytes:
        """What stands between these offsets."""
        pieces, before = [], 0
        for blob, after in zip(self._blobs, self._ends, strict=True):
            first, last = max(start, before), min(end, after)
            if first < last:
                blob.seek(first - before)
                pieces.append(blob.read(last - first))
            before = after
        return b"".join(pieces)

    def close(self) -> None:
        """They are closed by whoever has opened them."""
