"""Large files are listed, and the kernel forgets their pages; under every interpreter."""

import errno
import json
import os
import subprocess

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"
SIZE = 1 << 20


def is_cached(path):
    """Whether its first page is in the page cache: a read that may not wait tells."""
    with path.open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            return False


@pytest.fixture
def weights(tmp_path):
    """A file of 1 MiB that is on disk and in the page cache."""
    path = tmp_path / "weights"
    path.write_bytes(b"x" * SIZE)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    try:
        cached = is_cached(path)
    except OSError:
        pytest.skip("this file system does not tell what is cached")
    assert cached
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if is_cached(path):
        pytest.skip("files of this file system are memory")
    path.read_bytes()
    return path


def test_pages_are_forgotten_and_what_can_not_be_read_is_passed_over(ask, python, weights):
    paths = ["/nowhere/at/all", str(weights.parent), str(weights)]
    body = "cold.drop(%r)\nreturn True"
    assert is_cached(weights)
    assert ask(python, ["cold"], body % paths) is True
    assert not is_cached(weights)
    assert weights.read_bytes() == b"x" * SIZE


def listed(python, root, least_bytes, most):
    argv = [python, "-B", "-I", "-S", "-c", probe.source("list_large"), COOKIE, str(root)]
    ended = subprocess.run(
        [*argv, str(least_bytes), str(most)], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    told = ended.stdout.split(COOKIE)[1].split(COOKIE[::-1])[0]
    return json.loads(told)["paths"]


def test_large_files_are_listed_the_largest_first(python, tmp_path):
    sizes = {"enough": SIZE, "too-small": SIZE - 1, "folder/larger": 2 * SIZE}
    (tmp_path / "folder").mkdir()
    for name, size in sizes.items():
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    (tmp_path / "link").symlink_to(tmp_path / "enough")
    with open(os.fsencode(tmp_path) + b"/no-text\xff", "wb") as file:  # noqa: PTH123
        file.truncate(3 * SIZE)
    assert listed(python, tmp_path, SIZE, 100) == [
        str(tmp_path / "folder/larger"),
        str(tmp_path / "enough"),
    ]
    assert listed(python, tmp_path, SIZE, 1) == [str(tmp_path / "folder/larger")]
    assert listed(python, tmp_path, 1, 100)[2] == str(tmp_path / "too-small")
