"""Compose files as data, with the file and line of every key."""

from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.settings.source import SettingsError, shown
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.toml_lines import line_of
from pytest_tfdocker.settings.yaml_lines import Lines, Loader12, dotted, read_documents


class ComposeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Compose file, not yet interpolated."""

    path: Path
    name: str
    """As the settings name it."""
    data: dict[str, Any]
    lines: Lines
    merges: bool = False
    """Whether it has Compose's tags for merging, !reset and !override."""

    @property
    def services(self) -> dict[str, Any]:
        """The services by name."""
        services = self.data.get("services")
        return services if isinstance(services, dict) else {}

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return self.path.parent

    def locate(self, keys: Keys) -> tuple["ComposeFile", Keys]:
        """The file and the key in it where a value stands."""
        return self, keys

    def place(self, keys: Keys) -> str:
        """Where a key, else the nearest one around it, stands: "compose.yaml:9"."""
        file, keys = self.locate(keys)
        return f"{file.name}:{line_of(file.lines, keys) or 1}"

    def where(self, keys: Keys) -> str:
        """What a problem starts with, "compose.yaml:9: services.app.cpus"."""
        file, keys = self.locate(keys)
        return f"{shown(file.path)}:{line_of(file.lines, keys) or 1}: {dotted(keys)}"


def read_file(path: Path, name: str, *, part: bool = False) -> ComposeFile:
    """The file's data and lines; raises SettingsError with file and line.

    `part`: it is one of several, which may lack services, as one that includes others may.
    """
    documents = read_documents(path, Loader12, merges=True)
    if len(documents) > 1:
        place = f"{shown(path)}:{documents[1].line}"
        text = "a second document; make it a file of its own, and name both in 'compose'"
        raise SettingsError([f"{place}: {text}"])
    data = documents[0].data if documents else None
    if not isinstance(data, dict) or not (part or _has_services(data)):
        raise SettingsError([f"{shown(path)}: not a Compose file: it has no table 'services'"])
    document = documents[0]
    return ComposeFile(
        path=path, name=name, data=data, lines=document.lines, merges=document.merges
    )


def _has_services(data: dict[str, Any]) -> bool:
    """Whether it has some, of its own or of a file that it includes."""
    services = data.get("services")
    return isinstance(services, dict) or (services is None and bool(data.get("include")))
