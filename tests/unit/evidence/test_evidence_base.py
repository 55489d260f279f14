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


@pytest.mark.parametrize("history", [CLASSIC, BUILDKIT], ids=["classic", "buildkit"])
def test_instructions_are_told_as_the_dockerfile_has_them(layers_of, history):
    """File names stand for the classic builder's checksums."""
    assert [layer.instruction for layer in layers_of(history)] == [
        "ADD file:0123456789ab in /",
        "COPY requirements.txt app.py /",
        "RUN ./setup",
    ]


def test_build_arguments_are_neither_shown_nor_kept(layers_of):
    history = [*BUILDKIT[:2], "RUN |1 TOKEN=secret /bin/sh -c ./setup # buildkit"]
    layers = layers_of(history)
    assert (layers[2].instruction, layers[2].line) == ("RUN ./setup", 4)


@pytest.mark.parametrize("dockerfile", [None, parse(DOCKERFILE)], ids=["none", "another's"])
def test_without_the_images_dockerfile_they_are_neither(evidence, image, dockerfile):
    layer = Layer(instruction="RUN |1 TOKEN=secret /bin/sh -c ./own", bytes=1, empty=False)
    (found,) = with_lines(evidence(layers=[layer]), image(), dockerfile).layers
    assert (found.instruction, found.line, found.base) == ("RUN ./own", None, None)
