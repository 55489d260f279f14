"""The image to judge: built here, or found under the reference that was given."""

import re
import time
from collections.abc import Callable

import msgspec

from pytest_tfdocker.dockerfile import Dockerfile, needs_buildkit, parse
from pytest_tfdocker.engine.build import build
from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import (
    BuildFailedError,
    EngineError,
    ImageNotFoundError,
)
from pytest_tfdocker.engine.pull import pull
from pytest_tfdocker.engine.sweep import is_held, new_tag
from pytest_tfdocker.evidence.image import platform_of
from pytest_tfdocker.evidence.records import BuildFacts
from pytest_tfdocker.settings.schema import Image


class Prepared(msgspec.Struct, frozen=True, kw_only=True, tag="prepared"):
    """An image that is there."""

    reference: str
    id: str
    build: BuildFacts | None = None
    pulled: bool = False
    platform: str = ""
    run_tag: str | None = None
    """By which the run holds what it has built, until its end."""


class Unprepared(msgspec.Struct, frozen=True, kw_only=True, tag="unprepared"):
    """Why there is no image to judge."""

    reason: str
    """The first line stands alone."""
    failed_build: bool = False
    """The Dockerfile's own failure: `build` fails, and the others skip with "not built"."""
    step: str | None = None
    line: int | None = None
    details: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    seconds: float | None = None


def tag_of(project: str, image: Image) -> str:
    """The tag of an image that we build: "tfdocker/PROJECT:NAME"."""
    return f"tfdocker/{project}:{re.sub(r'[^A-Za-z0-9_.-]+', '-', image.name).lstrip('.-')}"


def prepare(
    connect: Callable[[], Engine], project: str, image: Image, on_step: Callable[[StepSeen], None]
) -> Prepared | Unprepared:
    """Builds or finds the image; what stands in the way is data, not an exception."""
    started = time.monotonic()
    try:
        if image.given is not None:
            return find(connect(), image.given, on_step)
        try:
            written = read_dockerfile(image)
        except (OSError, ValueError) as error:
            return Unprepared(reason=_no_dockerfile(image, error))
        return _build(connect(), project, image, written, on_step)
    except BuildFailedError as error:
        return Unprepared(
            reason=error.headline,
            failed_build=True,
            step=error.step,
            line=error.line,
            details=error.details,
            log=error.log,
            seconds=time.monotonic() - started,
        )
    except EngineError as error:
        return Unprepared(reason=str(error))


def read_dockerfile(image: Image) -> Dockerfile:
    """The Dockerfile's lines. Raises OSError or, for a name that no file can have, ValueError."""
    return parse(image.dockerfile.read_text(encoding="utf-8", errors="replace"))


def _no_dockerfile(image: Image, error: Exception) -> str:
    """What to do where there is no Dockerfile, or none that can be read."""
    if isinstance(error, OSError) and not isinstance(
        error, (FileNotFoundError, NotADirectoryError)
    ):
        return f"{image.settings.dockerfile} can't be read: {error.strerror}\n{image.dockerfile}"
    return (
        f"there is no {image.settings.dockerfile}\nlooked in {image.root}\n"
        "set `dockerfile` in [tool.tfdocker], or judge an image that is built already:\n"
        "pytest --tfdocker --tfdocker-image REFERENCE"
    )


def find(engine: Engine, reference: str, on_step: Callable[[StepSeen], None]) -> Prepared:
    """The image of that tag, digest or id; pulled where the engine has it not."""
    try:
        return _found(engine, reference)
    except ImageNotFoundError:
        if reference.startswith("sha256:"):  # an id, which no registry knows
            raise ImageNotFoundError(
                f"no image {reference}\n"
                "the engine has none of that id: build or load it first, or name a tag"
            ) from None
        pull(engine, reference, on_step)
        return _found(engine, reference, pulled=True)


def _found(engine: Engine, reference: str, *, pulled: bool = False) -> Prepared:
    inspected = engine.inspect(reference)
    image_id = str(inspected["Id"])
    # Runs may share what one of them has pulled or built: the last to end removes it. Any other
    # image is its owner's, and would go with our tag where he moves his meanwhile.
    run_tag = new_tag() if pulled or is_held(inspected) else None
    if run_tag is not None:
        engine.tag(image_id, run_tag)
    return Prepared(
        reference=reference,
        id=image_id,
        platform=platform_of(inspected),
        pulled=pulled,
        run_tag=run_tag,
    )


def _build(
    engine: Engine,
    project: str,
    image: Image,
    written: Dockerfile,
    on_step: Callable[[StepSeen], None],
) -> Prepared:
    settings = image.settings.build
    needs = needs_buildkit(written)
    request = BuildRequest(
        dockerfile=image.dockerfile,
        context=image.context,
        tag=tag_of(project, image),
        run_tag=new_tag(),
        lines=[instruction.line for instruction in written.instructions],
        needs_buildkit=f"{image.settings.dockerfile}:{needs[0]} {needs[1]}" if needs else None,
        **{name: getattr(settings, name) for name in settings.__struct_fields__},
    )
    built = build(engine, request, on_step=on_step)
    facts = BuildFacts(builder=built.builder, seconds=built.seconds, cached=built.cached)
    return Prepared(
        reference=request.tag,
        id=built.id,
        platform=platform_of(engine.inspect(built.id)),
        build=facts,
        run_tag=request.run_tag,
    )
