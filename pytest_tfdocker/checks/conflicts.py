"""`conflicts`: each distribution's own requirements are met, and none stands twice."""

from collections.abc import Iterator, Sequence

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.closure import Needed
from pytest_tfdocker.checks.dependency import (
    OS_INSTALLERS,
    DependencyProblem,
    Installed,
    absent_part,
    canonical,
    parsed_requirement,
    satisfies,
    shown_distribution,
)
from pytest_tfdocker.checks.verdict import Verdict, failed, skipped
from pytest_tfdocker.checks.wording import unknown
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, one_line, printable, shorten

ROWS = 10
WANTED_WIDTH = 120


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution, what it requires, and what stands there instead."""

    one: Distribution
    wanted: str
    found: str | None
    location: str | None = None
    base: bool = False
    """Whether the one that requires came with the base image."""


def plan(_image: Image, _declared: Declared) -> list[str | None]:
    """One item for every image."""
    return [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Fails for requirements that aren't met and for second copies."""
    absent = absent_part(facts.evidence)
    if absent is not None:
        return unknown(absent, "what is installed")
    installed = Installed(facts.evidence)
    conflicts = list(_conflicts(facts, installed))
    copies = _copies(installed)
    rows = [_row(one) for one in conflicts] + [_copy_row(one, installed) for one in copies]
    details = (*_bounded(rows), *_notes(installed), *_mend(conflicts, copies))
    count = len(conflicts) + len(copies)
    if count:
        headline = _headline(conflicts, copies)
        return failed(headline, *details, measured=count, budget=0)
    readable = sum(one.problem is None for one in installed.by_name.values())
    if not readable:
        none = "no distribution whose metadata can be read"
        return skipped(none if installed.every else "no distribution is installed", *details)
    headline = f"{readable} distribution{'s' if readable > 1 else ''}, no conflict"
    return Verdict(outcome="passed", headline=headline, details=details, measured=0, budget=0)


def problems(facts: Facts) -> list[DependencyProblem]:
    """Of kinds `conflict` and `duplicate`."""
    if absent_part(facts.evidence) is not None:
        return []
    installed = Installed(facts.evidence)
    unmet = [
        DependencyProblem(
            kind="conflict",
            name=one.one.name,
            wanted=one.wanted,
            found=one.found,
            source=one.one.path,
        )
        for one in _conflicts(facts, installed)
    ]
    return unmet + [_duplicate(one, installed) for one in _copies(installed)]


def _conflicts(facts: Facts, installed: Installed) -> Iterator[Conflict]:
    """Extras count where something declared or installed asks for them."""
    declared = installed.active(facts.declared.requirements)
    roots = [(one.name, one.extras) for one in declared]
    roots += [(name, ()) for name in installed.by_name]
    extras = Needed(installed, roots).extras
    for name, one in sorted(installed.by_name.items()):
        yield from _unmet(one, extras.get(name, set()), installed)
        python = one.requires_python
        if python and installed.python and not satisfies(installed.python, python):
            yield Conflict(
                one=one,
                wanted=f"Python {one_line(python, WANTED_WIDTH)}",
                found=f"Python {installed.python}",
                base=installed.from_base(one),
            )


def _unmet(one: Distribution, extras: set[str], installed: Installed) -> Iterator[Conflict]:
    for wanted in installed.requires(one, extras, parsed_requirement):
        there = installed.by_name.get(canonical(wanted.name))
        if there is None or not satisfies(there.version, str(wanted.specifier)):
            extra = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
            text = f"{canonical(wanted.name)}{extra}{wanted.specifier}"
            yield Conflict(
                one=one,
                wanted=one_line(text, WANTED_WIDTH),
                found=shown_distribution(there) if there else None,
                location=there.location if there else None,
                base=installed.from_base(one),
            )


def _copies(installed: Installed) -> list[Distribution]:
    """Second copies, those of the OS's package manager left out: it keeps them for itself."""
    return [
        one
        for one in installed.every
        if one.shadowed_by is not None and one.installer not in OS_INSTALLERS
    ]


def _duplicate(one: Distribution, installed: Installed) -> DependencyProblem:
    first = installed.by_name.get(one.name)
    return DependencyProblem(
        kind="duplicate",
        name=one.name,
        wanted=first.version if first else None,
        found=one.version,
        source=one.path,
    )


def _headline(conflicts: Sequence[Conflict], copies: Sequence[Distribution]) -> str:
    parts = []
    if conflicts:
        parts.append(f"{len(conflicts)} conflict{'s' if len(conflicts) > 1 else ''}")
    if copies:
        parts.append(f"{len(copies)} second cop{'ies' if len(copies) > 1 else 'y'}")
    told = [_short(one) for one in conflicts] + [one.name for one in copies]
    return shorten(f"{', '.join(parts)}: {', '.join(told)}", HEADLINE_WIDTH)


def _short(one: Conflict) -> str:
    found = one.found.rpartition(" ")[2] if one.found else "nothing"
    return f"{one.one.name} wants {one.wanted}, has {found}"


def _row(one: Conflict) -> list[str]:
    came = " (came with the base image)" if one.base else ""
    where = f" in {printable(one.location)}" if one.location else ""
    return [
        f"wanted {one.wanted}   by {shown_distribution(one.one)}{came}",
        f"found  {one.found or 'nothing of that name'}{where}",
    ]


def _copy_row(one: Distribution, installed: Installed) -> list[str]:
    first = installed.by_name.get(one.name)
    wins = f"{shown_distribution(first)} in {printable(first.location)}" if first else "another"
    return [
        f"twice  {wins}, which is imported",
        f"       {shown_distribution(one)} in {printable(one.location)}",
    ]


def _bounded(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [line for row in rows[:ROWS] for line in row]
    more = len(rows) - ROWS
    return [*lines, f"… and {more} more"] if more > 0 else lines


def _notes(installed: Installed) -> list[str]:
    owned = [
        f"not judged: {shown_distribution(one)} in {printable(one.location)}, "
        "a copy of the OS's package manager"
        for one in installed.every
        if one.shadowed_by is not None and one.installer in OS_INSTALLERS
    ]
    unread = [
        f"not judged: {printable(one.path)}: {printable(one.problem)}"
        for one in installed.every
        if one.problem is not None
    ]
    unread += [
        f"not judged: {shown_distribution(one)} requires {printable(text)!r}"
        for one in installed.by_name.values()
        for text in one.requires
        if parsed_requirement(text)[0] is None
    ]
    return [*bounded(owned), *bounded(unread)]


def _mend(conflicts: Sequence[Conflict], copies: Sequence[Distribution]) -> Iterator[str]:
    for one in conflicts[:1]:
        if one.wanted.startswith("Python "):
            yield f"mend: a base image with {one.wanted}, or another version of {one.one.name}"
        else:
            yield f"mend: pip install '{one.wanted}', or another version of {one.one.name}"
    for copy in copies[:1]:
        yield f"mend: install {copy.name} once; {printable(copy.location)} holds the one in the way"


CHECK = Check(name="conflicts", needs=("image",), plan=plan, judge=judge)
