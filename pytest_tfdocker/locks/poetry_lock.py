"""poetry.lock: what `poetry install --only main` installs, without extras."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement as Named
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.graph import FAILS, HOLDS, Edge, Ways, least, marker_of, reach
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.lock_file import read_toml, unread
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.settings.toml_lines import find_lines

MAIN = "main"
BROKEN = (TypeError, ValueError, AttributeError, LookupError)
"""What is raised of what is not as Poetry writes it."""
NO_PROJECT = (
    "a lock of before Poetry 2.1 needs the pyproject.toml, which is not beside it: "
    "it tells what is for development"
)
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']*)["']""")


def read_poetry_lock(path: Path, name: str) -> Contents:
    """Each package of the main group, at its line.

    Poetry 2.1 and newer tells groups and markers of each; of older locks they follow from the
    pyproject.toml beside it. `name`: the file's, as the user has it.
    """
    read = read_toml(path, name)
    if isinstance(read, Contents):
        return read
    text, told = read
    packages = told.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        return unread(name, 1, "package is no list of tables")
    try:
        ways, problems = _ways(packages, path.with_name("pyproject.toml"))
    except OSError:
        return unread(name, 1, NO_PROJECT)
    except BROKEN as error:
        return unread(name, 1, f"it is not as Poetry writes it: {error}")
    lines, files = find_lines(text), _files_apart(told)
    found = [Contents(sources=(name,))]
    for at in sorted(ways):
        line = lines.get(("package", at, "name")) or lines.get(("package", at)) or 1
        found.append(_contents(packages[at], ways[at], files, Source(name, line)))
    found += [
        Contents(problems=(problem(Source(name, 1), name, one),)) for one in dict.fromkeys(problems)
    ]
    return merged(found)


def _contents(
    package: Mapping[str, Any], ways: Ways, files: Mapping[str, Any], source: Source
) -> Contents:
    try:
        return Contents(requirements=(_requirement(package, ways, files, source),))
    except BROKEN as error:
        text = str(package.get("name", ""))
        return Contents(problems=(problem(source, text, str(error)),))


def _ways(packages: Sequence[Any], project: Path) -> tuple[dict[int, Ways], list[str]]:
    """Place → the markers by which it is needed. Raises OSError, and what BROKEN has."""
    if all("groups" in one for one in packages):
        main = (at for at, one in enumerate(packages) if MAIN in one["groups"])
        return {at: _told(packages[at]) for at in main}, []
    graph = _Graph(packages, tomllib.loads(project.read_text("utf-8")))
    return graph.reached(), graph.problems


def _told(package: Mapping[str, Any]) -> Ways:
    """Markers are a text, or one for each group."""
    markers = package.get("markers")
    marker = markers.get(MAIN) if isinstance(markers, Mapping) else markers
    return frozenset({frozenset([str(marker)] if marker else [])})


class _Needed(NamedTuple):
    """A dependency, as a project or a package tells it."""

    name: str
    version: str
    marker: str | None
    extras: tuple[str, ...]
    optional: bool


class _Node(NamedTuple):
    """A package, or what one of its extras brings; the project is ROOT."""

    at: int
    extra: str


ROOT = _Node(-1, "")


class _Graph:
    """Packages, and what leads from one to the other, of locks that do not tell groups."""

    def __init__(self, packages: Sequence[Any], project: Mapping[str, Any]) -> None:
        self.problems: list[str] = []
        self._packages, self._project = packages, project
        self._untold: dict[str, str] = {}
        """Of several versions of a name: a constraint that doesn't tell them apart."""
        self._by_name: dict[str, list[int]] = {}
        for at, one in enumerate(packages):
            self._by_name.setdefault(str(canonicalize_name(one["name"])), []).append(at)

    def reached(self) -> dict[int, Ways]:
        """Place → the ways that lead to it."""
        nodes, lost = reach([ROOT], self._edges)
        names = [self._packages[node.at]["name"] for node in lost]
        self.problems += [f"too many markers lead to {name}" for name in names]
        found: dict[int, Ways] = {}
        for node, ways in nodes.items():
            if node != ROOT:
                found[node.at] = least(found.get(node.at, frozenset()) | ways)
        self.problems += [
            f"which {name} is meant by {constraint!r} can't be told"
            for name, constraint in self._untold.items()
            if not found.keys() >= set(self._by_name[name])
        ]
        return found

    def _edges(self, node: _Node) -> Iterator[Edge[_Node]]:
        told = self._packages[node.at] if node != ROOT else {}
        needed = _of_project(self._project) if node == ROOT else _of_table(told.get("dependencies"))
        for one in needed:
            marker = one.marker
            if one.optional or _EXTRA.search(marker or ""):
                if not node.extra or not _asks_for(told, one, node.extra):
                    continue
                marker = _settled(marker, node.extra)
            elif node.extra:  # the package's own node has it
                continue
            for at in self._meant(one):
                for extra in ("", *one.extras):
                    yield Edge(_Node(at, extra), marker)

    def _meant(self, one: _Needed) -> list[int]:
        """Of several of one name the one whose version is within the constraint.

        Where that is true of several, the markers of other ways to them tell which it is.
        """
        places = self._by_name.get(one.name, [])
        if not places:
            self.problems.append(f"{one.name} is not in it")
        if not places[1:]:
            return places
        within = self._within(places, one.version)
        if len(within) == 1:
            return within
        self._untold[one.name] = one.version
        return []

    def _within(self, places: list[int], constraint: str) -> list[int]:
        """None of a constraint that can't be read, as "^1 || ^3"."""
        parts = constraint.replace(" ", "").split(",")
        try:
            allowed = SpecifierSet(",".join(map(_standard, parts)))
        except (InvalidSpecifier, InvalidVersion):
            return []
        versions = {at: Version(self._packages[at]["version"]) for at in places}
        return [at for at in places if allowed.contains(versions[at], prereleases=True)]


