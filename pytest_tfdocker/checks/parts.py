"""Groups and extras that stand in the image although nobody asks for them."""

from collections.abc import Iterable, Sequence

from pytest_tfdocker.checks.closure import Needed
from pytest_tfdocker.checks.dependency import Installed
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Part, Requirement


def find_parts(
    parts: Iterable[Part], extra: Sequence[Distribution], installed: Installed
) -> tuple[Part, ...]:
    """Those that all that is undeclared came with; () where that is not so of each.

    A part is there where all that it names is, as far as its markers hold.
    """
    names = {one.name for one in extra}
    there = [one for one in parts if names and _is_there(one, names, installed)]
    widest = tuple(one for one in there if not any(_is_part_of(one, other) for other in there))
    needed = Needed(
        installed, [(root.name, root.extras) for one in widest for root in _roots(one, installed)]
    )
    return widest if all(name in needed for name in names) else ()


def _is_there(part: Part, names: set[str], installed: Installed) -> bool:
    roots = {one.name for one in _roots(part, installed)}
    return bool(roots & names) and roots <= installed.by_name.keys()


def _roots(part: Part, installed: Installed) -> list[Requirement]:
    return [one for one in part.requirements if installed.holds(one.marker)]


def _is_part_of(one: Part, other: Part) -> bool:
    """Whether it is included in the other, and not the other in it."""
    mine, theirs = ({each.name for each in part.requirements} for part in (one, other))
    return one.file == other.file and mine < theirs
