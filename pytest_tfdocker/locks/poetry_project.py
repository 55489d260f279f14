"""What a project of Poetry declares in its pyproject.toml: dependencies, extras, groups."""

import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement as Named
from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_tfdocker.locks.selection import Selection, canonical

MAIN = "main"
"""Poetry's name for the project's own dependencies."""


class Needed(NamedTuple):
    """A dependency, as a project or a package tells it."""

    name: str
    version: str
    """In Poetry's own form: "^1.2"; "" for any."""
    marker: str | None
    extras: tuple[str, ...]
    optional: bool
    told: Mapping[str, Any] = {}
    """Its table, where it has one."""


def needed_by(project: Mapping[str, Any], selection: Selection) -> Iterator[Needed]:
    """What is asked for of a project. Raises what is not as Poetry has it raises."""
    if selection.project:
        yield from _main(project, selection)
    poetry = project.get("tool", {}).get("poetry", {})
    groups = {"dev": {"dependencies": poetry.get("dev-dependencies", {})}} | poetry.get("group", {})
    standard = project.get("dependency-groups", {})
    for group in dict.fromkeys((*groups, *standard)):
        told = groups.get(group, {})
        if selection.takes_group(group, default=not told.get("optional")):
            yield from needed_in(told.get("dependencies"))
            yield from (_named(one) for one in standard.get(group, []) if isinstance(one, str))


def optional_groups(path: Path) -> frozenset[str]:
    """Those that `poetry install` leaves out unless they are named; `path`: of pyproject.toml."""
    try:
        groups = tomllib.loads(path.read_text("utf-8"))["tool"]["poetry"]["group"]
        return frozenset(name for name, told in groups.items() if told.get("optional"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return frozenset()


def needed_in(table: Mapping[str, Any] | None) -> Iterator[Needed]:
    """A text, a table, or a list of tables of which markers choose."""
    for key, value in (table or {}).items():
        for one in value if isinstance(value, list) else [value]:
            told = {"version": one} if isinstance(one, str) else one
            yield Needed(
                name=str(canonicalize_name(key)),
                version="" if told.get("version") == "*" else str(told.get("version", "")),
                marker=told.get("markers"),
                extras=tuple(told.get("extras", ())),
                optional=bool(told.get("optional")),
                told=told,
            )


def standard_constraint(constraint: str) -> str:
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


def _main(project: Mapping[str, Any], selection: Selection) -> Iterator[Needed]:
    """Poetry's own table, and that of the standards; of what is optional what an extra brings."""
    poetry = project.get("tool", {}).get("poetry", {})
    asked = {
        canonical(one)
        for name, some in poetry.get("extras", {}).items()
        if selection.takes_extra(name)
        for one in some
    }
    table = poetry.get("dependencies", {})
    own = {key: value for key, value in table.items() if key.lower() != "python"}
    for one in needed_in(own):
        if not one.optional or one.name in asked:
            yield one._replace(optional=False)
    standard = project.get("project", {})
    optional = standard.get("optional-dependencies", {})
    taken = (some for name, some in optional.items() if selection.takes_extra(name))
    yield from (_named(text) for text in chain(standard.get("dependencies", []), *taken))


def _named(text: str) -> Needed:
    named = Named(text)
    return Needed(
        name=str(canonicalize_name(named.name)),
        version=str(named.specifier),
        marker=str(named.marker) if named.marker else None,
        extras=tuple(sorted(named.extras)),
        optional=False,
    )
