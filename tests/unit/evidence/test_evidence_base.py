"""The layers against the Dockerfile's lines."""

import pytest

from pytest_tfdocker.dockerfile import parse
from pytest_tfdocker.evidence.base import with_base, with_lines
from pytest_tfdocker.evidence.records import Base, Layer

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


@pytest.mark.parametrize(
    ("written", "entry", "told"),
    [
        (
            '["python3", "-m", "setup"]',
            "RUN |1 TOKEN=secret python3 -m setup # buildkit",
            "RUN python3 -m setup",
        ),
        (
            "<<EOF\n#!/bin/sh\nsetup\nEOF",
            "RUN |1 TOKEN=secret /bin/sh -c /dev/pipes/EOF # buildkit",
            "RUN #!/bin/sh setup",
        ),
    ],
    ids=["list", "text"],
)
def test_a_run_whose_line_is_known_is_told_as_it_stands_there(
    evidence, image, written, entry, told
):
    layers = [Layer(instruction=entry, bytes=1, empty=False)]
    dockerfile = parse(f"FROM base:1\nRUN {written}\n")
    (found,) = with_lines(evidence(layers=layers), image(), dockerfile).layers
    assert (found.line, found.instruction) == (2, told)


def test_the_stage_that_a_copy_is_from_is_told(evidence, image):
    layer = Layer(instruction="COPY --chown=1 /a /b # buildkit", bytes=1, empty=False)
    text = "FROM base:1 AS build\nRUN x\nFROM base:1\nCOPY --from=build --chown=1 /a /b\n"
    (found,) = with_lines(evidence(layers=[layer]), image(), parse(text)).layers
    assert (found.instruction, found.line) == ("COPY --from=build --chown=1 /a /b", 4)


@pytest.mark.parametrize("source", ["ghcr.io/astral-sh/uv:latest", "$STAGE"])
def test_an_image_that_a_copy_is_from_is_no_stage_that_could_be_mended(evidence, image, source):
    layer = Layer(instruction="COPY /a /b # buildkit", bytes=1, empty=False)
    text = f"FROM base:1 AS build\nRUN x\nFROM base:1\nCOPY --from={source} /a /b\n"
    (found,) = with_lines(evidence(layers=[layer]), image(), parse(text)).layers
    assert (found.instruction, found.line) == ("COPY /a /b", 4)


def test_what_a_trigger_of_the_base_has_built_lies_between_it_and_the_dockerfile(
    evidence, layers_of
):
    layers = layers_of([BUILDKIT[0], "RUN /bin/sh -c ./trigger # buildkit", *BUILDKIT[1:]])
    base = Base(reference="base:1", id="b", layers=1, triggers=1, distributions=[])
    found = with_base(evidence(layers=layers), base).layers
    assert [(layer.base, layer.line) for layer in found] == [
        (True, None),
        (False, None),
        (False, 2),
        (False, 4),
    ]


def test_instructions_that_the_dockerfile_no_longer_has_are_not_the_bases(evidence, layers_of):
    layers = layers_of(
        [BUILDKIT[0], "RUN /bin/sh -c apt-get install gcc # buildkit", *BUILDKIT[1:]]
    )
    base = Base(reference="base:1", id="b", layers=1, distributions=[])
    found = with_base(evidence(layers=layers), base).layers
    assert [(layer.base, layer.line) for layer in found] == [
        (True, None),
        (False, None),
        (False, None),
        (False, None),
    ]
