"""Installed files of an image in a file against their RECORD, by its layers alone."""

import base64
import hashlib
import io
import os
import zipfile
from contextlib import nullcontext

import pytest
from archives import Layout, file, gone, hard, link, sparse, tar

from pytest_tfdocker.evidence.archived import find_archived, read_archived
from pytest_tfdocker.evidence.records import Absent, Verification, Verified
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.verified_of_file import verified_of_file
from pytest_tfdocker.settings.schema import Image, ImageSettings

SITE = "usr/lib/python3.11/site-packages"
INFO = f"/{SITE}/a-1.dist-info"
LARGE = b"\n" * ((16 << 20) + 1)
PYTHON = [
    file("usr/bin/python3.11", b"\x7fELF\x003.11.2\x00", 0o755),
    link("usr/bin/python3", "python3.11"),
    file("usr/lib/python3.11/os.py"),
    file("usr/lib/python3.11/lib-dynload/x.so"),
]


def row(path, content, algorithm="sha256"):
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).decode()
    return f"{path},{algorithm}={digest.rstrip('=')},{len(content)}\n"


def installed(*rows, name="a"):
    info = f"{SITE}/{name}-1.dist-info"
    record = "".join(rows) + f"{name}-1.dist-info/RECORD,,\n"
    metadata = f"Name: {name}\nVersion: 1\n".encode()
    return [file(f"{info}/METADATA", metadata), file(f"{info}/RECORD", record.encode())]


@pytest.fixture
def verify(tmp_path):
    asked = []

    def look(*layers):
        path = tmp_path / "image.tar"
        command = {"config": {"Cmd": ["python3"]}}
        path.write_bytes(Layout().add([tar(*one) for one in layers], **command).tar())
        os.utime(path, (1, 1))  # of the same bytes it is the same file
        image = Image(name="default", root=tmp_path, settings=ImageSettings(), given=f"tar:{path}")
        store = Store(tmp_path / "run", tmp_path / "kept")
        doing = lambda what: asked.append(what) or nullcontext(lambda _: None)  # noqa: E731
        return verified_of_file(store, image, read_archived(find_archived(image), None), doing)

    look.asked = asked
    return look


def of(found, info=INFO):
    assert isinstance(found, Verified), found
    return found.distributions[info]


def test_what_a_later_layer_changes_or_deletes_is_told(verify):
    files = {name: f"# {name}\n".encode() for name in ("same", "changed", "gone")}
    rows = [row(f"a/{name}.py", text) for name, text in files.items()]
    rows += [row("a/__init__.py", b""), row("../../../bin/a", b"#!"), "a/same.pyc,,\n"]
    first = [file(f"{SITE}/a/{name}.py", text) for name, text in files.items()]
    first += [file(f"{SITE}/a/__init__.py"), file("usr/bin/a", b"#!", 0o755), *installed(*rows)]
    later = [file(f"{SITE}/a/changed.py", b"# sed\n"), gone(f"{SITE}/a/gone.py")]
    assert of(verify([*PYTHON, *first], later)) == Verification(
        same=3, changed=1, gone=1, unread=0, late=0, paths=[f"/{SITE}/a/changed.py"]
    )


def test_links_lead_to_what_is_read(verify):
    rows = [row("a/own.py", b"1"), row("a/hard.py", b"1"), row("../../x/b.py", b"2")]
    files = [
        file(f"{SITE}/a/own.py", b"1"),
        hard(f"{SITE}/a/hard.py", f"{SITE}/a/own.py"),
        link("usr/lib/x", "/opt/x"),
        file("opt/x/b.py", b"2"),
    ]
    assert of(verify([*PYTHON, *files, *installed(*rows)])).same == 3


def test_what_cannot_be_compared_is_counted(verify):
    rows = [row("a/s.bin", b"x"), row("a/t.py", b"1", "sha512"), row("a", b"1"), row("a/n.py", b"")]
    files = [sparse(f"{SITE}/a/s.bin", 100, (10, b"x")), file(f"{SITE}/a/t.py", b"1")]
    found = of(verify([*PYTHON, *files, *installed(*rows)]))
    assert (found.unread, found.gone, found.same, found.changed) == (3, 1, 0, 0)


def test_a_file_of_two_distributions_is_not_changed_by_the_second(verify):
    both = [*installed(row("x.py", b"1")), *installed(row("x.py", b"2"), name="b")]
    found = verify([*PYTHON, *both, file(f"{SITE}/x.py", b"2")])
    assert (of(found).shared, of(found).changed) == (1, 0)
    assert of(found, f"/{SITE}/b-1.dist-info").same == 1


def packed_egg():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: b\nVersion: 1\n")
    return file(f"{SITE}/b-1-py3.11.egg", made.getvalue())


def test_one_without_a_record_is_left_out(verify):
    metadata = file(f"{SITE}/a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n")
    eggs = file(f"{SITE}/easy-install.pth", b"./b-1-py3.11.egg\n")
    assert verify([*PYTHON, metadata, packed_egg(), eggs]) == Verified(distributions={})


def test_a_record_that_is_too_large_to_read_is_no_missing_one(verify):
    found = verify([*PYTHON, *installed(row("x.py", b"1")), file(f"{INFO}/RECORD"[1:], LARGE)])
    assert found == Absent(
        reason=f"installed files were not compared: {INFO}/RECORD is not read: "
        "its bytes are too many"
    )


def test_the_layers_are_read_once_as_long_as_the_file_is_the_same(verify):
    layer = [*PYTHON, *installed(row("x.py", b"1")), file(f"{SITE}/x.py", b"1")]
    assert verify(layer) == verify(layer)
    assert verify.asked == ["compare installed files with their RECORD"]
    assert of(verify([*layer, file(f"{SITE}/x.py", b"2")])).changed == 1
    assert len(verify.asked) == 2


def test_without_python_there_is_nothing_to_compare(verify):
    assert isinstance(verify([file("bin/app", b"x", 0o755)]), Absent)
