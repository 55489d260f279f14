"""`pinned`: every declared requirement is an exact pin."""

import re
from collections.abc import Sequence

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.closure import Needed
from pytest_tfdocker.checks.dependency import (
    SEEDS,
    VCS,
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
    shown,
)
from pytest_tfdocker.checks.direct import direct_url, is_own_project
from pytest_tfdocker.checks.pin import pin_of
from pytest_tfdocker.checks.verdict import Verdict, failed, skipped
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Declared, Problem, Requirement
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

_COMMIT = re.compile(r"@([0-9a-f]{40}|[0-9a-f]{64})(#|$)")
"""A full SHA-1 or SHA-256 of a commit; anything shorter may also be a tag or a branch."""


def plan(_image: Image, _declared: Declared) -> list[str | None]:
    """One item, whatever is declared: it skips where that is nothing."""
    return [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Fails with the exact line to write for each that is loose or can't be read."""
    declared = facts.declared
    unable = cannot_compare(facts, "the image's environment")
    if unable is not None:
        return unable
    installed = Installed(facts.evidence)
    active = installed.active(declared.requirements)
    if not active and not declared.problems:
        return none_here(declared)
    loose, free = _loose(active), _free(active, declared, installed)
    seeds = loose_seeds(active)
    details = (
        *_rows(loose, declared, installed),
        *bounded([_free_row(one) for one in free if one.by_lock]),
        *_notes(active, declared, free, installed),
    )
    total = len(names_of(active)) - len(seeds)
    if not total and not declared.problems:
        return skipped(f"nothing is declared but {', '.join(seeds)}", *details)
    unlocked = [one for one in free if one.by_lock]
    if not loose and not unlocked and not declared.problems:
        headline = f"{total} of {total} are pinned"
        return Verdict(outcome="passed", headline=headline, details=details, measured=0, budget=0)
    headline = _headline(loose, unlocked, declared, total)
    return failed(headline, *details, measured=len(problems(facts)), budget=0)


def problems(facts: Facts) -> list[DependencyProblem]:
    """Of kinds `unpinned` and `unreadable`; none where the image's environment isn't known."""
    unreadable = [_unreadable(one) for one in facts.declared.problems]
    if absent_part(facts.evidence) is not None:
        return unreadable
    installed = Installed(facts.evidence)
    active = installed.active(facts.declared.requirements)
    unlocked = [
        DependencyProblem(
            kind="unpinned",
            name=one.found.name,
            wanted=" → ".join(one.chain),
            found=one.found.version,
            source=one.found.path,
        )
        for one in _free(active, facts.declared, installed)
        if one.by_lock
    ]
    loose = [_unpinned(one, installed.find(one)) for one in _loose(active)]
    return [*loose, *unlocked, *unreadable]


def why_loose(requirement: Requirement) -> str | None:
    """Why a requirement is no exact pin; None where it is one."""
    url = requirement.url
    if url is None:
        if exact_version(requirement.specifier):
            return None
        prefix = "==" in requirement.specifier
        return "a prefix" if prefix else "a range" if requirement.specifier else "no version"
    if url.startswith(VCS):
        return None if _COMMIT.search(url) else "not a full commit"
    local = "://" not in url or url.startswith("file:")
    return None if local or requirement.hashes else "a URL without a hash"


def _loose(active: list[Requirement]) -> list[Requirement]:
    """A name that one line pins is pinned, however many other lines name it."""
    seeds = loose_seeds(active)
    return [one for one in _unpinned_lines(active) if one.name not in seeds]


def loose_seeds(active: Sequence[Requirement]) -> list[str]:
    """pip, setuptools and wheel as far as only the Dockerfile names them: its `--upgrade pip`."""
    loose = _unpinned_lines(active)
    written = {one.name for one in loose if not one.inline}
    return [name for name in names_of(loose) if name in SEEDS and name not in written]


def _unpinned_lines(active: Sequence[Requirement]) -> list[Requirement]:
    pinned = {one.name for one in active if why_loose(one) is None}
    return [one for one in active if one.name not in pinned]


class Free(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution that others bring in, and no line pins."""

    found: Distribution
    chain: tuple[str, ...]
    """Canonical names, from what is declared to it."""
    by_lock: bool
    """Whether a lock declares the first: it should have this too."""


def _free(active: list[Requirement], declared: Declared, installed: Installed) -> list[Free]:
    needed = Needed(installed, [(one.name, one.extras) for one in active])
    locked = {one.name for one in active if one.source.is_lock}
    told = {one.name for one in declared.requirements}
    told |= {one.name for one in installed.active(declared.constraints) if not why_loose(one)}
    found = []
    for name in needed.asked_by:
        one = installed.by_name.get(name)
        if one is not None and name not in told and _may_move(one, installed):
            chain = _chain(name, needed)
            found.append(Free(found=one, chain=chain, by_lock=chain[0] in locked))
    return found


def _chain(name: str, needed: Needed) -> tuple[str, ...]:
    chain = [name]
    while chain[0] in needed.asked_by:
        chain.insert(0, needed.asked_by[chain[0]])
    return tuple(chain)


def _free_row(one: Free) -> str:
    version = printable(f"{one.found.name}=={one.found.version}")
    return f"{version} stands in no lock: {printable(' → '.join(one.chain))}; lock again"


def _headline(
    loose: list[Requirement], unlocked: list[Free], declared: Declared, total: int
) -> str:
    names = names_of(loose)
    stale = [one for one in declared.problems if one.stale]
    unread = len(declared.problems) - len(stale)
    parts = []
    if names:
        verb = "is" if len(names) == 1 else "are"
        parts.append(f"{len(names)} of {total} {verb} not pinned")
    if unlocked:
        parts.append(f"{len(unlocked)} that the lock lacks")
    if stale:
        parts.append(f"{len(stale)} newer than the lock")
    if unread:
        files = (_is_file(one) for one in declared.problems if not one.stale)
        what = "file" if all(files) else "line"
        parts.append(f"{unread} {what}{'s' if unread > 1 else ''} can't be read")
    told = [shown(loose[0])] if len(loose) == 1 else names
    told = [*told, *(one.found.name for one in unlocked), *(one.text for one in stale)]
    told = told or [_place(one) for one in declared.problems]
    return shorten(f"{', '.join(parts)}: {', '.join(told)}", HEADLINE_WIDTH)


def _rows(loose: list[Requirement], declared: Declared, installed: Installed) -> list[str]:
    lines = [_row(one, installed.find(one)) for one in loose]
    lines += [_unread_row(one) for one in declared.problems]
    return bounded(lines)


def _row(one: Requirement, found: Distribution | None) -> str:
    reason = why_loose(one)
    plain = reason in {"a range", "no version"}
    written = _line_to_write(one, found)
    place = f"{printable(one.source.file)}:{one.source.line}"
    return f"{place} {shown(one)} → {written}" + ("" if plain else f" ({reason})")


def _line_to_write(one: Requirement, found: Distribution | None) -> str:
    """The line that pins what is in the image."""
    if found is None:
        return "not in the image"
    direct = direct_url(found) if one.url else None
    if one.url is None and one.entry:
        return pin_of(one, found.version)
    if one.url is None:
        exact = msgspec.structs.replace(one, specifier=f"=={found.version}")
        return shown(exact)
    if direct and direct.commit and one.url.startswith(VCS):
        return shown(msgspec.structs.replace(one, url=_at_commit(one.url, direct.commit)))
    if direct and direct.hashes:
        name, digest = next(iter(direct.hashes.items()))
        url = f"{one.url.partition('#')[0]}#{name}={digest}"
        return shown(msgspec.structs.replace(one, url=url))
    return f"{found.name}=={found.version}"


def _at_commit(url: str, commit: str) -> str:
    bare, sign, fragment = url.partition("#")
    path = bare.partition("://")[2].partition("/")[2]
    bare = bare[: -len(path)] + path.partition("@")[0] if "@" in path else bare
    return f"{bare}@{commit}{sign}{fragment}"


def _notes(
    active: list[Requirement], declared: Declared, free: list[Free], installed: Installed
) -> list[str]:
    lines = [f"declared in: {printable(listed(list(declared.sources)))} ({declared.reason})"]
    beside = [one for one in free if not one.by_lock]
    if beside:
        told = [
            f"{one.found.name}=={printable(one.found.version)} ({' → '.join(one.chain[:-1])})"
            for one in beside
        ]
        lines.append(f"pinned by no line, {len(beside)} that others bring in: {listed(told)}")
    seeds = loose_seeds(active)
    if seeds:
        lines.append(f"not judged: {', '.join(seeds)} (environments are made with them)")
    lines += installed_elsewhere(declared, installed)
    away = len(installed.away(declared.requirements))
    idle = len(declared.requirements) - len(active) - away
    if idle:
        lines.append(f"not judged: {idle} whose marker or wheel is not for the image")
    return [*lines, *bounded(not_followed(declared))]


def _may_move(one: Distribution, installed: Installed) -> bool:
    """Whether the next build could bring another version of it."""
    return not (one.name in SEEDS or installed.from_base(one) or is_own_project(one))


def _unpinned(one: Requirement, found: Distribution | None) -> DependencyProblem:
    return DependencyProblem(
        kind="unpinned",
        name=one.name,
        wanted=shown(one),
        found=found.version if found else None,
        source=one.source.file,
        line=one.source.line,
    )


def _unreadable(one: Problem) -> DependencyProblem:
    return DependencyProblem(
        kind="unreadable",
        name="",
        wanted=one.reason,
        found=one.text,
        source=one.source.file,
        line=one.source.line,
    )


def _unread_row(one: Problem) -> str:
    what = _place(one) if _is_file(one) else f"{_place(one)} {one.text!r}"
    return f"{what}: {printable(one.reason)}"


def _is_file(one: Problem) -> bool:
    """Whether it is a whole file, not a line of one, that can't be read."""
    return one.text == one.source.file


def _place(one: Problem) -> str:
    if _is_file(one):
        return printable(one.source.file)
    return f"{printable(one.source.file)}:{one.source.line}"


CHECK = Check(name="pinned", needs=("image",), plan=plan, judge=judge)
