"""Images that are given as a file: all that can be known of them without an engine."""

import os.path
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import find_image, opened, read_layers
from pytest_tfdocker.archive.layer import LayerFiles
from pytest_tfdocker.archive.manifest import Chosen
from pytest_tfdocker.archive.merge import Merged
from pytest_tfdocker.evidence.image import image_config
from pytest_tfdocker.evidence.layered import history_of, inventory_of_layers, reading_of
from pytest_tfdocker.evidence.records import (
    Absent,
    Download,
    ImageEvidence,
)
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.evidence.waste import Doing, waste_of
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import encodable, printable, printable_lines


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
    key = f"archive {key_of(given)} {image.settings.python}"
    found = store.recall(key, ImageEvidence)
    if found is None:
        with doing(f"read {printable(given.path.name)}") as tell:
            found = read_archived(given, image.settings.python, tell)
        store.keep(key, found)
    return msgspec.structs.replace(found, name=image.name, reference=encodable(image.given or ""))


def key_of(given: Given) -> str:
    """Changes with the image, with the code that reads it, and with what is done to the file.

    Raises ArchiveError where it can't be looked at.
    """
    with _told(given.path):
        stamp = _stamp(given)
    return f"{given.image.id} {' '.join(given.image.layers)} {stamp} {code_hash()}"


def _stamp(given: Given) -> str:
    """Of the file, or of each of its layers."""
    folder = given.path.is_dir()
    paths = [given.path / name for name in given.image.layers] if folder else [given.path]
    found = [path.stat() if path.exists() else None for path in paths]
    return " ".join(f"{one.st_size}:{one.st_mtime_ns}" if one else "gone" for one in found)


def read_archived(
    given: Given, python: str | None, tell: Callable[[str], None] = lambda _: None
) -> ImageEvidence:
    """All of it, in one pass over the layers. `tell`: is told how far that is."""
    config = image_config({"Config": given.image.config.get("config")})
    reading = reading_of(config, tell)
    with _told(given.path), opened(given.path, reading, given.image.layers) as layout:
        scanned = read_layers(layout, given.image)
        merged = Merged(scanned)
    history = history_of(given.image, scanned, merged)
    inventory = inventory_of_layers(given.image, scanned, merged, history, config, python)
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
        download=_download(given.image.layers, scanned),
    )


def _download(names: Sequence[str], scanned: Sequence[LayerFiles]) -> Download | Absent:
    """Where every layer is compressed as a registry has it. `names`: of the blobs."""
    sizes = [layer.compressed_bytes for layer in scanned]
    packed = [size for size in sizes if size is not None]
    if len(packed) < len(sizes):
        return Absent(reason="the file holds layers uncompressed")
    once = dict(zip(names, packed, strict=True))  # a layer that stands in it twice is sent once
    return Download(bytes=sum(once.values()), source="archive", layers=packed)
