"""What constraints and overrides make of the requirements of their names."""

from collections.abc import Iterator, Sequence

import msgspec
from packaging.specifiers import SpecifierSet

from pytest_tfdocker.locks.declared import Requirement


def constrain(
    requirements: Sequence[Requirement], constraints: Sequence[Requirement]
) -> tuple[Requirement, ...]:
    """The requirements with the constraints on them; one on what nobody asks for adds nothing.

    A constraint with a marker of its own makes a second requirement, with both markers.
    """
    by_name: dict[str, list[Requirement]] = {}
    for one in constraints:
        by_name.setdefault(one.name, []).append(one)
    return tuple(
        made for one in requirements for made in _constrained(one, by_name.get(one.name, []))
    )


def override(
    requirements: Sequence[Requirement], overrides: Sequence[Requirement]
) -> tuple[Requirement, ...]:
    """uv's: an override stands in the place of every requirement of its name."""
    by_name = {one.name: one for one in overrides}
    return tuple(
        msgspec.structs.replace(
            one,
            specifier=other.specifier,
            url=other.url,
            hashes=other.hashes,
            artifacts=other.artifacts,
            source=other.source,
        )
        if (other := by_name.get(one.name))
        else one
        for one in requirements
    )


def _constrained(one: Requirement, constraints: Sequence[Requirement]) -> Iterator[Requirement]:
    for constraint in constraints:
        if constraint.marker is None:
            one = _merged(one, constraint)
    yield one
    for constraint in constraints:
        if constraint.marker is not None:
            both = [f"({m})" for m in (one.marker, constraint.marker) if m]
            yield msgspec.structs.replace(_merged(one, constraint), marker=" and ".join(both))


def _merged(one: Requirement, constraint: Requirement) -> Requirement:
    return msgspec.structs.replace(
        one,
        specifier=str(SpecifierSet(one.specifier) & SpecifierSet(constraint.specifier)),
        url=one.url or constraint.url,
        hashes=one.hashes or constraint.hashes,
    )
