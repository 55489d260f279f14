"""What `pip uninstall` takes away again of what was installed before it."""

from collections.abc import Sequence

import msgspec

from pytest_tfdocker.dockerfile.records import Stage
from pytest_tfdocker.dockerfile.stages import stage_chain
from pytest_tfdocker.locks.contents import Asked, Build
from pytest_tfdocker.locks.places import Place
from pytest_tfdocker.locks.reach import Reach
from pytest_tfdocker.locks.requirements import Contents


class Part(msgspec.Struct):
    """What one command installs, in which stage, and where it puts that."""

    index: int
    places: tuple[Place, ...]
    contents: Contents


class Uninstalls:
    """Acts on the stages of its own chain, and where its folder gets into the image."""

    def __init__(self, build: Build, reach: Reach) -> None:
        self.build = build
        self.reach = reach

    def act(self, asked: Asked, places: tuple[Place, ...], parts: Sequence[Part]) -> Contents:
        """Takes the names out of the parts; gives what can't be told of that."""
        if not self.reach.holds(asked.stage.index, places):
            return Contents()
        told = asked.read()
        names = {one.name for one in told.requirements}
        own = {one.index for one in self._chain(asked)}
        for part in parts:
            if part.index in own and _meet(part.places, places):
                _take(part, names)
        copied = [part for part in parts if part.index not in own and self._gets(asked, part)]
        notes = told.notes
        if any([_take(part, names) for part in copied]):  # noqa: C419  each is to be taken
            reason = "what it finds of what is copied can't be told"
            notes += asked.note(f"{asked.pip.shown}: {reason}").notes
        return Contents(notes=notes)

    def _chain(self, asked: Asked) -> list[Stage]:
        return stage_chain(self.build.dockerfile, str(asked.stage.index), self.build.args)

    def _gets(self, asked: Asked, part: Part) -> bool:
        """Whether the uninstall's stage has a copy of what another stage installs."""
        target = str(asked.stage.index)
        reach = Reach(self.build.dockerfile, target, self.build.args)
        return reach.holds(part.index, part.places)


def _take(part: Part, names: set[str]) -> bool:
    kept = tuple(one for one in part.contents.requirements if one.name not in names)
    lost = len(kept) < len(part.contents.requirements)
    part.contents = msgspec.structs.replace(part.contents, requirements=kept)
    return lost


def _meet(some: tuple[Place, ...], others: tuple[Place, ...]) -> bool:
    return not some or not others or bool(set(some) & set(others))
