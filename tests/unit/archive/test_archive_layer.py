"""What one layer holds: each kind of entry, odd names, and tars that are cut off or lie."""

import gzip
import hashlib
import io
import tarfile

import pytest
from archives import entry, file, folder, gone, hard, link, opaque, sparse, tar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.archive.compressed import buffered, decompressed, zstd
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import (
    FILE,
    FOLDER,
    HARD_LINK,
    OTHER,
    SYMLINK,
    Reading,
    scan_layer,
)
from pytest_tfdocker.archive.tar import SPECIAL_BYTES, absolute


def scan(data, reading=None, **more):
    with decompressed(buffered(io.BytesIO(data)), "layer x") as plain:
        return scan_layer(plain, "layer x", reading or Reading(), **more)


def outcome(data, reading=None):
    """The paths, or why there are none."""
    try:
        return "/" + "/".join(scan(data, reading).paths)
    except ArchiveError as error:
        return str(error)


def refused(data):
    with pytest.raises(ArchiveError) as caught:
        scan(data)
    return str(caught.value)


def test_each_kind_of_entry_has_a_row():
    found = scan(
        tar(
            folder("a"),
            file("a/f", b"12345", mode=0o755),
            link("a/s", "f"),
            hard("a/h", "a/f"),
            entry("a/p", tarfile.FIFOTYPE),
            entry("a/c", tarfile.CHRTYPE, devmajor=1, devminor=3),
            entry("a/b", tarfile.BLKTYPE),
        )
    )
    assert found.paths == ["/a", "/a/f", "/a/s", "/a/h", "/a/p", "/a/c", "/a/b"]
    assert list(found.kinds) == [FOLDER, FILE, SYMLINK, HARD_LINK, OTHER, OTHER, OTHER]
    assert found.sizes == [0, 5, 1, 0, 0, 0, 0]
    assert found.targets == {2: "f", 3: "/a/f"}
    assert found.programs == {1}
    assert (found.bytes, found.link_bytes) == (6, 1)


def test_a_kind_that_nobody_knows_has_a_row_and_its_content_is_skipped():
    found = scan(tar(entry("odd", b"Z", b"x" * 700), file("next", b"1")))
    assert (found.paths, list(found.kinds), found.sizes) == (
        ["/odd", "/next"],
        [OTHER, FILE],
        [0, 1],
    )


def test_whiteouts_are_apart_and_the_root_is_no_entry():
    found = scan(tar(folder("./"), gone("a/f"), opaque("b"), opaque(""), file(".wh..wh.plnk")))
    assert (found.paths, found.deleted, found.opaque) == ([], ["/a/f"], ["/b", "/"])


@pytest.mark.parametrize(
    ("name", "path", "leads_out"),
    [
        ("a/b", "/a/b", False),
        ("./a/b", "/a/b", False),
        ("/a/b", "/a/b", False),
        ("a//b/", "/a/b", False),
        (".", "/", False),
        ("a/./b/../c", "/a/c", False),
        ("../etc/passwd", "/etc/passwd", True),
        ("a/../../../etc", "/etc", True),
        ("/../x", "/x", True),
        (".hidden/..x", "/.hidden/..x", False),
    ],
)
def test_names_are_paths_below_the_root(name, path, leads_out):
    assert absolute(name) == (path, leads_out)
    found = scan(tar(file(name, b"1")))
    assert found.paths == ([] if path == "/" else [path])
    assert found.leading_out == leads_out


@pytest.mark.parametrize(
    "name",
    [
        "new\nline",
        "\x1b[31mred",
        "tab\tand\rreturn",
        b"latin-\xe4".decode("utf-8", "surrogateescape"),
        "日本/" + "é" * 90,
        "d/" * 60 + "x",
        "n" * 255,
    ],
)
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_odd_and_long_names_are_as_they_are(name, form):
    data = tar(file(name, b"1"), link("l", name), hard("h", name), form=form)
    found = scan(data)
    assert found.paths == [f"/{name}", "/l", "/h"]
    assert found.targets == {1: name, 2: f"/{name}"}
    assert found.sizes[1] == len(name.encode("utf-8", "surrogateescape"))


def test_a_path_that_linux_cant_open_is_refused():
    long = "/".join(["a" * 39] * 100)
    assert scan(tar(file(long))).paths == [f"/{long}"]
    text = "layer x has a path of 20,002 characters, too long for any engine"
    assert refused(tar(file("a/" * 10_000 + "x"))) == text


def test_a_sparse_file_has_the_bytes_that_a_reader_sees_and_is_not_read():
    data = tar(sparse("s", 10**15, (10**6, b"here")), file("next", b"1"))
    found = scan(data, Reading(digests=True, wanted=lambda *_, **__: 10))
    assert (found.paths, found.sizes) == (["/s", "/next"], [10**15, 1])
    assert set(found.digests) == set(found.contents) == {1}


def test_what_is_wanted_is_kept_reduced_and_digests_are_of_all_of_it():
    asked = []

    def wanted(path, size, *, executable):
        asked.append((path, size, executable))
        return 3 if path != "/c" else None

    data = tar(file("a", b"123456", mode=0o711), file("b", b""), file("c", b"9"), link("l", "a"))
    found = scan(data, Reading(wanted=wanted, reduce=lambda _, head: head[:2], digests=True))
    assert asked == [("/a", 6, True), ("/b", 0, False), ("/c", 1, False)]
    assert found.contents == {0: b"12", 1: b""}
    assert found.digests == {
        0: hashlib.sha1(b"123456", usedforsecurity=False).digest(),
        2: hashlib.sha1(b"9", usedforsecurity=False).digest(),
    }


