"""Whose an image's bytes are: the rows of `size[total]`."""

import msgspec
import pytest

from pytest_tfdocker.checks.blame import hidden_layers, is_placed, mend_rows, owner_rows
from pytest_tfdocker.evidence.records import Bloat, Owner, Waste, WastedGroup

MB = 10**6


def owner(name, size, layer, kind="distribution", version="1.0"):
    return Owner(kind=kind, name=name, version=version, layer=layer, bytes=size * MB)


SOUND = [
    owner("libc6", 200, 0, kind="os-package", version=""),
    owner("torch", 600, 1, version="2.13.0"),
    owner("nvidia-cublas", 100, 1),
    owner("nvidia-cudnn", 90, 1),
    owner("project", 10, 2, kind="project", version=""),
]


@pytest.fixture
def owned(evidence):
    def make(owners=SOUND, **changes):
        total = sum(one.bytes for one in owners)
        files = msgspec.structs.replace(
            evidence().files, owners=owners, apparent_bytes=total, **changes
        )
        return evidence(files=files)

    return make


def test_owners_stand_with_the_line_that_brought_them_and_the_base_is_one(image, owned):
    assert owner_rows(image(), owned()) == [
        "600 MB  torch 2.13.0             Dockerfile:9   RUN pip install -r requirements.txt",
        "190 MB  nvidia-* CUDA wheels, 2  Dockerfile:9",
        " 10 MB  project                  Dockerfile:10  COPY . .",
        "200 MB  base python:3.11-slim",
    ]


def test_beyond_the_largest_the_rest_is_one_row(image, owned):
    small = [owner(f"small-{n}", 1, 1) for n in range(9)]
    rows = owner_rows(image(), owned([*SOUND, *small]))
    assert [row.strip() for row in rows[-2:]] == ["6.0 MB  6 more", "200 MB  base python:3.11-slim"]


def test_what_a_later_layer_hides_has_a_row_of_its_own(image, owned):
    evidence = owned([owner("libc6", 200, 0, kind="os-package"), owner("torch", 600, 1)])
    assert hidden_layers(evidence) == [(1, 190 * MB), (2, 10 * MB)]
    rows = [row.split("  ") for row in owner_rows(image(), evidence)]
    assert ["190 MB", "hidden by a later layer", "Dockerfile:9"] in rows


def test_a_layer_that_can_not_be_told_names_no_owners(owned):
    assert is_placed(owned())
    assert not is_placed(owned([owner("torch", 600, None), owner("libc6", 200, 0)]))
    assert not is_placed(owned([]))


def test_what_saves_most_comes_first_and_what_is_left_is_told(image, owned):
    def bloat(cause, size, layer):
        at = [(layer, size * MB)]
        return Bloat(cause=cause, bytes=size * MB, paths=[], path_bytes=[], count=1, by_layer=at)

    found = [bloat("tests", 100, 1), bloat("git", 10, None), bloat("build-tools", 90, 0)]
    lines = mend_rows(image(), owned(bloat=found), 1000 * MB)
    assert lines == [
        "mend Dockerfile:9: delete the distributions' test folders, but for numpy/_core/tests, in "
        "the RUN that installs; saves 100 MB, leaving 900 MB",
        "mend base python:3.11-slim: compile in a stage of its own, and copy what it made into a "
        "slim one; saves 90 MB or more, leaving at most 810 MB",
        "mend: a line `.git` in .dockerignore; saves 10 MB, leaving at most 800 MB",
    ]


def test_what_is_copied_from_a_stage_is_mended_in_that_stage(image, owned, evidence):
    """A RUN behind the COPY that deletes it saves nothing."""
    layers = evidence().layers
    copy = msgspec.structs.replace(layers[1], instruction="COPY --from=build /opt/venv /opt/venv")
    at = [(1, 100 * MB)]
    tests = Bloat(cause="tests", bytes=100 * MB, paths=[], path_bytes=[], count=1, by_layer=at)
    found = msgspec.structs.replace(owned(bloat=[tests]), layers=[layers[0], copy, layers[2]])
    [line] = mend_rows(image(), found, 1000 * MB)
    assert line == (
        "mend Dockerfile:9: in stage build: delete the distributions' test folders, but for "
        "numpy/_core/tests, in the RUN that installs; saves 100 MB, leaving 900 MB"
    )


def test_what_a_layer_of_yours_adds_to_the_bases_compilers_is_a_saving_of_its_own(image, owned):
    at = [(1, 60 * MB), (0, 40 * MB)]
    gcc = Bloat(cause="build-tools", bytes=100 * MB, paths=[], path_bytes=[], count=2, by_layer=at)
    caches = msgspec.structs.replace(gcc, cause="apt-lists")
    lines = mend_rows(image(), owned(bloat=[gcc, caches]), 1000 * MB)
    assert [line.partition("; ")[2] for line in lines] == [
        "saves 60 MB or more, leaving at most 940 MB",
        "saves 60 MB, leaving at most 880 MB",
        "saves 40 MB or more, leaving at most 840 MB",
    ]
    assert lines[2].startswith("mend base python:3.11-slim: compile ")


@pytest.mark.parametrize(
    ("chown_bytes", "fix"),
    [
        (790 * MB, "chown here, or by COPY --chown, not at Dockerfile:10"),
        # 190 MB of what is hidden can be no copy: something else has deleted them
        (600 * MB, "delete or change files in the instruction that writes them"),
        # It writes more than is hidden, and changes of that maybe nothing
        (2900 * MB, "delete or change files in the instruction that writes them"),
    ],
)
def test_a_later_chown_is_named_where_it_doubles_what_it_changes(
    image, owned, evidence, chown_bytes, fix
):
    changed = evidence().layers[2:3]
    changed = [
        msgspec.structs.replace(changed[0], instruction="RUN chown -R app /app", bytes=chown_bytes)
    ]
    layers = [*evidence().layers[:2], *changed]
    project = owner("project", chown_bytes // MB, 2, kind="project")
    owners = [owner("libc6", 200, 0, kind="os-package"), project]
    found = msgspec.structs.replace(owned(owners), layers=layers)
    [line] = mend_rows(image(), found, 1590 * MB)
    assert line == f"mend Dockerfile:9: {fix}; saves 790 MB, leaving 800 MB"


@pytest.mark.parametrize(
    ("how", "fix"),
    [
        ("rewritten", "chown here, or by COPY --chown, not at Dockerfile:10"),
        ("deleted", "delete or change files in the instruction that writes them"),
    ],
)
def test_layers_that_were_read_tell_better_than_sizes_what_a_later_one_does(
    image, owned, evidence, how, fix
):
    chown = msgspec.structs.replace(
        evidence().layers[2], instruction="RUN chown app /app && rm -r /tmp/x", bytes=790 * MB
    )
    group = WastedGroup(layer=1, by=2, how=how, bytes=790 * MB, count=1, below="/x")
    owners = [owner("libc6", 200, 0, kind="os-package"), owner("p", 790, 2, kind="project")]
    found = msgspec.structs.replace(
        owned(owners),
        layers=[*evidence().layers[:2], chown],
        waste=Waste(bytes=790 * MB, count=1, groups=[group], files=[]),
    )
    [line] = mend_rows(image(), found, 1590 * MB)
    assert line == f"mend Dockerfile:9: {fix}; saves 790 MB, leaving 800 MB"


def test_waste_that_no_layer_is_told_of_is_to_be_mended_too(image, owned):
    found = owned([owner("torch", 600, None)])
    assert mend_rows(image(), found, 1000 * MB) == [
        "mend: delete or change files in the instruction that writes them; saves up to 400 MB"
    ]
