"""Locks of before Poetry 2.1, which tell no groups: the way from the project to its packages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.locks.graph import FAILS, Edge, Ways, extras_in, least, reach, settled
from pytest_tfdocker.locks.poetry_project import (
    Needed,
    alternatives,
    needed_by,
    needed_in,
    on_python,
    python_specifier,
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
            for at, where in self._meant(one):
                markers = [f"({text})" for text in (one.marker, where) if text]
                for extra in ("", *one.extras):
                    yield Edge(_Node(at, extra), " and ".join(markers) or None)

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

    def _meant(self, one: Needed) -> list[tuple[int, str | None]]:
        """Of several of one name those whose version is within the constraint, and where each is.

        Of several that are within, the highest that the environment's Python allows. Where their
        Pythons are the same, the markers of other ways to them tell which it is.
        """
        places = self._by_name.get(one.name, [])
        if not places and not one.marker:  # what no environment of the project needs is left out
            self.problems.append(f"{one.name} is not in it")
        if not places[1:]:
            return [(at, None) for at in places]
        within = self._within(places, one.version)
        if len(within) == 1:
            return [(within[0], None)]
        pythons = [python_specifier(self._packages[at].get("python-versions")) for at in within]
        if len(set(map(str, pythons))) == len(pythons) > 0 and None not in pythons:
            return list(zip(within, _apart([one for one in pythons if one]), strict=True))
        self._untold[one.name] = one.version
        return []

    def _within(self, places: list[int], constraint: str) -> list[int]:
        """Highest version first; none of a constraint that can't be read."""
        try:
            allowed = alternatives(constraint)
        except (InvalidSpecifier, InvalidVersion):
            return []
        versions = {at: Version(self._packages[at]["version"]) for at in places}
        found = [
            at
            for at in places
            if any(one.contains(versions[at], prereleases=True) for one in allowed)
        ]
        return sorted(found, key=versions.__getitem__, reverse=True)


_OPPOSITE = {">=": "<", ">": "<=", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


def _apart(pythons: Sequence[SpecifierSet]) -> list[str]:
    """Markers of which one holds at a time: each where those in front of it don't."""
    found, before = [], list[str]()
    for one in pythons:
        own = [on_python(part.operator, part.version) for part in one]
        found.append(" and ".join([*sorted(own), *before]))
        not_this = [
            on_python(_OPPOSITE[part.operator], part.version)
            for part in one
            if part.operator in _OPPOSITE
        ]
        before.append("(" + " or ".join(sorted(not_this)) + ")" if not_this else FAILS)
    return found


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
