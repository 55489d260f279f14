"""What one container of a Kubernetes manifest sets: limits, user, root, environment and command."""

from collections.abc import Mapping

from pytest_tfdocker.settings import kubernetes_keys as known
from pytest_tfdocker.settings.kubernetes_container import Container, text
from pytest_tfdocker.settings.kubernetes_env import read_environment
from pytest_tfdocker.settings.kubernetes_file import Found
from pytest_tfdocker.settings.kubernetes_resources import read_resources
from pytest_tfdocker.settings.kubernetes_security import read_security
from pytest_tfdocker.settings.kubernetes_volumes import read_volumes
from pytest_tfdocker.settings.layers import Layer
from pytest_tfdocker.settings.smoke_rules import MOST_PORT


def read_container(found: Found, given: Mapping[str, str | None]) -> Layer:
    """The settings that a container gives, under variables that the settings themselves give.

    Raises SettingsError with every mistake, by its line.
    """
    container = Container(found, given)
    read_resources(container)
    read_security(container)
    read_environment(container)
    container.take(
        container.at("workingDir"),
        {key: value for key, value in found.container.items() if value != ""},
        "run.workdir",
        text,
    )
    read_volumes(container)
    _read_port(container)
    _judge_fields(container)
    _note_others(container)
    return container.layer()


def _read_port(container: Container) -> None:
    """The first port of TCP; it is no more than a default, so what can't be one is no mistake."""
    listed = container.found.container.get("ports")
    for at, item in enumerate(listed if isinstance(listed, list) else []):
        port = item.get("containerPort") if isinstance(item, dict) else None
        is_port = isinstance(port, int) and not isinstance(port, bool) and 0 < port <= MOST_PORT
        if is_port and item.get("protocol", "TCP") == "TCP":
            container.set(container.at("ports", at), "run.port", port)
            return


def _judge_fields(container: Container) -> None:
    container.judge(
        container.at(),
        container.found.container,
        known.CONTAINER_TAKEN | known.CONTAINER_WITHOUT_EFFECT,
        known.CONTAINER_NOTED,
    )
    container.judge(
        container.in_pod(),
        container.found.pod,
        known.POD_TAKEN | known.POD_WITHOUT_EFFECT,
        known.POD_NOTED,
    )


def _note_others(container: Container) -> None:
    """What runs before it and beside it in production, and not here."""
    for field, what in (("initContainers", "not run before it"), ("containers", "not started")):
        for keys, item in container.items(container.in_pod(field), container.found.pod):
            if keys != container.found.keys:
                container.note(keys, f"{item.get('name')} is {what}")
