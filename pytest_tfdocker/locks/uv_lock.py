"""uv.lock: what `uv sync` installs of the project itself, without extras and groups."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.graph import (
    Edge,
    Ways,
    least,
    marker_of,
    reach,
)
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.lock_file import read_toml, unread
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.settings.toml_lines import find_lines

VERSION = 1
OWN = ("virtual", "editable", "directory")
"""Kinds of sources of what is in the project's own folder."""


class _Package(NamedTuple):
    at: int
    """Its place in the file."""
    told: Mapping[str, Any]


def read_uv_lock(path: Path, name: str) -> Contents:
    """Each package that the project needs, at its line, with the markers that lead to it.

    `name`: the file's, as the user has it. One that can't be read is a problem.
    """
    read = read_toml(path, name)
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
    graph = _Graph(packages)
    if packages and not graph.roots:
        return unread(name, 1, "no package of it is the project's own")
    lines = find_lines(text)
    found = [Contents(sources=(name,))]
    for at, ways in sorted(graph.reached().items()):
        line = lines.get(("package", at, "name")) or lines.get(("package", at)) or 1
        found.append(_contents(packages[at], ways, Source(name, line)))
    found += [
        Contents(problems=(problem(Source(name, 1), name, one),))
        for one in dict.fromkeys(graph.problems)
    ]
    return merged(found)


def _contents(package: Mapping[str, Any], ways: Ways, source: Source) -> Contents:
    name = str(package.get("name", ""))
    try:
        return Contents(requirements=(_requirement(package, ways, source),))
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        return Contents(problems=(problem(source, name, str(error)),))


class _Node(NamedTuple):
    """A package, or what one of its extras brings."""

    at: int
    extra: str


class _Graph:
    """Packages and what leads from one to the other."""

    def __init__(self, packages: list[Any]) -> None:
        self.problems: list[str] = []
        self._packages = packages
        self._by_name: dict[str, list[_Package]] = {}
        for at, told in enumerate(packages):
            self._by_name.setdefault(str(told.get("name")), []).append(_Package(at, told))
        own = [one for some in self._by_name.values() for one in some if _folder(one) is not None]
        first = [one for one in own if _folder(one) == "."]
        self.roots = first or own
        """The project; of a workspace without one all its members."""

    def reached(self) -> dict[int, Ways]:
        """Place → the ways that lead to it; not the roots, which are the project."""
        nodes, lost = reach([_Node(one.at, "") for one in self.roots], self._edges)
        names = [str(self._packages[node.at].get("name")) for node in lost]
        self.problems += [f"too many markers lead to {name}" for name in names]
        own, found = {one.at for one in self.roots}, dict[int, Ways]()
        for node, ways in nodes.items():
            if node.at not in own:
                found[node.at] = least(found.get(node.at, frozenset()) | ways)
        return found

    def _edges(self, node: "_Node") -> Iterator[Edge[_Node]]:
        told = self._packages[node.at]
        table = told.get("optional-dependencies") if node.extra else told
        edges = table.get(node.extra or "dependencies", []) if isinstance(table, Mapping) else []
        for edge in edges if isinstance(edges, list) else [edges]:
            if not isinstance(edge, Mapping):
                self.problems.append(f"{told.get('name')}: a dependency is no table")
                continue
            extras, marker = edge.get("extra", []), edge.get("marker")
            others = self._meant(edge)
            if not others:
                self.problems.append(f"{edge.get('name')}, of {told.get('name')}, is not in it")
            for other in others:
                for wanted in ("", *(extras if isinstance(extras, list) else [extras])):
                    to = _Node(other.at, str(wanted))
                    yield Edge(to, None if marker is None else str(marker))

    def _meant(self, edge: Mapping[str, Any]) -> list[_Package]:
        """Of several of one name that of the version and source that the edge tells."""
        return [
            one
            for one in self._by_name.get(str(edge.get("name")), [])
            if all(edge.get(key, one.told.get(key)) == one.told.get(key) for key in _APART)
        ]


_APART = ("version", "source")


def _folder(package: _Package) -> str | None:
    source = package.told.get("source")
    kinds = source if isinstance(source, Mapping) else {}
    return next((str(kinds[kind]) for kind in OWN if kind in kinds), None)


def _requirement(package: Mapping[str, Any], ways: Ways, source: Source) -> Requirement:
    """Raises TypeError, ValueError, AttributeError, LookupError where it is not as uv writes it."""
    version, where = package.get("version"), package.get("source", {})
    sdist, wheels = package.get("sdist"), package.get("wheels", [])
    artifacts = [*([sdist] if sdist else []), *wheels]
    url = _url(where)
    pinned = "" if version is None or url else f"=={Version(str(version))}"
    return Requirement(
        name=str(canonicalize_name(package["name"])),
        source=source,
        specifier=pinned,
        marker=marker_of(ways),
        url=url,
        editable="editable" in where,
        hashes=tuple(str(one["hash"]) for one in artifacts if "hash" in one),
    )


def _url(source: Mapping[str, Any]) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    if "git" in source:
        url, _, commit = str(source["git"]).partition("#")
        bare, _, query = url.partition("?")
        folder = re.search(r"(?:^|&)subdirectory=([^&]*)", query)
        beneath = f"#subdirectory={folder[1]}" if folder else ""
        return f"git+{bare}@{commit}{beneath}"
    return next((str(source[kind]) for kind in ("url", "path", *OWN) if kind in source), None)
