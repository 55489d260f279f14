"""The ML frameworks that are imported without being asked for, and which of them an image has."""

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion

from pytest_tfdocker.evidence.records import Absent, ImageEvidence
from pytest_tfdocker.locks.declared import Declared, Requirement
from pytest_tfdocker.settings.schema import Image

FRAMEWORKS: dict[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "torchaudio": ("torchaudio",),
    "transformers": ("transformers",),
    "sentence_transformers": ("sentence-transformers",),
    "diffusers": ("diffusers",),
    "tensorflow": (
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-gpu",
        "tensorflow-cpu-aws",
        "intel-tensorflow",
        "tf-nightly",
        "tf-nightly-cpu",
    ),
    "onnxruntime": (
        "onnxruntime",
        "onnxruntime-gpu",
        "onnxruntime-openvino",
        "onnxruntime-training",
        "ort-nightly",
        "ort-nightly-gpu",
    ),
    "jax": ("jax",),
}
"""Module → the distributions that bring it, canonical."""

GPU_LIBRARIES_NOT_ASKED = (
    "onnxruntime-gpu",
    "onnxruntime-training",
    "ort-nightly-gpu",
    "ort-nightly-training",
    "tensorrt",
    "paddlepaddle-gpu",
    "ctranslate2",
    "cupy-cuda11x",
    "cupy-cuda12x",
    "cupy-cuda13x",
)
"""Distributions that can run on a GPU and that the GPU probe has no question for."""

WITH_THREADS = ("torch", "tensorflow", "onnxruntime", "jax")
"""Frameworks that compute in threads of their own; beside these numpy."""

UNDECLARED = "undeclared"
"""The one item that judges frameworks which are installed but declared nowhere."""


def declared_frameworks(declared: Declared) -> list[str]:
    """Modules of the frameworks that a requirement names, in the table's order."""
    names = {requirement.name for requirement in declared.requirements}
    return [module for module, brought_by in FRAMEWORKS.items() if names.intersection(brought_by)]


def installed_frameworks(evidence: ImageEvidence) -> list[str]:
    """Modules of the frameworks that are installed, in the table's order."""
    if isinstance(evidence.distributions, Absent):
        return []
    names = {one.name for one in evidence.distributions.installed}
    return [module for module, brought_by in FRAMEWORKS.items() if names.intersection(brought_by)]


def frameworks_with_threads(evidence: ImageEvidence) -> list[str]:
    """Modules that are asked for their threads: frameworks, and numpy, which computes for many."""
    if isinstance(evidence.distributions, Absent):
        return []
    found = [module for module in installed_frameworks(evidence) if module in WITH_THREADS]
    names = {one.name for one in evidence.distributions.installed}
    return [*found, *(["numpy"] if "numpy" in names else [])]


def gpu_libraries_not_asked(evidence: ImageEvidence) -> list[str]:
    """Distributions that are installed and may use a GPU, though nobody asks them for it."""
    if isinstance(evidence.distributions, Absent):
        return []
    names = {one.name for one in evidence.distributions.installed}
    return [name for name in GPU_LIBRARIES_NOT_ASKED if name in names]


def undeclared_frameworks(declared: Declared, evidence: ImageEvidence) -> list[str]:
    """Modules of the frameworks that are installed and that no requirement names."""
    known = declared_frameworks(declared)
    return [module for module in installed_frameworks(evidence) if module not in known]


def modules_to_import(image: Image, declared: Declared, evidence: ImageEvidence) -> list[str]:
    """What the collector imports: the modules set, else every framework declared or installed."""
    modules = image.settings.imports.modules
    if modules is not None:
        return list(dict.fromkeys(modules))
    wanted = [m for m in declared_frameworks(declared) if not left_out_by(m, declared, evidence)]
    return [*wanted, *undeclared_frameworks(declared, evidence)]


def requirements_of(module: str, declared: Declared) -> list[Requirement]:
    """The requirements that bring a module: its framework's, else those of its own name."""
    own_name = module.partition(".")[0].lower().replace("_", "-")
    names = FRAMEWORKS.get(module, (own_name,))
    return [requirement for requirement in declared.requirements if requirement.name in names]


def left_out_by(module: str, declared: Declared, evidence: ImageEvidence) -> Requirement | None:
    """A requirement whose marker leaves the module out of this image; None where one brings it."""
    if isinstance(evidence.interpreter, Absent):
        return None
    environment = evidence.interpreter.environment
    found = requirements_of(module, declared)
    out = [one for one in found if one.marker and not _holds(one.marker, environment)]
    return out[0] if out and len(out) == len(found) else None


def _holds(marker: str, environment: dict[str, str]) -> bool:
    try:
        return Marker(marker).evaluate({"extra": "", **environment})
    except (InvalidMarker, InvalidVersion, UndefinedComparison, UndefinedEnvironmentName):
        return True
