"""What a registry would send, by a sample of layers that stream by."""

import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from pytest_tfdocker.archive.image import opened, read_layers, read_saved
from pytest_tfdocker.archive.layer import LayerFiles, Reading
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.archived import Given
from pytest_tfdocker.evidence.records import ImageEvidence
from pytest_tfdocker.evidence.sampling import Sample
from pytest_tfdocker.evidence.unstarted.programs import load_sample
from pytest_tfdocker.evidence.waste import saved, telling

PIECES = 4000
"""Of all that passes so many are compressed, which takes some three seconds."""


def sample_layers(
    engine: Engine, evidence: ImageEvidence, tell: Callable[[str], None] = lambda _: None
) -> Sample:
    """Of what `docker save` writes. Raises EngineError, ArchiveError."""
    with saved(engine, evidence.id) as stream:
        _, layers = read_saved(stream, _reading(evidence, tell), evidence.platform)
    return _sample(layers, evidence)


def sample_packed(
    given: Given, evidence: ImageEvidence, tell: Callable[[str], None] = lambda _: None
) -> Sample:
    """Of an archive that is packed as a whole. Raises ArchiveError, OSError."""
    with opened(given.path, _reading(evidence, tell), given.image.layers) as layout:
        return _sample(read_layers(layout, given.image), evidence)


def _reading(evidence: ImageEvidence, tell: Callable[[str], None]) -> Reading:
    program = load_sample()
    every = max(1, (evidence.total_bytes or 0) // (PIECES * program.PIECE_BYTES))
    return Reading(on_bytes=telling(tell), listener=lambda: Passing(program, every))


def _sample(layers: Sequence[LayerFiles], evidence: ImageEvidence) -> Sample:
    """A layer that stands in the image twice is sent once."""
    passed = dict.fromkeys(one.listener for one in layers if isinstance(one.listener, Passing))
    for one in passed:
        one.end()
    sizes = [size for one in passed for size in one.sizes]
    return Sample(
        archive_bytes=sum(one.bytes for one in passed),
        pieces=len(sizes),
        sampled_bytes=sum(one.sampled_bytes for one in passed),
        packed_bytes=sum(sizes),
        squared_steps=sum((one - other) ** 2 for one, other in pairwise(sizes)),
        # Layers hold what later ones hide, too: no mean has to stand for it
        files_bytes=evidence.total_bytes or 0,
    )


class Passing:
    """Pieces of a stream, evenly spread, each compressed with what stands before it as its window.

    As probe/sample.py does it of files that can be read from anywhere.
    """

    def __init__(self, program: Any, every: int) -> None:
        """`program`: probe/sample.py. `every`: of so many pieces one is compressed."""
        self._program, self._every = program, every
        self._before, self._piece, self._number = bytearray(), bytearray(), 0
        self.bytes, self.sampled_bytes = 0, 0
        self.sizes: list[int] = []
        """Compressed, of each piece."""

    def hear(self, data: memoryview) -> None:
        """The next bytes."""
        self.bytes += len(data)
        while data:
            part = data[: self._program.PIECE_BYTES - len(self._piece)]
            self._piece += part
            data = data[len(part) :]
            if len(self._piece) == self._program.PIECE_BYTES:
                self._end_piece()

    def end(self) -> None:
        """The last piece is what is left."""
        if self._piece:
            self._end_piece()

    def _end_piece(self) -> None:
        if self._number % self._every == 0:
            size = self._program.packed_size(zlib, bytes(self._before), bytes(self._piece))
            self.sizes.append(size)
            self.sampled_bytes += len(self._piece)
        self._number += 1
        self._before += self._piece
        del self._before[: -self._program.WINDOW_BYTES]
        self._piece.clear()
