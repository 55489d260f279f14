"""What the catalogue finds in one image."""

from collections import Counter

from pytest_tfdocker.evidence.bloat.catalogue import CAUSES, Cause
from pytest_tfdocker.evidence.bloat.scene import Scene
from pytest_tfdocker.evidence.records import Bloat

LEAST_BYTES = 10**6
PATHS = 10


def find_bloat(scene: Scene, layers: list[int | None]) -> list[Bloat]:
    """A finding each cause of 1 MB or more, largest first.

    `layers`: which layer each row came with, as an index.
    """
    found = []
    for cause in CAUSES:
        rows = [row for row in cause.find(scene) if row not in scene.claimed]
        scene.claimed.update(rows)
        size = scene.size(rows)
        if size >= LEAST_BYTES:
            found.append(_finding(scene, cause, rows, size, layers))
    return sorted(found, key=lambda one: -one.bytes)


def _finding(
    scene: Scene, cause: Cause, rows: list[int], size: int, layers: list[int | None]
) -> Bloat:
    paths: Counter[str] = Counter()
    by_layer: Counter[int | None] = Counter()
    for row in rows:
        paths[_shown(scene, row)] += scene.listing.sizes[row]
        by_layer[layers[row]] += scene.listing.sizes[row]
    return Bloat(
        cause=cause.name,
        bytes=size,
        paths=[path for path, _ in paths.most_common(PATHS)],
        path_bytes=[amount for _, amount in paths.most_common(PATHS)],
        count=len(rows),
        layer=by_layer.most_common(1)[0][0],
    )


def _shown(scene: Scene, row: int) -> str:
    """A large file by its own path, small ones by their folder's; as text that UTF-8 has."""
    path = scene.listing.paths[row]
    if scene.listing.sizes[row] < LEAST_BYTES:
        path = path.rpartition("/")[0] + "/"
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
