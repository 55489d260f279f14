"""Distributions that stand in the image although nothing declared asks for them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.closure import Needed, Root
from pytest_tfdocker.checks.dependency import (
    OS_INSTALLERS,
    SEEDS,
    Installed,
    canonical,
    listed,
    shown_distribution,
)
from pytest_tfdocker.checks.direct import is_own_project
from pytest_tfdocker.evidence.records import Absent, Distribution
from pytest_tfdocker.text import printable


class Unexpected(msgspec.Struct, frozen=True, kw_only=True):
    """What no declaration accounts for, sorted into what is judged and what is not."""

    judged: tuple[Distribution, ...] = ()
    base: int = 0
    """Came with the base image."""
    owned: int = 0
    """Belong to the OS's package manager."""
    seeds: tuple[Distribution, ...] = ()
    allowed: tuple[Distribution, ...] = ()
    more: tuple[Distribution, ...] = ()
    """Let pass, since the image may hold more than what is declared."""
    untold: tuple[Distribution, ...] = ()
    """Not judged, since a part of what is declared could not be followed or read."""
    unasked: frozenset[str] = frozenset()
    """Names that a lock has in a part that is not asked for."""
    base_reason: str | None = None
    """Why it isn't known what came with the base."""

    def notes(self) -> Iterator[str]:
        """A line for each sort that is not judged."""
        if self.base:
            noun = "distribution" if self.base == 1 else "distributions"
            yield f"not judged: {self.base} {noun} that came with the base image"
        if self.owned:
            yield f"not judged: {self.owned} that the OS's package manager owns"
        if self.seeds:
            yield f"not judged: {_list(self.seeds)} (environments are made with them)"
        if self.allowed:
            yield f"allowed by dependencies.allow-extra: {_list(self.allowed)}"
        if self.more:
            yield (
                f"not judged: {len(self.more)} declared nowhere "
                f'(dependencies.mode = "superset"): {_list(self.more)}'
            )
        if self.untold:
            yield (
                f"not judged, since not all that is declared can be followed: {_list(self.untold)}"
            )
        if self.base_reason:
            yield f"not known what came with the base image: {printable(self.base_reason)}"


def find_unexpected(facts: Facts, installed: Installed) -> Unexpected:
    """Everything that is installed, less what is declared, needed by that, or the project's own."""
    needed = Needed(installed, _roots(facts, installed))
    extra = [one for name, one in sorted(installed.by_name.items()) if name not in needed]
    sorts: dict[str, list[Distribution]] = {}
    for one in extra:
        sorts.setdefault(_sort(one, facts, installed), []).append(one)
    judged = sorts.get("judged", [])
    unread = [one for one in facts.declared.problems if not one.stale]
    followed = not facts.declared.notes and not unread
    base = facts.evidence.base
    return Unexpected(
        judged=tuple(judged) if followed else (),
        more=tuple(sorts.get("more", [])),
        untold=() if followed else tuple(judged),
        base=len(sorts.get("base", [])),
        owned=len(sorts.get("owned", [])),
        seeds=tuple(sorts.get("seeds", [])),
        allowed=tuple(sorts.get("allowed", [])),
        unasked=frozenset(facts.declared.unasked),
        base_reason=base.reason if isinstance(base, Absent) and judged else None,
    )


def _roots(facts: Facts, installed: Installed) -> Iterator[Root]:
    """What is declared, and the project's own distributions with whichever extras were meant."""
    for requirement in installed.active(facts.declared.requirements):
        found = installed.find(requirement)
        yield found.name if found else requirement.name, requirement.extras
    for one in installed.by_name.values():
        if is_own_project(one):
            yield one.name, one.extras


def _sort(one: Distribution, facts: Facts, installed: Installed) -> str:
    settings = facts.image.settings.dependencies
    if settings.base == "allow" and installed.from_base(one):
        return "base"
    if one.installer in OS_INSTALLERS:
        return "owned"
    if one.name in SEEDS:
        return "seeds"
    allowed = any(fnmatchcase(one.name, canonical(name)) for name in settings.allow_extra)
    if allowed:
        return "allowed"
    return "more" if settings.mode == "superset" else "judged"


def _list(some: tuple[Distribution, ...]) -> str:
    return listed([shown_distribution(one) for one in some])
