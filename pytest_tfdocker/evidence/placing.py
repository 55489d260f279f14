"""Which layer a file came with, without exporting one: by when the engine wrote it."""

from collections.abc import Sequence

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.records import HIDDEN_BY_THE_ENGINE_BYTES

MADE_AT_THE_START = {"/.dockerenv", "/etc/mtab", "/run/.containerenv"}
"""By the engine, in each container; /etc/hosts and its like are mounts, which aren't listed."""


def place_files(listing: Listing, layer_bytes: Sequence[int]) -> list[int | None]:
    """The layer of each row, as an index into `layer_bytes`; None where it can't be told.

    An engine writes a layer when those below it are there, so that files in the order of their
    st_ctime are in the order of their layers, and only where one ends is open. The history tells:
    from the top down the files of whole layers must make up their bytes, and from the bottom up
    too. That sums of thousands of files are met to the byte by chance is out of the question. Of
    a layer of which a later one hides files the rest is told by what its neighbours leave; of two
    such layers nothing is told.
    """
    own = [row for row, path in enumerate(listing.paths) if path not in MADE_AT_THE_START]
    order = sorted(own, key=listing.changed.__getitem__)
    found: list[int | None] = [None] * len(listing.paths)
    layers = [at for at, size in enumerate(layer_bytes) if size]
    end = len(order)
    while (
        layers and (start := _start_of(listing, order[:end], layer_bytes[layers[-1]])) is not None
    ):
        _put(found, order[start:end], layers.pop())
        end = start
    begin = 0
    while layers and (stop := _end_of(listing, order[begin:end], layer_bytes[layers[0]])):
        _put(found, order[begin : begin + stop], layers.pop(0))
        begin += stop
    if len(layers) == 1:
        _put(found, order[begin:end], layers[0])
    return found


def _put(found: list[int | None], rows: list[int], layer: int) -> None:
    for row in rows:
        found[row] = layer


def _start_of(listing: Listing, order: list[int], size: int) -> int | None:
    """Where the last files begin that make up `size` bytes; those of no bytes count with them."""
    at, left = len(order), size
    while at and left > 0:
        at -= 1
        left -= listing.sizes[order[at]]
    return at if left == 0 else None


def _end_of(listing: Listing, order: list[int], size: int) -> int | None:
    """How many of the first files make up `size` bytes, but for what the engine hides of them.

    The file after these must be younger: else the layer may end between two that were written at
    once.
    """
    seen = 0
    for at, row in enumerate(order):
        seen += listing.sizes[row]
        if size - HIDDEN_BY_THE_ENGINE_BYTES < seen <= size:
            following = order[at + 1 : at + 2]
            if not following or listing.changed[following[0]] - listing.changed[row] > TICK:
                return at + 1
        if seen > size:
            return None
    return None


TICK = 20
"""Milliseconds that lie between two layers, and not between two files of one: a container's start,
or an archive's end."""
