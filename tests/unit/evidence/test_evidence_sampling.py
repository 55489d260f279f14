"""From a sample of the files to a figure for the whole image, and how far off it may be."""

import msgspec
import pytest

from pytest_tfdocker.evidence.records import Absent, Layer
from pytest_tfdocker.evidence.sampling import OVER_ZLIB, SYSTEMATIC, Sample, estimate_from

MB = 10**6
SAMPLE = Sample(
    archive_bytes=1020 * MB,
    pieces=3,
    sampled_bytes=30_000,
    packed_bytes=12_000,
    squared_steps=0,
    files_bytes=1000 * MB,
)


def test_the_ratio_of_the_sample_is_that_of_the_archive(evidence):
    found = estimate_from(SAMPLE, evidence())
    assert (found.source, found.bytes) == ("estimate", round(408 * MB * OVER_ZLIB))
    assert (found.sampled_bytes, found.archive_bytes) == (30_000, 1020 * MB)


def test_hidden_bytes_count_with_the_mean_and_may_compress_not_at_all(evidence):
    wasteful = evidence(layers=[Layer(instruction="ADD", bytes=1200 * MB, empty=False)])
    assert wasteful.wasted_bytes == 200 * MB
    found = estimate_from(SAMPLE, wasteful)
    assert found.bytes == round(488 * MB * OVER_ZLIB)
    incompressible = estimate_from(SAMPLE, evidence()).bytes + 200 * MB
    assert found.error_bytes == round(incompressible - found.bytes + SYSTEMATIC * found.bytes)


def test_an_image_whose_total_is_not_known_counts_as_it_is_seen(evidence):
    unseen = evidence(files=Absent(reason="no"), layers=[])
    assert unseen.total_bytes is None
    assert estimate_from(SAMPLE, unseen).bytes == round(408 * MB * OVER_ZLIB)


def test_pieces_that_compress_alike_leave_the_error_that_every_estimate_has(evidence):
    found = estimate_from(SAMPLE, evidence())
    assert found.error_bytes == pytest.approx(found.bytes * SYSTEMATIC)


def test_pieces_that_differ_widen_the_error_unless_all_was_read(evidence):
    # Of 3,000, 5,000 and 4,000 bytes: a variance of 1,250,000, of the mean a third of it
    differing = msgspec.structs.replace(SAMPLE, squared_steps=2000**2 + 1000**2)
    found = estimate_from(differing, evidence())
    assert found.error_bytes / found.bytes == pytest.approx(2 * 645.5 / 4000 + SYSTEMATIC, rel=1e-3)
    whole = msgspec.structs.replace(differing, archive_bytes=30_000)
    assert whole.relative_error == SYSTEMATIC


def test_a_sample_of_nothing_is_no_figure(evidence):
    nothing = Sample(
        archive_bytes=0,
        pieces=0,
        sampled_bytes=0,
        packed_bytes=0,
        squared_steps=0,
        files_bytes=0,
    )
    assert isinstance(estimate_from(nothing, evidence()), Absent)
