"""Which of the folders that a stage fills stand in the image in the end."""

import enum
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.stages import copied_stage, sources, stage_chain
from pytest_tfdocker.locks.copied import copies
from pytest_tfdocker.locks.places import Place

_OWN = re.compile(
    r"""/usr(/local)?(/lib(64)?(/python[^/]*)?)?
    | /opt/conda(/lib(/python[^/]*)?)?
    | /opt/python(/[^/]*)?
    | /root/\.pyenv(/versions(/[^/]*)?)?
    | /root/\.local/share/uv(/python(/[^/]*)?)?
    | .*/(site|dist)-packages""",
    re.VERBOSE,
)
"""Folders that hold an interpreter's own site-packages, or are them."""
_MAY_BE_OWN = re.compile(r"/opt|/root|/opt/conda/envs(/[^/]*)?|.*/(site|dist)-packages/.+")
_BENEATH = re.compile(r"(local/)?lib(64)?(/python[^/]*(/(site|dist)-packages)?)?")
"""What of a prefix holds all of its distributions."""
_BESIDE = re.compile(r"(local/)?(s?bin|include|share|etc|man|doc|src|lib(64)?)(/.*)?")


class Taken(enum.IntEnum):
    """How much of an installed folder a copy takes along."""

    NOTHING = 0
    PART = 1
    ALL = 2


class Edge(msgspec.Struct, frozen=True):
    """One COPY --from, mount or FROM of a stage."""

    origin: int
    consumer: int
    source: str
    target: str
    line: int
    is_base: bool = False
    """Of a FROM: the whole stage."""

    def arrives(self, place: Place) -> Place:
        """Where it puts the folder."""
        if self.source == "/":
            return place
        if place is None:
            return self.target
        inside = place[len(self.source.rstrip("/")) :] if below(self.source, place) else ""
        return self.target.rstrip("/") + inside


class Reach:
    """Follows COPY --from, mounts and FROM from the stages to the target."""

    def __init__(self, dockerfile: Dockerfile, target: str | None, args: Mapping[str, str]) -> None:
        chain = [stage.index for stage in stage_chain(dockerfile, target, args)]
        self.chain, self.last = set(chain), chain[:1]
        """The stages that the image is made of; of these the target's own."""
        self.edges: dict[int, list[Edge]] = {}
        for stage in sources(dockerfile, target, args):
            for edge in _edges(dockerfile, stage, args):
                self.edges.setdefault(edge.origin, []).append(edge)

    def holds(self, index: int, places: Iterable[Place]) -> bool:
        """Whether what a stage installs into one of the folders gets into the image."""
        return any(at in self.chain for at, _ in self.spread(index, places))

    def spread(self, index: int, places: Iterable[Place]) -> set[tuple[int, Place]]:
        """Each stage that gets all of one of the folders, and where it has it."""
        waiting: list[tuple[int, Place]] = [(index, place) for place in places] or [(index, "")]
        seen: set[tuple[int, Place]] = set()
        while waiting:
            state = waiting.pop()
            if state in seen:
                continue
            seen.add(state)
            if state[0] not in self.chain:
                waiting.extend(self._onward(*state))
        return seen

    def _onward(self, index: int, place: Place) -> Iterator[tuple[int, Place]]:
        for edge in self.edges.get(index, []):
            if taken(edge.source, place) is Taken.ALL:
                yield edge.consumer, edge.arrives(place)


def taken(copied: str, place: Place) -> Taken:
    """How much of what was installed into a folder the copy of a path takes along."""
    if place is None:
        whole = copied == "/" or _OWN.fullmatch(copied)
        return Taken.ALL if whole else Taken(bool(_MAY_BE_OWN.fullmatch(copied)))
    if copied == "/" or below(copied, place):
        return Taken.ALL
    if not place or not below(place, copied):
        return Taken.NOTHING
    inside = copied[len(place.rstrip("/")) + 1 :]
    if _BENEATH.fullmatch(inside):
        return Taken.ALL
    packages = "-packages/" in inside
    return Taken.NOTHING if _BESIDE.fullmatch(inside) and not packages else Taken.PART


def is_own(place: Place) -> bool:
    """Whether a folder holds an interpreter's own site-packages."""
    return place is None or _OWN.fullmatch(place) is not None


def _edges(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Iterator[Edge]:
    for base in stage_chain(dockerfile, str(stage.index), args)[1:2]:
        yield Edge(base.index, stage.index, "/", "/", stage.line, is_base=True)
    for copy in copies(dockerfile, stage, args):
        origin = copied_stage(dockerfile, stage, copy.origin) if copy.origin else None
        if origin is not None:
            source = posixpath.normpath("/" + copy.source.removesuffix("*").lstrip("/"))
            yield Edge(origin.index, stage.index, source, copy.target, copy.line)


def below(folder: str, path: str) -> bool:
    """Whether a path is a folder or stands in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
