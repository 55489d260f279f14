"""The sample: what the files would take in a compressed archive, and what is no file of it."""

import gzip
import io
import os
import random
import tarfile

import pytest

from pytest_tfdocker import probe

QUESTION = """
    import zlib
    walk = files_module.Walk()
    walk.run(plan["root"])
    archive = sample.Archive(walk.listing)
    told = sample.take(archive, zlib, sample.Clock(plan["seconds"]))
    told["text"] = archive.read(0, archive.bytes).decode("latin-1") if plan["whole"] else ""
    return told
""".replace("files_module", "__import__('tfdocker_files')")


@pytest.fixture
def take(ask, end_python, tmp_path):
    def run(seconds=60, *, whole=False):
        data = {"root": str(tmp_path), "seconds": seconds, "whole": whole}
        return ask(end_python, [*probe.WALK, "sample"], QUESTION, data=data)

    return run


WORDS = ("import ", "def ", "return ", "self ", "None ")


def words(seed, count):
    chosen = random.Random(seed)  # noqa: S311 (nothing secret)
    return "".join(chosen.choice(WORDS) for _ in range(count))


def fill(folder, *, small=300, large=400_000):
    """Many small files, a large one of text and one that does not compress."""
    for number in range(small):
        (folder / f"module_{number}.py").write_text(words(number, 100))
    (folder / "library.so").write_text(words(-1, large))
    (folder / "weights.bin").write_bytes(random.Random(0).randbytes(large))  # noqa: S311


def test_read_whole_it_is_what_gzip_makes_of_a_tar(take, tmp_path):
    fill(tmp_path)
    told = take()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.add(tmp_path, arcname=str(tmp_path))
    truth = len(gzip.compress(written.getvalue(), 6))
    assert told["sampled_bytes"] == told["archive_bytes"]
    assert told["packed_bytes"] == pytest.approx(truth, rel=0.02)


def test_the_archive_has_header_content_and_padding_of_each_file(take, tmp_path):
    (tmp_path / "a").write_text("x" * 700)
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").hardlink_to(tmp_path / "a")
    told = take(whole=True)
    assert told["archive_bytes"] == 4 * 512 + 1024
    assert len(told["text"]) == told["archive_bytes"]
    assert told["text"].count("ustar") == 4
    assert told["text"][1024:].startswith("x" * 700 + "\0" * 324)


def test_it_ends_when_time_is_up_with_pieces_from_everywhere(take, tmp_path):
    (tmp_path / "half").write_bytes(random.Random(0).randbytes(20_000_000))  # noqa: S311
    with (tmp_path / "other half").open("wb") as file:
        file.truncate(20_000_000)
    told = take(0.05)
    assert told["sampled_bytes"] < told["archive_bytes"] // 2
    assert told["packed_bytes"] / told["sampled_bytes"] == pytest.approx(0.5, abs=0.05)
    # From random bytes to zeros it is one step, though half of the pieces differ from the mean
    assert told["squared_steps"] < 2 * (1 << 14) ** 2


def test_what_is_no_regular_file_is_never_opened(take, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    told = take()
    assert told["archive_bytes"] == told["sampled_bytes"] == 3 * 512


def test_an_empty_folder_has_no_pieces(take):
    assert take() == {
        "archive_bytes": 0,
        "pieces": 0,
        "sampled_bytes": 0,
        "packed_bytes": 0,
        "squared_steps": 0,
        "text": "",
    }