def test_no_more_is_kept_than_may_be(monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.archive.budget.KEPT_BYTES", 35)
    reading = Reading(wanted=lambda _, size, **__: size)
    found = scan(tar(*(file(str(n), b"x" * 10) for n in range(5))), reading)
    assert (list(found.contents), found.unkept) == ([0, 1, 2], {3, 4})


def test_folders_are_no_deeper_than_any_image_has_them():
    assert scan(tar(file("d/" * 254 + "f"))).paths == ["/" + "d/" * 254 + "f"]
    text = "layer x has folders 256 deep in each other, more than any image"
    assert refused(tar(file("d/" * 255 + "f"))) == text


@pytest.mark.parametrize("make", [link, hard])
def test_a_link_that_is_longer_than_a_path_is_refused(make):
    assert scan(tar(make("l", "x" * 4096))).paths == ["/l"]
    text = "layer x has a link of 4,097 characters, too long for any engine"
    assert refused(tar(make("l", "x" * 4097))) == text


TWO = tar(folder("d"), file("d/first", b"1" * 700), file("d/" + "é" * 90, b"2" * 1100))
END = len(TWO.rstrip(b"\0"))
"""Behind this there are zeros alone."""


def kept(data):
    return scan(data).paths


@pytest.mark.parametrize("at", [*range(1, 512, 37), *range(512, len(TWO), 101), 2560, 3072, 3584])
def test_a_plain_layer_that_is_cut_is_told_or_whole(at):
    whole = outcome(TWO)
    found = outcome(TWO[:at])
    assert found == whole or found.startswith("layer x is cut off or broken: ")
    assert found != whole if at <= END else at < END + 1024 or found == whole


def test_a_layer_cut_between_two_entries_is_cut():
    whole = tar(file("a", b"1" * 512), file("b", b"2" * 512))
    assert refused(whole[:1024]) == "layer x is cut off or broken: it lacks its end"
    assert refused(b"") == "layer x is cut off or broken: it lacks its end"


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_packed_layer_that_is_cut_anywhere_is_cut(pack):
    data = pack(TWO)
    assert kept(data) == kept(TWO)
    for at in range(4, len(data)):
        assert refused(data[:at]).startswith("layer x is cut off or broken: ")


def test_several_gzip_members_and_zstd_frames_are_one_layer():
    for pack in (gzip.compress, zstd.compress):
        assert kept(pack(TWO[:600]) + pack(TWO[600:])) == kept(TWO)
        assert refused(pack(TWO[:3072])).startswith("layer x is cut off or broken: ")


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"BZh91AY&SY", "bzip2"), (b"\xfd7zXZ\0\0", "xz"), (b"PK\x03\x04....", "zip")],
)
def test_other_ways_to_pack_are_named(data, name):
    assert refused(data) == f"layer x is packed with {name}, which is not read: unpack it first"


def test_a_broken_header_in_the_middle_is_no_end():
    data = bytearray(tar(file("a", b"1"), file("b", b"2")))
    data[1024] ^= 0xFF
    assert refused(bytes(data)) == "layer x is cut off or broken: bad checksum"


def test_two_blocks_of_zeros_are_an_empty_layer():
    assert kept(bytes(1024)) == []


def header(name, kind, size, **fields):
    info = entry(name, kind, **fields)[0]
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_a_header_of_negative_size_leads_nowhere():
    data = header("a", tarfile.REGTYPE, -1024) + tar()
    assert refused(data) == "layer x is cut off or broken: a size of -1,024 bytes"
    info = entry("a", pax_headers={"size": "-1024"})[0]
    assert refused(tar((info, b""))).startswith("layer x is cut off or broken: ")


def test_a_size_far_behind_the_end_is_no_long_wait():
    for size in (2**40, 2**62):
        data = header("a", tarfile.REGTYPE, size) + tar()
        assert refused(data) == "layer x is cut off or broken: unexpected end of data"


def test_a_header_of_headers_is_not_read_into_memory():
    data = header("a", tarfile.XHDTYPE, SPECIAL_BYTES + 1) + tar()
    assert refused(data) == "layer x is cut off or broken: a header of 1,048,577 bytes"


def test_headers_without_an_end_are_told():
    one = header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 2) + b"x\0".ljust(512, b"\0")
    text = "layer x is broken: headers of headers without an end"
    assert refused(one * 5000 + tar(file("a"))) == text


@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(TWO) - 1), st.integers(0, 255)), min_size=1, max_size=6
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_bytes_there_are_it_is_read_or_told(changes):
    data = bytearray(TWO)
    for at, value in changes:
        data[at] = value
    assert outcome(bytes(data), Reading(digests=True)).startswith(("/", "layer x "))


PAX = ["path", "size", "linkpath", "mtime", "uid"]
PAX += [f"GNU.sparse.{one}" for one in ("major", "minor", "map", "size", "realsize", "numblocks")]
PAX += ["GNU.sparse.name", "GNU.sparse.offset", "GNU.sparse.numbytes"]


@given(
    headers=st.dictionaries(
        st.sampled_from(PAX),
        st.one_of(st.integers(-(2**70), 2**70).map(str), st.text("0123456789,.-x/\0é", max_size=9)),
        min_size=1,
    )
)
def test_whatever_pax_headers_say_it_is_read_or_told(headers):
    info, content = entry("a", content=b"1" * 600)
    info.pax_headers = headers
    assert outcome(tar((info, content), file("b", b"2")), Reading(digests=True)).startswith(
        ("/", "layer x ")
    )
