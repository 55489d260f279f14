"""Takes the inventory of an image: files, interpreter, distributions, by one container start."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
)
from pytest_tfdocker.evidence.bloat import Scene, find_bloat
from pytest_tfdocker.evidence.listing import read_listing, unpacked
from pytest_tfdocker.evidence.owners import add_up, find_owners
from pytest_tfdocker.evidence.placing import place_files
from pytest_tfdocker.evidence.records import (
    Absent,
    Distribution,
    Distributions,
    Files,
    ImageConfig,
    Interpreter,
    Inventory,
)
from pytest_tfdocker.evidence.store import Store

INVENTORY_SECONDS = 300
PYTHONS = (
    "python3",
    "python",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/venv/bin/python",
    "/opt/conda/bin/python",
)
"""Tried in this order to start the probe; which one the service uses is found out inside."""


def collect_inventory(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    run_id: str,
    python: str | None = None,
    layer_bytes: Sequence[int] = (),
    contents: bool = True,
) -> Inventory:
    """Files, interpreter and distributions, by one container start.

    `python`: overrides the choice of the interpreter, by path or by name on the image's PATH.
    `layer_bytes`: of the history, by which files are told to have come with one of its layers.
    `contents`: whether large files are read, to find those of the same content.
    """
    plan: dict[str, object] = {
        "python": python,
        "entrypoint": config.entrypoint,
        "command": config.command,
        "user": config.user,
        "volumes": config.volumes,
        "contents": contents,
        "deadline_seconds": INVENTORY_SECONDS,
    }
    payload = probe.inventory_payload(plan)
    try:
        found = report_from_inside(engine, image_id, config, payload, run_id, python)
    except EngineError as error:
        return _nothing(f"no inventory: {error}")
    if isinstance(found, Absent):
        return _nothing(found.reason)
    return _parts(found, config, layer_bytes)


def recall_inventory(
    store: Store,
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    *,
    run_id: str,
    python: str | None,
    layer_bytes: Sequence[int],
    doing: Callable[[str], AbstractContextManager[None]],
) -> Inventory:
    """The inventory that an earlier run has left, else a new one, which is kept."""
    made_by = f"{probe.inventory_hash()} {_hash_of_our_own()}"
    key = f"inventory {engine.info.get('Driver')} {image_id} {python} {made_by}"
    found = store.recall(key, Inventory)
    if found is None:
        with doing("inventory of the image"):
            found = collect_inventory(
                engine, image_id, config, run_id=run_id, python=python, layer_bytes=layer_bytes
            )
        # What is missing may have been missed: a start that took too long, an engine too busy
        if Absent not in map(type, (found.files, found.interpreter, found.distributions)):
            store.keep(key, found)
    return found


@cache
def _hash_of_our_own() -> str:
    """Changes with what makes an inventory of the probe's report: part of its key, too."""
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py"))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def report_from_inside(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    payload: bytes,
    run_id: str,
    python: str | None,
) -> dict[str, Any] | Absent:
    """What a program of the probe's, which tells of "files", reports. Raises EngineError."""
    found = _first_that_starts(engine, image_id, config, payload, run_id, python)
    if found is None:
        tried = ", ".join(_candidates(config, python))
        return Absent(
            reason=f"the image has no Python: the probe needs one, 3.7 or newer\ntried {tried}\n"
            "`python` in [tool.tfdocker] names one that stands elsewhere"
        )
    if "too_old" in found:
        return Absent(
            reason=f"the image's Python is {found['too_old']}: the probe needs 3.7 or newer\n"
            "`python` in [tool.tfdocker] names a newer one, where the image has one elsewhere"
        )
    if "crash" in found:
        return Absent(reason=f"the probe failed inside the image:\n{found['crash']}")
    return found


def _first_that_starts(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    payload: bytes,
    run_id: str,
    python: str | None,
) -> dict[str, Any] | None:
    """The probe's report, from the first Python that starts and is new enough.

    Else that it is too old; None where there is none.
    """
    too_old = None
    for candidate in _candidates(config, python):
        cookie = new_cookie()
        spec = ContainerSpec(
            image=image_id,
            argv=probe.command(candidate, cookie),
            user="0",
            locked_down=True,
            capabilities=["DAC_READ_SEARCH"],
        )
        try:
            with ExitStack() as stack:
                container = stack.enter_context(Container(engine, spec, run_id, cookie))
                container.start(payload)
                found = container.report("files", INVENTORY_SECONDS)
                # The removal takes half as long as the walk, and nothing waits for it
                engine.in_background(stack.pop_all().close)
            if "too_old" not in found:
                return found
            too_old = too_old or found
        except CommandNotFoundError:
            continue
        except ConnectionLostError as error:
            if "Unknown option: -I" in str(error):
                too_old = too_old or {"too_old": "2"}
                continue
            if "exec format error" in str(error):
                raise EngineError(
                    f"exec format error, {candidate} doesn't run here\n"
                    "the image is built for another processor: set `platform` in "
                    "[tool.tfdocker.build], or teach the engine's host to emulate it (binfmt)"
                ) from error
            said = str(error) or "it wrote nothing"
            raise EngineError(f"{candidate} ended before it had reported\n{said}") from error
    return too_old


def _candidates(config: ImageConfig, python: str | None) -> list[str]:
    started = [*config.entrypoint, *config.command][:1]
    likely = [word for word in started if word.rpartition("/")[2].startswith("python")]
    return list(dict.fromkeys([*([python] if python else []), *likely, *PYTHONS]))


def _nothing(reason: str) -> Inventory:
    absent = Absent(reason=reason)
    return Inventory(files=absent, interpreter=absent, distributions=absent)


def _parts(found: dict[str, Any], config: ImageConfig, layer_bytes: Sequence[int]) -> Inventory:
    files = Files(**found["files"])
    listing = read_listing(unpacked(found["listing"]))
    everywhere = [*found["distributions"], *found["elsewhere"]]
    named = [(one["name"], one["version"], one["installer"]) for one in everywhere]
    owned = unpacked(found["owned"])
    owners = find_owners(listing, named, owned, config)
    placed = place_files(listing, layer_bytes, config.volumes)
    by_owner, by_distribution = add_up(listing, owners, placed.layers, len(named))
    scene = Scene(listing, owners, unpacked(found["identical"]), placed.layers)
    files = msgspec.structs.replace(
        files,
        links_bytes=sum(listing.sizes[row] for row in listing.targets),
        uncounted_bytes=placed.uncounted_bytes,
        owners=by_owner,
        bloat=find_bloat(scene),
    )
    told = found["interpreter"]
    if "error" in told:
        absent = Absent(reason=told["error"])
        return Inventory(files=files, interpreter=absent, distributions=absent)
    interpreter = Interpreter(
        executable=told["executable"],
        reason=told["reason"],
        version=told["version"],
        platform=told["platform"],
        environment=told["environment"],
        path=told["path"],
    )
    installed = [
        Distribution(**values, bytes=None if record is None else size)
        for values, record, size in zip(
            found["distributions"], owned["distributions"], by_distribution, strict=False
        )
    ]
    return Inventory(
        files=files,
        interpreter=interpreter,
        distributions=Distributions(installed=installed, others=found["others"]),
    )
