"""Where what is declared for an image stands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_tfdocker.dockerfile import parse
from pytest_tfdocker.locks.constraints import constrain
from pytest_tfdocker.locks.declared import INSTALLERS, Declared, Requirement
from pytest_tfdocker.locks.installs import read_installs
from pytest_tfdocker.locks.lines import is_archive, is_path
from pytest_tfdocker.locks.lock_file import unread
from pytest_tfdocker.locks.readers import reader_of
from pytest_tfdocker.locks.requirements import (
    Contents,
    merged,
    read_requirements,
    shown_path,
)
from pytest_tfdocker.locks.selection import PLAIN, Selection, canonicals
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.source import is_file

LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "Pipfile.lock")
OTHERS = ("requirements.txt", "pyproject.toml")
"""In this order, after the locks; the first that is there is taken."""


def read_declared(image: Image) -> Declared:
    """Everything declared for the image: dependencies.files, else what its Dockerfile installs.

    Only where that is nothing: requirements.txt, then pyproject.toml, beside the Dockerfile or in
    the root; not where the build changes what it installs from.
    """
    files = image.settings.dependencies.files
    if files == []:
        return Declared(reason="dependencies.files names no file")
    if files is not None:
        paths = [image.root / name for name in files]
        return read_files(paths, image.root, variables=image.settings.build.args)
    installed = _from_dockerfile(image)
    if any(map(_declares, installed.requirements)) or installed.problems:
        return _declared(installed, "the Dockerfile installs it")
    if installed.changed:
        name = shown_path(installed.changed[0], image.root)
        return Declared(reason=f"the build changes {name}", notes=_once(installed.notes))
    return _beside(image, installed)


def read_files(
    paths: Sequence[Path], root: Path, *, variables: Mapping[str, str] | None = None
) -> Declared:
    """What the given files declare; constraints in one hold for all, as in one call of pip."""
    found = merged(_file(path, root, variables or {}) for path in paths)
    declared = _declared(found, "dependencies.files")
    if declared.nothing:
        names = ", ".join(shown_path(path, root) for path in paths)
        return msgspec.structs.replace(declared, reason=f"nothing is declared in {names}")
    return declared


def _file(
    path: Path, root: Path, variables: Mapping[str, str], selection: Selection = PLAIN
) -> Contents:
    name = shown_path(path, root)
    read = reader_of(path.name)
    if read is not None:
        return read(path, name, selection)
    if path.suffix in {".toml", ".lock"}:
        return unread(name, 1, f"not read by this version: {path.name}")
    return read_requirements(path, root, variables=variables)


def _declares(one: Requirement) -> bool:
    """Whether it is more than a tool or the project itself, whose dependencies stand elsewhere."""
    return one.name not in INSTALLERS and not (
        one.url and is_path(one.url) and not is_archive(one.url)
    )


def _from_dockerfile(image: Image) -> Contents:
    try:
        text = image.dockerfile.read_text("utf-8", errors="replace")
    except (OSError, ValueError):
        return Contents()
    build = image.settings.build
    return read_installs(
        parse(text),
        name=shown_path(image.dockerfile, image.root),
        context=image.context,
        root=image.root,
        target=build.target,
        args=build.args,
    )


def _beside(image: Image, installed: Contents) -> Declared:
    """The first file of the kinds that are known; the project's own before a list of others."""
    if not is_file(image.dockerfile):
        return Declared(reason="no Dockerfile and no dependencies.files")
    asked = Selection(extras=canonicals(extra for one in installed.own for extra in one.extras))
    for name in (*LOCKS, *(reversed(OTHERS) if installed.own else OTHERS)):
        for folder in dict.fromkeys((image.dockerfile.parent, image.root)):
            path = folder / name
            if not path.is_file():
                continue
            found = _file(path, image.root, image.settings.build.args, asked)
            if found.requirements or found.problems or name != "pyproject.toml":
                return _declared(merged([installed, found]), "beside the Dockerfile")
    if installed.requirements:
        return _declared(installed, "the Dockerfile installs it")
    own = (
        f"{one.place} {one.text}: no pyproject.toml tells what it needs" for one in installed.own
    )
    return Declared(reason="nothing is declared", notes=_once((*installed.notes, *own)))


def _declared(found: Contents, reason: str) -> Declared:
    return Declared(
        requirements=tuple(_distinct(constrain(found.requirements, found.constraints))),
        constraints=(*found.applied, *found.constraints),
        problems=tuple(dict.fromkeys(found.problems)),  # two commands may read one lock
        sources=tuple(dict.fromkeys(found.sources)),
        reason=reason,
        notes=_once(found.notes),
        unasked=_once(found.unasked),
        parts=tuple(dict.fromkeys(found.parts)),
    )


def _distinct(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """A lock that two commands install from, each a part or all of it, is declared once."""
    seen: set[Requirement] = set()
    for one in requirements:
        source = msgspec.structs.replace(one.source, installed_by=None)
        plain = msgspec.structs.replace(one, source=source, instruction=None)
        if plain not in seen:
            seen.add(plain)
            yield one


def _once(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))
