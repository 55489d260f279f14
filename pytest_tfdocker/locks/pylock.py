"""pylock.toml, the lock file of the packaging standards (PEP 751)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from pytest_tfdocker.locks.declared import Artifact, Requirement, Source
from pytest_tfdocker.locks.graph import FAILS, HOLDS, known
from pytest_tfdocker.locks.lines import file_name, problem
from pytest_tfdocker.locks.lock_file import package_lines, read_toml, unread
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.selection import PLAIN, Selection
from pytest_tfdocker.settings.toml_lines import find_lines

NAME = re.compile(r"pylock(\.[^.]+)?\.toml")
OLD_PACKAGING = "needs packaging 26 or newer: pip install 'packaging>=26'"
_CHOICE = re.compile(
    r"""(?P<quote>["'])(?P<name>[^"']*)(?P=quote)\s+(?P<no>not\s+)?in\s+"""
    r"(?P<of>extras|dependency_groups)\b"
)
"""What an installer is asked for, which no image can tell."""


def read_pylock(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """Each package at its line; one that can't be read is a problem, and the others are read.

    `name`: the file's, as the user has it. The lock's own default groups are always asked for,
    as far as the selection does not take them out.
    """
    read = read_toml(path, name)
    if isinstance(read, Contents):
        return read
    text, told = read
    try:
        from packaging.pylock import Pylock  # noqa: PLC0415  of packaging 26 and newer
    except ImportError:
        return unread(name, 1, OLD_PACKAGING)
    packages = told.get("packages", [])
    head = {key: value for key, value in told.items() if key != "packages"}
    groups = told.get("default-groups")
    default = {str(one) for one in groups} if isinstance(groups, list) else set[str]()
    asked = _Asked(msgspec.structs.replace(selection, default_groups=True), default)
    try:
        here = _for_whom(Pylock.from_dict({**head, "packages": []}))
    except Exception as error:  # noqa: BLE001  of what is no TOML of a lock it raises anything
        return unread(name, 1, str(error))
    if not isinstance(packages, list):
        line = find_lines(text).get(("packages",), 1)
        return unread(name, line, "packages is no list")
    lines = package_lines(text, "packages", len(packages))
    found = [Contents(sources=(name,))]
    for at, one in enumerate(packages):
        source = Source(name, lines[at], installed_by)
        try:
            (package,) = Pylock.from_dict({**head, "packages": [_normalized(one)]}).packages
            required = _requirement(package, source, asked)
            if here is not None:
                both = f"({here}) and ({required.marker})" if required.marker else here
                required = msgspec.structs.replace(required, marker=both)
            found.append(Contents(requirements=(required,)))
        except Exception as error:  # noqa: BLE001
            text = str(one.get("name", name)) if isinstance(one, Mapping) else name
            reason = str(error).replace("packages[0]", f"packages[{at}]")
            found.append(Contents(problems=(problem(source, text, reason),)))
    return merged(found)


def _for_whom(lock: Any) -> str | None:
    """The environments that the lock is for, as a marker: in any other it declares nothing.

    `lock`: of packaging.pylock.
    """
    environments = " or ".join(f"({one})" for one in lock.environments or ())
    return str(Marker(environments)) if environments else None


def _normalized(package: Any) -> Any:
    """Whoever writes a name in another form means the same."""
    name = package.get("name") if isinstance(package, Mapping) else None
    return {**package, "name": canonicalize_name(name)} if isinstance(name, str) else package


def _requirement(package: Any, source: Source, asked: "_Asked") -> Requirement:
    """`package`: of packaging.pylock."""
    listed = [*(package.wheels or ()), *filter(None, (package.sdist, package.archive))]
    artifacts = tuple(map(_artifact, listed))
    return Requirement(
        name=str(canonicalize_name(package.name)),
        source=source,
        specifier="" if package.version is None else f"=={package.version}",
        marker=asked.settled(package.marker),
        url=_url(package),
        editable=bool(package.directory and package.directory.editable),
        hashes=tuple(digest for one in artifacts for digest in one.hashes),
        artifacts=artifacts,
    )


def _artifact(told: Any) -> Artifact:
    """`told`: a wheel, an sdist or an archive of packaging.pylock."""
    hashes = tuple(f"{algorithm}:{digest}" for algorithm, digest in told.hashes.items())
    return Artifact(getattr(told, "name", None) or file_name(told.url or told.path or ""), hashes)


def _url(package: Any) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    vcs, archive, folder = package.vcs, package.archive, package.directory
    if vcs is not None:
        beneath = f"#subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
        return f"{vcs.type}+{vcs.url or vcs.path}@{vcs.commit_id}{beneath}"
    if archive is not None:
        return str(archive.url or archive.path)
    return None if folder is None else str(folder.path)


class _Asked(NamedTuple):
    """Answers what a marker asks of extras and groups."""

    selection: Selection
    default: set[str]

    def settled(self, marker: object) -> str | None:
        """The marker with the answers in place."""
        if marker is None:
            return None
        answered = known(_CHOICE.sub(self._answer, str(marker)))
        return None if answered == HOLDS else answered

    def _answer(self, found: re.Match[str]) -> str:
        name = found["name"]
        if found["of"] == "extras":
            taken = self.selection.takes_extra(name)
        else:
            taken = self.selection.takes_group(name, default=name in self.default)
        return HOLDS if taken != bool(found["no"]) else FAILS
