"""What came with the image of the final FROM, and which layers are its own."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.dockerfile import (
    Dockerfile,
    Instruction,
    as_written,
    commands,
    match_history,
    resolve_base,
)
from pytest_tfdocker.dockerfile.stages import copied_stage
from pytest_tfdocker.engine.build import build
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError, ImageNotFoundError
from pytest_tfdocker.engine.sweep import new_tag
from pytest_tfdocker.evidence.image import image_config, platform_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.records import Absent, Base, ImageEvidence
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.settings.schema import Build, Image

_CHECKSUM = re.compile(r"#\(nop\) +(?:COPY|ADD) (?:file|dir|multi):[0-9a-f]+ in ")


def with_lines(
    evidence: ImageEvidence, image: Image, dockerfile: Dockerfile | None
) -> ImageEvidence:
    """The layers as the Dockerfile has them, with its lines where the history is that of it."""
    history = [layer.instruction for layer in evidence.layers]
    build = image.settings.build
    lines: list[int | None] = [None] * len(history)
    if dockerfile is not None:
        lines = match_history(dockerfile, build.target, history, build.args, evidence.config.shell)
    own = [index for index, line in enumerate(lines) if line is not None]
    written = dict(_written(dockerfile)) if dockerfile else {}
    layers = [
        msgspec.structs.replace(
            layer,
            line=line,
            base=index < own[0] if own else layer.base,
            instruction=_readable(layer.instruction, *written.get(line, (None, None))),
        )
        for index, (layer, line) in enumerate(zip(evidence.layers, lines, strict=True))
    ]
    return msgspec.structs.replace(evidence, layers=layers)


def _written(dockerfile: Dockerfile) -> Iterator[tuple[int | None, tuple[Instruction, str | None]]]:
    """Each line with its instruction, and the stage that it copies from: an image is none."""
    for stage in dockerfile.stages:
        for one in stage.instructions:
            name = one.flag("from")
            is_stage = name is not None and copied_stage(dockerfile, stage, name) is not None
            yield one.line, (one, name if is_stage else None)


def _readable(entry: str, written: Instruction | None, stage: str | None) -> str:
    """As it stands in the Dockerfile, where the entry has what is none of a reader's business.

    That is build arguments, which may be secret, scripts' paths, and the classic one's checksums.
    """
    if written is not None and written.keyword == "RUN":
        return " ".join(["RUN", *next(commands(written)).split()])
    if written is not None and _CHECKSUM.search(entry):
        return " ".join([written.keyword, *written.text.split()])
    told = as_written(entry)
    # BuildKit's history leaves it out
    is_lacking = stage is not None and " --from=" not in told
    return told.replace(" ", f" --from={stage} ", 1) if is_lacking else told


def with_base(evidence: ImageEvidence, base: Base | Absent) -> ImageEvidence:
    """The evidence with its base, which tells better than lines what is its own."""
    layers = evidence.layers
    if isinstance(base, Base):
        first = next((at for at, layer in enumerate(layers) if layer.line is not None), None)
        # Else between the two lie instructions that are no longer in the Dockerfile
        is_whole = first in (base.layers, base.layers + base.triggers)
        layers = [
            msgspec.structs.replace(
                layer, base=index < base.layers, line=layer.line if is_whole else None
            )
            for index, layer in enumerate(layers)
        ]
    return msgspec.structs.replace(evidence, base=base, layers=layers)


def base_of_layers(
    evidence: ImageEvidence, image: Image, dockerfile: Dockerfile | None
) -> Base | Absent:
    """What came with the layers below those of the Dockerfile: no engine is asked for the base."""
    if isinstance(evidence.distributions, Absent):
        return Absent(reason=evidence.distributions.reason)
    below = [at for at, layer in enumerate(evidence.layers) if layer.base]
    if not below and not any(layer.base is False for layer in evidence.layers):
        return Absent(reason="the image's history is not that of the Dockerfile")
    build = image.settings.build
    reference = resolve_base(dockerfile, build.target, build.args) if dockerfile else None
    return Base(
        reference=reference or "",
        id="",
        layers=len(below),
        distributions=[one.path for one in evidence.distributions.installed if one.layer in below],
    )


def recall_base(
    store: Store,
    engine: Engine,
    evidence: ImageEvidence,
    image: Image,
    dockerfile: Dockerfile | None,
    *,
    run_id: str,
) -> Base | Absent:
    """The base that an earlier run has found under this image, else looked at now, and kept."""
    build = image.settings.build
    reference = resolve_base(dockerfile, build.target, build.args) if dockerfile else None
    key = f"base {evidence.runs_on.store} {evidence.id} {reference} {code_hash()}"
    known = store.recall(key, Base)
    if known is not None:
        return known
    found = collect_base(engine, evidence, image, dockerfile, run_id=run_id)
    if isinstance(found, Base):
        store.keep(key, found)
    return found


def collect_base(
    engine: Engine,
    evidence: ImageEvidence,
    image: Image,
    dockerfile: Dockerfile | None,
    *,
    run_id: str,
) -> Base | Absent:
    """The inventory of the root FROM's image; Absent where it can't be told or had."""
    if dockerfile is None:
        return Absent(reason="there is no Dockerfile to name the base image")
    settings = image.settings.build
    reference = resolve_base(dockerfile, settings.target, settings.args)
    if reference is None:
        return Absent(reason="the Dockerfile's final FROM can't be resolved")
    if reference == "scratch":
        return Base(reference=reference, id="", layers=0, distributions=[])
    try:
        with _inspected(engine, reference, evidence, settings) as found:
            if not _is_below(found, engine.inspect(evidence.id)):
                return Absent(
                    reason=f"the image does not stand on {reference} as the engine has it"
                )
            return _inventory(engine, reference, found, run_id)
    except EngineError as error:
        return Absent(reason=f"the base image {reference} can't be looked at: {error}")


@contextmanager
def _inspected(
    engine: Engine, reference: str, evidence: ImageEvidence, settings: Build
) -> Iterator[dict[str, Any]]:
    """The engine's record of the base, which BuildKit may have in its own cache alone."""
    try:
        found = engine.inspect(reference)
    except ImageNotFoundError:
        if evidence.build is None:
            raise
    else:
        if platform_of(found) == evidence.platform or evidence.build is None:
            yield found
            return
    tag = _build_from_alone(engine, reference, settings)
    try:
        yield engine.inspect(tag)
    finally:
        engine.remove_image(tag)


