"""Builds an image: by buildx where the docker CLI has it, else by the API's classic builder."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

from pytest_tfdocker.engine.build_classic import build_classic
from pytest_tfdocker.engine.build_failure import explained
from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.buildx import build_with_buildx, find_buildx
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import BuildFailedError, EngineError, ImageNotFoundError
from pytest_tfdocker.engine.sweep import new_tag


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A finished build."""

    id: str
    builder: str
    seconds: float
    cached: bool


def build(engine: Engine, request: BuildRequest, *, on_step: Callable[[StepSeen], None]) -> Built:
    """The built image, tagged. The image that it replaces is removed, unless it has another tag.

    Raises BuildFailedError, EngineError. Ctrl-C ends the builder too.
    """
    before = _current(engine, request.tag)
    started = time.monotonic()
    buildx = find_buildx()
    with _removed_if_replaced(engine, before):
        try:
            image_id = _image_id(engine, request, buildx, on_step)
        except BuildFailedError as error:
            raise explained(error, request) from error
    return Built(
        id=image_id,
        builder="buildx" if buildx is not None else "classic",
        seconds=time.monotonic() - started,
        cached=before == image_id,
    )


def _image_id(
    engine: Engine, request: BuildRequest, buildx: str | None, on_step: Callable[[StepSeen], None]
) -> str:
    if buildx is not None:
        return _known(engine, build_with_buildx(buildx, request, on_step))
    if request.buildkit_reason is not None:
        raise _no_buildx(request.buildkit_reason)
    return build_classic(engine, request, on_step)


def _no_buildx(reason: str) -> BuildFailedError:
    docker = shutil.which("docker")
    what = "no docker CLI is on PATH" if docker is None else f"{docker} has no buildx plugin"
    return BuildFailedError(
        f"{reason} needs buildx, which isn't here",
        details=(
            f"{what}, and the API's own builder is not BuildKit",
            "install the docker CLI with its buildx plugin (package docker-buildx or "
            "docker-buildx-plugin)",
        ),
    )


def _known(engine: Engine, digests: list[str]) -> str:
    """The digest that this engine knows the image by. Raises ImageNotFoundError."""
    for digest in digests[:-1]:
        try:
            return str(engine.inspect(digest)["Id"])
        except ImageNotFoundError:
            continue
    return str(engine.inspect(digests[-1])["Id"])


def _current(engine: Engine, tag: str) -> str | None:
    try:
        return str(engine.inspect(tag)["Id"])
    except ImageNotFoundError:
        return None


@contextmanager
def _removed_if_replaced(engine: Engine, image_id: str | None) -> Iterator[None]:
    """Lets the engine itself see, in one step, whether the tag that we take away was the last.

    Between a look of ours and a removal another run might build the same image anew.
    """
    if image_id is None:
        yield
        return
    tag = new_tag()
    with suppress(EngineError):  # It may be gone by now
        engine.tag(image_id, tag)
    try:
        yield
    finally:
        engine.remove_image(tag)
