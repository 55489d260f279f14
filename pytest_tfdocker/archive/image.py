"""Images as files: `docker save`, OCI archives and OCI image layouts, read without an engine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pytest_tfdocker.archive.compressed import buffered, is_compressed, refuse_unread
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import LayerFiles, Reading
from pytest_tfdocker.archive.layouts import (
    Layout,
    LayoutFolder,
    LayoutStream,
    LayoutTar,
)
from pytest_tfdocker.archive.manifest import Chosen, choose


@contextmanager
def opened(
    path: Path, reading: Reading | None = None, order: Sequence[str] = ()
) -> Iterator[Layout]:
    """An archive or a folder; what is packed as a whole is read when anything is asked for.

    Raises ArchiveError, OSError. `reading`: None where no layer will be asked for. `order`: of the
    layers, where it is known, the lowest first.
    """
    if path.is_dir():
        yield LayoutFolder(path, reading or Reading())
        return
    if not path.is_file():
        raise ArchiveError("it is neither a file nor a folder")
    with path.open("rb") as file:
        stream = buffered(file)
        refuse_unread(stream, "it")
        if is_compressed(stream):
            yield LayoutStream(stream, reading, order)
        else:
            file.seek(0)
            yield LayoutTar(file, reading or Reading())


def find_image(layout: Layout, reference: str | None, platform: str | None) -> Chosen:
    """Which image is meant, without a look at its layers. Raises ArchiveError."""
    return choose(layout.document, reference, platform)


def read_layers(layout: Layout, image: Chosen) -> list[LayerFiles]:
    """Of each layer what it holds, the lowest first. Raises ArchiveError."""
    found = layout.layers(image.layers)
    for number, name in enumerate(image.layers, 1):
        if name not in found:
            raise ArchiveError(f"layer {number} of {len(image.layers)} is missing in it: {name}")
    return [found[name] for name in image.layers]


def read_saved(
    stream: IO[bytes], reading: Reading, platform: str
) -> tuple[Chosen, list[LayerFiles]]:
    """The one image that an engine saves, from a stream; of several platforms that one.

    Raises ArchiveError.
    """
    layout = LayoutStream(buffered(stream), reading)
    try:
        image = find_image(layout, None, None)
    except ArchiveError:
        image = find_image(layout, None, platform)
    return image, read_layers(layout, image)
