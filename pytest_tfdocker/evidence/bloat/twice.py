"""Causes that are a matter of the same thing standing twice."""

import re

from pytest_tfdocker.evidence.bloat.scene import Scene, distributions, in_folders, owned_by

PYC = re.compile(r"^(?P<module>[^.]+)\.(cpython|pypy)[\w.-]*\.pyc$")
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
LEAST_BYTES = 10**6
"""Smaller files are no weights."""
OWN = ("weights", "project", "nobody")
COMPILED = 0.9
"""The share of modules that have byte code from which all were compiled, not only those in use."""
SYSTEM_CUDA = (
    r"^(cuda-|libcublas|libcudnn|libcufft|libcurand|libcusolver|libcusparse|libnccl|libnpp)"
)


def byte_code(scene: Scene) -> list[int]:
    """Byte code of packages that were compiled whole, as pip does; not of the modules in use."""
    paths = scene.listing.paths
    rows = [row for one in distributions(scene, "") for row in scene.rows_of.get(one, [])]
    pyc = [row for row in rows if paths[row].endswith(".pyc")]
    compiled = [row for row in pyc if PYC.match(paths[row].rpartition("/")[2])]
    modules = sum(paths[row].endswith(".py") for row in rows)
    return compiled if len(compiled) >= COMPILED * modules else []


def second_copies(scene: Scene) -> list[int]:
    """All copies of a distribution but the one of the lowest layer: of two environments, say.

    Each environment has a pip of its own.
    """
    copies: dict[str, list[list[int]]] = {}
    for index in distributions(scene, r"^(?!(pip|setuptools|wheel)$)"):
        rows = scene.rows_of.get(index)
        if rows:
            copies.setdefault(scene.owners.table[index][1], []).append(rows)
    found: list[int] = []
    for sets in copies.values():
        if len(sets) == 1:
            continue
        # Of one layer the interpreter's own is the first: other environments stand behind it
        oldest_first = sorted(sets, key=lambda rows: min(scene.age(row)[0] for row in rows))
        found += [row for rows in oldest_first[1:] for row in rows]
    return found


def second_cuda(scene: Scene) -> list[int]:
    """The system's CUDA, where the nvidia-* wheels bring the libraries that torch loads."""
    if not any(
        scene.rows_of.get(one) for one in distributions(scene, r"^nvidia-cu|^nvidia-cublas")
    ):
        return []
    below = in_folders(r"^/usr/local/cuda[^/]*/")(scene)
    return sorted({*below, *owned_by("os-package", SYSTEM_CUDA)(scene)})


def second_framework(scene: Scene) -> list[int]:
    """The smaller of torch and TensorFlow, where both are there."""
    torch = _rows(scene, r"^(torch|torchvision|torchaudio|triton)$")
    tensorflow = _rows(scene, r"^(tensorflow|tensorflow-cpu|tensorflow-intel|keras|tensorboard)$")
    return min(torch, tensorflow, key=scene.size) if torch and tensorflow else []


def _rows(scene: Scene, pattern: str) -> list[int]:
    return [row for one in distributions(scene, pattern) for row in scene.rows_of.get(one, [])]


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
            if sizes[row] < LEAST_BYTES and row not in targets:
                continue
            if not scene.listing.paths[row].endswith(SUFFIXES):
                continue
            real = _resolved(scene, row)
            if sizes[real] < LEAST_BYTES:  # a pointer of git-lfs, or a dangling link
                continue
            name = scene.listing.paths[row][len(model) + 1 :]
            for pattern, kind in FORMATS:
                if pattern.match(name):
                    found.setdefault(model, {}).setdefault(kind, []).append(real)
    return found


def _resolved(scene: Scene, row: int) -> int:
    """The blob that a link of a Hugging Face cache leads to, else the row itself."""
    target = scene.listing.targets.get(row)
    if target is None:
        return row
    folder = scene.listing.paths[row].rpartition("/")[0]
    return scene.row_of.get(_joined(folder, target), row)


def _joined(folder: str, target: str) -> str:
    parts: list[str] = [] if target.startswith("/") else folder.split("/")[1:]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def hub_cache(scene: Scene) -> list[int]:
    """Of Hugging Face caches: files where links belong, beside the blobs that no link leads to."""
    found: list[int] = []
    for model, (blobs, snapshots) in _hub_models(scene).items():
        led_to = {_resolved(scene, row) for row in snapshots if row in scene.listing.targets}
        files = [row for row in snapshots if row not in scene.listing.targets]
        unused = [row for row in blobs if row not in led_to]
        # A copy has its blob's size: one of the two goes. A blob alone, unused, is of no use
        found += unused if unused and (files or led_to or _dangling(scene, model)) else []
    return found


def _dangling(scene: Scene, model: str) -> bool:
    return any(
        scene.listing.paths[row].startswith(model) and _resolved(scene, row) == row
        for row in scene.listing.targets
    )


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


def identical(scene: Scene) -> list[int]:
    """Large files whose content stands elsewhere too: all but the first of each.

    What distributions bring is their packagers' to mend.
    """
    found = []
    for paths in scene.identical:
        known = (scene.row_of.get(path) for path in paths)
        rows = [row for row in known if row is not None and row not in scene.claimed]
        rows.sort(key=lambda row: (scene.owners.kind(row) in OWN, scene.age(row)))
        own = [row for row in rows[1:] if scene.owners.kind(row) in OWN]
        found += [name for row in own for name in scene.names_of.get(row, [row])]
    return found


def conda_packages(scene: Scene) -> list[int]:
    """Conda's cache of unpacked packages, beside an environment."""
    folders = {folder for folder, _ in scene.folders}
    roots = [one.removesuffix("/conda-meta") for one in folders if one.endswith("/conda-meta")]
    return [row for root in roots for row in in_folders(f"^{re.escape(root)}/pkgs/")(scene)]
