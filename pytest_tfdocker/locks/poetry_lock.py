"""poetry.lock: what `poetry install` installs, with the extras and groups asked for."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_tfdocker.locks.declared import Artifact, Part, Requirement, Source
from pytest_tfdocker.locks.graph import FAILS, HOLDS, Ways, marker_of, settled
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.lock_file import package_lines, read_toml, unasked, unread
from pytest_tfdocker.locks.poetry_project import BROKEN, MAIN, optional_groups
from pytest_tfdocker.locks.poetry_walk import Walk
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.selection import PLAIN, Selection, canonical
from pytest_tfdocker.locks.stale import find_stale

CUT_OFF = "it is cut off: no [metadata] is at its end; lock again"
NO_PROJECT = (
    "a lock of before Poetry 2.1 needs the pyproject.toml, which is not beside it: "
    "it tells what is for development"
)


def read_poetry_lock(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """Each package that is asked for, at its line.

    Poetry 2.1 and newer tells groups and markers of each; of older locks they follow from the
    pyproject.toml beside it. `name`: the file's, as the user has it.
    """
    read = read_toml(path, name)
    if isinstance(read, Contents):
        return read
    text, told = read
    if "metadata" not in told:
        return unread(name, len(text.splitlines()) or 1, CUT_OFF)
    packages = told.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        return unread(name, 1, "package is no list of tables")
    try:
        ways, problems = _ways(packages, path.with_name("pyproject.toml"), selection)
    except OSError:
        return unread(name, 1, NO_PROJECT)
    except BROKEN as error:
        return unread(name, 1, f"it is not as Poetry writes it: {error}")
    lines = package_lines(text, "package", len(packages))
    files = _files_apart(told)
    parts = tuple(_parts(packages, ways, name))
    found = [Contents(sources=(name,), unasked=unasked(packages, ways), parts=parts)]
    found += [
        _contents(packages[at], ways[at], files, Source(name, lines[at], installed_by))
        for at in sorted(ways)
    ]
    found += [
        Contents(problems=(problem(Source(name, 1), name, one),)) for one in dict.fromkeys(problems)
    ]
    if selection.project and all("groups" in one for one in packages):
        found.append(find_stale(path, name, packages))  # of older ones the walk tells
    return merged(found)


def _contents(
    package: Mapping[str, Any], ways: Ways, files: Mapping[str, Any], source: Source
) -> Contents:
    try:
        return Contents(requirements=(_requirement(package, ways, files, source),))
    except BROKEN as error:
        text = str(package.get("name", ""))
        return Contents(problems=(problem(source, text, str(error)),))


def _ways(
    packages: Sequence[Any], project: Path, selection: Selection
) -> tuple[dict[int, Ways], list[str]]:
    """Place → the markers by which it is needed. Raises OSError, and what BROKEN has."""
    if not all("groups" in one for one in packages):
        walk = Walk(packages, tomllib.loads(project.read_text("utf-8")), selection)
        return walk.reached(), walk.problems
    optional = optional_groups(project)
    told = (_told(one, selection, optional) for one in packages)
    return {at: ways for at, ways in enumerate(told) if ways}, []


def _parts(packages: Sequence[Any], ways: Mapping[int, Ways], name: str) -> Iterator[Part]:
    """Each group of which something is not asked for, with all of it: what it names is not told."""
    found: dict[str, list[Requirement]] = {}
    for at, package in enumerate(packages):
        groups = package.get("groups") if at not in ways else None
        for group in groups if isinstance(groups, list) else ():
            markers = package.get("markers")
            marker = markers.get(group) if isinstance(markers, Mapping) else markers
            one = Requirement(
                name=str(canonicalize_name(str(package.get("name")))),
                source=Source(name, 1),
                marker=str(marker) if marker else None,
            )
            found.setdefault(str(group), []).append(one)
    for group, some in found.items():
        if group != MAIN:
            yield Part(f"group {group}", name, tuple(some))


def _told(package: Mapping[str, Any], selection: Selection, optional: frozenset[str]) -> Ways:
    """One way for each group that is asked for; markers are a text, or one for each group."""
    markers = package.get("markers")
    ways = set()
    for group in package["groups"]:
        taken = selection.takes_group(group, default=canonical(group) not in optional)
        if selection.project if group == MAIN else taken:
            marker = markers.get(group) if isinstance(markers, Mapping) else markers
            text = settled(str(marker), selection.takes_extra) if marker else HOLDS
            if text != FAILS:
                ways.add(frozenset([text]) - {HOLDS})
    return frozenset(ways)


def _requirement(
    package: Mapping[str, Any], ways: Ways, files: Mapping[str, Any], source: Source
) -> Requirement:
    """Raises what BROKEN has."""
    where = package.get("source", {})
    url = _url(where)
    artifacts = tuple(
        Artifact(str(one.get("file", "")), (str(one["hash"]),))
        for one in package.get("files") or files.get(package["name"], [])
    )
    return Requirement(
        name=str(canonicalize_name(package["name"])),
        source=source,
        specifier="" if url else f"=={Version(package['version'])}",
        marker=marker_of(ways),
        url=url,
        editable=package.get("develop") is True,
        hashes=tuple(digest for one in artifacts for digest in one.hashes),
        artifacts=artifacts,
    )


def _url(source: Mapping[str, Any]) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    kind = source.get("type")
    if kind in (None, "legacy"):
        return None
    if kind != "git":
        return str(source["url"])
    commit = source.get("resolved_reference") or source["reference"]
    folder = source.get("subdirectory")
    return f"git+{source['url']}@{commit}" + (f"#subdirectory={folder}" if folder else "")


def _files_apart(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of locks before Poetry 1.3: name → files."""
    metadata = told.get("metadata")
    files = metadata.get("files") if isinstance(metadata, Mapping) else None
    return files if isinstance(files, Mapping) else {}
