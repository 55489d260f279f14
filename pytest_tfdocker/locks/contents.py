"""What one command of pip asks for: its files, its names, its constraints."""

import posixpath
from collections.abc import Callable
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.constraints import constrain, override
from pytest_tfdocker.locks.copied import CopiedFiles, Moment
from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.found import Changed, Found, Inline, Made
from pytest_tfdocker.locks.lines import Skipped, problem, requirement, split_extras
from pytest_tfdocker.locks.pip_command import PipCommand
from pytest_tfdocker.locks.pyproject import read_project
from pytest_tfdocker.locks.readers import reader_of
from pytest_tfdocker.locks.requirements import (
    NOT_COPIED,
    Contents,
    File,
    Own,
    beside,
    merged,
    read_requirements,
    shown_path,
)
from pytest_tfdocker.locks.selection import Selection, canonicals
from pytest_tfdocker.locks.wheels import Wheels, project_name


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all stages."""

    dockerfile: Dockerfile
    files: CopiedFiles
    wheels: Wheels
    name: str
    """The Dockerfile's, as the user names it."""
    root: Path
    args: dict[str, str]


class Here:
    """One command at its place: what a path means there, and how the place is told."""

    def __init__(self, build: Build, stage: Stage, call: Call) -> None:
        self.build = build
        self.stage = stage
        self.call = call
        self.moment = Moment(call.instruction.line, call.order)

    def find(self, path: str) -> Found:
        absolute = self.call.path(path)
        return (
            None if "\0" in absolute else self.build.files.find(absolute, self.stage, self.moment)
        )

    def source(self, arg: Arg) -> Source:
        return Source(self.build.name, self.call.line_at(arg.offset))

    def note(self, text: str, arg: Arg | None = None) -> Contents:
        """What can't be followed, with the line of the word that says so."""
        line = self.call.line_at(arg.offset) if arg else self.call.line
        return Contents(notes=(f"{self.build.name}:{line} {text}",))


