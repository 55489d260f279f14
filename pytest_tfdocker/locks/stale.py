"""A lock that is older than its project: what it lacks, or has in a version that isn't wanted."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.locks.declared import Problem, Requirement
from pytest_tfdocker.locks.pyproject import read_project
from pytest_tfdocker.locks.requirements import Contents


def find_stale(lock: Path, name: str, packages: Sequence[Mapping[str, Any]]) -> Contents:
    """Problems at the lines of the pyproject.toml that were not there when it was locked.

    `name`: the lock's, as the user has it. `packages`: its own, each with name and version. What
    has a marker may have been left out for a reason.
    """
    path = lock.with_name("pyproject.toml")
    if not path.is_file():
        return Contents()
    project = read_project(path, posixpath.join(posixpath.dirname(name), path.name))
    locked: dict[str, list[str]] = {}
    for one in packages:
        names = locked.setdefault(str(canonicalize_name(str(one.get("name")))), [])
        names.append(str(one.get("version", "")))
    return Contents(problems=tuple(_stale(project.requirements, locked, posixpath.basename(name))))


def _stale(
    wanted: Sequence[Requirement], locked: Mapping[str, Sequence[str]], lock: str
) -> Iterator[Problem]:
    for one in wanted:
        if one.marker is not None or one.url is not None:
            continue
        versions = locked.get(one.name)
        text = f"{one.name}{one.specifier}"
        if versions is None:
            reason = f"{lock} was locked without it: lock again"
            yield Problem(source=one.source, text=text, reason=reason, stale=True)
        elif not any(_is_within(version, one.specifier) for version in versions):
            reason = f"{lock} has {one.name} {', '.join(versions)}: lock again"
            yield Problem(source=one.source, text=text, reason=reason, stale=True)


def _is_within(version: str, specifier: str) -> bool:
    """A version that can't be read is told elsewhere."""
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True
