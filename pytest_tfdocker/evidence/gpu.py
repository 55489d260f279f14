"""Collects what the driver and each framework say of the GPU, in a container that was given all."""

from typing import Any

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.engine.container import new_cookie
from pytest_tfdocker.evidence.records import Absent, Distributions, Gpu, GpuDevice, GpuFramework
from pytest_tfdocker.evidence.supervised import Supervised, ending

ASK_SECONDS = 120
FRAMEWORKS = {
    "torch": ("torch",),
    "tensorflow": ("tensorflow", "tf-nightly", "tensorflow-gpu"),
    "jax": ("jax",),
}
"""Framework → distributions that bring it. onnxruntime tells only with a model at hand."""


def collect_gpu(supervised: Supervised) -> Gpu | Absent:
    """GPU visibility inside; never kept, since it is the host's as much as the image's."""
    engine = supervised.evidence.runs_on
    if not engine.gpu:
        return Absent(reason="the engine offers no GPU")
    python = supervised.python
    if isinstance(python, Absent):
        return python
    cookie = new_cookie()
    argv = [python, "-c", probe.source("ask_gpu"), cookie]
    subjects = ["driver", *_installed(supervised.evidence.distributions)]
    found = supervised.children(
        [{"name": s, "argv": [*argv, s], "timeout_seconds": ASK_SECONDS} for s in subjects],
        answers=cookie,
        gpus=True,
    )
    if isinstance(found, Absent):
        return found
    driver, *frameworks = found[1]
    return _gpu(driver, frameworks)


def _installed(distributions: Distributions | Absent) -> list[str]:
    if isinstance(distributions, Absent):
        return []
    names = {one.name for one in distributions.installed}
    return [name for name, brought_by in FRAMEWORKS.items() if names.intersection(brought_by)]


def _gpu(driver: dict[str, Any], frameworks: list[dict[str, Any]]) -> Gpu:
    told = driver["answer"] or {"driver": None, "devices": [], "error": ending(driver)}
    devices = msgspec.convert(told["devices"], list[GpuDevice])
    return Gpu(
        visible=bool(devices),
        driver=told["driver"],
        devices=devices,
        frameworks=[_framework(record) for record in frameworks],
        error=told["error"],
    )


def _framework(record: dict[str, Any]) -> GpuFramework:
    told = record["answer"]
    if told is None:
        return GpuFramework(name=record["name"], version="", error=ending(record))
    return msgspec.convert({**told, "name": record["name"]}, GpuFramework)
