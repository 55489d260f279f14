"""rpm's databases, as they are found and sent."""

import base64
import zlib

import pytest

QUESTION = """
    import sys
    if plan["without_zlib"]:
        sys.modules["zlib"] = None
    return rpm_data.databases(plan["folders"], plan["most_bytes"])
"""


@pytest.fixture
def databases(ask, end_python, tmp_path):
    """What is sent of these folders, by path below them: files, or the `problem`."""

    def run(*folders, most_bytes=10**6, without_zlib=False):
        data = {"most_bytes": most_bytes, "without_zlib": without_zlib}
        data["folders"] = [str(tmp_path / folder) for folder in folders]
        told = ask(end_python, ["tree", "rpm_data"], QUESTION, data=data)
        return [
            {
                key: value if key in ("path", "problem") else unpacked(value)
                for key, value in one.items()
            }
            for one in told
        ]

    return run


def unpacked(packed):
    kind, text = packed
    data = base64.b64decode(text)
    return zlib.decompress(data) if kind == "zlib" else data


@pytest.mark.parametrize("without_zlib", [False, True])
def test_the_database_and_its_journal_are_sent(databases, tmp_path, without_zlib):
    (tmp_path / "rpm").mkdir()
    (tmp_path / "rpm/rpmdb.sqlite").write_bytes(b"\0sqlite" * 300_000 + b"end")
    (tmp_path / "rpm/rpmdb.sqlite-wal").write_bytes(b"journal")
    told = databases("none", "rpm", most_bytes=3 * 10**6, without_zlib=without_zlib)
    data = b"\0sqlite" * 300_000 + b"end"
    path = str(tmp_path / "rpm/rpmdb.sqlite")
    assert told == [{"path": path, "data": data, "journal": b"journal"}]


def test_one_of_each_folder_is_sent_and_the_same_folder_once(databases, tmp_path):
    """As Fedora has /var/lib/rpm, a link to the other, and what an older rpm has left over."""
    for folder in ("sysimage", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "link").symlink_to("sysimage")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "sysimage/Packages").write_bytes(b"old")
    (tmp_path / "sysimage/Packages.db").write_bytes(b"new")
    (tmp_path / "other/Packages").write_bytes(b"alone")
    told = databases("sysimage", "link", "other", "dangling")
    assert [one["data"] for one in told] == [b"new", b"alone"]


@pytest.mark.parametrize(("size", "is_sent"), [(2**20, True), (2**20 + 1, False)])
def test_what_is_too_large_is_told_and_not_sent(databases, tmp_path, size, is_sent):
    (tmp_path / "Packages").write_bytes(b"x" * size)
    [told] = databases(".", most_bytes=2**20)
    assert ("data" in told) is is_sent
    assert told.get("problem") == (None if is_sent else "is larger than 1 MiB")


def test_no_database_is_none(databases, tmp_path):
    (tmp_path / "Packages").mkdir()
    assert databases(".", "none") == []
