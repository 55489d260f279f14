"""All that is known of an image in a file: by tars made here, without an engine."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from archives import Layout, entry, file, folder, gone, hard, link, saved, sparse, tar, write_folder

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.evidence.archived import find_archived, read_archived, recall_archived
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.settings.schema import Image, ImageSettings

ODD = b"caf\xe9\x1b[31m\n".decode("utf-8", "surrogateescape")


@pytest.fixture
def given(tmp_path):
    """The settings of an image that --tfdocker-image gives."""

    def make(text, **settings):
        return Image(
            name="default",
            root=tmp_path,
            source=None,
            settings=ImageSettings(**settings),
            origins={},
            given=text,
        )

    return make


@pytest.fixture
def read(given, tmp_path):
    """The evidence of an image of these layers, each a list of entries."""

    def look(*layers, **changes):
        path = tmp_path / "image.tar"
        path.write_bytes(Layout().add([tar(*layer) for layer in layers], **changes).tar())
        return read_archived(find_archived(given(f"tar:{path}")), None)

    return look


@pytest.mark.parametrize("form", ["tar", "oci"])
def test_what_is_known_of_a_file_is_kept_until_it_changes(given, tmp_path, form):
    path, runs = tmp_path / "image", []
    layout = Layout().add([tar(file("a", b"1"))])

    def recalled(python=None):
        runs.append([])
        store = Store(tmp_path / f"run{len(runs)}", tmp_path / "kept")
        doing = lambda what: runs[-1].append(what) or nullcontext(lambda _: None)  # noqa: E731
        return recall_archived(store, given(f"{form}:{path}", python=python), doing)

    def write(seconds):
        if form == "tar":
            path.write_bytes(layout.tar())
        else:
            write_folder(path, layout.all())
        for one in (path, *path.rglob("*")):
            os.utime(one, (seconds, seconds))

    write(1)
    first, again, other = recalled(), recalled(), recalled("/usr/bin/python3")
    write(2)
    touched = recalled()
    assert [len(done) for done in runs] == [1, 0, 1, 1]
    assert first == again == touched
    assert other.files == first.files


def sizes(evidence):
    return [layer.bytes for layer in evidence.layers]


def test_files_layers_and_waste_add_up(read):
    found = read(
        [file("a", b"1" * 9000), file("b", b"2" * 5000), hard("c", "b"), link("s", "target")],
        [gone("a"), file("b", b"3" * 700)],
    )
    assert sizes(found) == [14_000, 700]
    assert (found.files.count, found.files.apparent_bytes) == (3, 5706)
    assert (found.total_bytes, found.wasted_bytes) == (14_700, 9000)
    assert [(one.path, one.layer, one.by) for one in found.waste.files] == [("/a", 0, 1)]
    assert sum(one.bytes for one in found.files.owners) == found.files.apparent_bytes


def test_links_count_in_layers_that_buildkit_has_not_made(read):
    layer = [file("a", b"1"), link("s", "target")]
    history = [{"created_by": "classic"}, {"created_by": "RUN", "comment": "buildkit"}]
    found = read(layer, [file("b", b"2"), link("t", "target")], history=history)
    assert sizes(found) == [7, 1]
    assert (found.files.links_bytes, found.files.uncounted_bytes) == (12, 6)
    assert (found.total_bytes, found.wasted_bytes) == (8, 0)


@pytest.mark.parametrize("history", [None, [], [{"created_by": "bazel"}]])
def test_without_a_history_of_every_layer_they_have_numbers(read, history):
    found = read([file("a", b"12")], [file("b", b"1"), gone("a")], history=history)
    assert [layer.instruction for layer in found.layers] == ["layer 1 of 2", "layer 2 of 2"]
    assert sizes(found) == [2, 1]
    assert (found.waste.bytes, found.waste.files[0].by) == (2, 1)


def test_entries_without_a_layer_stand_in_the_history(read):
    history = [{"created_by": "ENV", "empty_layer": True}, {"created_by": "COPY"}, {"comment": "c"}]
    found = read([file("a", b"1")], [gone("a")], history=history)
    assert [(one.instruction, one.bytes, one.empty) for one in found.layers] == [
        ("ENV", 0, True),
        ("COPY", 1, False),
        ("c", 0, True),
    ]
    assert [(one.layer, one.by) for one in found.waste.files] == [(1, 2)]


def test_no_layers_are_no_bytes(read):
    found = read()
    assert (found.layers, found.files.count, found.waste.count) == ([], 0, 0)


def test_odd_names_are_counted_and_told_as_text(read):
    found = read(
        [
            file(f"d/{ODD}", b"1" * 3_000_000),
            file(f"e/{ODD}", b"1" * 3_000_000),
            file(f"f/{ODD}", b"2"),
            link(f"l/{ODD}", ODD),
            entry("p", b"6"),
            folder(f"g/{ODD}"),
        ],
        [gone(f"f/{ODD}")],
    )
    assert found.files.count == 4
    assert found.waste.files[0].path == "/f/caf\\udce9\x1b[31m\n"
    assert [one.cause for one in found.files.bloat] == ["identical-files"]


def test_a_hard_link_to_a_link_is_a_link(read):
    found = read([file("usr/lib/a", b"1"), link("s", "usr"), hard("h", "s")])
    assert (found.files.links_bytes, found.files.apparent_bytes) == (3, 4)


def test_names_that_lead_out_are_told(read):
    found = read([file("../../etc/x", b"1"), file("../y", b"1")])
    assert "2 names of files lead out of the image by '..'" in found.files.notes


def test_what_is_too_large_to_be_read_is_told_where_it_is_left(read):
    large = file("x.dist-info/METADATA", b"1" * ((16 << 20) + 1))
    notes = read([large]).files.notes
    assert notes == ["/x.dist-info/METADATA is not read: 16.8 MB are too much"]
    assert read([large], [gone("x.dist-info/METADATA")]).files.notes == []
    assert read([large], [file("x.dist-info/METADATA", b"Name: x")]).files.notes == []


def test_hard_links_to_nothing_are_told(read):
    found = read([file("a", b"1"), hard("b", "nothing"), hard("c", "a")])
    assert found.files.notes == ["hard links that lead to no file: 1"]
    assert (found.files.count, found.files.apparent_bytes) == (3, 1)


@pytest.mark.parametrize("pack", ["plain", "gzip"])
def test_of_what_is_rewritten_again_and_again_the_last_is_read(read, monkeypatch, pack):
    monkeypatch.setattr("pytest_tfdocker.archive.budget.KEPT_BYTES", 250)
    name = "x.dist-info/METADATA"
    layers = [[file(name, b"%d" % at * 90)] for at in range(5)]
    assert read(*layers, pack=pack).files.notes == []
    more = [file(f"{at}.dist-info/METADATA", b"1" * 90) for at in range(3)]
    notes = read(more, *layers, pack=pack).files.notes
    assert notes == ["2 files are not read: too many bytes of them"]
    assert read(more, [gone(f"{at}.dist-info") for at in range(3)]).files.notes == []


@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd"])
def test_the_last_content_of_a_path_is_the_one_that_counts(read, pack):
    def version(text):
        return file("usr/lib/python3.11/site-packages/x-1.dist-info/METADATA", text)

    python = [
        file("usr/bin/python3.11", b"\x7fELF\0003.11.2\0", mode=0o755),
        link("usr/bin/python3", "python3.11"),
        file("usr/lib/python3.11/os.py", b"1"),
        file("usr/lib/python3.11/site.py", b"1"),
    ]
    first = version(b"Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    last = version(b"Metadata-Version: 2.1\nName: x\nVersion: 2\n")
    config = {"Cmd": ["/usr/bin/python3"]}
    found = read([*python, first], [last], pack=pack, config=config)
    assert found.interpreter.version == "3.11.2"
    assert [(one.name, one.version, one.layer) for one in found.distributions.installed] == [
        ("x", "2", 1)
    ]


def test_names_that_are_no_utf_8_are_kept_as_text(read):
    odd = "\udcff"
    venv = f"root/.cache/pypoetry/virtualenvs/{odd}"
    site = f"{venv}/lib/python3.11/site-packages"
    found = read(
        [
            file(f"{venv}/bin/python", b"\x7fELF\0003.11.2\0", mode=0o755),
            file(f"{venv}/lib/python3.11/os.py", b"1"),
            file(f"{site}/foo-1.0.egg-info/PKG-INFO", b"Name: foo\nVersion: 1.0\n"),
            file(f"{site}/foo-1.0.egg-info/requires.txt", b"[\xff]\nbar\n"),
            file(f"{site}/{odd}-{odd}.dist-info/RECORD", b"\xff,,\n"),
            file(f"other/site-packages/{odd}.dist-info/METADATA", b"Name: \xff\nVersion: \xff\n"),
            file("lib/apk/db/installed", b"P:\xff\nF:\xff\nR:\xff\n"),
            file(f"var/lib/dpkg/info/{odd}.list", b"/\xff\n"),
        ],
        config={"Cmd": ["poetry", "run", "app"], "Env": ["HOME=/root"]},
    )
    assert found.interpreter.executable == "/root/.cache/pypoetry/virtualenvs/\\udcff/bin/python"
    [foo, _] = found.distributions.installed
    assert (foo.name, foo.extras) == ("foo", ["\\udcff"])
    assert msgspec.json.encode(found)


@pytest.mark.parametrize("key", ["Env", "Cmd", "WorkingDir"])
def test_a_config_with_half_a_character_is_refused(read, key):
    with pytest.raises(ArchiveError, match=r"can't be read: .*surrogate"):
        read([], config={key: "\udc80" if key == "WorkingDir" else ["\udc80"]})


def test_an_error_names_the_file_and_has_no_control_character(given, tmp_path):
    path = tmp_path / "im\x1bage.tar"
    path.write_bytes(b"no tar")
    with pytest.raises(ArchiveError) as caught:
        find_archived(given(f"tar:{path}"))
    assert str(caught.value) == (
        "im\\x1bage.tar can't be judged: it is cut off or broken: truncated header\n"
        f"{tmp_path}/im\\x1bage.tar"
    )


@pytest.mark.parametrize("text", ["tar:/no/where", "oci:/no\0where", "tar:/" + "n" * 5000])
def test_a_file_that_is_nowhere_is_told(given, text):
    with pytest.raises(ArchiveError, match=r"^there is no /n"):
        find_archived(given(text))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("l" * 300, "image can't be read: File name too long"),
        ("l\0x", "image can't be judged: layer 1 of 1 is missing in it: l\\x00x"),
    ],
    ids=["long", "NUL"],
)
def test_a_layers_name_that_no_file_can_have_is_told(given, tmp_path, name, why):
    files = saved([tar(file("a", b"1"))])
    [manifest] = json.loads(files["manifest.json"])
    files["manifest.json"] = json.dumps([{**manifest, "Layers": [name]}]).encode()
    write_folder(tmp_path / "image", files)
    store = Store(tmp_path / "run", tmp_path / "kept")
    with pytest.raises(ArchiveError) as caught:
        recall_archived(
            store, given(f"oci:{tmp_path}/image"), lambda _: nullcontext(lambda _: None)
        )
    assert str(caught.value) == f"{why}\n{tmp_path}/image"


MEASURED = """
import re, sys
from pathlib import Path
from pytest_tfdocker.archive.image import find_image, opened
from pytest_tfdocker.archive.layer import Reading
from pytest_tfdocker.evidence.archived import Given, read_archived
path = Path(sys.argv[1])
with opened(path, Reading()) as layout:
    given = Given(path=path, image=find_image(layout, None, None))
assert read_archived(given, None).waste.count == 15_000
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells no peak of a process")
def test_memory_stays_small_whatever_the_files_hold(tmp_path):
    """30,000 small files and 100 MB of programs; 100,000 files take 146 MB."""
    lower = [file(f"d{n % 99}/module_{n}.py", b"%d" % n) for n in range(30_000)]
    upper = [gone(f"d{n % 99}/module_{n}.py") for n in range(15_000)]
    programs = [file(f"opt/bin/{n}", b"\x7fELF" * 17_000, mode=0o755) for n in range(1500)]
    path = tmp_path / "image.tar"
    path.write_bytes(Layout().add([tar(*lower), tar(*upper, *programs)], pack="gzip").tar())
    command = [sys.executable, "-c", MEASURED, path]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120)
    assert int(done.stdout) * 1024 < 150 * 10**6


def test_sparse_files_are_told_as_not_compared(read):
    alone = read([sparse("a", 3_000_000, (0, b"x"))])
    two = read([sparse("a", 3_000_000, (0, b"x")), file("b", bytes(3_000_000))])
    assert alone.files.uncompared == []
    (told,) = two.files.uncompared
    assert (told.reason, told.count, told.bytes) == ("unreadable", 1, 3_000_000)
