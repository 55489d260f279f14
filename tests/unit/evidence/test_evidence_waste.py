"""What layers hide, added up: by which layer, in which way, and below which folder."""

import io
import tracemalloc
from itertools import product
from os.path import commonpath

import msgspec
import pytest
from archives import file, saved, tar, tar_of
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.archive.merge import Hidden
from pytest_tfdocker.evidence.records import Layer
from pytest_tfdocker.evidence.waste import FILES, read_waste, waste_of


def one(path, size=1, layer=0, by=1, how="deleted"):
    return Hidden(path, size, layer, by, how)


def below(*paths):
    [group] = waste_of(map(one, paths), [0, 1]).groups
    return group.below


def test_files_are_told_largest_first_then_by_name_and_no_more_than_so_many():
    found = waste_of((one(f"/{n:03}", 2 - n % 2) for n in range(300)), [0, 1])
    assert (found.bytes, found.count, len(found.files)) == (450, 300, FILES)
    assert [file.path for file in found.files[:2]] == ["/000", "/002"]
    assert [file.path for file in found.files[149:151]] == ["/298", "/001"]


def test_of_all_that_a_layer_hides_no_more_is_in_memory_than_is_told():
    tracemalloc.start()
    found = waste_of((one(f"/a/{n}", n) for n in range(20_000)), [0, 1])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.count == 20_000
    assert peak_bytes < 500_000


def test_what_one_layer_hides_of_another_in_one_way_is_one_group():
    causes = product((0, 1), (2, 3), ("deleted", "overwritten"))
    files = [one("/a", 5, *cause) for cause in causes]
    found = waste_of([*files, one("/b", 100, 1, 3, "deleted")], [0, 2, 4, 7])
    told = [(group.bytes, group.layer, group.by, group.how) for group in found.groups]
    assert told[:2] == [(105, 2, 7, "deleted"), (5, 0, 4, "deleted")]
    assert sum(group.count for group in found.groups) == found.count == 9


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b"], "/a/b"),
        (["/a", "/b"], "/"),
        (["/a/b", "/a/b-c"], "/a/"),
        (["/a/x", "/a-b/x", "/a/b/x"], "/"),
        (["/a/b/x", "/a/b/c/d/x"], "/a/b/"),
    ],
)
def test_a_group_is_told_by_the_folder_that_has_them_all(paths, folder):
    assert below(*paths) == folder


PATHS = st.lists(st.text("ab-", min_size=1, max_size=3), min_size=1, max_size=3)


@given(st.lists(PATHS.map("/".join), min_size=2, max_size=9))
def test_the_folder_of_a_group_is_that_of_the_standard_library(names):
    paths = [f"/{name}" for name in names]
    folders = [path.rpartition("/")[0] or "/" for path in paths]
    assert below(*paths).rstrip("/") == commonpath(folders).rstrip("/")


def stream(*layers, **changes):
    """Of layers, a list of entries each, as an engine saves them."""
    return io.BytesIO(tar_of(saved([tar(*layer) for layer in layers], **changes)))


@pytest.fixture
def known(evidence):
    """What the history's sizes and the files' bytes say of an image."""

    def make(*sizes, apparent_bytes, links_bytes=0):
        sound = evidence()
        files = msgspec.structs.replace(
            sound.files, apparent_bytes=apparent_bytes, links_bytes=links_bytes
        )
        layers = [Layer(instruction="RUN x", bytes=size, empty=not size) for size in sizes]
        return evidence(layers=layers, files=files)

    return make


@pytest.mark.parametrize(("made", "links"), [(0, 0), (12, 0), (4107, 11)])
def test_what_a_start_makes_and_links_cost_the_largest_hidden_file_no_digest(known, made, links):
    """/etc/mtab of 12 bytes: `wasted_bytes` is so much less than the one file has."""
    content = bytes(3_000_000)
    layers = [file("model", content)], [file("model", content, mode=0o600)]
    found = known(3_000_000, 3_000_000, apparent_bytes=3_000_000 + made, links_bytes=links)
    [group] = read_waste(stream(*layers), found).groups
    assert (group.how, group.bytes) == ("rewritten", 3_000_000)


@pytest.mark.parametrize(
    ("empty", "by_number", "layers"), [((1,), False, (2, 3)), ((1, 2), True, (1, 2))]
)
def test_layers_of_which_the_history_tells_not_of_each_are_told_by_number(
    known, empty, by_number, layers
):
    below = [file("python", b"1")], [file("model", b"12")]
    history = [{"created_by": str(at), "empty_layer": at in empty} for at in range(4)]
    found = read_waste(
        stream(*below, [file("model", b"345")], history=history),
        known(1, 0, 2, 3, apparent_bytes=4),
    )
    [group] = found.groups
    assert (found.by_number, (group.layer, group.by)) == (by_number, layers)
