"""Causes that are a matter of models: formats of weights, and the cache of Hugging Face's hub."""

import re
from collections.abc import Iterator

from pytest_tfdocker.evidence.bloat.scene import LARGE_BYTES, Scene

_SHARD = r"(-\d+-of-\d+)?"
_HALF = rf"(\.fp16{_SHARD}|{_SHARD}\.fp16)"
FORMATS = (
    (re.compile(rf"^(model|diffusion_pytorch_model){_SHARD}\.safetensors$"), "safetensors"),
    (re.compile(rf"^(pytorch_model|diffusion_pytorch_model){_SHARD}\.bin$"), "PyTorch"),
    (re.compile(rf"^consolidated{_SHARD}\.safetensors$"), "Mistral"),
    (re.compile(r"^(original/)?consolidated\.\d+\.pth$"), "Llama"),
    (re.compile(rf"^tf_model{_SHARD}\.h5$"), "TensorFlow"),
    (re.compile(rf"^flax_model{_SHARD}\.msgpack$"), "Flax"),
    (re.compile(r"^rust_model\.ot$"), "Rust"),
    (re.compile(r"^(onnx/)?(model|decoder_model|encoder_model)\w*\.onnx(_data)?$"), "ONNX"),
    (re.compile(r"^(openvino/)?openvino_model\w*\.bin$"), "OpenVINO"),
    (re.compile(rf"^(model|diffusion_pytorch_model){_HALF}\.safetensors$"), "safetensors, half"),
    (re.compile(rf"^(pytorch_model|diffusion_pytorch_model){_HALF}\.bin$"), "PyTorch, half"),
)
"""By the names that Hugging Face's libraries, Mistral and Meta give weights; the first format that
is there is kept. Half precision is one more, by other bytes: a service loads one of the two.
Variants such as non_ema are none: those are other weights."""
SUFFIXES = (".safetensors", ".bin", ".pth", ".h5", ".msgpack", ".ot", ".onnx", ".onnx_data")
"""Of all of them."""
WITHIN = ("onnx", "openvino", "original")
"""Folders of a model that hold it in another format."""


def other_formats(scene: Scene) -> list[int]:
    """Weights in every format but one, of folders that hold the same in several."""
    found: list[int] = []
    for formats in _weights(scene).values():
        kept = next(formats[name] for _, name in FORMATS if name in formats)
        # Links may give the same weights the names of two formats
        found += [row for rows in formats.values() for row in rows if row not in kept]
    return found


def _weights(scene: Scene) -> dict[str, dict[str, list[int]]]:
    """Folder of a model → format → rows."""
    found: dict[str, dict[str, list[int]]] = {}
    paths, sizes, targets = scene.listing.paths, scene.listing.sizes, scene.listing.targets
    for row, size in enumerate(sizes):
        if (size < LARGE_BYTES and row not in targets) or not paths[row].endswith(SUFFIXES):
            continue
        real = scene.real(row)
        if sizes[real] < LARGE_BYTES:  # a pointer of git-lfs, or a dangling link
            continue
        model, kind = _format_of(paths[row])
        if kind:
            found.setdefault(model, {}).setdefault(kind, []).append(real)
    return found


def _format_of(path: str) -> tuple[str, str]:
    """The model's folder and the format, "" where the name is that of no weights."""
    folder, _, name = path.rpartition("/")
    above, _, within = folder.rpartition("/")
    names = [(above, f"{within}/{name}")] if within in WITHIN else []
    for model, one in [*names, (folder, name)]:
        kind = next((kind for pattern, kind in FORMATS if pattern.match(one)), "")
        if kind:
            return model, kind
    return folder, ""


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
