"""Installed files against the hashes of their RECORD."""

import base64
import hashlib

import pytest

QUESTION = """
    import tfdocker_records
    from tfdocker_clock import Clock

    clock, digest_of = Clock(plan["seconds"]), tfdocker_records.digest_of
    return tfdocker_records.verified(plan["paths"], lambda *one: digest_of(*one, clock))
"""


@pytest.fixture
def install(tmp_path):
    """Writes a distribution's files and its RECORD, and gives its dist-info."""

    def write(name, algorithm="sha256", **files):
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        rows = [f"{name}-1.dist-info/RECORD,,", "compiled.pyc,,"]
        for stem, text in files.items():
            (tmp_path / f"{stem}.py").write_text(text)
            digest = hashlib.new(algorithm.replace("none", "md5"), text.encode()).digest()
            shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            rows.append(f'"{stem}.py",{algorithm}={shown},{len(text)}')
        (folder / "RECORD").write_text("\n".join(rows) + "\n")
        return str(folder)

    return write


@pytest.fixture
def verify(ask, end_python):
    def run(*paths, seconds=60):
        modules = ["tree", "distributions", "lifeline", "clock", "records"]
        return ask(end_python, modules, QUESTION, data={"paths": paths, "seconds": seconds})

    return run


def test_what_was_changed_is_gone_or_is_as_it_was_is_told_apart(verify, install, tmp_path):
    path = install("alpha", a="1", b="2", c="3")
    (tmp_path / "b.py").write_text("2 and more")
    (tmp_path / "c.py").unlink()
    assert verify(path) == {
        path: {
            "same": 1, "shared": 0, "changed": 1, "gone": 1, "unread": 0, "late": 0,
            "paths": [str(tmp_path / "b.py")],
        }
    }  # fmt: skip


def test_a_file_of_two_distributions_is_not_changed_by_the_second(verify, install, tmp_path):
    first, second = install("alpha", shared="1"), install("beta", shared="2")
    told = verify(first, second)
    assert [(told[path]["shared"], told[path]["changed"]) for path in (first, second)] == [
        (1, 0),
        (0, 0),
    ]
    (tmp_path / "shared.py").write_text("3")
    told = verify(first, second)
    assert [told[path]["changed"] for path in (first, second)] == [1, 1]


def test_other_hashes_and_none_that_it_knows(verify, install):
    good, odd = install("alpha", "sha512", a="1"), install("beta", "none", b="2")
    told = verify(good, odd)
    assert (told[good]["same"], told[odd]["unread"]) == (1, 1)


def test_without_a_record_nothing_is_told(verify, tmp_path):
    (tmp_path / "x-1.dist-info").mkdir()
    assert verify(str(tmp_path / "x-1.dist-info")) == {}


def test_what_there_was_no_time_for_is_told(verify, install):
    path = install("alpha", a="1", b="2")
    assert verify(path, seconds=0)[path]["late"] == 2
