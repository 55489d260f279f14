"""Where a file of the container comes from: COPY, ADD and bind mounts, followed backwards."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.dockerfile.records import Dockerfile, Heredoc, Instruction, Stage
from pytest_tfdocker.dockerfile.stages import (
    Surroundings,
    copied_stage,
    mounts,
    stage_chain,
    surroundings,
)
from pytest_tfdocker.dockerfile.words import expand, split_words
from pytest_tfdocker.locks.found import Changed, Found, Inline, Made

_VARIABLE = re.compile(r"\$(?:\{[^{}]*\}|[A-Za-z_]\w*)")
MOST_LOOKUPS = 10_000
"""Stages that copy from each other many times over are followed no further."""


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """One source of one COPY, ADD or bind mount."""

    source: str
    target: str
    """Absolute, without a / at its end."""
    into: bool
    """Whether the target is written as a folder."""
    origin: str | None
    """Of --from; None: the build context."""
    line: int
    mount: bool = False
    """A mount holds for its own instruction, a copy for all below."""
    inline: Inline | None = None
    """What is copied, where it is a heredoc."""

    def serves(self, moment: "Moment | None") -> bool:
        """Whether it is there at a moment of its stage; None: when the stage ends."""
        if moment is None:
            return not self.mount
        return self.line == moment.line if self.mount else self.line < moment.line


class Moment(msgspec.Struct, frozen=True, order=True):
    """When a command of a stage runs."""

    line: int
    """Of its instruction."""
    order: int
    """Among the commands of its instruction."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """A command writes a file."""

    path: str
    """Absolute; may hold wildcards."""
    moment: Moment
    line: int
    """The command's own."""
    read: Callable[[str], Any] | None = None
    """As `Made.read`, of a file that is made from a lock."""


class CopiedFiles:
    """The files of the build context, by the paths that they get in the container."""

    def __init__(self, dockerfile: Dockerfile, context: Path, args: Mapping[str, str]) -> None:
        self.dockerfile = dockerfile
        self.context = context
        self.args = args
        self.lookups = 0
        self.writes: dict[int, list[Write]] = {}
        """By stage, in their order; whoever reads the commands puts them in."""
        self._copies: dict[int, list[Copy]] = {}

    def find(self, path: str, stage: Stage, moment: Moment | None = None) -> Found:
        """What `path` is at a moment of a stage; None: not copied.

        `path` is absolute. Without a moment: when the stage ends. The file need not exist where
        the Dockerfile names it.
        """
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            return None
        changed: Write | None = None
        for one in stage_chain(self.dockerfile, str(stage.index), self.args):
            own = moment if one is stage else None
            write = self._last_write(path, one, own)
            for copy in reversed(self.copies(one)):
                found = self._through(path, one, copy) if copy.serves(own) else None
                if found is not None:
                    later = write if write and write.moment.line >= copy.line else None
                    return _changed(found, changed or later)
            if write and write.read and changed is None:
                return Made(write.line, write.read)
            changed = changed or write
        return None

    def holds(self, path: str, stage: Stage) -> bool:
        """Whether a file or folder comes from the build context, or from another image."""
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            return False
        for one in stage_chain(self.dockerfile, str(stage.index), self.args):
            for copy in self.copies(one):
                if any(self._has(one, copy, source) for source, _ in _candidates(path, copy)):
                    return True
        return False

    def touches(self, folder: str, stage: Stage) -> bool:
        """Whether a folder, or a part of it, comes from the build context or another image."""
        chain = stage_chain(self.dockerfile, str(stage.index), self.args)
        targets = (copy.target for one in chain for copy in self.copies(one))
        beneath = folder.rstrip("/") + "/"
        return any((one + "/").startswith(beneath) for one in targets) or self.holds(folder, stage)

    def copies(self, stage: Stage) -> list[Copy]:
        """Every COPY, ADD and bind mount of a stage, in their order."""
        if stage.index not in self._copies:
            self._copies[stage.index] = list(copies(self.dockerfile, stage, self.args))
        return self._copies[stage.index]

    def origin(self, stage: Stage, copy: Copy, path: str) -> tuple[Stage, str] | None:
        """The stage that a copy takes `path` from, and where it stands there."""
        other = copied_stage(self.dockerfile, stage, copy.origin) if copy.origin else None
        source = next((source for source, _ in _candidates(path, copy)), None)
        if path == copy.target:
            source = posixpath.dirname(copy.source) if "*" in copy.source else copy.source
        if other is None or source is None:
            return None
        return other, posixpath.normpath("/" + source.lstrip("/"))

    def _last_write(self, path: str, stage: Stage, moment: Moment | None) -> Write | None:
        for one in reversed(self.writes.get(stage.index, [])):
            if (moment is None or one.moment < moment) and fnmatchcase(path, one.path):
                return one
        return None

    def _has(self, stage: Stage, copy: Copy, source: str) -> bool:
        if copy.inline:
            return True
        if copy.origin is None:
            return _exists(self.context / source.lstrip("/"))
        other = copied_stage(self.dockerfile, stage, copy.origin)
        return self.holds(posixpath.normpath("/" + source.lstrip("/")), other) if other else True

    def _through(self, path: str, stage: Stage, copy: Copy) -> Found:
        for source, named in _candidates(path, copy):
            found = copy.inline or self._source(stage, copy.origin, source)
            if not isinstance(found, Path):
                if found is not None:
                    return found
            elif _serves(found, named=named):
                return found
        return None

    def _source(self, stage: Stage, origin: str | None, path: str) -> Found:
        absolute = posixpath.normpath("/" + path.lstrip("/"))
        if origin is None:
            return self.context / absolute.lstrip("/")
        other = copied_stage(self.dockerfile, stage, origin)
        return self.find(absolute, other) if other else None


