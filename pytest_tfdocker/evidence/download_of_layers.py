"""What a registry would send, by a sample of layers that stream by."""

import zlib
from collections.abc import Callable

from pytest_tfdocker.archive.image import opened, read_layers, read_saved
from pytest_tfdocker.archive.layer import Reading
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
    passing = Passing(evidence)
    read_saved(saved(engine, evidence.id), passing.reading(tell), evidence.platform)
    return passing.sample()


def sample_packed(
    given: Given, evidence: ImageEvidence, tell: Callable[[str], None] = lambda _: None
) -> Sample:
    """Of an archive that is packed as a whole. Raises ArchiveError, OSError."""
    passing = Passing(evidence)
    with opened(given.path, passing.reading(tell), given.image.layers) as layout:
        read_layers(layout, given.image)
    return passing.sample()


class Passing:
    """Pieces of a stream, evenly spread, each compressed with what stands before it as its window.

    As probe/sample.py does it of files that can be read from anywhere.
    """

    def __init__(self, evidence: ImageEvidence) -> None:
        """`evidence`: of the image whose layers will pass."""
        # Layers hold what later ones hide, too: no mean has to stand for it
        self._files_bytes = expected_bytes = evidence.total_bytes or 0
        self._program = load_sample()
        self._piece_bytes: int = self._program.PIECE_BYTES
        self._every = max(1, expected_bytes // (PIECES * self._piece_bytes))
        self._before, self._piece = bytearray(), bytearray()
        self._number, self._bytes, self._read_bytes = 0, 0, 0
        self._sizes: list[int] = []

    def reading(self, tell: Callable[[str], None]) -> Reading:
        """Of layers, from which it is told all."""
        return Reading(on_bytes=telling(tell), on_plain=self.take)

    def take(self, data: memoryview) -> None:
        """The next bytes."""
        self._bytes += len(data)
        while data:
            part = data[: self._piece_bytes - len(self._piece)]
            self._piece += part
            data = data[len(part) :]
            if len(self._piece) == self._piece_bytes:
                self._end_piece()

    def sample(self) -> Sample:
        """Of all that has passed."""
        if self._piece:
            self._end_piece()
        steps = zip(self._sizes, self._sizes[1:], strict=False)
        return Sample(
            archive_bytes=self._bytes,
            pieces=len(self._sizes),
            sampled_bytes=self._read_bytes,
            packed_bytes=sum(self._sizes),
            squared_steps=sum((one - other) ** 2 for one, other in steps),
            files_bytes=self._files_bytes,
        )

    def _end_piece(self) -> None:
        if self._number % self._every == 0:
            size = self._program.packed_size(zlib, bytes(self._before), bytes(self._piece))
            self._sizes.append(size)
            self._read_bytes += len(self._piece)
        self._number += 1
        self._before += self._piece
        del self._before[: -self._program.WINDOW_BYTES]
        self._piece.clear()
