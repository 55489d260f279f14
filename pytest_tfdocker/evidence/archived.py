"""Images that are given as a file: all that can be known of them without an engine."""

import os.path
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import find_image, opened, read_layers, read_saved
from pytest_tfdocker.archive.layer import FILE, SYMLINK, LayerFiles, Reading
from pytest_tfdocker.archive.manifest import Chosen
from pytest_tfdocker.archive.merge import Merged
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.image import engine_facts, image_config
from pytest_tfdocker.evidence.listing import Listing, unpacked
from pytest_tfdocker.evidence.parts import inventory_of
from pytest_tfdocker.evidence.placing import Placed
from pytest_tfdocker.evidence.records import (
    Absent,
    Download,
    ImageConfig,
    ImageEvidence,
    Inventory,
    Layer,
)
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.evidence.unstarted import (
    TEXT_BYTES,
    ImageTree,
    Kept,
    environ_of,
    read_unstarted,
)
from pytest_tfdocker.evidence.waste import Doing, saved, telling, waste_of
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import encodable, printable, printable_lines

LARGE_BYTES = 10**6
"""Of files that are told where their content stands twice."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and the image in it."""

    path: Path
    image: Chosen


def find_archived(image: Image) -> Given:
    """The image that `tar:FILE` or `oci:DIR` gives. Raises ArchiveError."""
    path, reference = _split(image.given or "")
    with _told(path), opened(path) as layout:
        return Given(path=path, image=find_image(layout, reference, image.settings.build.platform))


def _split(given: str) -> tuple[Path, str | None]:
    """tar:FILE and tar:FILE:NAME; either may hold colons."""
    text = given.partition(":")[2]
    ends = [at for at, char in enumerate(text) if char == ":"] + [len(text)]
    for end in reversed(ends):
        # os.path's, and not Path's: it raises at no odd name
        if end and os.path.exists(text[:end]):  # noqa: PTH110
            return Path(text[:end]), text[end + 1 :] or None
    raise ArchiveError(f"there is no {printable(text)}")


class _told(AbstractContextManager[None]):  # noqa: N801 (reads as a function)
    """Names the file in what is raised."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        name = self._path.name
        if isinstance(error, ArchiveError):
            text = f"{name} can't be judged: {error}\n{self._path}"
            raise ArchiveError(printable_lines(text)) from None
        if isinstance(error, OSError):
            text = f"{name} can't be read: {error.strerror or error}\n{self._path}"
            raise ArchiveError(printable_lines(text)) from None


def recall_archived(store: Store, image: Image, doing: Doing) -> ImageEvidence:
    """Size, files, interpreter and distributions of an image in a file. Raises ArchiveError."""
    given = find_archived(image)
    layers = f"{' '.join(given.image.layers)} {_stamp(given)}"
    key = f"archive {given.image.id} {layers} {image.settings.python} {code_hash()}"
    found = store.recall(key, ImageEvidence)
    if found is None:
        with doing(f"read {printable(given.path.name)}") as tell:
            found = read_archived(given, image.settings.python, tell)
        store.keep(key, found)
    return msgspec.structs.replace(found, name=image.name, reference=encodable(image.given or ""))


def _stamp(given: Given) -> str:
    """Changes with what has been done to the file, or to one of its layers."""
    folder = given.path.is_dir()
    paths = [given.path / name for name in given.image.layers] if folder else [given.path]
    found = [path.stat() if path.exists() else None for path in paths]
    return " ".join(f"{one.st_size}:{one.st_mtime_ns}" if one else "gone" for one in found)


def read_archived(
    given: Given, python: str | None, tell: Callable[[str], None] = lambda _: None
) -> ImageEvidence:
    """All of it, in one pass over the layers. `tell`: is told how far that is."""
    config = image_config({"Config": given.image.config.get("config")})
    reading = _reading(config, tell)
    with _told(given.path), opened(given.path, reading, given.image.layers) as layout:
        scanned = read_layers(layout, given.image)
        merged = Merged(scanned)
    history = _history(given.image, scanned, merged)
    inventory = _inventory(given.image, scanned, merged, history, config, python)
    return ImageEvidence(
        name="",
        reference="",
        id=given.image.id,
        digests=[],
        platform=given.image.platform,
        engine=None,
        config=config,
        layers=[layer for layer, _ in history],
        files=inventory.files,
        interpreter=inventory.interpreter,
        distributions=inventory.distributions,
        base=Absent(reason="not asked for"),
        waste=waste_of(merged.hidden(), given.image.places),
        download=_download(scanned),
    )


def _download(scanned: Sequence[LayerFiles]) -> Download | Absent:
    """Where every layer is compressed as a registry has it."""
    sizes = [layer.compressed_bytes for layer in scanned]
    packed = [size for size in sizes if size is not None]
    if len(packed) < len(sizes):
        return Absent(reason="the file holds layers uncompressed")
    return Download(bytes=sum(packed), source="archive", layers=packed)


def collect_saved(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    platform: str,
    python: str | None,
    layer_bytes: Sequence[int],
    tell: Callable[[str], None] = lambda _: None,
) -> Inventory:
    """The inventory of an image in which no probe can run, from the layers that the engine saves.

    `layer_bytes`: of the engine's history, which tells whether it counts symbolic links. Raises
    EngineError, ArchiveError.
    """
    image, scanned = read_saved(saved(engine, image_id), _reading(config, tell), platform)
    merged = Merged(scanned)
    history = _history(image, scanned, merged)
    if not engine_facts(engine).counts_blocks and len(layer_bytes) == len(history):
        every, regular = (_history(image, scanned, merged, links=links) for links in (True, False))
        history = [
            one if size == one[0].bytes else other
            for one, other, size in zip(every, regular, layer_bytes, strict=True)
        ]
    inventory = _inventory(image, scanned, merged, history, config, python)
    if isinstance(inventory.files, Absent):
        return inventory
    known = [layer.bytes for layer, _ in history]
    return msgspec.structs.replace(
        inventory,
        files=msgspec.structs.replace(inventory.files, layer_bytes=known),
        waste=waste_of(merged.hidden(), image.places),
    )


def _reading(config: ImageConfig, tell: Callable[[str], None]) -> Reading:
    return Reading(
        wanted=Kept([*config.entrypoint, *config.command]).wanted_bytes,
        reduce=Kept.reduced,
        digests=True,
        on_bytes=telling(tell),
    )


def _inventory(
    image: Chosen,
    scanned: Sequence[LayerFiles],
    merged: Merged,
    history: Sequence[tuple[Layer, bool]],
    config: ImageConfig,
    python: str | None,
) -> Inventory:
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
        _identical(scanned, merged),
        config,
        uncompared=_uncompared(scanned, merged),
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


def _history(
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
