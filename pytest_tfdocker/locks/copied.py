"""Where a file of the container comes from: COPY, ADD and bind mounts, followed backwards."""

import posixpath
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from pytest_tfdocker.dockerfile.records import Dockerfile, Instruction, Stage
from pytest_tfdocker.dockerfile.stages import (
    Surroundings,
    copied_stage,
    mounts,
    stage_chain,
    surroundings,
)
from pytest_tfdocker.dockerfile.words import expand, split_words

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

    def serves(self, instruction: Instruction | None) -> bool:
        """Whether it is there when an instruction of its stage runs; None: when the stage ends."""
        if instruction is None:
            return not self.mount
        return self.line == instruction.line if self.mount else self.line < instruction.line


class CopiedFiles:
    """The files of the build context, by the paths that they get in the container."""

    def __init__(self, dockerfile: Dockerfile, context: Path, args: Mapping[str, str]) -> None:
        self.dockerfile = dockerfile
        self.context = context
        self.args = args
        self.lookups = 0
        self.copies: dict[int, list[Copy]] = {}

    def find(self, path: str, stage: Stage, instruction: Instruction | None = None) -> Path | None:
        """The file of the context that `path` is when `instruction` runs; None: not copied.

        `path` is absolute. Without an instruction: when the stage ends. The file need not exist
        where the Dockerfile names it.
        """
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            return None
        for one in stage_chain(self.dockerfile, str(stage.index), self.args):
            own = instruction if one is stage else None
            for copy in reversed(self._copies(one)):
                found = self._through(path, one, copy) if copy.serves(own) else None
                if found is not None:
                    return found
        return None

    def _copies(self, stage: Stage) -> list[Copy]:
        if stage.index not in self.copies:
            self.copies[stage.index] = list(copies(self.dockerfile, stage, self.args))
        return self.copies[stage.index]

    def _through(self, path: str, stage: Stage, copy: Copy) -> Path | None:
        for source, named in _candidates(path, copy):
            found = self._source(stage, copy.origin, source)
            if found is not None and _serves(found, named=named):
                return found
        return None

    def _source(self, stage: Stage, origin: str | None, path: str) -> Path | None:
        absolute = posixpath.normpath("/" + path.lstrip("/"))
        if origin is None:
            return self.context / absolute.lstrip("/")
        other = copied_stage(self.dockerfile, stage, origin)
        return self.find(absolute, other) if other else None


def copies(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Iterator[Copy]:
    """Every COPY, ADD and bind mount of a stage, in their order."""
    known = surroundings(dockerfile, stage, args)
    for instruction in stage.instructions:
        known.take(instruction)
        if instruction.keyword in {"COPY", "ADD"}:
            yield from _copied(instruction, known)
        else:
            yield from _mounted(instruction, known)


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
    for source in expanded[:-1]:
        if "://" not in source:
            target = expanded[-1]
            parents = instruction.flag("parents") is not None
            yield Copy(
                source=source,
                target=known.absolute(posixpath.join(target, source) if parents else target),
                into=target.endswith(("/", ".")) and not parents,
                origin=instruction.flag("from"),
                line=instruction.line,
            )


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
    if path.startswith(copy.target.rstrip("/") + "/"):
        yield posixpath.join(copy.source, path[len(copy.target.rstrip("/")) + 1 :]), False
