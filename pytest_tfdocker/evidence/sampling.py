"""From how well pieces of an image compress to what a registry would send, and how sure that is."""

import math

from pytest_tfdocker.evidence.records import Absent, Download, ImageEvidence, Record

SAMPLE_SECONDS = 3
"""Of the processor, for compressing; up to three times as many pass where it is busy."""
SYSTEMATIC = 0.02
"""Of the figure: how far off it may be where every byte was compressed. Builders' compressors
differ, and so do order and headers in the layers' own archives."""
OVER_ZLIB = 1.01
"""What pushes send is larger than what zlib makes at the level they use: `docker push`, whose gzip
is Go's, by 1.5 to 2.4 %, others by nothing."""
STANDARD_ERRORS = 2
"""19 of 20 samples are within these."""


class Sample(Record, frozen=True, kw_only=True):
    """How well pieces of the image's files compress; sums over pieces of one size."""

    archive_bytes: int
    pieces: int
    sampled_bytes: int
    packed_bytes: int
    squared_steps: int
    """Of the compressed sizes, from each piece to the next one in the archive."""
    files_bytes: int

    @property
    def estimate(self) -> float:
        """Compressed bytes of all files."""
        return OVER_ZLIB * self.packed_bytes / self.sampled_bytes * self.archive_bytes

    @property
    def relative_error(self) -> float:
        """What the sample may be off by, and what every estimate may be.

        Pieces are spread evenly, and so miss only what changes between neighbours: that is what
        the variance is taken from.
        """
        mean = self.packed_bytes / self.pieces
        variance = self.squared_steps / (2 * max(1, self.pieces - 1))
        unseen = max(0.0, 1 - self.sampled_bytes / self.archive_bytes)
        standard = math.sqrt(variance * unseen / self.pieces) / mean
        return STANDARD_ERRORS * standard + SYSTEMATIC


def estimate_from(sample: Sample, evidence: ImageEvidence, note: str = "") -> Download | Absent:
    """The sample's figure; what a later layer hides is taken to compress as the rest does.

    It may as well not compress at all, or to nothing: it may be off by that too.
    """
    if not sample.sampled_bytes or not sample.packed_bytes:
        return Absent(reason="no estimate of the download: no file of the image could be read")
    hidden = max(0, (evidence.total_bytes or 0) - sample.files_bytes)
    whole = sample.archive_bytes + hidden
    share = sample.estimate / sample.archive_bytes
    figure = share * whole
    unknown = hidden * max(share, 1 - share)
    return Download(
        bytes=round(figure),
        source="estimate",
        error_bytes=round(figure * sample.relative_error + unknown),
        sampled_bytes=sample.sampled_bytes,
        archive_bytes=sample.archive_bytes,
        note=note,
    )
