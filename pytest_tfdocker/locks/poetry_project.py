"""What a project of Poetry declares in its pyproject.toml: dependencies, extras, groups."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from packaging.markers import Marker
from packaging.requirements import Requirement as Named
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.lines import problem
from pytest_tfdocker.locks.requirements import Contents, merged
from pytest_tfdocker.locks.selection import Selection, canonical, canonicals
from pytest_tfdocker.settings.toml_lines import Path as Keys

MAIN = "main"
"""Poetry's name for the project's own dependencies."""
BROKEN = (TypeError, ValueError, AttributeError, LookupError)
"""What is raised of what is not as Poetry writes it."""


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
    """What is asked for of a project, by Poetry's own tables and those of the standards.

    Raises what is not as Poetry has it raises.
    """
    yield from (one for _, one in _of_tables(project, selection))
    standard = project.get("project", {})
    optional = standard.get("optional-dependencies", {})
    taken = (some for name, some in optional.items() if selection.takes_extra(name))
    if selection.project:
        yield from (_named(text) for text in chain(standard.get("dependencies", []), *taken))
    for group, texts in project.get("dependency-groups", {}).items():
        told = project.get("tool", {}).get("poetry", {}).get("group", {}).get(group, {})
        if selection.takes_group(group, default=not told.get("optional")):
            yield from (_named(text) for text in texts if isinstance(text, str))


def poetry_table(
    project: Mapping[str, Any],
    selection: Selection,
    name: str,
    line_of: Callable[[Keys], int],
    installed_by: str | None,
) -> Contents:
    """What Poetry's own tables declare; one that can't be read is a problem.

    `name`: the file's, as the user has it.
    """
    found: list[Contents] = []
    try:
        for at, one in _of_tables(project, selection):
            source = Source(name, line_of(at), installed_by)
            found.append(_contents(one, source))
    except BROKEN as error:
        source = Source(name, line_of(("tool", "poetry")), installed_by)
        found.append(Contents(problems=(problem(source, "[tool.poetry]", str(error)),)))
    return merged([*found, Contents(sources=(name,) if found else ())])


def _contents(one: Needed, source: Source) -> Contents:
    try:
        (specifier,) = alternatives(one.version)
        return Contents(
            requirements=(
                Requirement(
                    name=one.name,
                    source=source,
                    specifier=str(specifier),
                    extras=one.extras,
                    marker=str(Marker(one.marker)) if one.marker else None,
                    url=_url(one.told),
                    entry="poetry",
                    editable=one.told.get("develop") is True,
                ),
            )
        )
    except BROKEN as error:
        text = f"{one.name} {one.version}".strip()
        return Contents(problems=(problem(source, text, str(error)),))


def _url(told: Mapping[str, Any]) -> str | None:
    """As a line of a requirements file has it; None of what an index has."""
    if "git" in told:
        revision = next((told[key] for key in ("rev", "tag", "branch") if key in told), None)
        folder = told.get("subdirectory")
        at = f"@{revision}" if revision else ""
        return f"git+{told['git']}{at}" + (f"#subdirectory={folder}" if folder else "")
    return next((str(told[key]) for key in ("url", "path", "file") if key in told), None)


def optional_groups(path: Path) -> frozenset[str]:
    """Those that `poetry install` leaves out unless they are named; `path`: of pyproject.toml."""
    try:
        groups = tomllib.loads(path.read_text("utf-8"))["tool"]["poetry"]["group"]
        return canonicals(name for name, told in groups.items() if told.get("optional"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return frozenset()


def needed_in(table: Mapping[str, Any] | None) -> Iterator[Needed]:
    """Of a package in a lock."""
    yield from (one for _, one in _in_table(table or {}))


def _in_table(table: Mapping[str, Any]) -> Iterator[tuple[str, Needed]]:
    """A text, a table, or a list of tables of which markers choose."""
    for key, value in table.items():
        for one in value if isinstance(value, list) else [value]:
            told = {"version": one} if isinstance(one, str) else one
            yield (
                key,
                Needed(
                    name=str(canonicalize_name(key)),
                    version="" if told.get("version") == "*" else str(told.get("version", "")),
                    marker=_marker(told),
                    extras=tuple(told.get("extras", ())),
                    optional=bool(told.get("optional")),
                    told=told,
                ),
            )


def _marker(told: Mapping[str, Any]) -> str | None:
    """With `python = "^3.9"` as one; it is left out where it can't be read."""
    markers = told.get("markers")
    try:
        python = _python_marker(str(told.get("python") or "*"))
    except (InvalidSpecifier, InvalidVersion):
        python = None
    both = [f"({one})" for one in (markers, python) if one]
    return " and ".join(both) if both[1:] else markers or python


def _python_marker(constraint: str) -> str | None:
    """Of a constraint on Python's version; raises InvalidSpecifier, InvalidVersion."""
    if constraint == "*":
        return None
    told = [
        " and ".join(sorted(on_python(part.operator, part.version) for part in one))
        for one in alternatives(constraint)
    ]
    return " or ".join(f"({one})" for one in told if one) or None


def on_python(operator: str, version: str) -> str:
    """As a marker."""
    return f'python_full_version {operator} "{version}"'


def alternatives(constraint: str) -> list[SpecifierSet]:
    """Of which one must hold: "<2.2 || >2.2,<3". Raises InvalidSpecifier, InvalidVersion."""
    found = []
    for one in re.split(r"\s*\|\|?\s*", constraint):
        parts = (part for part in one.replace(" ", "").split(",") if part not in {"", "*"})
        found.append(SpecifierSet(",".join(map(standard_constraint, parts))))
    return found


def python_specifier(told: object) -> SpecifierSet | None:
    """The `python-versions` of a package; None where it tells none, or several that may hold."""
    try:
        found = alternatives(str(told or "*"))
    except (InvalidSpecifier, InvalidVersion):
        return None
    return found[0] if len(found) == 1 else None


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


def _of_tables(project: Mapping[str, Any], selection: Selection) -> Iterator[tuple[Keys, Needed]]:
    """What [tool.poetry] has, and where; of what is optional what an extra brings."""
    poetry = project.get("tool", {}).get("poetry", {})
    asked = {
        canonical(one)
        for name, some in poetry.get("extras", {}).items()
        if selection.takes_extra(name)
        for one in some
    }
    table = poetry.get("dependencies", {}) if selection.project else {}
    for key, one in _in_table(table):
        if key.lower() != "python" and (not one.optional or one.name in asked):
            yield ("tool", "poetry", "dependencies", key), one._replace(optional=False)
    dev = {"dependencies": poetry.get("dev-dependencies", {})}
    tables: list[tuple[str, Keys, Any]] = [("dev", ("dev-dependencies",), dev)]
    for group, told in poetry.get("group", {}).items():
        tables.append((group, ("group", group, "dependencies"), told))
    for group, path, told in tables:
        if selection.takes_group(group, default=not told.get("optional")):
            for key, one in _in_table(told.get("dependencies", {})):
                yield ("tool", "poetry", *path, key), one


def _named(text: str) -> Needed:
    named = Named(text)
    return Needed(
        name=str(canonicalize_name(named.name)),
        version=str(named.specifier),
        marker=str(named.marker) if named.marker else None,
        extras=tuple(sorted(named.extras)),
        optional=False,
    )
