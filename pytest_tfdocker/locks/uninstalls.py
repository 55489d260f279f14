"""What `pip uninstall` takes away again of what was installed before it."""

from collections.abc import Iterable, Sequence

import msgspec

from pytest_tfdocker.locks.contents import Asked, Build
from pytest_tfdocker.locks.places import Place
from pytest_tfdocker.locks.reach import Reach, is_own
from pytest_tfdocker.locks.requirements import Contents


class Part(msgspec.Struct):
    """What one command installs, in which stage, and where it puts that."""

    index: int
    places: tuple[Place, ...]
    contents: Contents
    of_project: bool = False
    """Whether a tool such as `uv sync` installs it from a lock."""


class Uninstalls:
    """Acts on what its own stage has in its folder, and where that gets into the image."""

    def __init__(self, build: Build, reach: Reach) -> None:
        self.build = build
        self.reach = reach

    def act(self, asked: Asked, places: tuple[Place, ...], parts: Sequence[Part]) -> Contents:
        """Takes the names out of the parts; gives what can't be told of that."""
        index = asked.stage.index
        if not self.reach.holds(index, places):
            return Contents()
        told = asked.read()
        names = {one.name for one in told.requirements}
        here = Reach(self.build.dockerfile, str(index), self.build.args)
        copied = False
        for part in (one for one in parts if one.contents.requirements):
            found = {
                place for at, place in here.spread(part.index, part.places) if at in here.chain
            }
            if found and _meet(found, places) and _take(part, names):
                copied |= part.index not in here.chain
        notes = told.notes
        if copied and _copies_later(here, asked):
            reason = "what is copied after it can't be told"
            notes += asked.note(f"{asked.pip.shown}: {reason}").notes
        return Contents(notes=notes)


def _copies_later(here: Reach, asked: Asked) -> bool:
    edges = [edge for some in here.edges.values() for edge in some if not edge.is_base]
    line = asked.call.instruction.line
    return any(edge.consumer == asked.stage.index and edge.line > line for edge in edges)


def _take(part: Part, names: set[str]) -> bool:
    kept = tuple(one for one in part.contents.requirements if one.name not in names)
    lost = len(kept) < len(part.contents.requirements)
    part.contents = msgspec.structs.replace(part.contents, requirements=kept)
    return lost


def _meet(some: Iterable[Place], others: Iterable[Place]) -> bool:
    """Whether two installs may share a folder; "" is one that isn't known."""
    return any(
        one == other or "" in {one, other} or (is_own(one) and is_own(other))
        for one in some
        for other in tuple(others) or ("",)
    )
