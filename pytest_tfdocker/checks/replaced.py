"""What put another version in the place of the one that is declared."""

from collections.abc import Iterator, Sequence

from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.closure import Needed
from pytest_tfdocker.checks.dependency import Installed, exact_version, satisfies
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Requirement
from pytest_tfdocker.text import one_line, printable

INSTRUCTION_WIDTH = 60


def find_rival(
    one: Requirement, found: Distribution, active: Sequence[Requirement]
) -> Requirement | None:
    """Another exact pin of the name, which what is installed does meet."""
    for other in active:
        pinned = other.name == one.name and exact_version(other.specifier)
        if pinned and satisfies(found.version, other.specifier):
            return other
    return None


class Causes:
    """Knows which instruction of the Dockerfile installed a distribution last."""

    def __init__(self, facts: Facts, active: Sequence[Requirement], installed: Installed) -> None:
        self._facts, self._active, self._installed = facts, active, installed
        self._needs: dict[tuple[str, tuple[str, ...]], Needed] = {}

    def find(self, one: Requirement, found: Distribution) -> str | None:
        """Told by the layer that its metadata came with, else by what asks for it later.

        None where that is its own instruction, or can't be told.
        """
        if one.instruction is None:
            return None
        dockerfile = printable(self._facts.image.settings.dockerfile)
        layer = self._facts.evidence.layer_at(found.layer)
        if layer is not None and layer.line is not None and layer.instruction.startswith("RUN"):
            if layer.line == one.instruction:
                return None
            text = one_line(layer.instruction.removeprefix("RUN "), INSTRUCTION_WIDTH)
            return f"{dockerfile}:{layer.line} {text}"
        later = dict.fromkeys(self._asking_later(one, one.instruction))
        return f"{dockerfile}:{next(iter(later))}" if len(later) == 1 else None

    def _asking_later(self, one: Requirement, own: int) -> Iterator[str]:
        """Instructions behind its own that install what needs a distribution of that name."""
        for other in self._active:
            line = other.instruction
            if line is not None and line > own and one.name in self._needed(other):
                yield (
                    str(line)
                    if other.name == one.name
                    else f"{line}, where {other.name} asks for it"
                )

    def _needed(self, one: Requirement) -> Needed:
        key = (one.name, one.extras)
        if key not in self._needs:
            self._needs[key] = Needed(self._installed, [key])
        return self._needs[key]