def _build_from_alone(engine: Engine, reference: str, settings: Build) -> str:
    """The tag of an image that is the base and nothing else, for the same platform."""
    with tempfile.TemporaryDirectory(prefix="tfdocker-") as folder:
        dockerfile = Path(folder) / "Dockerfile"
        dockerfile.write_text(f"FROM {reference}\n")
        request = BuildRequest(
            dockerfile=dockerfile,
            context=Path(folder),
            tag=new_tag(),
            platform=settings.platform,
            builder=settings.builder,
        )
        build(engine, request, on_step=lambda _: None)
    return request.tag


def _is_below(base: dict[str, Any], image: dict[str, Any]) -> bool:
    """Whether the image's layers begin with the base's."""
    lower, upper = ((found.get("RootFS") or {}).get("Layers") or [] for found in (base, image))
    return bool(lower) and upper[: len(lower)] == lower


def _inventory(engine: Engine, reference: str, found: dict[str, Any], run_id: str) -> Base | Absent:
    config = image_config(found)
    inventory = collect_inventory(engine, found["Id"], config, run_id=run_id, contents=False)
    if isinstance(inventory.distributions, Absent):
        return Absent(reason=f"the base image {reference}: {inventory.distributions.reason}")
    return Base(
        reference=reference,
        id=found["Id"],
        layers=len(engine.history(found["Id"])),
        triggers=len((found.get("Config") or {}).get("OnBuild") or []),
        distributions=[one.path for one in inventory.distributions.installed],
    )
