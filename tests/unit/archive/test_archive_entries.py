"""Entries as tarfile has them, from streams that give less than they are asked for."""

import io
import tarfile
from itertools import pairwise

import pytest
from archives import file, folder, link, tar

from pytest_tfdocker.archive.compressed import STEP_BYTES, buffered
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import Reading, scan_layer
from pytest_tfdocker.archive.pieces import PIECE_BYTES, Pieces
from pytest_tfdocker.archive.tar import Tar

LARGE = bytes(range(256)) * 2000


class Slow(io.RawIOBase):
    """Gives seven bytes at most, as a pipe may."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._data.readinto(memoryview(buffer)[:7])


def written(format_, *entries):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format_, errors="surrogateescape") as out:
        for name, size, kind, fields in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type = size, kind
            for key, value in fields.items():
                setattr(entry, key, value)
            out.addfile(entry, io.BytesIO(bytes(size)))
    return target.getvalue()


ODD = [
    ("a", 5, tarfile.REGTYPE, {"mode": 0o4755, "mtime": 1.5, "uid": 10**8}),
    ("old", 3, tarfile.AREGTYPE, {}),
    ("d" * 99 + "/", 0, tarfile.DIRTYPE, {"mode": 0}),
    ("l", 0, tarfile.SYMTYPE, {"linkname": "\udcff\n"}),
    ("h", 0, tarfile.LNKTYPE, {"linkname": "a"}),
    ("n" * 150 + "/" + "m" * 90, 700, tarfile.REGTYPE, {}),
    ("pipe", 0, tarfile.FIFOTYPE, {}),
    ("\udcff\x1b[2J", 1, tarfile.REGTYPE, {}),
    ("t", 0, tarfile.SYMTYPE, {"linkname": "u" * 300}),
]


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_entries_are_those_of_tarfile(format_):
    odd = ODD if format_ != tarfile.USTAR_FORMAT else ODD[1:-1]
    data = written(format_, *odd)
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as theirs:
        expected = [(one.name, one.size, one.mode, one.type, one.linkname) for one in theirs]
    found = [
        (one.name, one.size, one.mode, one.type, one.linkname)
        for one, _ in Tar(io.BytesIO(data), "it")
    ]
    assert found == expected
    assert len(found) == len(odd)


def test_a_stream_may_give_less_than_it_is_asked_for():
    data = tar(folder("d"), file("d/a", LARGE), link("l", "a"), file("b", b"12"))
    contents = {one.name: content.read() for one, content in Tar(Slow(data), "it") if content}
    assert contents == {"d/a": LARGE, "b": b"12"}


def test_a_content_that_nobody_reads_to_its_end_is_left_out():
    data = tar(file("a", LARGE), file("b", b"12"), file("c", LARGE))
    found = [(one.name, content.read(2)) for one, content in Tar(io.BytesIO(data), "it")]
    assert found == [("a", b"\0\1"), ("b", b"12"), ("c", b"\0\1")]


@pytest.mark.parametrize("read", [True, False])
def test_a_content_that_is_cut_off_is_an_error(read):
    data = tar(file("a", LARGE))[:5000]
    with pytest.raises(ArchiveError, match="it is cut off or broken: unexpected end of data"):
        scan_layer(io.BytesIO(data), "it", Reading(digests=read))


def test_files_that_are_larger_than_asked_for_have_no_digest():
    data = tar(file("a", bytes(9)), file("b", bytes(10)), file("c", bytes(11)))
    found = scan_layer(io.BytesIO(data), "it", Reading(digests=True, digested_bytes=10))
    assert sorted(found.digests) == [0, 1]


def in_pieces(data, size):
    return Pieces(data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("piece", [511, 32768, PIECE_BYTES, 10 * PIECE_BYTES])
@pytest.mark.parametrize("more", [-513, -512, -1, 0, 1, 512])
def test_what_nobody_reads_is_passed_over_wherever_it_ends(piece, more):
    size = 2 * PIECE_BYTES + more
    inner = tar(file("a", bytes(size)), file("b", b"1"), file("c", bytes(size)), file("d", b"2"))
    outer = tar(file("layer", inner), file("after", b"3"))
    found = []
    for one, content in Tar(buffered(in_pieces(outer, piece)), "it"):
        layer = Tar(buffered(content), "layer") if one.name == "layer" else ()
        found += [(below.name, its.read(1)) for below, its in layer if below.name != "a"]
    assert found == [("b", b"1"), ("c", b"\0"), ("d", b"2")]
    assert one.name == "after"


@pytest.mark.parametrize("kept", [0, 1, PIECE_BYTES, 3 * PIECE_BYTES - 1])
def test_what_nobody_reads_must_be_there_all_the_same(kept):
    data = tar(file("a", bytes(3 * PIECE_BYTES)))[: tarfile.BLOCKSIZE + kept]
    with pytest.raises(ArchiveError, match="it is cut off or broken: unexpected end of data"):
        list(Tar(buffered(in_pieces(data, 32768)), "it"))


def test_who_listens_hears_also_what_nobody_reads():
    data, heard = tar(file("a", LARGE), file("b", LARGE)), []
    stream = buffered(in_pieces(data, 32768), lambda part: heard.append(bytes(part)))
    assert [one.name for one, _ in Tar(stream, "it")] == ["a", "b"]
    stream.read()
    assert b"".join(heard) == data


def test_how_far_it_is_is_told_also_in_what_nobody_reads():
    data, told = tar(file("a", bytes(5 * STEP_BYTES))), []
    stream = buffered(in_pieces(data, 32768), on_bytes=told.append)
    list(Tar(stream, "it"))
    stream.read()
    assert told[-1] == len(data)
    steps = [after - before for before, after in pairwise([0, *told])]
    assert max(steps) == STEP_BYTES


@pytest.mark.parametrize("off", [1, -1, 256, 65520, 65521, -65521, 131042])
def test_a_header_whose_sum_is_not_its_own_is_none_by_however_much(off):
    data = bytearray(tar(file("a", b"1")))
    data[148:156] = b"%06o\0 " % ((int(data[148:154], 8) + off) % 8**6)
    with pytest.raises(ArchiveError, match="bad checksum"):
        list(Tar(io.BytesIO(data), "it"))
