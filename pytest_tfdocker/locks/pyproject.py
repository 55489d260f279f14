"""pyproject.toml: what a project asks for itself, by the standards (PEP 621, PEP 735)."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_tfdocker.locks.declared import Part, Requirement, Source
from pytest_tfdocker.locks.lines import Skipped, problem, requirement
from pytest_tfdocker.locks.lock_file import read_toml, table
from pytest_tfdocker.locks.poetry_project import poetry_table
from pytest_tfdocker.locks.requirements import Contents, merged, read_requirements
from pytest_tfdocker.locks.selection import PLAIN, Selection, canonical, canonicals
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.toml_lines import find_lines, line_of

_QUOTED = re.compile(r"""\"([^"\\]*)\"|'([^']*)'""")


class _Text(NamedTuple):
    """One requirement as it stands, and the list that it stands in."""

    text: str
    at: Keys


def read_project(
    path: Path, name: str, selection: Selection = PLAIN, installed_by: str | None = None
) -> Contents:
    """Dependencies, extras and groups that are asked for; `name`: the file's, as the user has it.

    Poetry's own tables are read with those of the standards. One that can't be read is a problem.
    What includes another is followed, once.
    """
    read = read_toml(path, name)
    if isinstance(read, Contents):
        return read
    text, told = read
    tables, lines = _Tables(told), _Lines(text)
    texts = list(dict.fromkeys(tables.texts(selection)))
    found = [Contents(sources=(name,) if texts or tables.problems else ())]
    for one in texts:
        source = Source(name, lines.find(one), installed_by)
        found.append(_contents(one.text, source, tables.name))
    others = _Tables(told)  # whose problems are told where they are asked for
    found += [_part(one, of_it, name, tables.name) for one, of_it in others.unasked(selection)]
    found.append(_dynamic(told, path, name))
    found.append(poetry_table(told, selection, name, lines.of_key, installed_by))
    for at, reason in tables.problems.items():
        source = Source(name, lines.of_key(at), installed_by)
        found.append(Contents(problems=(problem(source, _shown(at), reason),)))
    return merged(found)


def _contents(text: str, source: Source, own: str) -> Contents:
    try:
        found = requirement(text, source)
    except Exception as error:  # noqa: BLE001  packaging raises more than it documents
        return Contents(problems=(problem(source, text, str(error)),))
    if isinstance(found, Skipped) or found.name == own:
        return Contents()
    return Contents(requirements=(found,))


def _part(part: str, texts: list[_Text], name: str, own: str) -> Contents:
    """Nothing of what can't be read."""
    read = merged(_contents(one.text, Source(name, 1), own) for one in texts)
    complete = not read.problems and bool(read.requirements)
    return Contents(parts=(Part(part, name, read.requirements),) if complete else ())


class _Lines:
    """Where in the file a key and a text of its list stand."""

    def __init__(self, text: str) -> None:
        self._keys = find_lines(text)
        self._texts: dict[str, list[int]] = {}
        for number, line in enumerate(text.split("\n"), 1):
            for double, single in _QUOTED.findall(line):
                self._texts.setdefault(double or single, []).append(number)

    def of_key(self, at: Keys) -> int:
        return line_of(self._keys, at) or 1

    def find(self, one: _Text) -> int:
        """A list over several lines is one statement: its items are looked for from there on."""
        begin, places = self.of_key(one.at), self._texts.get(one.text, [])
        after = bisect_left(places, begin)
        return places[after] if after < len(places) else begin


