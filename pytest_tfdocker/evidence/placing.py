"""Which layer a file came with, without exporting one: by when the engine wrote it."""

import math
import re
from collections.abc import Collection, Sequence

import msgspec

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.records import HIDDEN_BY_THE_ENGINE_BYTES, Layer

MADE_AT_THE_START = {"/.dockerenv", "/etc/mtab", "/run/.containerenv"}
"""By the engine, in each container; /etc/hosts and its like are mounts, which aren't listed."""
TICK = 20
"""Milliseconds that lie between two layers, and not between two files of one: a container's start,
or an archive's end."""


CHANGING = re.compile(r"(?<![\w./-])(chown|chmod)(?= )")
"""Commands by which a later instruction copies files as they are."""
_NO_LAYER = re.compile(
    r"(/bin/sh -c #\(nop\) +)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD"
    r"|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR) "
)
SKIPPED = 3
"""Layers in a row of which nothing may be left."""
NEAR, FAR_LONGER = 0.02, 3
"""How much of a layer may be hidden for a pause to tell its end, and how long that must be."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Files by layer, and what the history leaves out."""

    layers: list[int | None]
    """The layer of each row, an index into the history; None where it can't be told."""
    uncounted_bytes: int
    """Of symbolic links that the history doesn't count: BuildKit's layers have regular files alone,
    those of the classic builder, of a pull and of an import have links too."""
    layer_bytes: list[int] = []
    """As `Files.layer_bytes`."""
    folder_bytes: int = 0
    """As `Files.folder_bytes`."""


def last_hiding(history: Sequence[Layer]) -> int:
    """The highest entry that may hide files of those below: what tells of the program hides none.

    A RUN that deletes leaves a layer of 0 bytes, as they do.
    """
    found = [
        at for at, one in enumerate(history) if one.bytes or not _NO_LAYER.match(one.instruction)
    ]
    return found[-1] if found else -1


def doubtful(history: Sequence[Layer]) -> frozenset[int]:
    """Entries whose files may be gone, so that a lower one of the same size may be what is left.

    Something above may have deleted them. Of a chown or chmod of the same files it hides the lower.
    """
    last = last_hiding(history)
    return frozenset(
        at for at, one in enumerate(history) if at < last and not CHANGING.search(one.instruction)
    )


def place_files(
    listing: Listing,
    layer_bytes: Sequence[int],
    volumes: Sequence[str] = (),
    in_doubt: Collection[int] = (),
) -> Placed:
    """Which layer each file came with; of what is below a VOLUME, which is a copy, nothing is told.

    `in_doubt`: as `doubtful` has it.

    An engine writes a layer when those below it are there, so that files in the order of their
    st_ctime are in the order of their layers, and only where one ends is open. The history tells:
    from the top down the files of whole layers must make up their bytes, but for layers of which
    nothing is left, and from the bottom up too. That sums of thousands of files are met to the
    byte by chance is out of the question. Of a layer of which a later one hides a part the end is
    the longest pause near to where it must be; of the last that is left the rest is told by what
    its neighbours leave. Of two layers of the same size, a model that is copied twice, of which one
    was deleted, it can't be told which.
    """
    order = sorted(own_rows(listing, volumes), key=listing.changed.__getitem__)
    found: list[int | None] = [None] * len(listing.paths)
    layers = [at for at, size in enumerate(layer_bytes) if size]
    end = len(order)
    while (top := _topmost(listing, order[:end], layer_bytes, layers)) is not None:
        layer, start = top
        is_sure = layer not in in_doubt
        twins = [] if is_sure else _twins(listing, order[:start], layer_bytes, layers, layer)
        _put(found, order[start:end], None if twins else layer)
        layers = [at for at in layers if at < layer and at not in twins]
        end = start
    begin = 0
    hidden = sum(layer_bytes[at] for at in layers) - sum(listing.sizes[row] for row in order[:end])
    while layers:
        stop = _end_of(listing, order[begin:end], layer_bytes[layers[0]], hidden)
        if not stop:
            break
        _put(found, order[begin : begin + stop], layers.pop(0))
        begin += stop
    rest = order[begin:end]
    regular = sum(listing.sizes[row] for row in rest if row not in listing.targets)
    if len(layers) == 1 and regular <= layer_bytes[layers[0]]:
        _put(found, rest, layers[0])
    return Placed(layers=found, uncounted_bytes=_uncounted(listing, found, layer_bytes, layers))


