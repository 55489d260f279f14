"""What the search for files of the same content has left out, and what that could come to."""

from collections import Counter
from collections.abc import Sequence

from pytest_tfdocker.evidence.bloat.scene import Scene
from pytest_tfdocker.evidence.bloat.twice import OWN
from pytest_tfdocker.evidence.records import Uncompared


def find_uncompared(
    scene: Scene, sizes: Sequence[tuple[int, list[str], dict[str, str]]]
) -> list[Uncompared]:
    """By reason; nothing of files that would be no bloat whatever they hold.

    `sizes`: bytes, the paths of the files that have as many, and why some were not compared.
    """
    counts: Counter[str] = Counter()
    could_free: Counter[str] = Counter()
    for size_bytes, paths, missed in sizes:
        own = sum(scene.owners.kind(scene.row_of[path]) in OWN for path in paths)
        copies = min(own, len(paths) - 1)  # one stays, and what packagers bring
        for reason, count in Counter(missed.values()).items():
            freed = min(count, copies)
            copies -= freed
            if freed:
                counts[reason] += count
                could_free[reason] += freed * size_bytes
    return [
        Uncompared(reason=reason, count=count, bytes=could_free[reason])
        for reason, count in counts.items()
    ]
