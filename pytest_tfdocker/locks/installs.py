"""What the Dockerfile itself pip-installs, in the target's stages and those it copies from."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.dockerfile.stages import sources, surroundings
from pytest_tfdocker.locks.calls import Call, calls
from pytest_tfdocker.locks.copied import CopiedFiles
from pytest_tfdocker.locks.declared import Source
from pytest_tfdocker.locks.lines import Skipped, problem, requirement
from pytest_tfdocker.locks.pip_command import PipCommand, Unread, pip_command, prefix_of
from pytest_tfdocker.locks.reach import Reach
from pytest_tfdocker.locks.requirements import (
    Contents,
    beside,
    constrain,
    merged,
    read_requirements,
)
from pytest_tfdocker.locks.scripts import script_note


def read_installs(
    dockerfile: Dockerfile,
    *,
    name: str,
    context: Path,
    root: Path,
    target: str | None = None,
    args: Mapping[str, str] | None = None,
) -> Contents:
    """What the image's own stages install, constraints applied. `name` is the Dockerfile's.

    What can't be followed is a note, "Dockerfile:7 install.sh: a script".
    """
    given = dict(args or {})
    build = _Build(
        dockerfile=dockerfile,
        files=CopiedFiles(dockerfile, context, given),
        reach=Reach(dockerfile, target, given),
        name=name,
        root=root,
        args=given,
    )
    found: list[Contents] = []
    for stage in sorted(sources(dockerfile, target, given), key=lambda stage: stage.index):
        _Stage(build, stage, found).run()
    return merged(found)


class _Build(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all stages."""

    dockerfile: Dockerfile
    files: CopiedFiles
    reach: Reach
    name: str
    root: Path
    args: dict[str, str]
    wheels: dict[str, Contents] = {}
    """By folder: what `pip wheel` and `pip download` leave for a later install."""