class _Tables:
    """The tables of one file, and what of them leads to others."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.problems: dict[Keys, str] = {}
        project = self._table(told, ("project",))
        self.name = canonical(str(project.get("name", "")))
        self._dependencies = project.get("dependencies", [])
        self._extras = self._table(project, ("project", "optional-dependencies"))
        self._groups = self._table(told, ("dependency-groups",))
        self._default = uv_default_groups(told)

    def _table(self, told: Mapping[str, Any], at: Keys) -> Mapping[str, Any]:
        found = told.get(str(at[-1]), {})
        if isinstance(found, Mapping):
            return found
        self.problems[at] = "it is no table"
        return {}

    def texts(self, selection: Selection) -> Iterator[_Text]:
        """Each requirement that is asked for."""
        seen: set[Keys] = set()
        if selection.project:
            yield from self._list(self._dependencies, ("project", "dependencies"), seen)
            for extra in self._extras:
                if selection.takes_extra(extra):
                    yield from self._extra(extra, seen)
        for group in self._groups:
            if self._takes(group, selection):
                yield from self._group(group, seen)

    def unasked(self, selection: Selection) -> Iterator[tuple[str, list[_Text]]]:
        """Each extra and group that nobody asks for, with its requirements."""
        for extra in self._extras:
            if not selection.takes_extra(extra):
                yield f"extra {extra}", list(self._extra(extra, set()))
        for group in self._groups:
            if not self._takes(group, selection):
                yield f"group {group}", list(self._group(group, set()))

    def _takes(self, group: str, selection: Selection) -> bool:
        default = self._default is None or canonical(group) in self._default
        return selection.takes_group(group, default=default)

    def _extra(self, name: str, seen: set[Keys]) -> Iterator[_Text]:
        for key, told in self._extras.items():
            if canonical(key) == canonical(name):
                yield from self._list(told, ("project", "optional-dependencies", key), seen)

    def _group(self, name: str, seen: set[Keys]) -> Iterator[_Text]:
        for key, told in self._groups.items():
            if canonical(key) == canonical(name):
                yield from self._list(told, ("dependency-groups", key), seen)

    def _list(self, told: object, at: Keys, seen: set[Keys]) -> Iterator[_Text]:
        """An extra may name others of the project, `demo[gpu]`; a group includes others."""
        if at in seen:
            return
        seen.add(at)
        if not isinstance(told, list):
            self.problems[at] = f"{_shown(at)} is no list"
            return
        for one in told:
            if isinstance(one, Mapping) and isinstance(one.get("include-group"), str):
                yield from self._group(one["include-group"], seen)
            elif isinstance(one, str):
                yield _Text(one, at)
                for extra in self._own_extras(one):
                    yield from self._extra(extra, seen)
            else:
                self.problems[at] = f"{one!r} is no requirement"

    def _own_extras(self, text: str) -> tuple[str, ...]:
        try:
            found = requirement(text, Source("", 0))
        except Exception:  # noqa: BLE001  told where it is read
            return ()
        own = isinstance(found, Requirement) and found.name == self.name
        return found.extras if own and isinstance(found, Requirement) else ()


def _shown(at: Keys) -> str:
    """As TOML has it: "[project] dependencies"."""
    *tables, key = map(str, at)
    return f"[{'.'.join(tables)}] {key}" if tables else f"[{key}]"


def _dynamic(told: Mapping[str, Any], path: Path, name: str) -> Contents:
    """Dependencies that stand in files that setuptools is told of; else a note."""
    dynamic = table(told, "project").get("dynamic")
    if not isinstance(dynamic, list) or "dependencies" not in dynamic:
        return Contents()
    tool = table(table(table(told, "tool"), "setuptools"), "dynamic")
    files = table(tool, "dependencies").get("file", [])
    names = [files] if isinstance(files, str) else files
    if not isinstance(names, list) or not names:
        return Contents(notes=(f"{name}: its dependencies are dynamic, and not read",))
    root = path.parent.joinpath(*[".."] * name.count("/"))  # by which `name` is seen
    return merged(read_requirements(path.parent / str(one), root) for one in names)


def uv_default_groups(told: Mapping[str, Any]) -> frozenset[str] | None:
    """Those that `uv sync` takes by itself, "dev" unless the project says others; None: all."""
    groups = table(table(told, "tool"), "uv").get("default-groups", ["dev"])
    if groups == "all":
        return None
    return canonicals(map(str, groups)) if isinstance(groups, list) else frozenset()
