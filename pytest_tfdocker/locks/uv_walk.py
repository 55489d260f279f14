"""The packages of a uv.lock that are needed: the way from the project along marked edges."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_tfdocker.locks.graph import Edge, Ways, least, reach, settled
from pytest_tfdocker.locks.lock_file import table
from pytest_tfdocker.locks.pyproject import uv_default_groups
from pytest_tfdocker.locks.selection import Selection, canonical

OWN = ("virtual", "editable", "directory")
"""Kinds of sources of what is in the project's own folder."""


class _Package(NamedTuple):
    at: int
    """Its place in the file."""
    told: Mapping[str, Any]


class _Node(NamedTuple):
    """A package, or what one of its extras brings, or one of its groups."""

    at: int
    extra: str = ""
    group: str = ""


WORKSPACE = _Node(-1)
"""A root without a project: its groups stand apart from the packages."""


class Walk:
    """Packages and what leads from one to the other."""

    def __init__(
        self, lock: Mapping[str, Any], packages: list[Any], folder: Path, selection: Selection
    ) -> None:
        self.problems: list[str] = []
        self._packages, self._selection = packages, selection
        self._by_name: dict[str, list[_Package]] = {}
        for at, told in enumerate(packages):
            self._by_name.setdefault(str(told.get("name")), []).append(_Package(at, told))
        self._manifest = table(lock, "manifest")
        self.roots = self._asked_for()
        of_member = bool(selection.packages) and len(self.roots) == 1
        home = folder / (_folder(self.roots[0]) or "") if of_member else folder
        self._default = _default_groups(home)
        self._active = {extra for one in self.roots for extra in self._choices(one)}
        self._met: set[str] = set()
        """Extras of packages that edges lead to, as markers name them."""

    def _asked_for(self) -> list[_Package]:
        """The project; of a workspace without one all its members; or those that are named."""
        own = [one for some in self._by_name.values() for one in some if _folder(one) is not None]
        if self._selection.packages:
            named = self._selection.packages
            return [one for one in own if canonical(str(one.told.get("name"))) in named]
        first = [one for one in own if _folder(one) == "."]
        members = _members(self._manifest)
        if not first or self._selection.all_packages:
            return [one for one in own if str(one.told.get("name")) in members] or own
        return first

    @property
    def of_workspace(self) -> bool:
        """Whether it has groups that are no package's."""
        return bool(table(self._manifest, "dependency-groups"))

    def installs(self, at: int) -> bool:
        """Whether a package that is reached is installed: what is virtual is followed alone."""
        told = self._packages[at]
        source = table(told, "source")
        if "virtual" in source or (not self._selection.local and _is_local(source)):
            return False
        is_member = str(told.get("name")) in _members(self._manifest)
        return self._selection.members or not is_member

    def reached(self) -> dict[int, Ways]:
        """Place → the ways that lead to it; not the roots, which are the project."""
        nodes, lost = reach(self._beginnings(), self._edges)
        while not self._met <= self._active:  # of `tool.uv.conflicts` in what is depended on
            self._active |= self._met
            self.problems.clear()
            nodes, lost = reach(self._beginnings(), self._edges)
        names = [str(self._packages[node.at].get("name")) for node in lost]
        self.problems += [f"too many markers lead to {name}" for name in names]
        own, found = {one.at for one in self.roots} | {WORKSPACE.at}, dict[int, Ways]()
        for node, ways in nodes.items():
            if node.at not in own:
                found[node.at] = least(found.get(node.at, frozenset()) | ways)
        return found

    def _beginnings(self) -> Iterator[_Node]:
        for one in self.roots:
            if self._selection.project:
                yield _Node(one.at)
                yield from (_Node(one.at, extra) for extra in self._extras(one))
            yield from (_Node(one.at, group=group) for group in self._groups(one))
        groups = table(self._manifest, "dependency-groups")
        if not self._selection.packages:
            yield from (WORKSPACE._replace(group=group) for group in groups if self._takes(group))

    def _extras(self, one: _Package) -> list[str]:
        extras = table(one.told, "optional-dependencies")
        return [extra for extra in extras if self._selection.takes_extra(extra)]

    def _groups(self, one: _Package) -> list[str]:
        groups = table(one.told, "dev-dependencies")
        return [group for group in groups if self._takes(group)]

    def _takes(self, group: str) -> bool:
        default = self._default
        return self._selection.takes_group(group, default=default is None or group in default)

    def unasked(self) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Each group and extra of the project that nobody asks for, and the edges that it has."""
        for one in self.roots:
            for kind, key, taken in (
                ("extra", "optional-dependencies", self._extras(one)),
                ("group", "dev-dependencies", self._groups(one)),
            ):
                for name, edges in table(one.told, key).items():
                    if name not in taken and isinstance(edges, list):
                        yield (
                            f"{kind} {name}",
                            [edge for edge in edges if isinstance(edge, Mapping)],
                        )

    def _choices(self, one: _Package) -> Iterator[str]:
        """How markers of a lock with `tool.uv.conflicts` name what is asked for of a package."""
        name = str(one.told.get("name"))
        coded = f"{len(name)}-{name}"
        if self._selection.project:
            yield f"project-{coded}"
            yield from (f"extra-{coded}-{extra}" for extra in self._extras(one))
        yield from (f"group-{coded}-{group}" for group in self._groups(one))

    def _edges(self, node: _Node) -> Iterator[Edge[_Node]]:
        told = self._packages[node.at] if node.at != WORKSPACE.at else {}
        for edge in self._listed(node):
            if not isinstance(edge, Mapping):
                self.problems.append(f"{told.get('name')}: a dependency is no table")
                continue
            extras, marker = edge.get("extra", edge.get("extras", [])), edge.get("marker")
            others = self._meant(edge)
            if not others:
                self.problems.append(f"{edge.get('name')}, of {told.get('name')}, is not in it")
            for other in others:
                for wanted in ("", *(extras if isinstance(extras, list) else [extras])):
                    if wanted:
                        name = str(other.told.get("name"))
                        self._met.add(f"extra-{len(name)}-{name}-{wanted}")
                    to = _Node(other.at, str(wanted))
                    yield Edge(to, None if marker is None else self._settled(str(marker)))

    def _listed(self, node: _Node) -> list[Any]:
        told = self._packages[node.at] if node.at != WORKSPACE.at else self._manifest
        if node.at == WORKSPACE.at:
            found = table(told, "dependency-groups").get(node.group, [])
        elif node.group:
            found = table(told, "dev-dependencies").get(node.group, [])
        elif node.extra:
            found = table(told, "optional-dependencies").get(node.extra, [])
        else:
            found = told.get("dependencies", [])
        return found if isinstance(found, list) else [found]

    def _settled(self, marker: str) -> str:
        return settled(marker, self._active.__contains__)

    def _meant(self, edge: Mapping[str, Any]) -> list[_Package]:
        """Of several of one name that of the version and source that the edge tells."""
        return [
            one
            for one in self._by_name.get(str(edge.get("name")), [])
            if all(edge.get(key, one.told.get(key)) == one.told.get(key) for key in _APART)
        ]


_APART = ("version", "source")


def _default_groups(folder: Path) -> frozenset[str] | None:
    """As `uv_default_groups`, of the project in a folder; a lock alone has that of any."""
    try:
        return uv_default_groups(tomllib.loads((folder / "pyproject.toml").read_text("utf-8")))
    except (OSError, ValueError, RecursionError):
        return uv_default_groups({})


def _members(manifest: Mapping[str, Any]) -> list[Any]:
    found = manifest.get("members")
    return found if isinstance(found, list) else []


def _is_local(source: Mapping[str, Any]) -> bool:
    return any(kind in source for kind in (*OWN, "path"))


def _folder(package: _Package) -> str | None:
    kinds = table(package.told, "source")
    return next((str(kinds[kind]) for kind in OWN if kind in kinds), None)
