"""Distributions that stand in the image although nothing declared asks for them."""

from collections.abc import Iterable, Iterator
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
from pytest_tfdocker.checks.parts import find_parts
from pytest_tfdocker.evidence.records import Absent, Distribution
from pytest_tfdocker.locks.declared import Part
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
    parts: tuple[Part, ...] = ()
    """Those that all that is judged came with."""
    idle: tuple[str, ...] = ()
    """Of dependencies.allow-extra what nothing in the image is named by."""
    base_reason: str | None = None
    """Why it isn't known what came with the base."""

    def why(self, one: Distribution) -> str:
        """Of one that is judged, for people."""
        if self.parts or one.name in self.unasked:
            return "in a group or extra that is not asked for"
        return "declared nowhere"

    @property
    def mended(self) -> str:
        """What would do away with the first that is judged; with all, where these are known."""
        shown = " and ".join(printable(f"{one.name} of {one.file}") for one in self.parts)
        if self.parts:
            verb, it = ("is", "it") if len(self.parts) == 1 else ("are", "them")
            allow = "name what came with it in dependencies.allow-extra"
            return f"{shown} {verb} installed: leave {it} out of the install, or {allow}"
        extra = self.judged[0]
        pin = printable(f"{extra.name}=={extra.version}")
        mended = f"declare {pin}, remove it, or name it in dependencies.allow-extra"
        if extra.name in self.unasked:
            return f"leave the group or extra of {extra.name} out of the install, or {mended}"
        return mended

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
        if self.idle:
            names = listed([repr(name) for name in self.idle])
            yield f"dependencies.allow-extra names what is not in the image: {names}"
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
        parts=find_parts(facts.declared.parts, judged, installed) if followed else (),
        idle=tuple(_idle(facts.image.settings.dependencies.allow_extra, installed)),
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
    if any(_is_named(one, name) for name in settings.allow_extra):
        return "allowed"
    return "more" if settings.mode == "superset" else "judged"


def _is_named(one: Distribution, pattern: str) -> bool:
    return fnmatchcase(one.name, canonical(pattern))


def _idle(patterns: Iterable[str], installed: Installed) -> Iterator[str]:
    for pattern in patterns:
        if not any(_is_named(one, pattern) for one in installed.by_name.values()):
            yield pattern


def _list(some: tuple[Distribution, ...]) -> str:
    return listed([shown_distribution(one) for one in some])