class _Stage:
    """One stage, from its first instruction to its last."""

    def __init__(self, build: _Build, stage: Stage, found: list[Contents]) -> None:
        self.build = build
        self.stage = stage
        self.known = surroundings(build.dockerfile, stage, build.args)
        self.found = found
        self.made_later: list[str] = []

    def run(self) -> None:
        waiting = list(self._calls())
        self.made_later = [made for call in waiting if (made := _environment_made(call))]
        for call in waiting:
            if _environment_made(call):
                self.made_later.pop(0)
            self.found.append(self._follow(call))

    def _calls(self) -> Iterator[Call]:
        for instruction in self.stage.instructions:
            self.known.take(instruction)
            if instruction.keyword == "RUN":
                yield from calls(instruction, self.known)

    def _follow(self, call: Call) -> Contents:
        installer = pip_command(call.command.args)
        if installer is None:
            note = script_note(call, lambda path: self._find(path, call))
            return self._note(call, note) if note else Contents()
        if isinstance(installer, Unread):
            return self._note(call, f"{installer.shown}: not read by this version")
        if call.command.condition:
            return self._note(call, f"{installer.shown}: {call.command.condition}")
        return self._pip(call, installer)

    def _pip(self, call: Call, pip: PipCommand) -> Contents:
        if pip.action == "uninstall":
            self._uninstall({canonicalize_name(arg.text) for arg in pip.names})
        elif pip.action in {"wheel", "download"}:
            folder = pip.options.get("--wheel-dir", pip.options.get("--dest", "."))
            self.build.wheels[posixpath.join(call.folder, folder)] = self._contents(call, pip)
        elif "--dry-run" not in pip.options:
            prefix = self._prefix(call, pip)
            return self._contents(call, pip) if self._reaches(prefix) else Contents()
        return Contents()

    def _prefix(self, call: Call, pip: PipCommand) -> str | None:
        """PATH may name an environment that only a later command makes."""
        prefix = prefix_of(pip, call.variables)
        prefix = prefix and posixpath.normpath(posixpath.join(call.folder, prefix))
        return None if prefix in self.made_later else prefix

    def _reaches(self, prefix: str | None) -> bool:
        return self.build.reach.holds(self.stage, prefix)

    def _uninstall(self, names: set[str]) -> None:
        for at, part in enumerate(self.found):
            kept = tuple(one for one in part.requirements if one.name not in names)
            self.found[at] = msgspec.structs.replace(part, requirements=kept)

    def _contents(self, call: Call, pip: PipCommand) -> Contents:
        limits = (*pip.constraints, *_from_environment(pip, call.variables))
        found = merged(
            [
                *(self._file(call, arg, f"{pip.shown} -r", constraint=False) for arg in pip.files),
                *(self._file(call, arg, f"{pip.shown} -c", constraint=True) for arg in limits),
                *(self._named(call, arg, editable=False) for arg in pip.names),
                *(self._named(call, arg, editable=True) for arg in pip.editables),
                *(
                    self._note(call, f"{pip.shown} {option}: not read by this version")
                    for option in ("--group", "--extra")
                    if option in pip.options
                ),
            ]
        )
        pinned = constrain(found.requirements, found.constraints)
        return msgspec.structs.replace(found, requirements=pinned, constraints=())

    def _named(self, call: Call, arg: Arg, *, editable: bool) -> Contents:
        if arg.unknown:
            return self._note(call, f"{arg.text}: {_unknown(arg)}", arg)
        if "*" in arg.text and "/" in arg.text:
            return self._wheels(call, arg)
        source, read = self._source(call, arg), (self._place(call, arg),)
        try:
            found = requirement(arg.text, source, editable=editable)
        except Exception as error:  # noqa: BLE001  the libraries raise what they like
            return Contents(problems=(problem(source, arg.text, str(error)),), sources=read)
        if isinstance(found, Skipped):
            return Contents(notes=(found.note,) if found.note else ())
        named = msgspec.structs.replace(found, inline=True)
        return Contents(requirements=(named,), sources=read)

    def _wheels(self, call: Call, arg: Arg) -> Contents:
        """`pip install /wheels/*`: what `pip wheel` was asked for, in whichever stage."""
        if not self.build.wheels:
            return self._note(call, f"{arg.text}: which files that is can't be told", arg)
        return merged(self.build.wheels.values())

    def _file(self, call: Call, arg: Arg, shown: str, *, constraint: bool) -> Contents:
        place = self._place(call, arg)
        if arg.unknown:
            return self._note(call, f"{arg.text}: {_unknown(arg)}", arg)
        if arg.text.endswith(".toml"):
            return self._note(call, f"{arg.text}: not read by this version", arg)
        if "://" in arg.text:
            reason = "stands on the network, and is not read"
            bad = problem(self._source(call, arg), arg.text, reason)
            return Contents(problems=(bad,), sources=(place,))
        path = self._find(arg.text, call)
        if path is None:
            return self._note(call, f"{arg.text}: not copied from the build context", arg)
        return read_requirements(
            path,
            self.build.root,
            installed_by=f"{place} {shown}",
            variables=call.variables,
            nested=_Nested(lambda inside: self._find(inside, call), path, arg.text),
            constraint=constraint,
            asked_by=self._source(call, arg),
        )

    def _find(self, path: str, call: Call) -> Path | None:
        absolute = posixpath.normpath(posixpath.join("/", call.folder, path))
        if "\0" in absolute:
            return None
        return self.build.files.find(absolute, self.stage, call.instruction)

    def _source(self, call: Call, arg: Arg) -> Source:
        return Source(self.build.name, call.line_at(arg.offset))

    def _place(self, call: Call, arg: Arg) -> str:
        return str(self._source(call, arg))

    def _note(self, call: Call, text: str, arg: Arg | None = None) -> Contents:
        place = self._place(call, arg) if arg else f"{self.build.name}:{call.line}"
        return Contents(notes=(f"{place} {text}",))


class _Nested:
    """The file that `-r name` means in a file of the container, else the one beside it."""

    def __init__(self, find: Callable[[str], Path | None], path: Path, name: str) -> None:
        self.find = find
        self.inside = {path: name}

    def __call__(self, parent: Path, name: str) -> Path:
        inside = posixpath.join(posixpath.dirname(self.inside.get(parent, "")), name)
        path = self.find(inside) or beside(parent, name)
        self.inside[path] = inside
        return path


def _environment_made(call: Call) -> str | None:
    """The folder of `python -m venv`, `virtualenv` and `uv venv`."""
    words = [arg.text for arg in call.command.args]
    made = "venv" in words[1:3] or posixpath.basename(words[0]) == "virtualenv"
    if not made or words[-1].startswith("-"):
        return None
    return posixpath.normpath(posixpath.join(call.folder, words[-1]))


def _unknown(arg: Arg) -> str:
    return f"{', '.join(arg.unknown)} is not known here"


def _from_environment(pip: PipCommand, variables: Mapping[str, str]) -> list[Arg]:
    name = "UV_CONSTRAINT" if pip.is_uv else "PIP_CONSTRAINT"
    return [Arg(word, 0) for word in variables.get(name, "").split()]
