"""What the catalogue finds in one image."""

from collections import Counter

from pytest_tfdocker.evidence.bloat.catalogue import CAUSES, Cause
from pytest_tfdocker.evidence.bloat.scene import LARGE_BYTES, Scene
from pytest_tfdocker.evidence.records import Bloat
from pytest_tfdocker.text import encodable

PATHS = 10


def find_bloat(scene: Scene) -> list[Bloat]:
    """A finding each cause that takes any bytes, largest first."""
    found = []
    for cause in CAUSES:
        rows = [row for row in dict.fromkeys(cause.find(scene)) if row not in scene.claimed]
        freed = scene.freed(rows)
        scene.claimed.update(rows)
        if any(freed.values()):
            found.append(_finding(scene, cause, freed))
    return sorted(found, key=lambda one: -one.bytes)


def _finding(scene: Scene, cause: Cause, freed: dict[int, int]) -> Bloat:
    paths: Counter[str] = Counter()
    by_layer: Counter[int | None] = Counter()
    for row, size in freed.items():
        paths[_shown(scene.listing.paths[row], size)] += size
        by_layer[scene.layers[row]] += size
    return Bloat(
        cause=cause.name,
        bytes=sum(freed.values()),
        paths=[path for path, _ in paths.most_common(PATHS)],
        path_bytes=[amount for _, amount in paths.most_common(PATHS)],
        count=len(freed),
        by_layer=[(layer, size) for layer, size in by_layer.most_common() if size],
    )


def _shown(path: str, size_bytes: int) -> str:
    """A large file by its own path, small ones by their folder's; as text that UTF-8 has."""
    if size_bytes < LARGE_BYTES:
        path = path.rpartition("/")[0] + "/"
    return encodable(path)
