"""Which large files have the same content, and which nobody can tell of."""

import os
import subprocess

import pytest

from pytest_tfdocker import probe

MB = 10**6
QUESTION = """
    import tfdocker_files, tfdocker_identical

    walk = tfdocker_files.Walk()
    walk.run(plan["root"])
    return tfdocker_identical.compare(walk.listing, plan["seconds"])
"""


@pytest.fixture
def compare(ask, end_python, tmp_path):
    """Names of files of the same content; bytes, names and those left out of sizes with such."""

    def names(paths):
        return [os.path.relpath(path, tmp_path) for path in paths]

    def run(seconds=60, wrapper=()):
        data = {"root": str(tmp_path), "seconds": seconds}
        told = ask(end_python, [*probe.WALK, "identical"], QUESTION, data=data, wrapper=wrapper)
        uncompared = [
            (size, names(paths), dict(zip(names(missed), missed.values(), strict=True)))
            for size, paths, missed in told["uncompared"]
        ]
        return [names(paths) for paths in told["same"]], uncompared

    return run


def test_large_files_of_the_same_content_are_told(compare, tmp_path):
    content = os.urandom(MB)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "other").write_bytes(content[:-1] + b"x")
    (tmp_path / "sooner").write_bytes(b"x" + content[1:])
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    (tmp_path / "small").write_bytes(content[: MB - 1])
    (tmp_path / "as-small").write_bytes(content[: MB - 1])
    [paths], uncompared = compare()
    assert (len(paths), "b" in paths, uncompared) == (2, True, [])


def test_zeros_are_zeros_as_a_hole_and_on_the_disk(compare, tmp_path):
    data = os.urandom(100_000)
    for name, at in (("dense", 3 * MB), ("sparse", 3 * MB), ("later", 3 * MB + 4096)):
        with (tmp_path / name).open("wb") as file:
            file.write(bytes(8 * MB) if name == "dense" else b"")
            file.seek(at)
            file.write(data)
            file.truncate(8 * MB)
    assert compare() == ([["dense", "sparse"]], [])


def test_a_hole_of_a_terabyte_takes_no_time(compare, tmp_path):
    for name in ("a", "b", "c"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"x" * 9)
            file.truncate(1 << 40)
            file.seek(1 << 39)
            file.write(name.replace("b", "a").encode())
    assert compare() == ([["a", "b"]], [])


def test_what_there_was_no_time_for_is_told(compare, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * MB)
    (tmp_path / "alone").write_bytes(b"x" * 2 * MB)
    uncompared = [(MB, ["a", "b"], {"a": "time", "b": "time"})]
    assert compare(seconds=0) == ([], uncompared)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_can_not_be_read_is_told(compare, tmp_path):
    for name in ("a", "b", "secret"):
        (tmp_path / name).write_bytes(b"x" * MB)
    (tmp_path / "secret").chmod(0o600)
    os.chown(tmp_path / "secret", 65534, 65534)
    other = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if subprocess.run([*other, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no setpriv here")
    uncompared = [(MB, ["a", "b", "secret"], {"secret": "unreadable"})]
    assert compare(wrapper=other) == ([["a", "b"]], uncompared)