def _changed(found: Found, write: Write | None) -> Found:
    if write and write.read:
        return Made(write.line, write.read)
    return Changed(write.line, found if isinstance(found, Path) else None) if write else found


def copies(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Iterator[Copy]:
    """Every COPY, ADD and bind mount of a stage, in their order."""
    known = surroundings(dockerfile, stage, args)
    for instruction in stage.instructions:
        known.take(instruction)
        if instruction.keyword in {"COPY", "ADD"}:
            yield from _copied(instruction, known)
        else:
            yield from _mounted(instruction, known)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _serves(path: Path, *, named: bool) -> bool:
    """A whole folder is copied without its files being named: only what is there was copied."""
    try:
        return path.is_file() or (named and not path.exists())
    except (OSError, ValueError):
        return False


def _copied(instruction: Instruction, known: Surroundings) -> Iterator[Copy]:
    words = instruction.exec_form
    if words is None:
        words = tuple(word for _, word in split_words(instruction.text, known.escape))
    expanded = [expand(word, known.variables, known.escape).text for word in words]
    heredocs = list(instruction.heredocs)
    for source in expanded[:-1]:
        inline = _inline(heredocs.pop(0), known) if source.startswith("<<") and heredocs else None
        if inline or "://" not in source:
            target = expanded[-1]
            parents = instruction.flag("parents") is not None
            yield Copy(
                source=source.lstrip("<-") if inline else source,
                target=known.absolute(posixpath.join(target, source) if parents else target),
                into=target.endswith(("/", ".")) and not parents,
                origin=instruction.flag("from"),
                line=instruction.line,
                inline=inline,
            )


def _inline(heredoc: Heredoc, known: Surroundings) -> Inline:
    """Quotes in a heredoc stay; its variables are put in unless its name is quoted."""
    text = heredoc.text
    if heredoc.expand:
        text = _VARIABLE.sub(lambda one: expand(one.group(), known.variables).text, text)
    return Inline(text=text, line=heredoc.line)


def _mounted(instruction: Instruction, known: Surroundings) -> Iterator[Copy]:
    for fields in mounts(instruction):
        if fields["type"] == "bind" and "target" in fields:
            yield Copy(
                source=expand(fields.get("source", "."), known.variables).text,
                target=known.absolute(expand(fields["target"], known.variables).text),
                into=False,
                origin=fields.get("from"),
                line=instruction.line,
                mount=True,
            )


def _candidates(path: str, copy: Copy) -> Iterator[tuple[str, bool]]:
    """What `path` may be a copy of, and whether the Dockerfile names that very file."""
    folder, name = posixpath.split(copy.source.rstrip("/"))
    if any(sign in copy.source for sign in "*?["):
        if posixpath.dirname(path) == copy.target and fnmatchcase(posixpath.basename(path), name):
            yield posixpath.join(folder, posixpath.basename(path)), False
        return
    if path == copy.target and not copy.into:
        yield copy.source, True
    if name and path == posixpath.join(copy.target, name):
        yield copy.source, True
    if path.startswith(copy.target.rstrip("/") + "/") and copy.inline is None:
        yield posixpath.join(copy.source, path[len(copy.target.rstrip("/")) + 1 :]), False