def _standard(constraint: str) -> str:
    """Poetry's own forms as PEP 440 has them: "^1.2" is ">=1.2,<2", "~1.2" is ">=1.2,<1.3".

    A caret leaves the first number that is not 0, a tilde the first two.
    """
    sign, version = constraint[:1], constraint[1:]
    if sign.isdigit():
        return f"=={constraint}"
    if sign not in ("^", "~") or version.startswith("="):
        return constraint
    release = Version(version).release
    first = next((at for at, number in enumerate(release) if number), len(release) - 1)
    last = first if sign == "^" else min(1, len(release) - 1)
    above = ".".join(map(str, (*release[:last], release[last] + 1)))
    return f">={version},<{above}"


def _of_project(project: Mapping[str, Any]) -> Iterator[_Needed]:
    """Poetry's own table, else that of the standards."""
    table = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    own = {key: value for key, value in table.items() if key.lower() != "python"}
    yield from (one for one in _of_table(own) if not one.optional)
    for text in project.get("project", {}).get("dependencies", []):
        named = Named(text)
        yield _Needed(
            name=str(canonicalize_name(named.name)),
            version=str(named.specifier),
            marker=str(named.marker) if named.marker else None,
            extras=tuple(sorted(named.extras)),
            optional=False,
        )


def _of_table(table: Mapping[str, Any] | None) -> Iterator[_Needed]:
    """A text, a table, or a list of tables of which markers choose."""
    for key, value in (table or {}).items():
        for one in value if isinstance(value, list) else [value]:
            told = {"version": one} if isinstance(one, str) else one
            yield _Needed(
                name=str(canonicalize_name(key)),
                version="" if told.get("version") == "*" else str(told.get("version", "")),
                marker=told.get("markers"),
                extras=tuple(told.get("extras", ())),
                optional=bool(told.get("optional")),
            )


def _asks_for(package: Mapping[str, Any], one: _Needed, extra: str) -> bool:
    """Whether an extra of a package brings one of its dependencies: its marker tells, or a list."""
    asked = {canonicalize_name(name) for name in _EXTRA.findall(one.marker or "")}
    if asked:
        return canonicalize_name(extra) in asked
    listed = (package.get("extras") or {}).get(extra, [])
    names = (re.match(r"[A-Za-z0-9._-]+", text) for text in listed)
    return one.name in {str(canonicalize_name(found[0])) for found in names if found}


def _settled(marker: str | None, extra: str) -> str | None:
    """With the extra that is asked for in place."""
    if marker is None:
        return None
    wanted = canonicalize_name(extra)
    return _EXTRA.sub(lambda at: HOLDS if canonicalize_name(at[1]) == wanted else FAILS, marker)


def _requirement(
    package: Mapping[str, Any], ways: Ways, files: Mapping[str, Any], source: Source
) -> Requirement:
    """Raises what BROKEN has."""
    where = package.get("source", {})
    url = _url(where)
    artifacts = package.get("files") or files.get(package["name"], [])
    return Requirement(
        name=str(canonicalize_name(package["name"])),
        source=source,
        specifier="" if url else f"=={Version(package['version'])}",
        marker=marker_of(ways),
        url=url,
        editable=package.get("develop") is True,
        hashes=tuple(str(one["hash"]) for one in artifacts),
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
