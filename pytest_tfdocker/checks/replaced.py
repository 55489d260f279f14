"""What put another version in the place of the one that is declared."""

import re
from collections.abc import Iterator, Sequence

from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.closure import Needed
from pytest_tfdocker.checks.dependency import Installed, exact_version, satisfies
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.text import one_line, printable

INSTRUCTION_WIDTH = 60
_LINE = re.compile(r":(\d+)(?:\s|$)")


def find_rival(
    one: Requirement, found: Distribution, active: Sequence[Requirement]
) -> Requirement | None:
    """Another exact pin of the name, which what is installed does meet."""
    for other in active:
        pinned = other.name == one.name and exact_version(other.specifier)
        if pinned and satisfies(found.version, other.specifier):
            return other
    return None


def by_instruction(
    one: Requirement,
    found: Distribution,
    active: Sequence[Requirement],
    installed: Installed,
    facts: Facts,
) -> str | None:
    """The instruction that installed it last: told by its layer, else by what asks for it."""
    own = _line(one.source, facts)
    layer = facts.evidence.layers[found.layer] if found.layer is not None else None
    if layer is not None and layer.line is not None and layer.line != own:
        copied = layer.instruction.startswith(("COPY", "ADD"))
        if not copied:
            text = one_line(layer.instruction.removeprefix("RUN "), INSTRUCTION_WIDTH)
            return f"{printable(_dockerfile(facts))}:{layer.line} {text}"
    later = dict.fromkeys(_asking_later(one, own, active, installed, facts))
    return "; or ".join(later) if len(later) == 1 else None


def _asking_later(
    one: Requirement,
    own: int | None,
    active: Sequence[Requirement],
    installed: Installed,
    facts: Facts,
) -> Iterator[str]:
    """Instructions behind its own that install what needs a distribution of that name."""
    for other in active:
        line = _line(other.source, facts)
        if own is None or line is None or line <= own or other.name == one.name:
            continue
        if one.name in Needed(installed, [(other.name, other.extras)]):
            yield f"{printable(_dockerfile(facts))}:{line}, where {other.name} asks for it"


def _line(source: Source, facts: Facts) -> int | None:
    """Of the instruction that installs it, where the Dockerfile tells."""
    if source.file == _dockerfile(facts):
        return source.line
    found = _LINE.search(source.installed_by or "")
    return int(found[1]) if found else None


def _dockerfile(facts: Facts) -> str:
    return facts.image.settings.dockerfile
