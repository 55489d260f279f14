"""uv.lock: what `uv sync` installs of the project, with the extras and groups asked for."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_tfdocker.locks.declared import Artifact, Part, Requirement, Source
from pytest_tfdocker.locks.graph import Ways, marker_of
from pytest_tfdocker.locks.lines import file_name, problem
from pytest_tfdocker.locks.lock_file import package_lines, read_toml, unasked, unread
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.selection import PLAIN, Selection
from pytest_tfdocker.locks.stale import find_stale
from pytest_tfdocker.locks.uv_walk import OWN, Walk

VERSION = 1
TAKEN_OUT = "tfdocker-wheels"
"""A key of ours, in the place of `wheels`."""


def read_uv_lock(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """Each package that the project needs, at its line, with the markers that lead to it.

    `name`: the file's, as the user has it. One that can't be read is a problem. Which groups are
    the default stands in the pyproject.toml beside it.
    """
    wheels = _Wheels()
    read = read_toml(path, name, wheels.take_out)
    if isinstance(read, Contents):
        return read
    text, told = read
    if told.get("version") != VERSION:
        reason = f"its format is version {told.get('version')!r}, and {VERSION} is read: "
        mend = "name another file in dependencies.files, as `uv export -o requirements.txt` writes"
        return unread(name, 1, reason + mend)
    packages = told.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        return unread(name, 1, "package is no list of tables")
    walk = Walk(told, packages, path.parent, selection)
    if packages and not walk.roots and (selection.packages or not walk.of_workspace):
        absent = ", ".join(sorted(selection.packages))
        what = f"is {absent}" if absent else "is the project's own"
        return unread(name, 1, f"no package of it {what}")
    lines = package_lines(text, "package", len(packages))
    reached = walk.reached()
    parts = tuple(_part(*one, name) for one in walk.unasked())
    found = [Contents(sources=(name,), unasked=unasked(packages, reached), parts=parts)]
    for at, ways in sorted(reached.items()):
        if not walk.installs(at):
            continue
        source = Source(name, lines[at], installed_by)
        found.append(_contents(packages[at], ways, source, wheels.of(packages[at])))
    found += [
        Contents(problems=(problem(Source(name, 1), name, one),))
        for one in dict.fromkeys(walk.problems)
    ]
    if selection.project and not selection.packages:
        found.append(find_stale(path, name, packages))
    return merged(found)


_WHEELS = re.compile(r"^wheels = \[\n((?:    \{ [^\n]* \},\n)+)\]$", re.MULTILINE)
_WHEEL = re.compile(
    r'    \{ (?:url|path|filename) = "([^"\\?#]*)", hash = "(\w+:[0-9a-f]+)"'
    r'(?:, (?:size|upload-time) = (?:\d+|"[^"\\]*"))* \},'
)


class _Wheels:
    """Names and hashes of wheels that stand as uv writes them: most of a lock is their URLs."""

    def __init__(self) -> None:
        self._listed: list[tuple[Artifact, ...]] = []

    def take_out(self, text: str) -> str:
        """The lock with a number in the place of each such list."""
        return _WHEELS.sub(self._number, text)

    def of(self, package: Mapping[str, Any]) -> tuple[Artifact, ...]:
        at = package.get(TAKEN_OUT)
        return self._listed[at] if isinstance(at, int) and 0 <= at < len(self._listed) else ()

    def _number(self, found: re.Match[str]) -> str:
        wheels = [_WHEEL.fullmatch(line) for line in found[1].splitlines()]
        told = tuple(Artifact(_last(one[1]), (one[2],)) for one in wheels if one)
        if len(told) < len(wheels):
            return found[0]
        self._listed.append(told)
        return f"{TAKEN_OUT} = {len(self._listed) - 1}"


def _part(part: str, edges: Iterable[Mapping[str, Any]], name: str) -> Part:
    found = []
    for edge in edges:
        extras = edge.get("extra", ())
        found.append(
            Requirement(
                name=str(canonicalize_name(str(edge.get("name")))),
                source=Source(name, 1),
                extras=tuple(map(str, extras)) if isinstance(extras, list) else (),
                marker=str(edge["marker"]) if "marker" in edge else None,
            )
        )
    return Part(part, name, tuple(found))


def _last(place: str) -> str:
    """As `file_name`, of what has neither query nor fragment: there are ten thousand."""
    name = place.rpartition("/")[2]
    return unquote(name) if "%" in name else name


def _contents(
    package: Mapping[str, Any], ways: Ways, source: Source, wheels: tuple[Artifact, ...]
) -> Contents:
    name = str(package.get("name", ""))
    try:
        return Contents(requirements=(_requirement(package, ways, source, wheels),))
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        return Contents(problems=(problem(source, name, str(error)),))


def _requirement(
    package: Mapping[str, Any], ways: Ways, source: Source, wheels: tuple[Artifact, ...]
) -> Requirement:
    """Raises TypeError, ValueError, AttributeError, LookupError where it is not as uv writes it."""
    version, where = package.get("version"), package.get("source", {})
    sdist = package.get("sdist")
    listed = [*([sdist] if sdist else []), *package.get("wheels", [])]
    artifacts = (*map(_artifact, listed), *wheels)
    url = _url(where)
    pinned = "" if version is None or url else f"=={Version(str(version))}"
    return Requirement(
        name=str(canonicalize_name(package["name"])),
        source=source,
        specifier=pinned,
        marker=marker_of(ways),
        url=url,
        editable="editable" in where,
        hashes=tuple(digest for one in artifacts for digest in one.hashes),
        artifacts=artifacts,
    )


def _artifact(told: Mapping[str, Any]) -> Artifact:
    place = next((str(told[key]) for key in ("url", "path", "filename") if key in told), "")
    return Artifact(file_name(place), (str(told["hash"]),) if "hash" in told else ())


def _url(source: Mapping[str, Any]) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    if "git" in source:
        url, _, commit = str(source["git"]).partition("#")
        bare, _, query = url.partition("?")
        folder = re.search(r"(?:^|&)subdirectory=([^&]*)", query)
        beneath = f"#subdirectory={folder[1]}" if folder else ""
        return f"git+{bare}@{commit}{beneath}"
    return next((str(source[kind]) for kind in ("url", "path", *OWN) if kind in source), None)
