"""rpm's databases, as real ones were recorded: of two packages, `demo` and `demo-devel`.

rpm 4.18 wrote the one in SQLite, its own library the ndb, of which a third package was removed
again; Berkeley DB 5.3 made its two of the same headers, and rpm read them.
"""

import base64
import lzma
import sqlite3
import struct
import tracemalloc
import zlib
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_tfdocker.evidence.rpm import database
from pytest_tfdocker.evidence.rpm.database import mark_owned, read_database, read_databases
from pytest_tfdocker.evidence.rpm.headers import BrokenError, Package, read_header

DATA = Path(__file__).parents[2] / "data/rpm"
RECORDED = {
    path.name.removesuffix(".xz"): lzma.decompress(path.read_bytes()) for path in DATA.iterdir()
}
SITE = "/usr/lib/python3.11/site-packages"


def header(**tags):
    """A header of tags by number: bytes are a string, a list is of strings or of numbers."""
    index, data = b"", b""
    for tag, value in tags.items():
        if isinstance(value, bytes):
            kind, count, part = 6, 1, value + b"\0"
        elif value and isinstance(value[0], bytes):
            kind, count, part = 8, len(value), b"".join(one + b"\0" for one in value)
        else:
            kind, count, part = 4, len(value), struct.pack(f">{len(value)}I", *value)
        index += struct.pack(">4I", int(tag[1:]), kind, len(data), count)
        data += part
    return struct.pack(">2I", len(tags), len(data)) + index + data


NAMED = {"t1000": b"a", "t1001": b"1.0"}


def sent(data, **more):
    packed = ["zlib", base64.b64encode(zlib.compress(data)).decode()]
    return {"path": "/var/lib/rpm/Packages", "data": packed, **more}


def test_every_format_is_recorded():
    assert sorted(RECORDED) == [
        "berkeley-big-endian.Packages",
        "berkeley-little-endian.Packages",
        "ndb-one-removed.Packages.db",
        "rpmdb.sqlite",
    ]


@pytest.mark.parametrize("name", RECORDED)
def test_the_packages_of_a_real_database_are_read(name):
    packages = {one.name: one for one in read_database(RECORDED[name])}
    assert set(packages) == {"demo", "demo-devel"}
    assert packages["demo"] == Package(
        "demo",
        "1.4.2",
        [
            "/opt/demo",
            "/opt/demo/data",
            f"{SITE}/demo",
            f"{SITE}/demo-1.4.2.dist-info",
            f"{SITE}/demo-1.4.2.dist-info/METADATA",
            f"{SITE}/demo/__init__.py",
        ],
    )
    headers = {"/usr/include/demo.h", *(f"/usr/include/demo-{n}.h" for n in range(1, 61))}
    assert set(packages["demo-devel"].paths) == headers


