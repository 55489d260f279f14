"""Which of the artifacts that a requirement has may be what the image was given."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod

import msgspec
from packaging.tags import Tag, parse_tag

from pytest_tfdocker.checks.tags import Taken, find_taken
from pytest_tfdocker.evidence.records import Interpreter
from pytest_tfdocker.locks.declared import Artifact, Requirement

WHEEL = ".whl"
MOST_TAGS = 1000
"""Of one wheel: real ones have a dozen, and what multiplies to more is no wheel's name."""
SHOWN = 4


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing that is declared of a requirement can be installed in the image."""

    wanted: str
    """What the image takes: "cp311 on linux x86_64, glibc 2.36"."""
    tags: str
    """What there is, by that in which it differs: "win_amd64, macosx_11_0_arm64", "cp312"."""
    lacks: str
    """The machine, "x86_64", where no wheel is for Linux on it at all; else ""."""


class Artifacts:
    """What one interpreter takes of wheels; what can't be told fits."""

    def __init__(self, interpreter: Interpreter) -> None:
        """Asks nothing of wheels before the first is asked for."""
        self._taken = find_taken(interpreter)
        self._known: dict[str, bool] = {}
        """By the end of a name: hundreds of wheels share theirs."""

    def fits(self, artifact: Artifact) -> bool:
        """Whether it may be installed; what is no wheel is built inside."""
        if self._taken is None:
            return True
        end = artifact.name[len(artifact.name.rsplit("-", 3)[0]) :]
        if end not in self._known:
            tags = _tags_of(end)
            self._known[end] = tags is None or not self._taken.tags.isdisjoint(tags)
        return self._known[end]

    def hashes(self, one: Requirement) -> Iterator[str]:
        """Those of what may have been installed."""
        artifacts = artifacts_of(one)
        if not artifacts:
            yield from one.hashes
        for each in artifacts:
            if self.fits(each):
                yield from each.hashes

    def inside(self, requirements: Sequence[Requirement]) -> list[Requirement]:
        """Those that are for the image, of several that one file has of a name, one a platform."""
        fitting: set[tuple[str, str]] = set()
        unfit: set[int] = set()
        for one in _several(requirements):
            if artifacts_of(one) and not self.misfit(one):
                fitting.add(_place(one))
            elif artifacts_of(one):
                unfit.add(id(one))
        return [one for one in requirements if id(one) not in unfit or _place(one) not in fitting]

    def misfit(self, one: Requirement) -> Misfit | None:
        """None where something fits, and where nothing is known of what there is."""
        artifacts = artifacts_of(one)
        if self._taken is None or not artifacts or any(map(self.fits, artifacts)):
            return None
        return _misfit(self._taken, [tags for each in artifacts if (tags := _tags_of(each.name))])


def artifacts_of(one: Requirement) -> tuple[Artifact, ...]:
    """What a lock has of it; of a wheel's URL that wheel."""
    name = (one.url or "").partition("#")[0].partition("?")[0].rpartition("/")[2]
    return (Artifact(name, one.hashes),) if name.lower().endswith(WHEEL) else one.artifacts


def _tags_of(name: str) -> frozenset[Tag] | None:
    """Those that a wheel's name ends in; None of what is no wheel, or is not named as one."""
    if not name.lower().endswith(WHEEL):
        return None
    parts = name[: -len(WHEEL)].rsplit("-", 3)[1:]
    each = [part.split(".") for part in parts]
    if len(parts) < 3 or prod(map(len, each)) > MOST_TAGS:  # noqa: PLR2004  tags
        return None
    good = all(tag.isidentifier() for tags in each for tag in tags)
    return parse_tag("-".join(parts)) if good else None


def _misfit(taken: Taken, wheels: Sequence[frozenset[Tag]]) -> Misfit:
    pythons = {(tag.interpreter, tag.abi) for tag in taken.tags}
    platforms = {tag.platform for tag in taken.tags}
    of_platform = _told(wheels, lambda tag: (tag.interpreter, tag.abi) in pythons, _platform)
    of_python = _told(wheels, lambda tag: tag.platform in platforms, _python)
    machines = (
        tag.platform == "any" or ("linux" in tag.platform and tag.platform.endswith(taken.machine))
        for tags in wheels
        for tag in tags
    )
    return Misfit(
        wanted=taken.name,
        tags=of_platform or of_python or _told(wheels, lambda _: True, str),
        lacks="" if any(machines) else taken.machine,
    )


def _told(
    wheels: Iterable[frozenset[Tag]], meant: Callable[[Tag], bool], said: Callable[[Tag], str]
) -> str:
    """The first few, each once; "" where none is meant."""
    each = (min((said(tag) for tag in tags if meant(tag)), default="") for tags in wheels)
    found = list(dict.fromkeys(filter(None, each)))
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _platform(tag: Tag) -> str:
    return tag.platform


def _python(tag: Tag) -> str:
    return (
        tag.interpreter if tag.abi in {"none", tag.interpreter} else f"{tag.interpreter}-{tag.abi}"
    )


def _place(one: Requirement) -> tuple[str, str]:
    return one.name, one.source.file


def _several(requirements: Sequence[Requirement]) -> list[Requirement]:
    counts: dict[tuple[str, str], int] = {}
    for one in requirements:
        counts[_place(one)] = counts.get(_place(one), 0) + 1
    return [one for one in requirements if counts[_place(one)] > 1]
