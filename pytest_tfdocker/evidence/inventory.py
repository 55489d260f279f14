"""Takes the inventory of an image: files, interpreter, distributions, by one container start."""

from collections.abc import Callable, Sequence

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.blocks import place_by_blocks, read_blocks
from pytest_tfdocker.evidence.image import engine_facts
from pytest_tfdocker.evidence.inside import (
    ANOTHER,
    ELSEWHERE,
    NO_PYTHON,
    NONE_MEANT,
    PROBE_SECONDS,
    Next,
    ProbeError,
    Report,
    Target,
    UnfitError,
    read_from_inside,
    unfit,
)
from pytest_tfdocker.evidence.listing import Listing, read_listing, unpacked
from pytest_tfdocker.evidence.parts import Compared, inventory_of
from pytest_tfdocker.evidence.placing import Placed, doubtful, place_files
from pytest_tfdocker.evidence.records import (
    Absent,
    Distributions,
    ImageConfig,
    Inventory,
    Layer,
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
    history: Sequence[Layer] = (),
    contents: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Inventory:
    """Files, interpreter and distributions, by one container start.

    Where no Python is in the image, or none that the probe runs on, they come from its layers.

    `python`: overrides the choice of the interpreter, by path or by name on the image's PATH.
    `history`: the layers by whose bytes files are told to have come with one of its layers.
    `contents`: whether large files are read, to find those of the same content, and layers, where
    nothing else tells; without them an image without Python has no distributions.
    `platform`: "linux/amd64", of an image that the engine may have for several.
    """
    target = Target(engine, image_id, config, run_id, python)
    try:
        return read_from_inside(
            target,
            probe.inventory_payload(_plan(target, contents=contents)),
            lambda report: _read(report, config, history),
        )
    except UnfitError as error:
        too_old = error.too_old
    except ProbeError as error:
        return _nothing(str(error))
    except EngineError as error:
        return _nothing(f"no inventory: {error}")
    if too_old is None and not contents:
        return msgspec.structs.replace(
            _nothing(NO_PYTHON), distributions=Distributions(installed=[])
        )
    return _unstarted(target, too_old, platform, [layer.bytes for layer in history], tell)


def _unstarted(
    target: Target,
    too_old: str | None,
    platform: str,
    layer_bytes: Sequence[int],
    tell: Callable[[str], None],
) -> Inventory:
    """From the layers, where no Python of the image runs the probe."""
    try:
        read = collect_saved(
            target.engine,
            target.image_id,
            target.config,
            platform=platform,
            python=target.python,
            layer_bytes=layer_bytes,
            tell=tell,
        )
    except (EngineError, ArchiveError) as error:
        return _nothing(f"no inventory: the layers can't be read: {error}")
    return _with_advice(read, too_old)


def recall_inventory(
    store: Store,
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    run_id: str,
    platform: str,
    python: str | None,
    history: Sequence[Layer],
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
                history=history,
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


def _plan(target: Target, *, contents: bool) -> dict[str, object]:
    config = target.config
    return {
        "python": target.python,
        "entrypoint": config.entrypoint,
        "command": config.command,
        "user": config.user,
        "volumes": config.volumes,
        "contents": contents,
        "blocks": engine_facts(target.engine).counts_blocks,
        "deadline_seconds": PROBE_SECONDS,
    }


def _read(report: Next, config: ImageConfig, history: Sequence[Layer]) -> Inventory:
    """From the probe's three reports, each read while the probe is at the next."""
    listing, placed = _placed(report("listing"), history, config.volumes)
    found = report("files")
    found["owned"] = unpacked(found["owned"])

    def compared() -> Compared:
        contents = unpacked(report("contents")["contents"])
        return Compared(contents["same"], contents["uncompared"])

    return inventory_of(found, listing, placed, compared, config)


def _placed(
    told: Report, history: Sequence[Layer], volumes: Sequence[str]
) -> tuple[Listing, Placed]:
    """The listing that the probe has reported, and with which layer each file came."""
    listing = read_listing(unpacked(told["listing"]))
    layer_bytes = [layer.bytes for layer in history]
    if "blocks" in told:
        blocks = read_blocks(unpacked(told["blocks"]))
        return listing, place_by_blocks(listing, blocks, layer_bytes, volumes)
    return listing, place_files(listing, layer_bytes, volumes, doubtful(history))


def _with_advice(read: Inventory, too_old: str | None) -> Inventory:
    """What was read without a start; where that tells of no interpreter, why, and the way out."""
    if not isinstance(read.interpreter, Absent):
        return read
    advice = ANOTHER if too_old else f"{ELSEWHERE}\n{NONE_MEANT}"
    absent = Absent(reason=f"{unfit(too_old)}\n{read.interpreter.reason}\n{advice}")
    return msgspec.structs.replace(read, interpreter=absent, distributions=absent)


def _nothing(reason: str) -> Inventory:
    absent = Absent(reason=reason)
    return Inventory(files=absent, interpreter=absent, distributions=absent)
