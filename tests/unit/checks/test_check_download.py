"""size[download]: the figure, how it is known, and which layer takes what."""

import msgspec
import pytest

from pytest_tfdocker.checks.download import packed_layers
from pytest_tfdocker.checks.size import CHECK
from pytest_tfdocker.evidence.records import Absent, Bloat, Download, Layer

MB = 10**6
DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
MANIFEST = Download(
    bytes=412 * MB,
    source="manifest",
    layers=[70 * MB, 340 * MB, 2 * MB],
    reference=f"ghcr.io/team/app@{DIGEST}",
)
ESTIMATE = Download(
    bytes=412 * MB,
    source="estimate",
    error_bytes=9 * MB,
    sampled_bytes=54 * MB,
    archive_bytes=1010 * MB,
)


@pytest.fixture
def judge(facts):
    def run(download, budget_bytes, **parts):
        settings = {"size": {"download": budget_bytes}}
        return CHECK.judge(facts(settings, download=download, **parts), "download")

    return run


@pytest.mark.parametrize(
    ("size_bytes", "outcome"),
    [(400 * MB - 1, "passed"), (400 * MB, "passed"), (400 * MB + 1, "failed")],
)
@pytest.mark.parametrize("source", ["manifest", "store", "estimate"])
def test_it_holds_up_to_its_budget(judge, source, size_bytes, outcome):
    verdict = judge(Download(bytes=size_bytes, source=source), 400 * MB)
    assert (verdict.outcome, verdict.measured) == (outcome, size_bytes)


def test_a_manifest_tells_which_instruction_takes_what(judge):
    verdict = judge(MANIFEST, 400 * MB)
    assert verdict.line == 9
    assert verdict.text == (
        "412 MB, 12 MB over 400 MB\n"
        "  as the registry's manifest tells: ghcr.io/team/app@sha256:0123456789ab\n"
        "  340 MB  Dockerfile:9   RUN pip install -r requirements.txt\n"
        "  2.0 MB  Dockerfile:10  COPY . .\n"
        "   70 MB                 base python:3.11-slim"
    )


def test_an_estimate_is_named_in_the_first_line_and_says_how_far_off_it_may_be(judge):
    verdict = judge(ESTIMATE, 300 * MB)
    assert verdict.line == 9
    assert verdict.text == (
        "about 412 MB, 112 MB over 300 MB (estimate)\n"
        "  estimate: 54 MB of 1.0 GB compressed as a push would; right within 9.0 MB\n"
        "  uncompressed:\n"
        "  790 MB  Dockerfile:9   RUN pip install -r requirements.txt\n"
        "   10 MB  Dockerfile:10  COPY . .\n"
        "  200 MB                 base python:3.11-slim"
    )


@pytest.mark.parametrize(
    ("budget_bytes", "is_told"),
    [(403 * MB - 1, False), (403 * MB, True), (421 * MB, True), (421 * MB + 1, False)],
)
def test_a_budget_within_the_error_of_an_estimate_is_told(judge, budget_bytes, is_told):
    told = "the budget lies within that: once pushed, the manifest tells to the byte"
    assert (told in judge(ESTIMATE, budget_bytes).details) is is_told


def test_why_it_is_an_estimate_is_told_on_one_line_without_control_characters(judge):
    noted = msgspec.structs.replace(ESTIMATE, note="the registry doesn't tell: \x1b[31m\nno")
    assert judge(noted, 300 * MB).details[1] == "the registry doesn't tell: \\x1b[31m no"


def test_a_store_tells_the_sum_alone(judge):
    assert judge(Download(bytes=412 * MB, source="store"), 500 * MB).text == (
        "412 MB, 88 MB under 500 MB\n"
        "  as the engine's containerd store holds it, which is what a push sends\n"
        "  uncompressed:\n"
        "  790 MB  Dockerfile:9   RUN pip install -r requirements.txt\n"
        "   10 MB  Dockerfile:10  COPY . .\n"
        "  200 MB                 base python:3.11-slim"
    )


@pytest.mark.parametrize(("size_bytes", "is_told"), [(950 * MB, False), (951 * MB, True)])
def test_a_store_of_plain_layers_is_told(judge, size_bytes, is_told):
    told = (
        "hardly compressed: what `docker load` took from plain layers stays plain, and is sent so"
    )
    assert (told in judge(Download(bytes=size_bytes, source="store"), 1).details) is is_told


def test_what_saves_most_is_told_in_uncompressed_bytes(judge, evidence):
    cache = Bloat(
        cause="pip-cache",
        bytes=100 * MB,
        paths=["/root/.cache/pip/"],
        path_bytes=[100 * MB],
        count=9,
        by_layer=[(1, 100 * MB)],
    )
    files = msgspec.structs.replace(evidence().files, bloat=[cache])
    *_, heading, mend = judge(MANIFEST, 400 * MB, evidence=evidence(files=files)).details
    assert heading == "what saves most, uncompressed (41 % of 1.0 GB is sent):"
    assert mend.startswith("mend Dockerfile:9: `pip install --no-cache-dir`")
    assert mend.endswith("; saves 100 MB, leaving 900 MB")


def test_without_a_figure_it_is_an_error_with_the_reason(judge):
    verdict = judge(Absent(reason="the image has no Python\ntried python3"), 1)
    assert (verdict.outcome, verdict.text) == ("error", "the image has no Python\n  tried python3")


def layer(instruction, size_bytes):
    return Layer(instruction=instruction, bytes=size_bytes, empty=not size_bytes)


HISTORY = [layer("ADD rootfs", 9), layer("WORKDIR /app", 0), layer("ENV A=1", 0), layer("RUN x", 5)]


@pytest.mark.parametrize(
    ("sizes", "packed"),
    [
        ([4, 2], [4, 0, 0, 2]),
        ([4, 1, 2], [4, 1, 0, 2]),
        ([4], []),
        ([4, 1, 1, 2], []),
        ([], []),
    ],
    ids=["no layer of a folder", "a layer of a folder", "too few", "too many", "unknown"],
)
def test_layers_are_those_of_the_instructions_that_write(sizes, packed):
    assert [one.bytes for one in packed_layers(HISTORY, sizes)] == packed


def test_an_image_without_a_history_has_no_packed_layers():
    assert packed_layers([], []) == []
    assert packed_layers([], [4]) == []
