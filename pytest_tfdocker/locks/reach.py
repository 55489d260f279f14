"""Which of the folders that a stage fills stand in the image in the end."""

from collections.abc import Iterator, Mapping

import msgspec

from pytest_tfdocker.dockerfile.records import Dockerfile, Stage
from pytest_tfdocker.dockerfile.stages import copied_stage, sources, stage_chain
from pytest_tfdocker.locks.copied import copies

_INTERPRETERS = ("/usr", "/opt/conda", "/opt/python", "/root/.pyenv", "/root/.local")
"""Where interpreters keep their own site-packages: /usr/local/lib/python3.11/site-packages."""


class _Edge(msgspec.Struct, frozen=True):
    origin: int
    consumer: Stage
    source: str
    target: str


class Reach:
    """Follows COPY --from and mounts from the stages to the target."""

    def __init__(self, dockerfile: Dockerfile, target: str | None, args: Mapping[str, str]) -> None:
        self.chain = {stage.index for stage in stage_chain(dockerfile, target, args)}
        self.edges = [
            edge
            for stage in sources(dockerfile, target, args)
            for edge in _edges(dockerfile, stage, args)
        ]

    def holds(self, stage: Stage, prefix: str | None) -> bool:
        """Whether what a stage installs into a folder gets into the image.

        None: the interpreter's own site-packages.
        """
        waiting, seen = [(stage.index, prefix)], set[tuple[int, str | None]]()
        while waiting:
            index, folder = waiting.pop()
            if index in self.chain:
                return True
            if (index, folder) not in seen:
                seen.add((index, folder))
                waiting.extend(self._onward(index, folder))
        return False

    def _onward(self, index: int, folder: str | None) -> Iterator[tuple[int, str | None]]:
        for edge in self.edges:
            if edge.origin == index and _covers(edge.source, folder):
                yield edge.consumer.index, edge.target if folder else None


def _edges(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Iterator[_Edge]:
    for base in stage_chain(dockerfile, str(stage.index), args)[1:2]:
        yield _Edge(base.index, stage, "/", "/")
    for copy in copies(dockerfile, stage, args):
        origin = copied_stage(dockerfile, stage, copy.origin) if copy.origin else None
        if origin is not None:
            yield _Edge(origin.index, stage, "/" + copy.source.strip("/"), copy.target)


def _covers(copied: str, folder: str | None) -> bool:
    """Whether copying a path takes along what was installed into a folder, or a part of it."""
    if folder is None:
        packages = "site-packages" in copied or "dist-packages" in copied
        return packages or any(_below(copied, one) or copied == "/usr" for one in _INTERPRETERS)
    return _below(copied, folder) or _below(folder, copied)


def _below(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
