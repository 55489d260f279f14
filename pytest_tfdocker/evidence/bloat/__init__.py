"""Why an image is larger than it need be: causes that have a name, their bytes and their paths."""

from pytest_tfdocker.evidence.bloat.caches import CACHES, cache_folder
from pytest_tfdocker.evidence.bloat.catalogue import CAUSES, REWRITTEN
from pytest_tfdocker.evidence.bloat.findings import find_bloat
from pytest_tfdocker.evidence.bloat.scene import LARGE_BYTES, Scene
from pytest_tfdocker.evidence.bloat.uncompared import find_uncompared

__all__ = [
    "CACHES",
    "CAUSES",
    "LARGE_BYTES",
    "REWRITTEN",
    "Scene",
    "cache_folder",
    "find_bloat",
    "find_uncompared",
]
