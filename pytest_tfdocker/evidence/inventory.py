"""Takes the inventory of an image: files, interpreter, distributions, by one container start."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.blocks import place_by_blocks, read_blocks
from pytest_tfdocker.evidence.image import engine_facts
from pytest_tfdocker.evidence.inside import (
    ANOTHER,
    NO_PYTHON,
    PROBE_SECONDS,
    Report,
    first_that_starts,
    unfit,
)
from pytest_tfdocker.evidence.listing import Listing, read_listing, unpacked
from pytest_tfdocker.evidence.parts import Compared, inventory_of
from pytest_tfdocker.evidence.placing import Placed, place_files
from pytest_tfdocker.evidence.records import (
    Absent,
    Distributions,
    ImageConfig,
    Inventory,
)
from pytest_tfdocker.evidence.saved import collect_saved
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.evidence.waste import Doing


def collect_inventory(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    run_id: str,
    platform: str = "",
    python: str | None = None,
    layer_bytes: Sequence[int] = (),
    contents: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Inventory:
    """Files, interpreter and distributions, by one container start.

    Where no Python is in the image, or none that the probe runs on, they come from its layers.

    `python`: overrides the choice of the interpreter, by path or by name on the image's PATH.
    `layer_bytes`: of the history, by which files are told to have come with one of its layers.
    `contents`: whether large files are read, to find those of the same content, and layers, where
    nothing else tells; without them an image without Python has no distributions.
    `platform`: "linux/amd64", of an image that the engine may have for several.
    """
    counts_blocks = engine_facts(engine).counts_blocks
    plan: dict[str, object] = {
        "python": python,
        "entrypoint": config.entrypoint,
        "command": config.command,
        "user": config.user,
        "volumes": config.volumes,
        "contents": contents,
        "blocks": counts_blocks,
        "deadline_seconds": PROBE_SECONDS,
    }
    payload = probe.inventory_payload(plan)
    try:
        found = first_that_starts(
            engine,
            image_id,
            config,
            payload,
            run_id,
            python,
            read=lambda told, more: _read(told, more, config, layer_bytes),
        )
    except EngineError as error:
        return _nothing(f"no inventory: {error}")
    if found is None and not contents:
        return msgspec.structs.replace(
            _nothing(NO_PYTHON), distributions=Distributions(installed=[])
        )
    if found is None or "too_old" in found:
        try:
            read = collect_saved(
                engine,
                image_id,
                config,
                platform=platform,
                python=python,
                layer_bytes=layer_bytes,
                tell=tell,
            )
            return _with_advice(read, (found or {}).get("too_old"))
        except (EngineError, ArchiveError) as error:
            return _nothing(f"no inventory: the layers can't be read: {error}")
    if "crash" in found:
        return _nothing(f"the probe failed inside the image:\n{found['crash']}")
    inventory: Inventory = found["read"]
    return inventory


def recall_inventory(
    store: Store,
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    run_id: str,
    platform: str,
    python: str | None,
    layer_bytes: Sequence[int],
    doing: Doing,
) -> Inventory:
    """The inventory that an earlier run has left, else a new one, which is kept."""
    key = f"inventory {engine.info.get('Driver')} {image_id} {python} {code_hash()}"
    found = store.recall(key, Inventory)
    if found is None:
        with doing("inventory of the image") as tell:
            found = collect_inventory(
                engine,
                image_id,
                config,
                run_id=run_id,
                platform=platform,
                python=python,
                layer_bytes=layer_bytes,
                tell=tell,
            )
        if _is_whole(found):
            store.keep(key, found)
    return found


def _is_whole(found: Inventory) -> bool:
    """What is missing may have been missed: a start that took too long, an engine too busy.

    What the layers do not tell, they never will.
    """
    if found.waste is not None:
        return True
    if isinstance(found.files, Absent) or any(
        one.reason == "time" for one in found.files.uncompared
    ):
        return False
    return Absent not in map(type, (found.interpreter, found.distributions))


class _CrashError(Exception):
    """The probe failed where it was expected to compare."""

    def __init__(self, report: Report) -> None:
        self.report = report


def _read(
    told: Report, more: Callable[[str], Report], config: ImageConfig, layer_bytes: Sequence[int]
) -> Report:
    """From the first report of the probe and those that follow, while it is still at the next."""
    listing, placed = _placed(told, layer_bytes, config.volumes)
    found = more("files")
    if "crash" in found:
        return found

    def compared() -> Compared:
        found = more("contents")
        if "crash" in found:
            raise _CrashError(found)
        contents = unpacked(found["contents"])
        return Compared(contents["same"], contents["uncompared"])

    found["owned"] = unpacked(found["owned"])
    try:
        return {"read": inventory_of(found, listing, placed, compared, config)}
    except _CrashError as error:
        return error.report


def _placed(
    told: dict[str, Any], layer_bytes: Sequence[int], volumes: Sequence[str]
) -> tuple[Listing, Placed]:
    """The listing that the probe has reported, and with which layer each file came."""
    listing = read_listing(unpacked(told["listing"]))
    if "blocks" in told:
        blocks = read_blocks(unpacked(told["blocks"]))
        return listing, place_by_blocks(listing, blocks, layer_bytes, volumes)
    return listing, place_files(listing, layer_bytes, volumes)


def _with_advice(read: Inventory, too_old: str | None) -> Inventory:
    """What was read without a start; where that tells of no interpreter, why, and the way out."""
    if not isinstance(read.interpreter, Absent):
        return read
    absent = Absent(reason=f"{unfit(too_old)}\n{read.interpreter.reason}\n{ANOTHER}")
    return msgspec.structs.replace(read, interpreter=absent, distributions=absent)


def _nothing(reason: str) -> Inventory:
    absent = Absent(reason=reason)
    return Inventory(files=absent, interpreter=absent, distributions=absent)
