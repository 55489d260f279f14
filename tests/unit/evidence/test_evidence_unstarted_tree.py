"""An image's listing answers as the system would of the same files on disk."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.evidence.unstarted import ImageTree

NAMES = st.sampled_from(["a", "b", "c", "d"])
FOLDERS = st.lists(NAMES, max_size=3).map("/".join)
STEPS = st.lists(st.sampled_from(["a", "b", "c", "d", ".", "..", ""]), min_size=1, max_size=6)
WAYS = STEPS.map("/".join)
KINDS = st.sampled_from(["file", "program"]) | st.tuples(st.sampled_from(["->", "=>"]), WAYS)
ENTRIES = st.lists(st.tuples(FOLDERS, NAMES, KINDS), max_size=12)


@pytest.fixture(scope="module")
def root():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(os.path.realpath(folder))


def write(image, entries):
    """On disk, as far as they can stand beside each other; "=>" links from the root."""
    shutil.rmtree(image, ignore_errors=True)
    image.mkdir()
    for folder, name, kind in entries:
        path = image / folder / name
        if any(above.is_symlink() for above in path.parents):
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_one(path, kind, image)
        except OSError:
            continue


def write_one(path, kind, image):
    if isinstance(kind, tuple):
        arrow, way = kind
        path.symlink_to(way if arrow == "->" else f"{image}/{way}")
    else:
        path.write_text(kind)
        path.chmod(0o755 if kind == "program" else 0o644)


def listing_of(image):
    paths, targets, folders, programs, contents = [], {}, [str(image)], set(), {}
    for path in image.rglob("*"):
        if path.is_symlink():
            targets[str(path)] = os.readlink(path)  # noqa: PTH115 - Path would make it normal
        elif path.is_dir():
            folders.append(str(path))
        else:
            paths.append(str(path))
            contents[str(path)] = path.read_bytes()
            programs |= {str(path)} if os.access(path, os.X_OK) else set()
    return ImageTree(
        paths,
        targets=targets,
        folders=folders,
        programs=programs,
        contents=contents,
        cwd=str(image),
    )


def read(path):
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(descriptor, 100)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_listed(tree, path):
    try:
        with tree.opened(path) as file:
            return file.read()
    except OSError:
        return None


# Path would make them normal, and so ask for something else
# ruff: noqa: PTH110, PTH112, PTH113, PTH208
@given(entries=ENTRIES, ways=st.lists(WAYS, min_size=1, max_size=8))
def test_a_listing_answers_as_the_system_does(root, entries, ways):
    image = root / "image"
    write(image, entries)
    tree = listing_of(image)
    for path in (f"{image}/{way}" for way in ways):
        if not os.path.realpath(path).startswith(str(image)):
            continue  # what is beside the image is in no listing
        asked = [os.path.exists(path), os.path.isfile(path), os.path.isdir(path)]
        assert [tree.exists(path), tree.is_file(path), tree.is_folder(path)] == asked, path
        assert tree.is_program(path) == (asked[1] and os.access(path, os.X_OK)), path
        assert tree.names(path) == (sorted(os.listdir(path)) if asked[2] else []), path
        assert read_listed(tree, path) == read(path), path
        if asked[0]:
            assert tree.real(path) == os.path.realpath(path)
