"""What `uv sync`, `poetry install` and `pipenv sync` install: the project's lock, as asked for."""

import posixpath
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pytest_tfdocker.dockerfile.records import Stage
from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.contents import Asked, Build, Here
from pytest_tfdocker.locks.found import Found
from pytest_tfdocker.locks.pip_command import PipCommand
from pytest_tfdocker.locks.project_command import ProjectCommand, is_set
from pytest_tfdocker.locks.project_places import setting_variable
from pytest_tfdocker.locks.readers import READERS
from pytest_tfdocker.locks.requirements import Contents, merged, shown_path
from pytest_tfdocker.locks.selection import Selection
from pytest_tfdocker.locks.wheels import project_name

_FILES = {
    "uv": ("uv.lock", "pyproject.toml"),
    "poetry": ("poetry.lock", "pyproject.toml"),
    "pipenv": ("Pipfile.lock", "Pipfile"),
}
"""The lock, and what the tool makes one from."""
_FOLDERS = {
    "uv": (("--directory", "UV_WORKING_DIR"), ("--project", "UV_PROJECT")),
    "poetry": (("--directory", ""), ("--project", "")),
    "pipenv": (),
}
"""Options that name the folder of the project, each relative to the one before, and the variables
in their place."""


class Synced(Here):
    """One command of a tool that installs a project."""

    def __init__(self, build: Build, stage: Stage, call: Call, command: ProjectCommand) -> None:
        super().__init__(build, stage, call)
        self.command = command
        self.changed: list[Path] = []

    @property
    def folder(self) -> str:
        """Where the tool looks for the project; absolute."""
        path = "."
        for option, variable in _FOLDERS[self.command.tool]:
            given = self.command.options.get(option) or self.call.variables.get(variable, "")
            path = posixpath.join(path, given)
        pipfile = self.call.variables.get("PIPENV_PIPFILE", "")
        if self.command.tool == "pipenv" and pipfile:
            path = posixpath.dirname(pipfile)
        return self.call.path(path)

    @property
    def root(self) -> str:
        """The folder of the lock, else that of the project."""
        found = self._located()
        return found[0] if found else self.folder

    def poetry_toml(self) -> dict[str, str]:
        """What a poetry.toml beside the project says, as `poetry_settings`."""
        found = self.find(posixpath.join(self.root, "poetry.toml"))
        if self.command.tool != "poetry" or not isinstance(found, Path):
            return {}
        try:
            told = tomllib.loads(found.read_text("utf-8")).get("virtualenvs", {})
            return {
                setting_variable("virtualenvs." + key): str(value) for key, value in told.items()
            }
        except (OSError, ValueError, AttributeError, RecursionError):
            return {}

    def read(self, installed_by: str | None = None) -> Contents:
        """Everything that it asks for, or a note of why that can't be told.

        `installed_by`: what installs it, where that is another command.
        """
        command = self.command
        if command.unknown is not None:
            unknown = ", ".join(command.unknown.unknown)
            return self.note(f"{command.shown} {command.unknown.text}: {unknown} is not known here")
        if command.options.keys() & {"--dry-run", "--check", "--only-root"}:
            return Contents()
        if self._resolves_anew():
            return self.note(f"{command.shown}: what it upgrades to can't be told")
        if "--script" in command.options:
            return self.note(f"{command.shown} --script: not read by this version")
        found = merged([self._project(installed_by), self._named()])
        kept = tuple(one for one in found.requirements if one.name not in command.without)
        return msgspec.structs.replace(found, requirements=kept, changed=tuple(self.changed))

    def _resolves_anew(self) -> bool:
        options = self.command.options.keys()
        upgrades = {"-U", "--upgrade", "-P", "--upgrade-package", "--upgrade-group"} & options
        return self.command.tool == "uv" and bool(upgrades) and "--frozen" not in options

    def _project(self, installed_by: str | None) -> Contents:
        located = self._located()
        if located is None and self.command.shown == "uv run":
            return Contents()  # without a project it installs nothing
        if located is None:
            names = " and no ".join(_FILES[self.command.tool])
            return self.note(f"{self.command.shown}: no {names} is copied from the build context")
        folder, name, found = located
        if not isinstance(found, Path):
            return self.note(f"{self.command.shown}: {name} {self._why(found)}")
        shown = shown_path(found, self.build.root)
        own = f"{self.build.name}:{self.call.line} {self.command.shown}"
        return READERS[name](found, shown, self._selection(folder), installed_by or own)

    def _named(self) -> Contents:
        """Pipenv takes names and requirement files as pip does."""
        command = self.command
        if command.tool != "pipenv":
            return Contents()
        pip = PipCommand(
            action="install",
            program="pipenv",
            shown=command.shown,
            names=command.names,
            editables=command.editables,
            files=command.files,
        )
        return Asked(self.build, self.stage, self.call, pip).read()

    def _selection(self, root: str) -> Selection:
        """Below the root of a workspace it is the member that stands there."""
        asked = self.command.selection
        if self.command.tool != "uv" or self.folder == root:
            return asked
        if asked.packages or asked.all_packages:
            return asked
        member = project_name(self.find(posixpath.join(self.folder, "pyproject.toml")), None)
        return msgspec.structs.replace(asked, packages=frozenset([member] if member else []))

    def _located(self) -> tuple[str, str, Found] | None:
        """Folder and name of the file that is read, and what it is; the lock before the project."""
        lock, project = _FILES[self.command.tool]
        skips = "--skip-lock" in self.command.options or (
            self.command.tool == "pipenv" and is_set(self.call.variables, "PIPENV_SKIP_LOCK")
        )
        names = [project] if skips else [lock, project]
        for name in names:
            for folder in _upwards(self.folder):
                found = self.find(posixpath.join(folder, name))
                if found is not None:
                    return folder, name, found
        return None

    def _why(self, found: Found) -> str:
        line = getattr(found, "line", self.call.line)
        self.changed += [path] if (path := getattr(found, "path", None)) else []
        return f"changed by {self.build.name}:{line}"


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while folder not in {"/", ""}:
        folder = posixpath.dirname(folder)
        yield folder
