"""Which layer a file came with, told by disk blocks: of files, and of the folders of each layer."""

import pytest

from pytest_tfdocker.evidence.blocks import Blocks, place_by_blocks, read_blocks
from pytest_tfdocker.evidence.listing import Listing

UNIT = 4096


def on_disk(size):
    return -(-size // UNIT) * UNIT


def placed(files, layers, folders=(), volumes=()):
    """`files`: path, bytes and time of each; `folders`: path, blocks and time."""
    listing = Listing()
    for path, size, when in files:
        listing.add(path, size, when)
    blocks = Blocks(
        files=[on_disk(size) for _, size, _ in files],
        folders=[("/etc", UNIT, 99_999), *((path, n * UNIT, t) for path, n, t in folders)],
    )
    return place_by_blocks(listing, blocks, [count * UNIT for count in layers], volumes)


def by_path(files, *args, **kwargs):
    found = placed(files, *args, **kwargs)
    return {path: layer for (path, _, _), layer in zip(files, found.layers, strict=True)}


BASE = [(f"/usr/lib/{n}", 60_000 + n, n) for n in range(20)]
VENV = [("/opt/torch", 500_000, 1000), ("/opt/numpy", 80_000, 1001)]
APP = [("/app.py", 30, 2000)]
FOLDERS = [("/usr", 1, 20), ("/usr/lib", 3, 20), ("/opt", 1, 1001)]
FILES = [*BASE, *VENV, *APP]
WHOLE = {path: at for at, files in enumerate((BASE, VENV, APP)) for path, _, _ in files}
BLOCKS = [1 + 1 + 3 + 15 * 20, 1 + 1 + 123 + 20, 1 + 1]
"""The root folder of each layer, its other folders, its files."""


def test_the_sums_of_blocks_with_each_layers_folders_tell_layers_and_their_bytes():
    found = placed(FILES, BLOCKS, FOLDERS)
    assert dict(zip(WHOLE, found.layers, strict=True)) == WHOLE
    assert found.layer_bytes == [sum(size for _, size, _ in BASE), 580_000, 30]


def test_a_folder_that_a_higher_layer_has_too_is_a_block_in_the_lower_one():
    more = [*FILES, ("/opt/more", 10, 3000)]
    folders = [*FOLDERS[:2], ("/opt", 1, 3000)]
    found = placed(more, [*BLOCKS, 1 + 1 + 1], folders)
    assert found.layers == [*WHOLE.values(), 3]
    assert found.layer_bytes[1:] == [580_000, 30, 10]


def test_layers_of_folders_alone_have_no_bytes():
    """WORKDIR; and a deletion, by which a folder is written once more."""
    folders = [*FOLDERS, ("/srv", 1, 3000)]
    found = placed(FILES, [*BLOCKS, 2, 1], folders)
    assert found.layers == list(WHOLE.values())
    assert found.layer_bytes[1:] == [580_000, 30, 0, 0]


def test_what_is_hidden_of_the_base_counts_in_blocks():
    found = placed(FILES, [BLOCKS[0] + 250, *BLOCKS[1:]], FOLDERS)
    assert found.layers == list(WHOLE.values())
    assert found.layer_bytes[0] == sum(size for _, size, _ in BASE) + 250 * UNIT


@pytest.mark.parametrize(("unseen", "hidden"), [(0, 0), (8, 0), (9, 9 * UNIT)])
def test_what_a_containers_mounts_hide_of_the_base_is_not_wasted(unseen, hidden):
    found = placed(FILES, [BLOCKS[0] + unseen, *BLOCKS[1:]], FOLDERS)
    assert found.layer_bytes[0] - sum(size for _, size, _ in BASE) == hidden


def test_what_is_hidden_of_a_layer_between_told_ones_is_told():
    found = placed(FILES, [BLOCKS[0], BLOCKS[1] + 75, BLOCKS[2]], FOLDERS)
    assert found.layers == list(WHOLE.values())
    assert found.layer_bytes[1] == 580_000 + 75 * UNIT


def test_a_sum_that_is_met_without_a_pause_is_met_by_chance():
    """Files of one block meet any sum: of the base none is taken for the layer above it."""
    many = [(f"/usr/lib/{n}", 100, n // 10) for n in range(1000)]
    files = [*many, *VENV, *APP]
    found = placed(files, [1 + 1 + 3 + 1000, BLOCKS[1] + 5, 1 + 1 + 3], FOLDERS)
    assert set(found.layers[:1000]) <= {0, None}


def test_of_two_layers_of_which_files_are_hidden_the_bytes_are_not_told():
    found = placed(FILES, [BLOCKS[0] + 200, BLOCKS[1] + 75, BLOCKS[2]], FOLDERS)
    assert found.layer_bytes == []
    assert by_path(FILES, [BLOCKS[0] + 200, BLOCKS[1] + 75, BLOCKS[2]], FOLDERS)["/app.py"] == 2


def test_folders_that_several_layers_have_are_known_where_layers_are_not():
    found = placed(FILES, [BLOCKS[0] + 200, BLOCKS[1] + 75, BLOCKS[2]], FOLDERS)
    roots = 3
    seen_in_the_container = 2
    assert found.folder_bytes == (roots - seen_in_the_container) * UNIT


def test_no_small_layer_takes_what_a_large_one_above_it_has_lost():
    found = placed(FILES, [*BLOCKS[:2], 2, 300_000], FOLDERS)
    assert found.layers[-1] is None
    assert found.layer_bytes == []


def test_what_is_below_a_volume_is_a_copy_and_told_of_no_layer():
    files = [*FILES, ("/data/x", 50_000, 9000)]
    layers = [BLOCKS[0], BLOCKS[1] + 1 + 13 + 2, BLOCKS[2]]
    found = placed(files, layers, [*FOLDERS, ("/data", 1, 9000)], ["/data"])
    assert found.layers == [*WHOLE.values(), None]
    assert found.layer_bytes[1:] == [580_000 + 50_000, 30]


def test_a_history_without_sizes_tells_nothing():
    assert set(placed(FILES, [0, 0], FOLDERS).layers) == {None}
    assert placed([], []).layers == []


def test_what_the_walk_tells_is_in_sectors():
    told = [[[8, 0], [16]], [["/usr", 8, 5]]]
    assert read_blocks(told) == Blocks(files=[4096, 0, 8192], folders=[("/usr", 4096, 5)])


def test_folders_that_a_first_run_made_and_mounts_hide_are_not_wasted():
    """/proc and /sys of a base without them; /opt of 500 names, before a later layer had it too."""
    found = placed(FILES, [BLOCKS[0] + 250, BLOCKS[1] + 3, BLOCKS[2]], FOLDERS)
    assert found.layers == list(WHOLE.values())
    assert found.layer_bytes[1:] == [580_000, 30]
