"""Causes that are a matter of the same thing standing twice."""

import re

from pytest_tfdocker.evidence.bloat.scene import Scene, distributions, in_folders, owned_by

PYC = re.compile(r"^(?P<module>[^.]+)\.(cpython|pypy)[\w.-]*\.pyc$")
OWN = ("weights", "project", "nobody")
ENVIRONMENT = re.compile(r"/envs/[^/]+$")
COMPILED = 0.9
"""The share of modules that have byte code from which all were compiled, not only those in use."""
MANY = 200
"""Modules: of fewer an import may well compile nearly all."""
SEEDS = r"^(?!(pip|setuptools|wheel)$)"
"""All but what each environment has of its own."""
SYSTEM_CUDA = (
    r"^(cuda-|libcublas|libcudnn|libcufft|libcurand|libcusolver|libcusparse|libnccl|libnpp)"
)


def byte_code(scene: Scene) -> list[int]:
    """Byte code of whole packages, as pip makes it; not of the modules that somebody has imported.

    pip lists in RECORD what it compiles. Where nothing is listed (uv, `python -m compileall`) the
    share tells. An environment's own pip was compiled by `python -m venv`, which has no choice.
    """
    listed, others = [], []
    for one in distributions(scene, SEEDS):
        rows = scene.rows_of.get(one, [])
        made = [row for row in rows if row in scene.owners.compiled]
        listed += made
        others += [] if made else rows
    paths = scene.listing.paths
    compiled = [row for row in others if PYC.match(paths[row].rpartition("/")[2])]
    modules = sum(paths[row].endswith(".py") for row in others)
    is_whole = modules >= MANY and len(compiled) >= COMPILED * modules
    return sorted([*listed, *(compiled if is_whole else [])])


def second_copies(scene: Scene) -> list[int]:
    """All copies of a distribution but the one of the lowest layer: of two environments, say.

    Each environment has a pip of its own. Two versions in one folder are one copy: the files of the
    newer are in use, whichever RECORD lists them too.
    """
    copies: dict[str, dict[str, list[int]]] = {}
    for index in distributions(scene, SEEDS):
        rows = scene.rows_of.get(index)
        if rows:
            by_site = copies.setdefault(scene.owners.table[index][1], {})
            by_site.setdefault(scene.owners.sites[index], []).extend(rows)
    found: list[int] = []
    for by_site in copies.values():
        # Of one layer the interpreter's own is the first: other environments stand behind it
        oldest_first = sorted(
            by_site.values(), key=lambda rows: min(scene.age(row)[0] for row in rows)
        )
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
    # On arm64 most of TensorFlow is tensorflow-cpu-aws, which that requires
    tensorflow = _rows(scene, r"^(tensorflow(-cpu|-intel|-cpu-aws)?|keras|tensorboard)$")
    return min(torch, tensorflow, key=scene.size) if torch and tensorflow else []


def _rows(scene: Scene, pattern: str) -> list[int]:
    return [row for one in distributions(scene, pattern) for row in scene.rows_of.get(one, [])]


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
    """Conda's cache of unpacked packages, beside an environment or the folder of several."""
    folders = {folder for folder, _ in scene.folders}
    roots = {one.removesuffix("/conda-meta") for one in folders if one.endswith("/conda-meta")}
    # micromamba's root is no environment itself
    roots |= {ENVIRONMENT.sub("", root) for root in roots}
    return [row for root in sorted(roots) for row in in_folders(f"^{re.escape(root)}/pkgs/")(scene)]
