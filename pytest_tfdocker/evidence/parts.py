"""From what was found in an image to the parts of its inventory, whoever has found it."""

import posixpath
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from pytest_tfdocker.evidence.bloat import Scene, find_bloat, find_uncompared
from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.owners import (
    Owners,
    add_up,
    find_owners,
    paths_of_weights,
    unlisted_bytes,
)
from pytest_tfdocker.evidence.placing import Placed
from pytest_tfdocker.evidence.records import (
    Absent,
    Distribution,
    Distributions,
    Files,
    ImageConfig,
    Interpreter,
    Inventory,
)
from pytest_tfdocker.evidence.relations import relations_of
from pytest_tfdocker.evidence.rpm.database import mark_owned, read_databases
from pytest_tfdocker.evidence.unstarted import ImageTree
from pytest_tfdocker.text import encodable


class Compared(NamedTuple):
    """What was found out about large files by their contents."""

    identical: list[list[str]]
    """Paths, a list each content."""
    uncompared: Sequence[tuple[int, list[str], dict[str, str]]] = ()
    """As `find_uncompared` takes them."""


def inventory_of(
    found: dict[str, Any],
    listing: Listing,
    placed: Placed,
    compared: Callable[[], Compared],
    config: ImageConfig,
) -> Inventory:
    """The parts of what was found in an image, by the probe in it or in an archive of it.

    `compared`: asked for as late as may be, since who compares may still be at it.
    """
    files = Files(**found["files"])
    everywhere = [*found["distributions"], *found["elsewhere"]]
    rpm = read_databases(found["rpm"])
    mark_owned(everywhere, rpm.packages)
    named = [(one["name"], one["version"], one["installer"]) for one in everywhere]
    owners = find_owners(listing, named, found["owned"], config, rpm.packages)
    by_owner, by_distribution = add_up(listing, owners, placed.layers, len(named))
    weights = encodable(paths_of_weights(listing))
    unlisted = 0 if rpm.problem else unlisted_bytes(listing, owners)
    identical, uncompared = compared()
    scene = _scene_of(found, listing, owners, identical, placed, config)
    files = msgspec.structs.replace(
        files,
        links_bytes=sum(listing.sizes[row] for row in listing.targets),
        uncounted_bytes=placed.uncounted_bytes,
        layer_bytes=placed.layer_bytes,
        folder_bytes=placed.folder_bytes,
        owners=by_owner,
        bloat=find_bloat(scene),
        unread_packages=rpm.problem,
        unlisted_bytes=unlisted,
        uncompared=find_uncompared(scene, uncompared),
        weights=weights,
    )
    interpreter = _interpreter(encodable(found["interpreter"]))
    if isinstance(interpreter, Absent):
        return Inventory(files=files, interpreter=interpreter, distributions=interpreter)
    return Inventory(
        files=files,
        interpreter=interpreter,
        distributions=Distributions(
            installed=_installed(found, by_distribution, scene),
            others=encodable(found["others"]),
            elsewhere=_elsewhere(found["elsewhere"]),
        ),
    )


def _scene_of(
    found: dict[str, Any],
    listing: Listing,
    owners: Owners,
    identical: list[list[str]],
    placed: Placed,
    config: ImageConfig,
) -> Scene:
    real, relations = tree_of(listing).real, relations_of(found["owned"])
    python = _python_of(found["interpreter"])
    return Scene(listing, owners, identical, placed.layers, config.env, real, relations, python)


def _installed(
    found: dict[str, Any], sizes_bytes: Sequence[int], scene: Scene
) -> list[Distribution]:
    """`sizes_bytes`: of each distribution what its files take; nothing where no RECORD tells."""
    records = found["owned"]["distributions"]
    return [
        Distribution(
            **encodable(values),
            bytes=None if record is None else size,
            layer=_layer_of(scene, values["path"]),
        )
        for values, record, size in zip(found["distributions"], records, sizes_bytes, strict=False)
    ]


def _python_of(interpreter: dict[str, Any]) -> list[str]:
    """The program and the folders that it imports from; nothing where there is none."""
    executable = interpreter.get("executable")
    return [*([executable] if executable else []), *interpreter.get("path", [])]


def tree_of(listing: Listing) -> ImageTree:
    """The image's files, by which its symbolic links can be followed."""
    targets = {listing.paths[row]: target for row, target in listing.targets.items()}
    return ImageTree(listing.paths, targets=targets)


def _interpreter(told: dict[str, Any]) -> Interpreter | Absent:
    if "error" in told:
        return Absent(reason=told["error"])
    return Interpreter(
        executable=told["executable"],
        reason=told["reason"],
        version=told["version"],
        platform=told["platform"],
        environment=told["environment"],
        path=told["path"],
        soabi=told["soabi"],
        libc=told["libc"],
        bits=told["bits"],
    )


def _elsewhere(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Names by folder."""
    names: dict[str, list[str]] = {}
    for one in encodable(found):
        names.setdefault(posixpath.dirname(one["path"]), []).append(one["name"])
    return names


def _layer_of(scene: Scene, path: str) -> int | None:
    """The layer that a distribution's metadata came with."""
    rows = (scene.row_of.get(f"{path}{name}") for name in ("/METADATA", "/PKG-INFO", ""))
    row = next((row for row in rows if row is not None), None)
    return None if row is None else scene.layers[row]
