"""A container's environment, command and arguments, with Kubernetes' $(NAME) replaced."""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

from pytest_tfdocker.settings.kubernetes_container import Container, text
from pytest_tfdocker.settings.kubernetes_quantity import parse_quantity
from pytest_tfdocker.settings.toml_lines import Path as Keys

_REFERENCE = re.compile(r"\$(?:\$|\((?P<name>[^)]*)\))")
_INSTEAD = "name it in run.env"


def read_environment(container: Container) -> None:
    """Take `env` over as `run.env`, `command` as the entrypoint and `args` as the command.

    What comes from elsewhere is noted, and so is each text that would hold it.
    """
    found: dict[str, str | None] = {}
    places: dict[str, Keys] = {}
    keys = container.at("env")
    for inner, item in container.items(keys, container.found.container):
        name = container.value((*inner, "name"), item, text)
        places[name or ""] = (*inner, "name")
        if not name:
            container.problem(inner, "'name' is missing")
        elif name in container.given:
            found[name] = container.given[name]
        elif item.get("valueFrom") is not None:
            found[name] = _from_elsewhere(container, inner, name, item)
        else:
            value = container.value((*inner, "value"), item, text)
            found[name] = _expanded(container, (*inner, "value"), value or "", found)
    known = {
        name: f"{name}={value}"
        for name, value in found.items()
        if value is not None and name not in container.given
    }
    if known:
        container.set(keys, "run.env", [*known.values()], [places[name] for name in known])
    for inner, item in container.items(container.at("envFrom"), container.found.container):
        container.note(inner, f"{_source(item)} is not read; name what it sets in run.env")
    for field, target in (("command", "run.entrypoint"), ("args", "run.command")):
        words = _words(container, container.at(field), found)
        if words:
            container.set(container.at(field), target, words)


def expand(value: str, variables: Mapping[str, str | None]) -> tuple[str, list[str]]:
    """The text with each $(NAME) replaced, and the names whose values aren't known here.

    A name that nobody sets stays as it is written, and $$ is a dollar sign. Source:
    k8s.io/kubernetes, third_party/forked/golang/expansion.
    """
    unknown: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if name in variables and variables[name] is None:
            unknown.append(name)
        return match[0] if variables.get(name) is None else str(variables[name])

    return _REFERENCE.sub(replaced, value), unknown


def _expanded(
    container: Container, keys: Keys, value: str, variables: Mapping[str, str | None]
) -> str:
    done, unknown = expand(value, variables)
    for name in dict.fromkeys(unknown):
        container.note(keys, f"$({name}) stays as it is written, since {name} isn't known here")
    return done


def _words(container: Container, keys: Keys, variables: Mapping[str, str | None]) -> list[str]:
    words: list[str] = []
    for at, item in enumerate(container.list_of(keys, container.found.container)):
        try:
            words.append(_expanded(container, (*keys, at), text(item), variables))
        except ValueError as error:
            container.problem((*keys, at), str(error))
    return words


def _from_elsewhere(
    container: Container, keys: Keys, name: str, item: dict[str, Any]
) -> str | None:
    """The value where it follows from the container's own limits; else None, and a note."""
    if item.get("value"):
        container.problem(keys, "has both 'value' and 'valueFrom'")
    source = container.table((*keys, "valueFrom"), item)
    field = source.get("resourceFieldRef")
    value = _of_limits(container, field) if isinstance(field, dict) else None
    if value is None:
        container.note(keys, f"{name} isn't set, {_source(source)} is not read; {_INSTEAD}")
    return value


def _of_limits(container: Container, field: dict[str, Any]) -> str | None:
    """Of `resourceFieldRef`, rounded up, as the kubelet does."""
    other = field.get("containerName")
    where, _, resource = str(field.get("resource")).partition(".")
    if where != "limits" or other not in (None, container.found.container_name):
        return None
    resources = container.found.container.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    try:
        limit = parse_quantity(limits[resource], "1") if isinstance(limits, dict) else None
        divisor = parse_quantity(field.get("divisor") or "1", "1") or 1
    except (ValueError, KeyError):
        return None
    return None if limit is None else str(ceil(limit / divisor))


def _source(table: dict[str, Any]) -> str:
    """What a value comes from: "secretKeyRef app, key token"."""
    for kind, reference in table.items():
        if isinstance(reference, dict):
            named = (
                reference.get("name"),
                reference.get("fieldPath"),
                reference.get("resource"),
                f"key {reference['key']}" if reference.get("key") else None,
            )
            return f"{kind} {', '.join(str(one) for one in named if one)}".strip()
    return "its source"
