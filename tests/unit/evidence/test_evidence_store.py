"""What is kept for later runs: a cache that can't be written costs time, never a verdict."""

import pytest

from pytest_tfdocker.evidence.store import Store


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def unwritable(tmp_path):
    """A folder in which not even root can write."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "tfdocker"


def test_what_is_kept_is_there_for_a_later_run(tmp_path, run_folder):
    Store(run_folder, tmp_path / "kept").keep("one", {"a": 1})
    later = Store(tmp_path / "later", tmp_path / "kept")
    assert later.recall("one", dict) == {"a": 1}


def test_where_the_cache_cannot_be_written_it_is_kept_for_this_run(run_folder, unwritable):
    store = Store(run_folder, unwritable)
    store.keep("one", {"a": 1})
    assert store.recall("one", dict) == {"a": 1}


def test_where_nothing_can_be_written_nothing_is_kept(unwritable):
    store = Store(unwritable, unwritable)
    store.keep("one", {"a": 1})
    assert store.recall("one", dict) is None


def test_what_workers_add_is_there_for_every_one_of_them_once(run_folder):
    one, other = Store(run_folder, None), Store(run_folder, None)
    assert one.every("pairs", list) == []
    one.add("pairs", list, ["a"])
    other.add("pairs", list, ["b"])
    other.add("pairs", list, ["a"])
    assert one.every("pairs", list) == other.every("pairs", list) == [["a"], ["b"]]