class Asked(Here):
    """One command of pip."""

    def __init__(self, build: Build, stage: Stage, call: Call, pip: PipCommand) -> None:
        super().__init__(build, stage, call)
        self.pip = pip
        self.changed: list[Path] = []
        self.piped: Callable[[str], Contents] | None = None
        """As `Made.read`, of what another command writes into its input."""
        self.folder = pip.options.get("--directory", "") if pip.is_uv else ""

    def read(self) -> Contents:
        """Everything that it asks for, its constraints applied."""
        pip, shown = self.pip, self.pip.shown
        limits = (*pip.constraints, *self._constraints_around())
        reads = shown if shown == "pip-sync" else f"{shown} -r"
        found = merged(
            [
                *(self._file(arg, reads, constraint=False) for arg in pip.files),
                *(self._file(arg, f"{shown} -c", constraint=True) for arg in limits),
                *(self._named(arg, editable=False) for arg in pip.names),
                *(self._named(arg, editable=True) for arg in pip.editables),
                *(self._group(arg) for arg in pip.groups),
            ]
        )
        overrides = merged(
            self._file(arg, f"{shown} --override", constraint=True) for arg in self._overrides()
        )
        required = override(found.requirements, overrides.constraints)
        pinned = constrain(required, found.constraints)
        found = merged([found, msgspec.structs.replace(overrides, constraints=())])
        changed = tuple(self.changed)
        return msgspec.structs.replace(
            found,
            requirements=pinned,
            constraints=(),
            applied=(*found.applied, *found.constraints),
            changed=changed,
        )

    def path(self, name: str) -> str:
        return posixpath.join(self.folder, name)

    def _overrides(self) -> list[Arg]:
        around = self.call.variables.get("UV_OVERRIDE", "") if self.pip.is_uv else ""
        return [*self.pip.overrides, *(Arg(word, 0) for word in around.split())]

    def _constraints_around(self) -> list[Arg]:
        name = "UV_CONSTRAINT" if self.pip.is_uv else "PIP_CONSTRAINT"
        return [Arg(word, 0) for word in self.call.variables.get(name, "").split()]

    def _named(self, arg: Arg, *, editable: bool) -> Contents:
        if arg.unknown:
            return self.note(f"{arg.text}: {_unknown(arg)}", arg)
        if "*" in arg.text and ("/" in arg.text or arg.text.endswith(".whl")):
            return self._wheels(arg)
        source = self.source(arg)
        try:
            found = requirement(arg.text, source, editable=editable)
        except Exception as error:  # noqa: BLE001  the libraries raise what they like
            bad = problem(source, arg.text, str(error))
            return Contents(problems=(bad,), sources=(str(source),))
        if isinstance(found, Skipped):
            return Contents(notes=(found.note,)) if found.note else self._folder(arg)
        named = msgspec.structs.replace(found, inline=True)
        return Contents(requirements=(named,), sources=(str(source),))

    def _folder(self, arg: Arg) -> Contents:
        """A project in a folder: one's own, where the folder comes from the build context."""
        if self.pip.action in {"wheel", "download"}:
            return self._own(arg)
        folder, extras = split_extras(arg.text.partition(";")[0].strip())
        path = self.call.path(self.path(folder.removeprefix("file://")))
        if "\0" in path or not self.build.files.touches(path, self.stage):
            return self.note(f"{arg.text}: {NOT_COPIED}", arg)
        names = tuple(filter(None, extras.replace(" ", "").split(",")))
        return Contents(own=(Own(str(self.source(arg)), arg.text, names),))

    def _own(self, arg: Arg) -> Contents:
        """The project's own wheel: once installed, nothing in it tells that it is one's own."""
        folder, extras = split_extras(arg.text)
        files = [self.find(self.path(f"{folder}/{name}")) for name in _PROJECT_FILES]
        name = project_name(*files)
        if name is None:
            return self.note(f"{arg.text}: the name of what is built can't be told", arg)
        own = Requirement(
            name=name,
            source=self.source(arg),
            extras=tuple(
                sorted(canonicalize_name(one.strip()) for one in extras.split(",") if one)
            ),
            url=folder,
        )
        return Contents(requirements=(own,), sources=(str(own.source),))

    def _wheels(self, arg: Arg) -> Contents:
        """`pip install /wheels/*`: what `pip wheel` was asked for, in whichever stage."""
        folder, name = posixpath.split(self.call.path(self.path(arg.text)))
        found = []
        if name in {"*", "*.whl"} and "\0" not in folder:
            found = self.build.wheels.find(folder, self.stage, self.moment)
        if not found:
            return self.note(f"{arg.text}: which files that is can't be told", arg)
        return merged(found)

    def _file(self, arg: Arg, shown: str, *, constraint: bool) -> Contents:
        if arg.unknown:
            return self.note(f"{arg.text}: {_unknown(arg)}", arg)
        source = self.source(arg)
        if arg.text in _STREAMS or arg.text.startswith(("/dev/fd/", "/proc/self/fd/")):
            return self._stream(arg, shown)
        if "://" in arg.text:
            reason = "stands on the network, and is not read"
            return Contents(problems=(problem(source, arg.text, reason),), sources=(str(source),))
        found = self.find(self.path(arg.text))
        if found is None or isinstance(found, Changed):
            return self.note(f"{arg.text}: {self.reason(found)}", arg)
        return self._contents(found, arg, f"{source} {shown}", constraint=constraint)

    def _contents(
        self, found: Path | Inline | Made, arg: Arg, by: str, *, constraint: bool
    ) -> Contents:
        if isinstance(found, Made):
            told: Contents = found.read(by)
            return told
        if isinstance(found, Path) and (read := reader_of(found.name)):
            name = shown_path(found, self.build.root)
            return read(found, name, self.pip.selection, by)
        return read_requirements(
            found,
            self.build.root,
            installed_by=by,
            variables=self.call.variables,
            nested=_Nested(self, found, self.path(arg.text)),
            constraint=constraint,
            asked_by=self.source(arg),
            dockerfile=self.build.name,
        )

    def _stream(self, arg: Arg, shown: str) -> Contents:
        """Its input: what another command exports of a lock, else not known."""
        if self.piped is not None and arg.text in _STREAMS:
            return self.piped(f"{self.source(arg)} {shown}")
        return self.note(f"{shown} {arg.text}: its input is not known here", arg)

    def _group(self, arg: Arg) -> Contents:
        """`--group dev`, `--group ./other/pyproject.toml:dev`."""
        if arg.unknown:
            return self.note(f"{arg.text}: {_unknown(arg)}", arg)
        path, _, name = arg.text.rpartition(":")
        found = self.find(self.path(path or "pyproject.toml"))
        if not isinstance(found, Path):
            reason = self.reason(found) if isinstance(found, Changed) else NOT_COPIED
            return self.note(f"{path or 'pyproject.toml'}: {reason}", arg)
        asked = Selection(project=False, groups=canonicals([name]))
        by = f"{self.source(arg)} {self.pip.shown} --group"
        return read_project(found, shown_path(found, self.build.root), asked, by)

    def reason(self, found: Changed | None) -> str:
        """Why a file is not read; one that is changed is remembered."""
        if found is None:
            return NOT_COPIED
        self.changed += [found.path] if found.path else []
        return f"changed by {self.build.name}:{found.line}"


_STREAMS = frozenset({"-", "/dev/stdin"})
_PROJECT_FILES = ("pyproject.toml", "setup.cfg")


class _Nested:
    """The file that `-r name` means in a file of the container, else the one beside it."""

    def __init__(self, asked: Asked, file: File, name: str) -> None:
        self.asked = asked
        self.inside = {file: name}

    def __call__(self, parent: File, name: str) -> File | str:
        inside = posixpath.join(posixpath.dirname(self.inside.get(parent, "")), name)
        found = self.asked.find(inside)
        if isinstance(found, Changed):
            return self.asked.reason(found)
        if isinstance(found, Made):
            return f"written by {self.asked.build.name}:{found.line}"
        file = found or beside(parent, name)
        if not isinstance(file, str):
            self.inside[file] = inside
        return file


def _unknown(arg: Arg) -> str:
    return f"{', '.join(arg.unknown)} is not known here"
