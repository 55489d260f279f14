"""What the texts of CUDA and of the frameworks mean when a GPU isn't seen."""

import re

FAMILY_MINIMUM_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""CUDA major → the oldest Linux driver for it (docs.nvidia.com/deploy/cuda-compatibility)."""

MEANINGS: tuple[tuple[str, str], ...] = (
    (
        r"not compiled with CUDA",
        (
            "a CPU build: install the CUDA build (torch's default wheel, tensorflow[and-cuda], "
            "onnxruntime-gpu, jax[cuda12])"
        ),
    ),
    (
        r"Found no NVIDIA driver",
        "no driver reaches the container: see NVIDIA_VISIBLE_DEVICES and the engine's GPU support",
    ),
    (
        (
            r"No CUDA GPUs are available|no CUDA-capable device|CUDA_ERROR_NO_DEVICE"
            r"|no platforms that are instances of gpu are present"
        ),
        (
            "the driver is there and shows no device: CUDA_VISIBLE_DEVICES or "
            "NVIDIA_VISIBLE_DEVICES may be empty in the image"
        ),
    ),
    (
        r"\b803\b|unsupported display driver / cuda driver combination",
        (
            "the image carries CUDA compat libraries that don't fit the host's driver: take "
            "/usr/local/cuda*/compat off LD_LIBRARY_PATH and out of ld.so.conf"
        ),
    ),
    (
        r"\b804\b|forward compatibility was attempted",
        "CUDA compat libraries work on data-centre GPUs only: take a build for the driver's CUDA",
    ),
    (
        r"no kernel image is available",
        "the build has no code for this device: see its architectures, and take a build that has",
    ),
    (
        r"insufficient for CUDA runtime|driver version is insufficient",
        "the host's driver is older than the build's CUDA needs",
    ),
    (
        r"CUDA_ERROR_STUB_LIBRARY",
        (
            "the toolkit's stub libcuda.so.1 is found before the driver's: take "
            "/usr/local/cuda*/lib64/stubs off LD_LIBRARY_PATH"
        ),
    ),
    (
        r"could not select device driver",
        "the engine has no GPU support: install nvidia-container-toolkit on the host",
    ),
    (
        r"libcuda\.so",
        "the driver's libcuda.so.1 isn't inside: see NVIDIA_VISIBLE_DEVICES",
    ),
)
"""Texts that users see → what they mean. The first that is found holds."""


def meaning_of_gpu_error(text: str, *, built_for: str | None, driver: str | None) -> str | None:
    """What an error means, None where it is none that is known."""
    found = re.search(r"found version (\d+)", text)
    if found:
        return _too_old(int(found[1]), built_for, driver)
    return next((meaning for pattern, meaning in MEANINGS if re.search(pattern, text)), None)


def cuda_version(number: int) -> str:
    """The version in the driver API's number, 1000 × major + 10 × minor: 12080 → "12.8"."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _too_old(number: int, built_for: str | None, driver: str | None) -> str:
    host = f"driver {driver}" if driver else "the host's driver"
    offers = f"{host} offers CUDA {cuda_version(number)} ({number} is no driver version)"
    if built_for is None:
        return offers
    minimum = FAMILY_MINIMUM_DRIVER.get(int(built_for.partition(".")[0] or 0))
    needs = f", which needs driver {minimum} or newer" if minimum else ""
    return f"{offers}; the build is for CUDA {built_for}{needs}"
