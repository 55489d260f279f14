"""Which files a later layer hides, and which one: from the layers' own tars."""

import os.path
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
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
    of = f" of {format_size(evidence.total_bytes)}" if evidence.total_bytes else ""
    reading = Reading(digests=True, digested_bytes=_largest(evidence), on_bytes=telling(tell, of))
    image, layers = read_saved(saved(engine, evidence.id), reading, evidence.platform)
    return waste_of(Merged(layers).hidden(), image.places)


def saved(engine: Engine, image_id: str) -> IO[bytes]:
    """The stream of `docker save`."""
    return cast("IO[bytes]", Pieces(engine.save(image_id)))


def _largest(evidence: ImageEvidence) -> int | None:
    """What a hidden file can have at most: no more than all of them; None where that isn't known.

    Disk blocks are no measure of a file: one with holes has fewer.
    """
    if evidence.wasted_bytes is None or evidence.runs_on.counts_blocks:
        return None
    return max(evidence.wasted_bytes, HIDDEN_BY_THE_ENGINE_BYTES)


def telling(tell: Callable[[str], None], of: str = "") -> OnBytes:
    """Tells how much has been read, as often as a user could read that."""
    told = 0

    def on_bytes(count: int) -> None:
        nonlocal told
        if count - told >= TOLD_BYTES:
            told = count
            tell(f"{format_size(count)}{of} read")

    return on_bytes


def waste_of(hidden: Sequence[Hidden], entries: Sequence[int]) -> Waste:
    """`hidden`: largest first. `entries`: of each layer its entry in the history."""
    return Waste(
        bytes=sum(one.bytes for one in hidden),
        count=len(hidden),
        groups=_groups(hidden, entries),
        files=[
            WastedFile(
                path=encodable(one.path),
                bytes=one.bytes,
                layer=entries[one.layer],
                by=entries[one.by],
                how=one.how,
                now=encodable(one.now),
            )
            for one in hidden[:FILES]
        ],
    )


def _groups(hidden: Sequence[Hidden], entries: Sequence[int]) -> list[WastedGroup]:
    by_cause: dict[tuple[int, int, str], list[Hidden]] = {}
    for one in hidden:
        by_cause.setdefault((one.layer, one.by, one.how), []).append(one)
    found = [
        WastedGroup(
            layer=entries[layer],
            by=entries[by],
            how=how,
            bytes=sum(one.bytes for one in files),
            count=len(files),
            below=encodable(_common(files)),
        )
        for (layer, by, how), files in by_cause.items()
    ]
    return sorted(found, key=lambda one: -one.bytes)


def _common(files: Sequence[Hidden]) -> str:
    if len(files) == 1:
        return files[0].path
    folder = os.path.commonpath([os.path.dirname(one.path) for one in files])  # noqa: PTH120
    return f"{folder.rstrip('/')}/"
