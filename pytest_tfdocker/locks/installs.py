"""What the Dockerfile itself installs, in the target's stages and those it copies from."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.dockerfile.stages import (
    global_variables,
    sources,
    stage_chain,
    surroundings,
)
from pytest_tfdocker.dockerfile.words import expand
from pytest_tfdocker.locks.calls import Call, calls
from pytest_tfdocker.locks.contents import Asked, Build, Here
from pytest_tfdocker.locks.copied import CopiedFiles
from pytest_tfdocker.locks.lost import Lost
from pytest_tfdocker.locks.pip_command import PipCommand, Unread, pip_command
from pytest_tfdocker.locks.places import (
    Place,
    environment_made,
    places,
)
from pytest_tfdocker.locks.project_command import ProjectCommand, export_command, project_command
from pytest_tfdocker.locks.project_places import poetry_settings, project_places
from pytest_tfdocker.locks.reach import Reach
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.scripts import script_note
from pytest_tfdocker.locks.synced import Synced
from pytest_tfdocker.locks.uninstalls import Part, Uninstalls
from pytest_tfdocker.locks.wheels import Wheels
from pytest_tfdocker.locks.written import writes


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
    files = CopiedFiles(dockerfile, context, given)
    build = Build(
        dockerfile=dockerfile,
        files=files,
        wheels=Wheels(files),
        name=name,
        root=root,
        args=given,
    )
    stages = sorted(sources(dockerfile, target, given), key=lambda stage: stage.index)
    return _Installs(build, Reach(dockerfile, target, given)).read(stages)


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """One command of a stage, and what it is to an installer."""

    stage: Stage
    call: Call
    installer: PipCommand | ProjectCommand | Unread | None
    places: tuple[Place, ...] = ()


class _Surroundings(NamedTuple):
    """What later commands find."""

    made: tuple[str, ...]
    """Environments."""
    poetry: Mapping[str, str]
    """As `poetry_settings`."""


class _Installs:
    """All stages: first their commands, which tell each other's meaning, then what they ask for."""

    def __init__(self, build: Build, reach: Reach) -> None:
        self.build = build
        self.reach = reach
        self.lost = Lost(build.dockerfile, build.files, reach)
        self.uninstalls = Uninstalls(build, reach)
        self.surroundings: dict[int, _Surroundings] = {}
        """By stage: what it and its base have in the end."""

    def read(self, stages: Iterable[Stage]) -> Contents:
        read = list(stages)
        steps = [step for stage in read for step in self._steps(stage)]
        for step in steps:
            self._write(step)
            self._take_in(step)
        parts: list[Part] = []
        for step in steps:
            contents = self._placed(self._follow(step, parts), step)
            of_project = isinstance(step.installer, ProjectCommand)
            parts.append(Part(step.stage.index, step.places, contents, of_project))
        return merged([*(part.contents for part in parts), *self._bases(read)])

    def _bases(self, stages: Iterable[Stage]) -> Iterator[Contents]:
        """What can't be followed of FROM: a stage by a variable, and what a base runs later."""
        dockerfile = self.build.dockerfile
        known = global_variables(dockerfile, self.build.args)
        names = [one.name for one in dockerfile.stages if one.name]
        for stage in stages:
            base = expand(stage.base, known)
            pattern = re.sub(r"\$\{[^}]*\}|\$\w+", "*", stage.base.lower())
            if base.unknown and any(fnmatchcase(one, pattern) for one in names):
                unknown = f"{', '.join(base.unknown)} is not known here"
                yield self._note(stage.line, f"FROM {stage.base}: {unknown}")
            for one in stage.instructions:
                if one.keyword == "ONBUILD" and stage.index not in self.reach.last:
                    yield self._note(one.line, "ONBUILD: not read by this version")

    def _note(self, line: int, text: str) -> Contents:
        return Contents(notes=(f"{self.build.name}:{line} {text}",))

    def _placed(self, contents: Contents, step: _Step) -> Contents:
        """With where it stands in the end, and by which instruction."""
        places, line = self._final(step), step.call.instruction.line
        requirements = tuple(
            msgspec.structs.replace(one, places=places, instruction=line)
            for one in contents.requirements
        )
        return msgspec.structs.replace(contents, requirements=requirements)

    def _write(self, step: _Step) -> None:
        """Notes the files that a command writes, and what stands in those made from a lock."""
        read = self._exported(step.stage, step.call, step.call.args)
        written = [msgspec.structs.replace(one, read=read) for one in writes(step.call)]
        self.build.files.writes.setdefault(step.stage.index, []).extend(written)

    def _exported(
        self, stage: Stage, call: Call, args: Sequence[Arg]
    ) -> Callable[[str], Contents] | None:
        command = export_command(args, call.variables)
        if command is None or call.command.condition:
            return None
        return Synced(self.build, stage, call, command).read

    def _final(self, step: _Step) -> tuple[Place, ...]:
        """Where what it installs stands in the image in the end."""
        states = self.reach.spread(step.stage.index, step.places)
        found = {place for at, place in states if at in self.reach.chain}
        return () if "" in found else tuple(sorted(found, key=str))

    def _steps(self, stage: Stage) -> Iterator[_Step]:
        """PATH may name an environment that only a later command makes."""
        waiting = [(call, _installer(call)) for call in self._calls(stage)]
        chain = stage_chain(self.build.dockerfile, str(stage.index), self.build.args)
        base = self.surroundings.get(chain[1].index) if chain[1:] else None
        made = list(base.made) if base else []
        settings = dict(base.poetry) if base else {}
        makes = [self._makes(stage, call, installer, settings) for call, installer in waiting]
        for at, (call, installer) in enumerate(waiting):
            made += [path] if (path := makes[at]) else []
            settings |= poetry_settings(call)
            found: tuple[Place, ...] = ()
            if isinstance(installer, PipCommand):
                absent = set(filter(None, makes[at + 1 :])) - set(made)
                told = places(installer, call, made)
                found = tuple(None if one in absent else one for one in told)
            elif isinstance(installer, ProjectCommand):
                synced = Synced(self.build, stage, call, installer)
                known = {**settings, **synced.poetry_toml()}
                found = project_places(installer, call, synced.root, made, known)
            yield _Step(stage=stage, call=call, installer=installer, places=found)
        self.surroundings[stage.index] = _Surroundings(tuple(made), settings)

    def _makes(
        self, stage: Stage, call: Call, installer: object, settings: Mapping[str, str]
    ) -> str | None:
        """The environment that a command makes, as far as it is the project's own folder."""
        if not isinstance(installer, ProjectCommand):
            return environment_made(call)
        synced = Synced(self.build, stage, call, installer)
        known = {**settings, **synced.poetry_toml()}
        (place, *others) = project_places(installer, call, synced.root, (), known) or (None,)
        return None if others or place is None or place.endswith("*") else place

    def _calls(self, stage: Stage) -> Iterator[Call]:
        known = surroundings(self.build.dockerfile, stage, self.build.args)
        for instruction in stage.instructions:
            known.take(instruction)
            if instruction.keyword == "RUN":
                yield from calls(instruction, known)

    def _take_in(self, step: _Step) -> None:
        if isinstance(step.installer, Unread):
            self.lost.leave_unread(step.stage.index)
        elif isinstance(step.installer, ProjectCommand):
            self.lost.fill(step.stage.index, step.places)
        elif step.installer and step.installer.action in {"wheel", "download"}:
            self.lost.fill(step.stage.index, [_wheel_folder(step.call, step.installer)])
        elif step.installer and step.installer.action != "uninstall":
            self.lost.fill(step.stage.index, step.places)

    def _follow(self, step: _Step, parts: list[Part]) -> Contents:
        here = Here(self.build, step.stage, step.call)
        if step.installer is None:
            note = script_note(step.call, here.find)
            return here.note(note) if note else Contents()
        if isinstance(step.installer, Unread):
            return here.note(f"{step.installer.shown}: not read by this version")
        if step.call.command.condition:
            return here.note(f"{step.installer.shown}: {step.call.command.condition}")
        if isinstance(step.installer, ProjectCommand):
            return self._project(step, step.installer, parts)
        return self._pip(step, step.installer, parts)

    def _project(self, step: _Step, command: ProjectCommand, parts: list[Part]) -> Contents:
        """The lock in its place: a tool that takes away what isn't asked for begins anew."""
        asked = Synced(self.build, step.stage, step.call, command)
        if not self.reach.holds(step.stage.index, step.places):
            return self._copied(step, asked, command.shown)
        chain = stage_chain(self.build.dockerfile, str(step.stage.index), self.build.args)
        within = {stage.index for stage in chain}
        for part in parts if command.exact else ():
            if part.of_project and part.places == step.places and part.index in within:
                part.contents = Contents()
        return asked.read()

    def _pip(self, step: _Step, pip: PipCommand, parts: list[Part]) -> Contents:
        asked = Asked(self.build, step.stage, step.call, pip)
        if step.call.feeds is not None:
            asked.piped = self._exported(step.stage, step.call, step.call.feeds.args)
        if pip.action == "uninstall":
            return self.uninstalls.act(asked, step.places, parts)
        if pip.action in {"wheel", "download"}:
            folder = _wheel_folder(step.call, pip)
            self.build.wheels.add(step.stage, folder, asked.read())
            return Contents()
        if "--dry-run" in pip.options:
            return Contents()
        if self.reach.holds(step.stage.index, step.places):
            return asked.read()
        return self._copied(step, asked, pip.shown)

    def _copied(self, step: _Step, asked: Here, shown: str) -> Contents:
        """A note of what may get into the image all the same."""
        copy = self.lost.copy_of(step.stage.index, step.places)
        if copy is None:
            return Contents()
        place = f"{copy.source}, copied at {self.build.name}:{copy.line},"
        return asked.note(f"{shown}: whether {place} holds it can't be told")


def _installer(call: Call) -> PipCommand | ProjectCommand | Unread | None:
    """`uv run` installs the project before it runs what may be an installer itself."""
    inner = project_command(call.args, call.variables) or pip_command(call.args)
    return inner or project_command(call.command.args, call.variables)


def _wheel_folder(call: Call, pip: PipCommand) -> str:
    return call.path(pip.options.get("--wheel-dir", pip.options.get("--dest", ".")))
