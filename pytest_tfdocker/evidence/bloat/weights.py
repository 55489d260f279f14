"""Causes that are a matter of models: formats of weights, and the cache of Hugging Face's hub."""

import re
from collections.abc import Iterator

from pytest_tfdocker.evidence.bloat.scene import LARGE_BYTES, Scene

FORMATS = (
    (re.compile(r"^(model|diffusion_pytorch_model)(-\d+-of-\d+)?\.safetensors$"), "safetensors"),
    (re.compile(r"^(pytorch_model|diffusion_pytorch_model)(-\d+-of-\d+)?\.bin$"), "PyTorch"),
    (re.compile(r"^tf_model(-\d+-of-\d+)?\.h5$"), "TensorFlow"),
    (re.compile(r"^flax_model(-\d+-of-\d+)?\.msgpack$"), "Flax"),
    (re.compile(r"^rust_model\.ot$"), "Rust"),
    (re.compile(r"^(onnx/)?(model|decoder_model|encoder_model)\w*\.onnx(_data)?$"), "ONNX"),
    (re.compile(r"^(openvino/)?openvino_model\w*\.bin$"), "OpenVINO"),
)
"""By the names that Hugging Face's libraries give weights; the first that is there is kept."""
SUFFIXES = (".safetensors", ".bin", ".h5", ".msgpack", ".ot", ".onnx", ".onnx_data")
"""Of all of them."""


def other_formats(scene: Scene) -> list[int]:
    """Weights in every format but one, of folders that hold the same in several."""
    found: list[int] = []
    for formats in _weights(scene).values():
        kept = next((name for _, name in FORMATS if name in formats), None)
        found += [row for name, rows in formats.items() if name != kept for row in rows]
    return found


def _weights(scene: Scene) -> dict[str, dict[str, list[int]]]:
    """Folder of a model → format → rows."""
    found: dict[str, dict[str, list[int]]] = {}
    sizes, targets = scene.listing.sizes, scene.listing.targets
    for folder, rows in scene.folders:
        within = folder.rpartition("/")[2] in ("onnx", "openvino")
        model = folder.rpartition("/")[0] if within else folder
        for row in rows:
            if sizes[row] < LARGE_BYTES and row not in targets:
                continue
            if not scene.listing.paths[row].endswith(SUFFIXES):
                continue
            real = scene.real(row)
            if sizes[real] < LARGE_BYTES:  # a pointer of git-lfs, or a dangling link
                continue
            name = scene.listing.paths[row][len(model) + 1 :]
            for pattern, kind in FORMATS:
                if pattern.match(name):
                    found.setdefault(model, {}).setdefault(kind, []).append(real)
    return found


def hub_cache(scene: Scene) -> list[int]:
    """Of Hugging Face caches: blobs that no link leads to, beside snapshots.

    These hold files where links belong, each a copy of its blob: one of the two goes. Links of the
    whole image count, since a service may be given a blob by a name of its own; and one that leads
    to a folder above blobs may be the way to any of them.
    """
    found: list[int] = []
    for model, (blobs, snapshots) in _hub_models(scene).items():
        if snapshots and scene.led_to.isdisjoint(_upwards(f"{model}blobs")):
            unused = [row for row in blobs if scene.listing.paths[row] not in scene.led_to]
            found += [row for row in unused if row not in scene.listing.targets]
    return found


def _upwards(folder: str) -> Iterator[str]:
    """The folder and those above it."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield "/"


def _hub_models(scene: Scene) -> dict[str, tuple[list[int], list[int]]]:
    """models--ORG--NAME → rows of its blobs, rows of its snapshots."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for folder, rows in scene.folders:
        model, mark, rest = folder.partition("/models--")
        name, _, inside = rest.partition("/")
        if mark and inside.partition("/")[0] in ("blobs", "snapshots"):
            pair = found.setdefault(f"{model}{mark}{name}/", ([], []))
            pair[inside.startswith("snapshots")].extend(rows)
    return found
