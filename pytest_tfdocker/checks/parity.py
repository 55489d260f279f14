"""`parity`: what is declared is what is installed."""

from collections.abc import Iterator, Sequence

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.dependency import (
    DependencyProblem,
    Installed,
    absent_part,
    cannot_compare,
    exact_version,
    installed_elsewhere,
    listed,
    names_of,
    none_here,
    not_followed,
    satisfies,
    shown_distribution,
)
from pytest_tfdocker.checks.difference import Difference, find_difference
from pytest_tfdocker.checks.elsewhere import find_elsewhere, wrong_environment
from pytest_tfdocker.checks.pin import pin_of
from pytest_tfdocker.checks.replaced import Causes, find_rival
from pytest_tfdocker.checks.unexpected import Unexpected, find_unexpected
from pytest_tfdocker.checks.unfit import mend_unfit, unfit_notes, unfit_row
from pytest_tfdocker.checks.verdict import Verdict, failed, skipped
from pytest_tfdocker.locks.declared import Declared, Requirement
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

ROWS = 10


def plan(_image: Image, _declared: Declared) -> list[str | None]:
    """One item, whatever is declared: it skips where that is nothing."""
    return [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Fails for what is missing, for another version, and for what nothing declares."""
    declared = facts.declared
    unable = cannot_compare(facts, "what is installed")
    if unable is not None:
        return unable
    installed = Installed(facts.evidence)
    active = installed.active(declared.requirements)
    if not active and declared.problems:
        first = declared.problems[0]
        reason = f"nothing could be read: {printable(first.source.file)}: {first.reason}"
        return skipped(shorten(printable(reason), HEADLINE_WIDTH))
    elsewhere = find_elsewhere(active, installed)
    if elsewhere is not None:
        return wrong_environment(facts, elsewhere)
    return _compared(facts, active, installed)


def _compared(facts: Facts, active: Sequence[Requirement], installed: Installed) -> Verdict:
    declared = facts.declared
    differences = _differences(facts, active, installed)
    unexpected = find_unexpected(facts, installed)
    total = len(names_of(active))
    details = (
        *_rows(differences, unexpected),
        *_looked_in(differences, total, installed),
        *_absent(facts, active, installed),
        *unfit_notes(active, installed),
        *unexpected.notes(),
        *installed_elsewhere(declared, installed),
        *bounded(not_followed(declared)),
        *_mend(differences, unexpected),
    )
    if differences or unexpected.judged:
        headline = _headline(differences, unexpected, total)
        count = len(differences) + len(unexpected.judged)
        return failed(headline, *details, measured=count, budget=0)
    if not active:
        return none_here(declared)
    found = len(names_of([one for one in active if installed.find(one)]))
    if not found:
        return skipped("nothing that is declared is installed", *details)
    headline = f"{found} of {total} as declared"
    return Verdict(outcome="passed", headline=headline, details=details, measured=0, budget=0)


def problems(facts: Facts) -> list[DependencyProblem]:
    """Of kinds `missing`, `version`, `local-version` and `unexpected`.

    Of a wrong environment one `missing` without a name: `wanted` is where what is declared stands.
    """
    if facts.declared.nothing or absent_part(facts.evidence) is not None:
        return []
    installed = Installed(facts.evidence)
    active = installed.active(facts.declared.requirements)
    elsewhere = find_elsewhere(active, installed)
    if elsewhere is not None:
        wanted, found = elsewhere.folder, installed.executable
        return [DependencyProblem(kind="missing", name="", wanted=wanted, found=found)]
    extra = [
        DependencyProblem(kind="unexpected", name=one.name, found=one.version, source=one.path)
        for one in find_unexpected(facts, installed).judged
    ]
    return [_problem(one) for one in _differences(facts, active, installed)] + extra


def _differences(
    facts: Facts, active: Sequence[Requirement], installed: Installed
) -> list[Difference]:
    found = [one for one in (find_difference(one, installed.find(one)) for one in active) if one]
    if facts.image.settings.dependencies.mode == "subset":
        found = [one for one in found if one.kind != "missing"]
    causes = Causes(facts, active, installed)
    return [
        msgspec.structs.replace(
            _with_cause(one, active, causes), misfit=installed.artifacts.misfit(one.requirement)
        )
        for one in found
    ]


def _with_cause(one: Difference, active: Sequence[Requirement], causes: Causes) -> Difference:
    """An exact pin elsewhere, or a later instruction, is what put the other version there."""
    if one.found is None:
        return one
    rival = find_rival(one.requirement, one.found, active)
    if rival is not None:
        return msgspec.structs.replace(one, replaced_by=printable(str(rival.source)))
    cause = causes.find(one.requirement, one.found)
    obeys = cause is not None and not any(_contradicts(other, one.requirement) for other in active)
    return msgspec.structs.replace(one, replaced_by=cause, unaware=obeys)


def _contradicts(other: Requirement, one: Requirement) -> bool:
    """Whether another line of the name does not admit the pin: no option makes both hold."""
    version = exact_version(one.specifier)
    same = other.name == one.name and other is not one
    return same and version is not None and not satisfies(version, other.specifier)


def _absent(facts: Facts, active: Sequence[Requirement], installed: Installed) -> Iterator[str]:
    """What `subset` lets pass."""
    gone = names_of([one for one in active if installed.find(one) is None])
    if gone and facts.image.settings.dependencies.mode == "subset":
        why = 'not installed (dependencies.mode = "subset")'
        yield f"not judged: {len(gone)} {why}: {listed(gone)}"


def _headline(differences: Sequence[Difference], unexpected: Unexpected, total: int) -> str:
    names = list(dict.fromkeys(one.requirement.name for one in differences))
    parts = []
    if names:
        gone = all(one.kind == "missing" for one in differences)
        verb = ("is missing" if gone else "differs") if len(names) == 1 else None
        verb = verb or ("are missing" if gone else "differ")
        parts.append(f"{len(names)} of {total} {verb}")
    if unexpected.judged:
        parts.append(f"{len(unexpected.judged)} undeclared")
    told = [_short(differences[0])] if len(differences) == 1 else names
    told = [*told, *(shown_distribution(one) for one in unexpected.judged)]
    return shorten(f"{', '.join(parts)}: {', '.join(told)}", HEADLINE_WIDTH)


def _short(one: Difference) -> str:
    name = one.requirement.name
    wanted = "" if one.wanted == "any version" else f" {printable(one.wanted)}"
    return f"{name}{wanted}" if one.seen is None else f"{name} {printable(one.seen)}, not{wanted}"


def _rows(differences: Sequence[Difference], unexpected: Unexpected) -> list[str]:
    """Ten findings at most; one has one to three lines."""
    every = [_row(one) for one in differences]
    every += [
        [f"found  {shown_distribution(one)} in {printable(one.location)}, {unexpected.why(one)}"]
        for one in unexpected.judged
    ]
    lines = [line for row in every[:ROWS] for line in row]
    more = len(every) - ROWS
    return [*lines, f"… and {more} more"] if more > 0 else lines


def _row(one: Difference) -> list[str]:
    name, wanted = one.requirement.name, printable(one.wanted)
    lines = [f"wanted {name} {wanted}   {printable(str(one.requirement.source))}"]
    unfit = unfit_row(one.requirement, one.misfit)
    if one.found is None or one.seen is None:
        return [*lines, "found  nothing of that name", *unfit]
    found = f"{one.found.name} {printable(one.seen)} in {printable(one.found.location)}"
    by = f"; replaced by {one.replaced_by}" if one.replaced_by else ""
    return [*lines, f"found  {found}{by}", *unfit]


def _looked_in(
    differences: Sequence[Difference], total: int, installed: Installed
) -> Iterator[str]:
    """Where most is missing, the interpreter may be the wrong one."""
    missing = sum(one.kind == "missing" for one in differences)
    if missing * 2 > total and installed.others:
        others = ", ".join(printable(one) for one in installed.others)
        yield f"looked in {printable(installed.executable)}; other environments: {others}"


def _mend(differences: Sequence[Difference], unexpected: Unexpected) -> Iterator[str]:
    for one in differences[:1]:
        yield f"mend: {_mended(one)}{_likewise(differences)}"
    if unexpected.parts:
        yield f"mend: {unexpected.mended}"
    elif unexpected.judged:
        yield f"mend: {unexpected.mended}{_likewise(unexpected.judged)}"


def _likewise(some: Sequence[object]) -> str:
    more = len(some) - 1
    return f"; likewise the other {more}" if more > 1 else "; likewise the other" if more else ""


def _taken_out(one: Requirement, place: str) -> str:
    """A line of a TOML file may hold all of a list."""
    if one.source.is_lock:
        return "lock without it"
    return f"take it out of {place}" if one.source.file.endswith(".toml") else f"delete {place}"


def _mended(one: Difference) -> str:
    source = one.requirement.source
    place = f"{printable(source.file)}:{source.line}"
    name, wanted = one.requirement.name, printable(one.wanted)
    if one.found is None and one.misfit is not None:
        return f"{mend_unfit(one.requirement, one.misfit)}, or {_taken_out(one.requirement, place)}"
    if one.found is None:
        return f"install {name}, or {_taken_out(one.requirement, place)}"
    pin = pin_of(one.requirement, one.found.version)
    version = printable(one.found.version)
    written = f"lock {name} {version}" if source.is_lock else f"write {pin} at {place}"
    if one.replaced_by:
        cause = one.replaced_by.split(maxsplit=1)[0].rstrip(",")
        if one.unaware and not source.is_lock and not source.file.endswith(".toml"):
            option = f"-c {printable(source.file)}"
            return f"{written}, give {cause} the option {option}, or delete it"
        return f"{written}, or delete {cause}"
    plain_wheel = one.kind == "local-version" and "+" not in one.found.version
    if plain_wheel:
        return f"{written}, or install from the index that has {wanted}: PyPI has no local versions"
    return written if one.misfit else f"install {name} {wanted}, or {written}"


def _problem(one: Difference) -> DependencyProblem:
    return DependencyProblem(
        kind=one.kind,
        name=one.requirement.name,
        wanted=one.wanted,
        found=one.seen,
        source=one.requirement.source.file,
        line=one.requirement.source.line,
    )


CHECK = Check(name="parity", needs=("image", "base"), plan=plan, judge=judge)
