"""Which files a later layer hides, and which one: from the layers' own tars."""

import heapq
import os.path
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import IO, cast

from pytest_tfdocker.archive.compressed import OnBytes
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import read_saved
from pytest_tfdocker.archive.layer import Reading
from pytest_tfdocker.archive.merge import Hidden, Merged
from pytest_tfdocker.archive.pieces import Pieces
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import (
    HIDDEN_BY_THE_ENGINE_BYTES,
    Absent,
    ImageEvidence,
    Waste,
    WastedFile,
    WastedGroup,
)
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import encodable

Doing = Callable[[str], AbstractContextManager[Callable[[str], None]]]
"""Tells the user of one thing that takes a while; gives what takes how far it is."""

TOLD_BYTES = 10**7
"""After so many more it is told how far it is."""
FILES = 200
"""Of the largest that are told one by one."""


def recall_waste(
    store: Store, engine: Engine, evidence: ImageEvidence, *, doing: Doing
) -> Waste | Absent:
    """What an earlier run has found in the layers of this image, else looked for now, and kept."""
    key = f"waste {evidence.id} {code_hash()}"
    found = store.recall(key, Waste)
    if found is None:
        try:
            with doing("layers of the image") as tell:
                found = collect_waste(engine, evidence, tell)
        except (EngineError, ArchiveError) as error:
            return Absent(reason=f"the layers can't be read: {error}")
        store.keep(key, found)
    return found


def collect_waste(
    engine: Engine, evidence: ImageEvidence, tell: Callable[[str], None] = lambda _: None
) -> Waste:
    """By one stream of all layers, as `docker save` writes it. Raises EngineError, ArchiveError."""
    with saved(engine, evidence.id) as stream:
        return read_waste(stream, evidence, tell)


def read_waste(
    stream: IO[bytes], evidence: ImageEvidence, tell: Callable[[str], None] = lambda _: None
) -> Waste:
    """`stream`: of the image that the evidence is of. Raises ArchiveError."""
    of = f" of {format_size(evidence.total_bytes)}" if evidence.total_bytes else ""
    reading = Reading(digests=True, digested_bytes=_largest(evidence), on_bytes=telling(tell, of))
    image, layers = read_saved(stream, reading, evidence.platform)
    return waste_of(Merged(layers).hidden(), image.places, by_number=image.entries is None)


@contextmanager
def saved(engine: Engine, image_id: str) -> Iterator[IO[bytes]]:
    """The stream of `docker save`, as far as it is read. Raises EngineError, also in between."""
    with closing(engine.save(image_id)) as pieces:
        yield cast("IO[bytes]", Pieces(pieces))


def _largest(evidence: ImageEvidence) -> int | None:
    """What a hidden file can have at most: no more than all of them; None where that isn't known.

    Disk blocks are no measure of a file: one with holes has fewer. `wasted_bytes` lacks what counts
    on the files' side alone: links, and /etc/mtab, which is made at a container's start.
    """
    files, wasted = evidence.files, evidence.wasted_bytes
    if wasted is None or isinstance(files, Absent) or evidence.runs_on.counts_blocks:
        return None
    least = HIDDEN_BY_THE_ENGINE_BYTES
    return max(wasted, least) + files.links_bytes + least


def telling(tell: Callable[[str], None], of: str = "") -> OnBytes:
    """Tells how much has been read, as often as a user could read that."""
    told = 0

    def on_bytes(count: int) -> None:
        nonlocal told
        if count - told >= TOLD_BYTES:
            told = count
            tell(f"{format_size(count)}{of} read")

    return on_bytes


def waste_of(hidden: Iterable[Hidden], entries: Sequence[int], *, by_number: bool = False) -> Waste:
    """`entries`: of each layer its entry in the evidence's layers; `by_number`: it has none."""
    groups: dict[tuple[int, int, str], _Group] = {}
    # One pass: of half a million files that a chown -R hides only so many are ever in memory
    largest = heapq.nsmallest(
        FILES, _counted(hidden, groups), key=lambda one: (-one.bytes, one.path)
    )
    return Waste(
        bytes=sum(group.bytes for group in groups.values()),
        count=sum(group.count for group in groups.values()),
        groups=sorted(
            (_told(cause, group, entries) for cause, group in groups.items()),
            key=lambda one: (-one.bytes, one.layer, one.by, one.how),
        ),
        files=[
            WastedFile(
                path=encodable(one.path),
                bytes=one.bytes,
                layer=entries[one.layer],
                by=entries[one.by],
                how=one.how,
                now=encodable(one.now),
            )
            for one in largest
        ],
        by_number=by_number,
    )


class _Group:
    """What one layer hides of another in one way."""

    def __init__(self, path: str) -> None:
        self.bytes, self.count = 0, 0
        self._first, self._last = path, path
        """Of all paths in their order, between which the others have the same beginning."""

    def add(self, one: Hidden) -> None:
        self.bytes += one.bytes
        self.count += 1
        self._first, self._last = min(self._first, one.path), max(self._last, one.path)

    @property
    def below(self) -> str:
        """The folder that has them all; of a single file its path."""
        if self.count == 1:
            return self._first
        start = os.path.commonprefix([self._first, self._last])  # noqa: RUF071 (cut at a folder)
        return start[: start.rindex("/") + 1]


def _counted(
    hidden: Iterable[Hidden], groups: dict[tuple[int, int, str], _Group]
) -> Iterator[Hidden]:
    """The same ones, each added to its group."""
    for one in hidden:
        cause = (one.layer, one.by, one.how)
        group = groups.get(cause)
        if group is None:
            group = groups[cause] = _Group(one.path)
        group.add(one)
        yield one


def _told(cause: tuple[int, int, str], group: _Group, entries: Sequence[int]) -> WastedGroup:
    layer, by, how = cause
    return WastedGroup(
        layer=entries[layer],
        by=entries[by],
        how=how,
        bytes=group.bytes,
        count=group.count,
        below=encodable(group.below),
    )
