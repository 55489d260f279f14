"""Images that are a few files, and the bloat in them."""

from pytest_tfdocker.evidence.bloat import Scene, find_bloat
from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.owners import find_owners
from pytest_tfdocker.evidence.parts import tree_of
from pytest_tfdocker.evidence.records import ImageConfig
from pytest_tfdocker.evidence.relations import relations_of

MB = 10**6
NOTHING_OWNED = {"dpkg": {}, "dpkg_status": "", "apt_states": None, "apk": None, "apk_world": None}


def scene_of(
    *files,
    distributions=(),
    identical=(),
    layers=None,
    rpm=(),
    dpkg=None,
    env=(),
    owned=None,
    python=(),
):
    """`files`: path and MB, and an inode or what a link leads to.

    `distributions`: name, folder, what its RECORD lists. `owned`: more that the probe reports.
    """
    listing = Listing()
    for path, size, *more in files:
        kind, _, value = (more or [""])[0].partition(":")
        row = listing.add(path, int(size * MB), 0, value if kind == "inode" else None)
        if kind == "link":
            listing.targets[row] = value
    named = [(name, "1.0", "pip") for name, _, _ in distributions]
    records = [(folder, record) for _, folder, record in distributions]
    owned = {**NOTHING_OWNED, "distributions": records, "dpkg": dpkg or {}, **(owned or {})}
    owners = find_owners(listing, named, owned, ImageConfig(), rpm)
    at = layers or [0] * len(listing.paths)
    same, relations = [list(one) for one in identical], relations_of(owned)
    return Scene(listing, owners, same, at, env, tree_of(listing).real, relations, python)


def bloat(*files, **more):
    """Bytes by cause."""
    scene = scene_of(*files, **more)
    return {one.cause: one.bytes / MB for one in find_bloat(scene)}