def test_what_stands_in_the_write_ahead_log_alone_is_read(tmp_path):
    """As an image has it whose build ended before SQLite had moved it."""
    path = tmp_path / "rpmdb.sqlite"
    path.write_bytes(RECORDED["rpmdb.sqlite"])
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("DELETE FROM Packages WHERE hnum = 1")
        writer.execute("INSERT INTO Packages (blob) VALUES (?)", [header(**NAMED)])
        writer.commit()
        journal = path.with_name("rpmdb.sqlite-wal").read_bytes()
        whole, alone = read_database(path.read_bytes(), journal), read_database(path.read_bytes())
    assert [one.name for one in whole] == ["demo", "a"]
    assert [one.name for one in alone] == ["demo-devel", "demo"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_database_that_is_cut_off_is_said_to_be(name):
    with pytest.raises(BrokenError):
        read_database(RECORDED[name][: len(RECORDED[name]) // 2])


@given(
    st.sampled_from(sorted(RECORDED)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4),
    st.floats(0.5, 1.2),
)
@example("rpmdb.sqlite", [(0.59375, b"\x80")], 1.0)  # in a name, which SQLite then complains of
def test_a_damaged_database_is_read_or_said_to_be_broken(name, damages, kept):
    data = bytearray(RECORDED[name])
    for where, written in damages:
        start = int(where * len(data))
        data[start : start + len(written)] = written
    with suppress(BrokenError):
        read_database(bytes(data[: int(kept * len(data))]))


@given(st.binary(max_size=300))
def test_garbage_is_no_header(data):
    with suppress(BrokenError):
        read_header(data)


@given(
    st.sampled_from(["berkeley-little-endian.Packages", "ndb-one-removed.Packages.db"]),
    st.integers(0, 64),
    st.integers(0, 2**32 - 1),
)
def test_a_wrong_number_in_the_head_is_read_or_said_to_be_broken(name, at, number):
    data = bytearray(RECORDED[name])
    struct.pack_into("<I", data, at, number)
    with suppress(BrokenError):
        read_database(bytes(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\x00" * 4096, "has a format that is not known"),
        (b"SQLite format 3\x00" + b"x" * 4096, "can't be read by SQLite"),
        (b"RpmP\x01\0\0\0" + b"\0" * 24, "has version 1 of its format"),
        (b"RpmP" + b"\0" * 8 + b"\x01" + b"\0" * 20, "is cut off"),
    ],
)
def test_what_is_no_database_says_why(data, reason):
    with pytest.raises(BrokenError, match=reason):
        read_database(data)


NDB, BERKELEY = "ndb-one-removed.Packages.db", "berkeley-little-endian.Packages"
SLOTS = 32
"""Where ndb's list of packages begins, of 16 bytes each."""


def written(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def of_type(data, kind):
    """Where a page of that type begins."""
    return next(at for at in range(0, len(data), 4096) if data[at + 25] == kind)


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        (NDB, lambda it: written(it, SLOTS + 16, b"slot"), "has a damaged list"),
        (NDB, lambda it: it.replace(b"BlbS", b"BlbX", 1), "is not where the list says"),
        (NDB, lambda it: written(it, SLOTS + 4, b"\x09"), "is not where the list says"),
        (NDB, lambda it: written(it, SLOTS, it[SLOTS : SLOTS + 16] * 9), "stand in each other"),
        (BERKELEY, lambda it: written(it, 24, b"\x01"), "is encrypted"),
        (BERKELEY, lambda it: written(it, 26, b"\x01"), "has checksums"),
        (BERKELEY, lambda it: written(it, 20, b"\x01\x30"), "has pages of 12289 bytes"),
        (BERKELEY, lambda it: written(it, of_type(it, 7) + 25, b"\x09"), "pages are in disorder"),
        (BERKELEY, lambda it: written(it, of_type(it, 7) + 22, b"\0\0"), "pages are in disorder"),
        (
            BERKELEY,  # a size that a circle of pages would fill for ever
            lambda it: it.replace(struct.pack("<I", 9400), struct.pack("<I", 2**31)),
            "is cut off",
        ),
    ],
)
def test_each_damage_says_what_it_is(name, damage, reason):
    data = damage(RECORDED[name])
    assert data != RECORDED[name]
    with pytest.raises(BrokenError, match=reason):
        read_database(data)


def test_strings_that_are_fewer_than_counted_are_cut_off():
    blob = header(**NAMED, t1027=[b"/a"])
    with pytest.raises(BrokenError, match="strings are cut off"):
        read_header(written(blob, 8 + 2 * 16 + 12, struct.pack(">I", 2)))


def test_a_package_that_is_text_is_broken(tmp_path):
    path = tmp_path / "rpmdb.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
        made.execute("INSERT INTO Packages (blob) VALUES ('text')")
        made.commit()
    with pytest.raises(BrokenError, match="no blob"):
        read_database(path.read_bytes())


def test_a_view_that_never_ends_in_place_of_the_table_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.evidence.rpm.sqlite.MOST_STEPS", 100)
    path = tmp_path / "rpmdb.sqlite"
    with closing(sqlite3.connect(path)) as made:
        made.execute(
            "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT 1 UNION ALL SELECT blob + 1 "
            "FROM n) SELECT blob FROM n WHERE blob < 0"
        )
    with pytest.raises(BrokenError, match="can't be read by SQLite: interrupted"):
        read_database(path.read_bytes())


def test_paths_are_whole_or_in_folders():
    folders = {"t1116": [0, 1], "t1117": [b"a", b"b\xff"], "t1118": [b"/x/", b"/y/"]}
    assert read_header(header(**NAMED, **folders)).paths == ["/x/a", "/y/b\udcff"]
    assert read_header(header(**NAMED, t1027=[b"/old/a", b"/b"])).paths == ["/old/a", "/b"]
    assert read_header(header(**NAMED)).paths == []


def test_what_was_left_out_or_is_anothers_now_is_not_the_packages():
    """As of `--nodocs`, and of a library that another architecture's package has replaced."""
    blob = header(**NAMED, t1027=[b"/a", b"/doc", b"/shared"])
    count, size = struct.unpack(">2I", blob[:8])
    index, data = blob[8 : 8 + 16 * count], blob[8 + 16 * count :]
    index += struct.pack(">4I", 1029, 1, size, 3)
    blob = struct.pack(">2I", count + 1, size + 3) + index + data + bytes([0, 2, 4])
    assert read_header(blob).paths == ["/a"]


@pytest.mark.parametrize(
    "tags",
    [
        {"t1000": b"a"},
        {"t1001": b"1"},
        {**NAMED, "t1117": [b"a"], "t1118": [b"/"]},
        {**NAMED, "t1116": [1], "t1117": [b"a"], "t1118": [b"/"]},
    ],
)
def test_a_header_that_lacks_something_is_broken(tags):
    with pytest.raises(BrokenError):
        read_header(header(**tags))


def test_a_few_bytes_can_not_ask_for_all_memory(monkeypatch):
    folders = {"t1116": [0] * 3000, "t1117": [b""] * 3000, "t1118": [b"/" * 30000]}
    with pytest.raises(BrokenError, match="too long"):
        read_header(header(**NAMED, **folders))
    monkeypatch.setattr(database, "MOST_PATH_BYTES", 1000)
    with pytest.raises(BrokenError, match="more files than an image has"):
        read_database(RECORDED["rpmdb.sqlite"])
    monkeypatch.setattr(database, "MOST_BYTES", 1000)
    told = read_databases([sent(b"\0" * 1001)])
    assert told.problem == "/var/lib/rpm/Packages is larger than 0 MiB"


def test_what_is_sent_is_read_or_told_as_a_problem():
    small = RECORDED["ndb-one-removed.Packages.db"]
    plain = {"path": "/p", "data": ["plain", base64.b64encode(small).decode()]}
    assert read_databases([]).packages == []
    for one in (sent(small), plain):
        told = read_databases([one])
        assert [one.name for one in told.packages] == ["demo-devel", "demo"]
        assert told.problem is None
    too_large = {"path": "/q/Packages", "problem": "is larger than 128 MiB"}
    told = read_databases([sent(small), too_large, sent(b"garbage")])
    assert len(told.packages) == 2
    assert told.problem == (
        "/q/Packages is larger than 128 MiB; /var/lib/rpm/Packages has a format that is not known"
    )


def test_distributions_whose_metadata_rpm_owns_are_rpms():
    paths = [f"{SITE}/{one}" for one in ("a.dist-info", "b.dist-info", "c.egg-info", "d.dist-info")]
    listed = [paths[0], f"{paths[1]}/METADATA", f"{paths[2]}/PKG-INFO", f"{paths[3]}/RECORD"]
    every = [{"path": path, "installer": "pip"} for path in paths]
    mark_owned(every, [Package("a", "1", listed)])
    assert [one["installer"] for one in every] == ["rpm", "rpm", "rpm", "pip"]


def sqlite_of(tmp_path, *statements):
    path = tmp_path / "rpmdb.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ("SELECT zeroblob(900000000) AS blob", "can't be read by SQLite: "),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) "
            "SELECT zeroblob(1000) AS blob FROM n",
            "has packages that stand in each other",
        ),
    ],
)
def test_packages_that_are_none_take_no_memory(tmp_path, view, reason):
    data = sqlite_of(tmp_path, f"CREATE VIEW Packages AS {view}")
    tracemalloc.start()
    with pytest.raises(BrokenError, match=f"^{reason}"):
        read_database(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
