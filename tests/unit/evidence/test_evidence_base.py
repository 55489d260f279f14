"""The layers against the Dockerfile's lines."""

import pytest

from pytest_tfdocker.dockerfile import parse
from pytest_tfdocker.evidence.base import with_lines
from pytest_tfdocker.evidence.records import Layer

DOCKERFILE = "FROM base:1\nCOPY requirements.txt \\\n  app.py /\nRUN ./setup\n"
CLASSIC = [
    "/bin/sh -c #(nop) ADD file:0123456789ab in / ",
    "/bin/sh -c #(nop) COPY multi:0123456789ab in / ",
    "/bin/sh -c ./setup",
]
BUILDKIT = [
    "/bin/sh -c #(nop) ADD file:0123456789ab in / ",
    "COPY requirements.txt app.py / # buildkit",
    "RUN /bin/sh -c ./setup # buildkit",
]


@pytest.fixture
def layers_of(evidence, image):
    def found(history):
        layers = [Layer(instruction=entry, bytes=1, empty=False) for entry in history]
        return with_lines(evidence(layers=layers), image(), parse(DOCKERFILE)).layers

    return found


@pytest.mark.parametrize("history", [CLASSIC, BUILDKIT], ids=["classic", "buildkit"])
def test_lines_and_what_is_the_bases(layers_of, history):
    assert [(layer.line, layer.base) for layer in layers_of(history)] == [
        (None, True),
        (2, False),
        (4, False),
    ]


def test_names_of_files_stand_for_the_classic_builders_checksums(layers_of):
    assert [layer.instruction for layer in layers_of(CLASSIC)] == [
        CLASSIC[0],
        "COPY requirements.txt app.py /",
        CLASSIC[2],
    ]


def test_buildkits_entries_stay_as_they_are(layers_of):
    assert [layer.instruction for layer in layers_of(BUILDKIT)] == BUILDKIT


def test_a_history_of_another_dockerfile_stays_as_it_is(layers_of):
    history = [*CLASSIC[:2], "/bin/sh -c ./other"]
    assert [(one.instruction, one.line) for one in layers_of(history)] == [
        (entry, None) for entry in history
    ]