def own_rows(listing: Listing, volumes: Sequence[str]) -> list[int]:
    """The rows that came with a layer, as a layer has them."""
    copied = tuple(f"{volume.rstrip('/')}/" for volume in volumes)
    made_in = {path.rpartition("/")[0] for path in MADE_AT_THE_START}
    own: list[int] = []
    for folder, rows in listing.rows_by_folder():
        if folder in made_in:
            own += [row for row in rows if listing.paths[row] not in MADE_AT_THE_START]
        elif not f"{folder}/".startswith(copied):
            own += rows
    return own


def _put(found: list[int | None], rows: list[int], layer: int | None) -> None:
    for row in rows:
        found[row] = layer


def _topmost(
    listing: Listing, order: list[int], layer_bytes: Sequence[int], layers: list[int]
) -> tuple[int, int] | None:
    """The highest layer that ends with the last files, and where it begins.

    Of those above it nothing is left: a requirements.txt that `COPY . .` has brought once more.
    """
    for at in reversed(layers[-SKIPPED - 1 :]):
        start = _start_of(listing, order, layer_bytes[at])
        if start is not None and _holds(listing, order[:start], layer_bytes, layers, at):
            return at, start
    return None


def _holds(
    listing: Listing, below: list[int], layer_bytes: Sequence[int], layers: list[int], layer: int
) -> bool:
    """Whether the layers below it have room for what was written before."""
    regular = sum(listing.sizes[row] for row in below if row not in listing.targets)
    return regular <= sum(layer_bytes[at] for at in layers if at < layer)


def _twins(
    listing: Listing, below: list[int], layer_bytes: Sequence[int], layers: list[int], layer: int
) -> list[int]:
    """Lower layers of the same size, which may have what is left as well."""
    if _start_of(listing, below, layer_bytes[layer]) is not None:
        return []  # the twin stands right below, and is whole too
    same = [at for at in layers if at < layer and layer_bytes[at] == layer_bytes[layer]]
    return [at for at in same if _holds(listing, below, layer_bytes, layers, at)]


def _start_of(listing: Listing, order: list[int], size: int) -> int | None:
    """Where the last files begin that make up `size` bytes, with the links among them or without.

    What is no regular file, or is empty, and was written with the first of them counts with them.
    """
    at, regular, every = len(order), 0, 0
    while at and regular < size != every:
        at -= 1
        every += listing.sizes[order[at]]
        regular += 0 if order[at] in listing.targets else listing.sizes[order[at]]
    if size not in (regular, every):
        return None
    while at and _is_light(listing, order[at - 1]) and _together(listing, order[at - 1 : at + 1]):
        at -= 1
    return at


def _is_light(listing: Listing, row: int) -> bool:
    return row in listing.targets or not listing.sizes[row]


def _together(listing: Listing, rows: list[int]) -> bool:
    return listing.changed[rows[-1]] - listing.changed[rows[0]] <= TICK


def _end_of(listing: Listing, order: list[int], size: int, hidden: int) -> int:
    """How many of the first files make up `size` bytes, but for what is hidden of them.

    Of several ends that would do, the one before the longest time in which nothing was written;
    0 where none does. One that isn't met to the byte must be far longer than any before it: a
    container's start lies there. `hidden`: bytes, of this layer and of those above it.
    """
    regular, every, best, longest, before = 0, 0, 0, float(TICK), 0.0
    slack = max(HIDDEN_BY_THE_ENGINE_BYTES - 1, min(hidden, int(size * NEAR)))
    enough = range(size - slack, size + 1)
    for at, row in enumerate(order, 1):
        every += listing.sizes[row]
        regular += 0 if row in listing.targets else listing.sizes[row]
        if regular > size:
            break
        after = listing.changed[order[at]] if at < len(order) else math.inf
        pause = after - listing.changed[row]
        is_exact = size in (regular, every)
        is_near = (regular in enough or every in enough) and pause > FAR_LONGER * before
        if (is_exact or is_near) and pause > longest:
            best, longest = at, pause
        before = max(before, pause)
    return best


def _uncounted(
    listing: Listing,
    found: Sequence[int | None],
    layer_bytes: Sequence[int],
    broken: Sequence[int],
) -> int:
    """Bytes of links in layers whose size is that of their regular files.

    Of `broken` layers, whose files are not all there, the others tell how they are counted.
    """
    every, links = [0] * len(layer_bytes), [0] * len(layer_bytes)
    for layer, size in zip(found, listing.sizes, strict=True):
        if layer is not None:
            every[layer] += size
    for row in listing.targets:
        layer = found[row]
        if layer is not None:
            links[layer] += listing.sizes[row]
    without = {
        layer
        for layer, size in enumerate(layer_bytes)
        if links[layer] and layer not in broken and size < every[layer] - links[layer] / 2
    }
    return sum(links[layer] for layer in {*without, *(broken if without else ())})
