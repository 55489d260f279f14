"""Locks of before Poetry 2.1, which tell no groups: the way from the project to its packages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.locks.graph import Edge, Ways, extras_in, least, reach, settled
from pytest_tfdocker.locks.poetry_project import (
    Needed,
    needed_by,
    needed_in,
    standard_constraint,
)
from pytest_tfdocker.locks.selection import Selection, canonical, canonicals


class _Node(NamedTuple):
    """A package, or what one of its extras brings; the project is ROOT."""

    at: int
    extra: str


ROOT = _Node(-1, "")


class Walk:
    """Packages, and what leads from one to the other, of locks that do not tell groups."""

    def __init__(
        self, packages: Sequence[Any], project: Mapping[str, Any], selection: Selection
    ) -> None:
        self.problems: list[str] = []
        self._packages, self._project, self._selection = packages, project, selection
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
        for one in self._needed(node):
            for at in self._meant(one):
                for extra in ("", *one.extras):
                    yield Edge(_Node(at, extra), one.marker)

    def _needed(self, node: _Node) -> Iterator[Needed]:
        """With markers whose extras are answered."""
        if node == ROOT:
            for one in needed_by(self._project, self._selection):
                yield _answered(one, self._selection.takes_extra)
            return
        told = self._packages[node.at]
        for one in needed_in(told.get("dependencies")):
            by_extra = one.optional or bool(extras_in(one.marker))
            if not by_extra and not node.extra:
                yield one
            elif by_extra and node.extra and _asks_for(told, one, node.extra):
                yield _answered(one, partial(_is, node.extra))

    def _meant(self, one: Needed) -> list[int]:
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
            allowed = SpecifierSet(",".join(map(standard_constraint, parts)))
        except (InvalidSpecifier, InvalidVersion):
            return []
        versions = {at: Version(self._packages[at]["version"]) for at in places}
        return [at for at in places if allowed.contains(versions[at], prereleases=True)]


def _asks_for(package: Mapping[str, Any], one: Needed, extra: str) -> bool:
    """Whether an extra of a package brings one of its dependencies: its marker tells, or a list."""
    asked = canonicals(extras_in(one.marker))
    if asked:
        return canonical(extra) in asked
    listed = (package.get("extras") or {}).get(extra, [])
    names = (re.match(r"[A-Za-z0-9._-]+", text) for text in listed)
    return one.name in {str(canonicalize_name(found[0])) for found in names if found}


def _answered(one: Needed, asked: Callable[[str], bool]) -> Needed:
    return one._replace(marker=settled(one.marker, asked)) if one.marker else one


def _is(extra: str, other: str) -> bool:
    return canonical(extra) == canonical(other)
