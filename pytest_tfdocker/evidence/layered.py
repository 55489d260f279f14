"""From the layers of an image to its inventory, whoever has them: a file, or an engine."""

from collections.abc import Callable, Sequence
from typing import Any

from pytest_tfdocker.archive.layer import FILE, SYMLINK, LayerFiles, Reading
from pytest_tfdocker.archive.manifest import Chosen
from pytest_tfdocker.archive.merge import Merged
from pytest_tfdocker.evidence.bloat import LARGE_BYTES
from pytest_tfdocker.evidence.listing import Listing, unpacked
from pytest_tfdocker.evidence.parts import Compared, inventory_of
from pytest_tfdocker.evidence.placing import Placed
from pytest_tfdocker.evidence.records import ImageConfig, Inventory, Layer
from pytest_tfdocker.evidence.unstarted import (
    TEXT_BYTES,
    ImageTree,
    Kept,
    environ_of,
    read_unstarted,
)
from pytest_tfdocker.evidence.waste import telling


def reading_of(config: ImageConfig, tell: Callable[[str], None]) -> Reading:
    """All that `inventory_of_layers` needs of them."""
    return Reading(
        wanted=Kept([*config.entrypoint, *config.command]).wanted_bytes,
        reduce=Kept.reduced,
        digests=True,
        on_bytes=telling(tell),
    )


def inventory_of_layers(
    image: Chosen,
    scanned: Sequence[LayerFiles],
    merged: Merged,
    history: Sequence[tuple[Layer, bool]],
    config: ImageConfig,
    python: str | None,
) -> Inventory:
    """Of layers that were read as `reading_of` says. `history`: as `history_of` gives it."""
    kept = Kept([*config.entrypoint, *config.command])
    listing, layers = _listing(scanned, merged, image.places)
    uncounted = sum(
        listing.sizes[row] for row in listing.targets if not history[layers[row] or 0][1]
    )
    tree = _tree(scanned, merged, listing, kept, config)
    found = read_unstarted(tree, config, image.platform, python)
    notes = [*_notes(scanned, merged), *kept.problems(), *found["problems"]]
    placed = Placed(layers=list(layers), uncounted_bytes=uncounted)
    return inventory_of(
        {**found, "owned": unpacked(found["owned"]), "files": _files(listing, notes)},
        listing,
        placed,
        lambda: Compared(_identical(scanned, merged), _uncompared(scanned, merged)),
        config,
    )


def _notes(scanned: Sequence[LayerFiles], merged: Merged) -> list[str]:
    leading_out = sum(layer.leading_out for layer in scanned)
    unkept = len({row for _, _, row in merged.files() if row[1] in scanned[row[0]].unkept})
    return [
        *([f"{leading_out} names of files lead out of the image by '..'"] if leading_out else []),
        *([f"{unkept} files are not read: too many bytes of them"] if unkept else []),
        *([f"hard links that lead to no file: {merged.unlinked}"] if merged.unlinked else []),
    ]


def _files(listing: Listing, notes: list[str]) -> dict[str, Any]:
    return {
        "count": len(listing.paths),
        "apparent_bytes": sum(listing.sizes),
        "block_bytes": None,
        "unreadable": 0,
        "seconds": 0.0,
        "notes": notes,
    }


def history_of(
    image: Chosen, scanned: Sequence[LayerFiles], merged: Merged, *, links: bool | None = None
) -> list[tuple[Layer, bool]]:
    """The history with each layer's bytes, and whether these include symbolic links.

    As the engine that has built the image counts them: BuildKit's without; `links` overrides that.
    Where the history does not tell of every layer, the layers alone.
    """
    entries, history = image.places, image.config.get("history") or []
    if image.entries is None:
        history = [{"created_by": f"layer {at + 1} of {len(scanned)}"} for at in entries]
    found = []
    for at, entry in enumerate(history):
        counts = "buildkit" not in str(entry.get("comment")) if links is None else links
        size = merged.layer_bytes(entries.index(at), links=counts) if at in entries else 0
        told = str(entry.get("created_by") or entry.get("comment") or "")
        found.append((Layer(instruction=told, bytes=size, empty=not size), counts))
    return found


def _listing(
    scanned: Sequence[LayerFiles], merged: Merged, entries: Sequence[int]
) -> tuple[Listing, list[int]]:
    """The files that are left, and which entry of the history each came with."""
    listing, placed = Listing(), list[int]()
    shared = merged.shared
    for path, (at, _), content in merged.files():
        source = scanned[content[0]]
        inode = f"{content[0]}:{content[1]}" if content in shared else None
        number = listing.add(path, source.sizes[content[1]], 0, inode)
        if source.kinds[content[1]] == SYMLINK:
            listing.targets[number] = source.targets[content[1]]
        placed.append(entries[at])
    return listing, placed


def _tree(
    scanned: Sequence[LayerFiles],
    merged: Merged,
    listing: Listing,
    kept: Kept,
    config: ImageConfig,
) -> ImageTree:
    programs = set[str]()
    for path, _, (at, row) in merged.files():
        if row in scanned[at].programs:
            programs.add(path)
        if row in scanned[at].contents:
            kept.put(path, scanned[at].contents[row])
        elif scanned[at].sizes[row] > TEXT_BYTES:  # else it was no matter of its size
            kept.leave_out(path, scanned[at].sizes[row])
    return ImageTree(
        listing.paths,
        targets={listing.paths[row]: target for row, target in listing.targets.items()},
        folders=merged.folders,
        programs=programs,
        contents=kept.contents,
        environ=environ_of(config),
        cwd=config.workdir,
    )


def _identical(scanned: Sequence[LayerFiles], merged: Merged) -> list[list[str]]:
    groups: dict[tuple[int, bytes], dict[Any, str]] = {}
    for path, _, (at, row) in merged.files():
        digest = scanned[at].digests.get(row)
        if digest is not None and scanned[at].sizes[row] >= LARGE_BYTES:
            groups.setdefault((scanned[at].sizes[row], digest), {}).setdefault((at, row), path)
    return sorted(sorted(group.values()) for group in groups.values() if len(group) > 1)


def _uncompared(
    scanned: Sequence[LayerFiles], merged: Merged
) -> list[tuple[int, list[str], dict[str, str]]]:
    """As `find_uncompared` takes them: of a tar's sparse files the content is not read."""
    sizes: dict[int, dict[Any, str]] = {}
    for path, _, (at, row) in merged.files():
        if scanned[at].kinds[row] == FILE and scanned[at].sizes[row] >= LARGE_BYTES:
            sizes.setdefault(scanned[at].sizes[row], {}).setdefault((at, row), path)
    found = []
    for size, files in sizes.items():
        missed = {
            path: "unreadable"
            for (at, row), path in files.items()
            if row not in scanned[at].digests
        }
        if missed and len(files) > 1:
            found.append((size, sorted(files.values()), missed))
    return found
