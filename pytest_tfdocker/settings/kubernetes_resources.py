"""The limits of a container."""

from typing import Any

from pytest_tfdocker.settings import kubernetes_quantity as quantity
from pytest_tfdocker.settings.kubernetes_container import Container
from pytest_tfdocker.settings.kubernetes_keys import STANDARD_RESOURCES
from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.toml_lines import Path as Keys

_NVIDIA = "nvidia.com/"


def read_resources(container: Container) -> None:
    """Take memory and CPUs over, and a GPU as one that is required."""
    keys = container.at("resources")
    resources = container.table(keys, container.found.container)
    limits, requests = (
        container.table((*keys, name), resources) for name in ("limits", "requests")
    )
    limits_at = (*keys, "limits")
    container.take((*limits_at, "memory"), limits, "run.memory", quantity.memory_bytes)
    container.take((*limits_at, "cpu"), limits, "run.cpus", quantity.cpus)
    for name in limits:
        _judge(container, (*limits_at, name), limits)
    for name in ("memory", "cpu"):
        _compare(container, (*keys, "requests", name), requests, limits)
    container.judge(keys, resources, ["limits", "requests"], ["claims"])


def _judge(container: Container, keys: Keys, limits: dict[str, Any]) -> None:
    name = str(keys[-1])
    if name.startswith(_NVIDIA):
        if container.value(keys, limits, quantity.count):
            container.set(keys, "gpu.expect", "required")
    elif "/" not in name and name not in STANDARD_RESOURCES and not name.startswith("hugepages-"):
        near = suggest(name, STANDARD_RESOURCES)
        container.problem(keys, f"Kubernetes knows no such resource{near}")
    elif name not in ("memory", "cpu"):
        container.note(keys, "not honoured")


def _compare(
    container: Container, keys: Keys, requests: dict[str, Any], limits: dict[str, Any]
) -> None:
    """A request above its limit is refused by Kubernetes; one without a limit is none.

    By the quantities, since a setting is rounded: 0.7 as a float is less than 700m.
    """
    name = str(keys[-1])
    asked = container.value(keys, requests, lambda value: quantity.parse_quantity(value, "1"))
    if asked is None:
        return
    is_taken = ("cpus" if name == "cpu" else name) in container.values.get("run", {})
    if not limits.get(name):
        container.note(keys, f"a request is no limit: {name} is not limited")
    elif is_taken and asked > quantity.parse_quantity(limits[name], "1"):
        container.problem(keys, f"is more than the limit, {limits[name]}")
