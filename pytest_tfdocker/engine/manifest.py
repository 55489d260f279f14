"""A registry's manifest of an image, asked for by buildx with the user's own login."""

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from pytest_tfdocker.engine.buildx import find_buildx
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.text import one_line

SECONDS = 10
"""For all that is asked of registries about one image."""
MOST_DEEP = 3
"""Of indexes in an index."""
ANSWER_WIDTH = 200


class _Platform(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str = ""

    @property
    def text(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class _Descriptor(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    urls: list[str] | None = None
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class Manifest(msgspec.Struct, rename="camel"):
    """An image's manifest, which has layers, or an index, which has manifests."""

    manifests: list[_Descriptor] | None = None
    layers: list[_Descriptor] | None = None


def read_manifest(raw: bytes) -> Manifest:
    """Of the bytes that a registry sends. Raises EngineError."""
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EngineError(f"its answer is no manifest: {one_line(str(error))}") from error


def digest_for(index: Sequence[_Descriptor], platform: str) -> str:
    """The manifest of this platform, "linux/arm64/v8"; an attestation is none.

    Raises EngineError where it has none.
    """
    images = {
        one.platform.text: one.digest
        for one in reversed(index)
        if one.platform and one.digest and not _is_attestation(one)
    }
    without_variant = "/".join(platform.split("/")[:2])
    found = images.get(platform) or images.get(without_variant)
    if found is None and platform == without_variant:
        variants = [name for name in images if name.startswith(f"{platform}/")]
        found = images[variants[0]] if len(variants) == 1 else None
    if found is None:
        raise EngineError(f"its index has no image for {platform}")
    return found


def layer_sizes(manifest: Manifest) -> list[int]:
    """Compressed bytes of each layer, the base's first.

    Raises EngineError where it does not tell of all.
    """
    if not manifest.layers:
        raise EngineError("its manifest lists no layers")
    sizes = [one.size for one in manifest.layers if one.size is not None and not _is_foreign(one)]
    if len(sizes) < len(manifest.layers):
        raise EngineError("its manifest does not tell the size of each layer")
    return sizes


def sent_bytes(manifest: Manifest) -> int:
    """Of all layers, compressed: one that stands in it twice is sent once.

    Raises EngineError where it does not tell of all.
    """
    named = enumerate(zip(manifest.layers or [], layer_sizes(manifest), strict=True))
    return sum({one.digest or at: size for at, (one, size) in named}.values())


def ask_registries(references: Iterable[str], platform: str) -> tuple[str, Manifest]:
    """The reference, REPOSITORY@DIGEST, whose registry answers, and a manifest of every layer.

    Raises EngineError with what the last one said.
    """
    buildx = find_buildx()
    if buildx is None:
        raise EngineError("the docker CLI has no buildx, which asks registries")
    until = time.monotonic() + SECONDS
    said = EngineError("no registry is known to have the image")
    for reference in references:
        try:
            return reference, _ask(buildx, reference, platform, until)
        except EngineError as error:
            said = error
    raise said


def _ask(buildx: str, reference: str, platform: str, until: float) -> Manifest:
    repository = reference.partition("@")[0]
    for _ in range(MOST_DEEP):
        found = read_manifest(_fetch(buildx, reference, until))
        if found.manifests is None:
            layer_sizes(found)  # raises where it does not tell
            return found
        reference = f"{repository}@{digest_for(found.manifests, platform)}"
    raise EngineError("its index leads to indexes alone")


def _fetch(buildx: str, reference: str, until: float) -> bytes:
    command = [buildx, "imagetools", "inspect", "--raw", reference]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=max(0, until - time.monotonic()),
            env={**os.environ, "NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"no answer within {SECONDS} s") from error
    except OSError as error:
        raise EngineError(f"{buildx} can't be run: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise EngineError(one_line(said.removeprefix("ERROR: "), ANSWER_WIDTH) or "no answer")
    return done.stdout


def _is_attestation(one: _Descriptor) -> bool:
    """BuildKit's are for "unknown/unknown"; other builders' may name the image's platform."""
    return (one.annotations or {}).get("vnd.docker.reference.type") == "attestation-manifest"


def _is_foreign(one: _Descriptor) -> bool:
    """Whether another server than the registry has it: Windows' base layers."""
    return bool(one.urls) or "foreign" in one.media_type or "nondistributable" in one.media_type
