"""The Compose files that the settings name, as one; and which service in it is meant."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_tfdocker.settings.compose_config import Resolved, resolve, with_sources
from pytest_tfdocker.settings.compose_file import ComposeFile, read_file
from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.source import WrongKeyError

_OVERRIDES = ("override.yaml", "override.yml")


def read_files(
    names: Sequence[str], service: str | None, root: Path, environ: Mapping[str, str]
) -> tuple[ComposeFile, str]:
    """The files put together, and the name of the service.

    One plain file is read as it stands; the rest is Compose's own work. Raises SettingsError, and
    WrongKeyError where it isn't clear which service is meant.
    """
    shown = " and ".join(map(repr, names))
    several = len(names) > 1
    files = [read_file(root / name, name, part=several) for name in names]
    file = files[0]
    if several or _needs_compose(file, service):
        file = resolve(files, environ)
    chosen = _chosen(list(file.services), service, shown)
    return (with_sources(file, files, chosen, root) if isinstance(file, Resolved) else file), chosen


def left_out(file: ComposeFile) -> list[str]:
    """What Compose would read beside this file, had nobody named it."""
    beside = [f"{file.path.stem}.{ending}" for ending in _OVERRIDES]
    return [f"{name} is not read" for name in beside if (file.folder / name).is_file()]


def _needs_compose(file: ComposeFile, service: str | None) -> bool:
    """Whether what the service is stands elsewhere, too, or is Compose's to tell."""
    if file.merges:
        return True
    if file.data.get("include") and (service is None or service not in file.services):
        return True
    meant = [service] if service is not None else list(file.services)
    table = file.services.get(meant[0]) if len(meant) == 1 else None
    return isinstance(table, dict) and "extends" in table


def _chosen(known: list[str], service: str | None, shown: str) -> str:
    if not known:
        raise WrongKeyError("compose", f"{shown} has no services")
    listed = ", ".join(known)
    if service is None and len(known) > 1:
        text = f"{shown} has several services; set 'service' to one of {listed}"
        raise WrongKeyError("compose", text)
    if service is not None and service not in known:
        near = suggest(service, known) or f"; services: {listed}"
        raise WrongKeyError("service", f"no service {service!r} in {shown}{near}")
    return service if service is not None else known[0]
