"""One container of a Kubernetes manifest, with the line of every key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.source import SettingsError, WrongKeyError, shown
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.toml_lines import line_of
from pytest_tfdocker.settings.yaml_lines import Document, Lines, Loader11, dotted, read_documents

_PODS: tuple[tuple[str, ...], ...] = (
    ("spec",),  # Pod
    ("spec", "template", "spec"),  # Deployment, StatefulSet, DaemonSet, Job, Rollout, Knative's
    ("spec", "jobTemplate", "spec", "template", "spec"),  # CronJob
)
"""Where a pod's spec may stand. What has one is a workload, whatever its kind is called."""

HELM = "a Helm template, not a manifest; `helm template CHART > FILE` writes one"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A container in its pod."""

    path: Path
    name: str
    """The file, as the settings name it."""
    lines: Lines
    """Of its document."""
    item: dict[str, Any]
    """The workload."""
    pod_keys: Keys
    pod: dict[str, Any]
    keys: Keys
    container: dict[str, Any]

    @property
    def workload(self) -> tuple[str, str]:
        """Kind and name."""
        name = _inner(self.item, ("metadata", "name"))
        return str(self.item.get("kind") or ""), str(name or "")

    @property
    def is_init(self) -> bool:
        """Whether it is one of the pod's initContainers."""
        return self.keys[-2] == "initContainers"

    @property
    def container_name(self) -> str:
        """Its name; "" where it has none."""
        return str(self.container.get("name") or "")

    def place(self, keys: Keys) -> str:
        """Where a key, else the nearest one around it, stands: "deploy/app.yaml:9"."""
        return f"{self.name}:{line_of(self.lines, keys) or 1}"

    def shown_place(self, keys: Keys) -> str:
        """The same for problems, the file as seen from the current folder."""
        return f"{shown(self.path)}:{line_of(self.lines, keys) or 1}"


def choose_container(path: Path, name: str, wanted: str | None) -> Found:
    """The container that is named, else the only one that is no initContainer.

    `wanted` is its name, or WORKLOAD/NAME, KIND/WORKLOAD/NAME where several have it. Raises
    SettingsError, and WrongKeyError where it isn't clear which is meant.
    """
    documents = _documents(path)
    every = [found for one in documents for found in _of_document(one, path, name)]
    if not every:
        raise SettingsError([f"{shown(path)}: {_no_workload(documents)}"])
    if wanted is None:
        candidates = [one for one in every if not one.is_init]
    else:
        candidates = [one for one in every if _is_called(one, wanted.split("/"))]
    if len(candidates) == 1:
        return candidates[0]
    _refuse_twins(candidates)
    raise WrongKeyError("kubernetes", _which(name, wanted, candidates, every))


def _documents(path: Path) -> list[Document]:
    try:
        return read_documents(path, Loader11)
    except SettingsError:
        # Its own words would be about a key that is no text, or a character that can't stand there
        line = _first_template(path)
        if line is None:
            raise
        raise SettingsError([f"{shown(path)}:{line}: {HELM}"]) from None


def _first_template(path: Path) -> int | None:
    try:
        lines = path.read_bytes().decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((at for at, line in enumerate(lines, 1) if "{{" in line), None)


def _of_document(document: Document, path: Path, name: str) -> Iterator[Found]:
    for at, item in _items(document.data, ()):
        for below in _PODS:
            pod = _inner(item, below)
            if not isinstance(pod, dict):
                continue
            for kind in ("containers", "initContainers"):
                listed = pod.get(kind)
                for index, container in enumerate(listed if isinstance(listed, list) else ()):
                    if isinstance(container, dict):
                        yield Found(
                            path=path,
                            name=name,
                            lines=document.lines,
                            item=item,
                            pod_keys=(*at, *below),
                            pod=pod,
                            keys=(*at, *below, kind, index),
                            container=container,
                        )


def _items(data: Any, at: Keys) -> Iterator[tuple[Keys, dict[str, Any]]]:
    """A document, or what a List of kubectl's holds."""
    if not isinstance(data, dict):
        return
    items = data.get("items")
    if str(data.get("kind", "")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _items(item, (*at, "items", index))
    else:
        yield at, data


def _inner(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _no_workload(documents: list[Document]) -> str:
    kinds = [str(one.get("kind")) for doc in documents for _, one in _items(doc.data, ())]
    if "Kustomization" in kinds:
        return "a Kustomization, not a manifest; `kubectl kustomize FOLDER > FILE` writes one"
    held = f"it has {', '.join(dict.fromkeys(kinds))}" if kinds else "it is empty"
    return f"no Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod with containers; {held}"


def _is_called(found: Found, words: list[str]) -> bool:
    return [*found.workload, found.container_name][-len(words) :] == words


def _refuse_twins(candidates: list[Found]) -> None:
    """Two containers of one pod that have one name, which no other words would tell apart."""
    seen: set[tuple[int, Keys, str]] = set()
    for one in candidates:
        key = (id(one.lines), one.pod_keys, one.container_name)
        if key in seen:
            named = f"are named {one.container_name!r}" if one.container_name else "have no name"
            place = f"{one.shown_place(one.keys)}: {dotted(one.keys)}"
            raise SettingsError([f"{place}: two containers of the pod {named}"])
        seen.add(key)


def _which(name: str, wanted: str | None, candidates: list[Found], every: list[Found]) -> str:
    named = [one.container_name for one in every]
    if wanted is not None and not candidates:
        near = suggest(wanted, named) or f"; containers: {', '.join(named)}"
        return f"no container {wanted!r} in {name!r}{near}"
    if not candidates:
        return f"{name!r} has initContainers alone; name one, {name}#{named[0]}"
    unique = len({one.container_name for one in candidates}) == len(candidates)
    full = ["/".join([*one.workload, one.container_name]) for one in candidates]
    twin = next((one for one in full if full.count(one) > 1), None)
    if twin is not None:
        return f"{name!r} has two containers {twin!r}; put one into a file of its own"
    listed = [one.container_name for one in candidates] if unique else full
    several = "several containers" if wanted is None else f"several containers {wanted!r}"
    return f"{name!r} has {several}; write {name}#CONTAINER, of {', '.join(listed)}"
