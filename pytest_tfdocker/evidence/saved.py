"""The inventory of an image in which no probe can run: from the layers that the engine saves."""

from collections.abc import Callable, Sequence

import msgspec

from pytest_tfdocker.archive.image import read_saved
from pytest_tfdocker.archive.merge import Merged
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.image import engine_facts
from pytest_tfdocker.evidence.layered import history_of, inventory_of_layers, reading_of
from pytest_tfdocker.evidence.records import Absent, ImageConfig, Inventory
from pytest_tfdocker.evidence.waste import saved, waste_of


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
    with saved(engine, image_id) as stream:
        image, scanned = read_saved(stream, reading_of(config, tell), platform)
    merged = Merged(scanned)
    history = history_of(image, scanned, merged)
    if not engine_facts(engine).counts_blocks and len(layer_bytes) == len(history):
        every, regular = (
            history_of(image, scanned, merged, links=links) for links in (True, False)
        )
        history = [
            one if size == one[0].bytes else other
            for one, other, size in zip(every, regular, layer_bytes, strict=True)
        ]
    inventory = inventory_of_layers(image, scanned, merged, history, config, python)
    if isinstance(inventory.files, Absent):
        return inventory
    known = [layer.bytes for layer, _ in history]
    return msgspec.structs.replace(
        inventory,
        files=msgspec.structs.replace(inventory.files, layer_bytes=known),
        waste=waste_of(merged.hidden(), image.places, by_number=image.entries is None),
    )
