"""Every file has one owner, and what they own adds up."""

import base64
import json
import zlib

import pytest

from pytest_tfdocker.evidence.listing import Listing, read_listing, unpacked
from pytest_tfdocker.evidence.owners import add_up, find_owners, unlisted_bytes
from pytest_tfdocker.evidence.records import ImageConfig
from pytest_tfdocker.evidence.rpm.headers import Package

SITE = "/venv/lib/python3.11/site-packages"
MB = 10**6


def owners_of(*files, record="", dpkg=None, apk=None, rpm=(), workdir="/app", others=()):
    """Owner by path; `files`: paths, of 10 bytes each, or path, bytes and inode."""
    listing = Listing()
    for file in files:
        path, size, inode = file if isinstance(file, tuple) else (file, 10, None)
        listing.add(path, size, 0, inode)
    names = [("foo", "1.0", "pip"), *others]
    owned = {
        "distributions": [(SITE, record)],
        "dpkg": dpkg or {},
        "apk": apk,
    }
    owned["distributions"] += [None] * len(others)
    found = find_owners(listing, names, owned, ImageConfig(workdir=workdir), rpm)
    by_owner, first = add_up(listing, found, [None] * len(listing.paths), len(names))
    assert sum(one.bytes for one in by_owner) == sum(listing.sizes)
    return {path: found.name(row) for row, path in enumerate(listing.paths)}, first


def test_a_distribution_owns_what_its_record_lists_and_the_byte_code_of_it():
    code, cache = f"{SITE}/foo/a.py", f"{SITE}/foo/__pycache__"
    script, other = "/venv/bin/foo", f"{cache}/other.cpython-311.pyc"
    compiled = f"{cache}/a.cpython-311.opt-1.pyc"
    record = "foo/a.py\n../../../bin/foo\n"
    found, first = owners_of(code, compiled, script, other, record=record)
    assert found == {code: "foo", compiled: "foo", script: "foo", other: "nobody"}
    assert first == [30]


ODD = [f"a{char}b" for char in "\x0b\x0c\x1c\x85\u2028\u2029"]
"""Names that hold what str.splitlines() takes for the end of a line."""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", [*ODD, "..b", ".b", "b..c"])
def test_a_line_of_a_record_ends_at_its_newline_alone(name, end):
    code, other = f"{SITE}/foo/{name}.py", f"{SITE}/foo/other.py"
    found, _ = owners_of(code, other, record=f"foo/{name}.py{end}foo/other.py{end}")
    assert found == {code: "foo", other: "foo"}


@pytest.mark.parametrize("line", ["foo//a.py", "./foo/a.py", "foo/./a.py", "foo/x/../a.py"])
def test_a_record_may_name_a_file_the_long_way(line):
    code = f"{SITE}/foo/a.py"
    assert owners_of(code, record=f"{line}\n")[0] == {code: "foo"}


@pytest.mark.parametrize("name", ODD)
def test_a_line_of_dpkg_and_apk_ends_at_its_newline_alone(name):
    apk = f"P:musl\nF:lib\nR:{name}\nZ:Q1\n\n"
    found, _ = owners_of(f"/lib/{name}", f"/bin/{name}", dpkg={"tar": f"/bin/{name}\n"}, apk=apk)
    assert list(found.values()) == ["musl", "tar"]


def test_an_os_package_owns_what_dpkg_lists_by_either_name_of_a_merged_usr():
    dpkg = {"libc6:amd64": "/.\n/lib\n/lib/libc.so.6\n", "tar": "/bin/tar\n"}
    found, _ = owners_of("/usr/lib/libc.so.6", "/usr/bin/tar", "/usr/bin/own", dpkg=dpkg)
    assert list(found.values()) == ["libc6", "tar", "nobody"]


def test_an_os_package_owns_what_apk_lists():
    apk = "C:Q1\nP:musl\nV:1.2\nF:lib\nR:ld-musl.so.1\nZ:Q1\n\nP:busybox\nF:bin\nR:busybox\n\n"
    found, _ = owners_of("/lib/ld-musl.so.1", "/bin/busybox", apk=apk)
    assert list(found.values()) == ["musl", "busybox"]


def test_an_os_package_owns_what_rpm_lists_by_either_name_of_a_merged_usr():
    """A folder that it lists is no file; what a RECORD lists too is the distribution's."""
    paths = ["/bin/bash", "/usr/share/bash", f"{SITE}/foo/a.py"]
    files = ("/usr/bin/bash", "/usr/share/bash/own", f"{SITE}/foo/a.py")
    rpm = [Package("bash", "5.2", paths), Package("other", "1", ["/bin/bash"])]
    found, _ = owners_of(*files, record="foo/a.py\n", rpm=rpm)
    assert list(found.values()) == ["bash", "nobody", "foo"]


def test_what_nobody_lists_is_weights_the_projects_or_nobodys():
    files = ("/opt/m/model.safetensors", 2 * MB, None), ("/app/app.py", 5, None)
    found, _ = owners_of(*files, ("/opt/small.bin", 5, None), "/root/.bashrc")
    assert list(found.values()) == ["model weights", "the project", "nobody", "nobody"]
    assert owners_of("/root/x", workdir="/")[0] == {"/root/x": "nobody"}


@pytest.mark.parametrize("cache_first", [True, False])
def test_hard_links_count_once_for_the_owner_that_lists_one_of_the_names(cache_first):
    """As uv leaves them, with its cache beside the environment."""
    files = [("/root/.cache/uv/a", 10, "1:7"), (f"{SITE}/foo/a.py", 10, "1:7")]
    found, first = owners_of(*(files if cache_first else files[::-1]), record="foo/a.py\n")
    assert set(found.values()) == {"foo"}
    assert first == [10]


def test_a_listing_is_read_as_the_walk_has_packed_it():
    folders = [
        ["/", "a", [3], [1], {}, {}],
        ["/b", "c/d", [5, 5], [2, 2], {"0": "x", "1": "x"}, {}],
    ]
    text = json.dumps([*folders, ["/l", "f\udcff", [1], [3], {}, {"0": "../b/c"}]])
    data = base64.b64encode(zlib.compress(text.encode("ascii"))).decode()
    for packed in (["json", text], ["zlib", data]):
        listing = read_listing(unpacked(packed))
        assert listing.paths == ["/a", "/b/c", "/b/d", "/l/f\udcff"]
        assert (listing.sizes, listing.targets) == ([3, 5, 0, 1], {3: "../b/c"})
        assert list(listing.rows_by_folder()) == [
            ("", range(1)),
            ("/b", range(1, 3)),
            ("/l", range(3, 4)),
        ]


def test_what_is_nobodys_is_told_by_folder():
    listing = Listing()
    for path in ("/wheels/a", "/wheels/deep/b", "/usr/local/x/c", "/usr/d", "/top", "/opt/t/e"):
        listing.add(path, 1, 0)
    owned = {"distributions": [], "dpkg": {}, "apk": None}
    found = find_owners(listing, [], owned, ImageConfig())
    by_owner, _ = add_up(listing, found, [0] * 6, 0)
    told = {one.name: one.bytes for one in by_owner}
    assert told == {"/wheels/": 2, "/usr/local/": 1, "/usr/": 1, "/top": 1, "/opt/t/": 1}
    assert {one.kind for one in by_owner} == {"nobody"}


@pytest.mark.parametrize(
    ("dpkg", "unlisted"),
    [({}, 20), ({"tar": "/bin/tar\n"}, 0), ({"tar": ""}, 20)],
    ids=["no lists", "lists", "an empty list"],
)
def test_what_the_os_may_have_brought_is_unlisted_where_no_package_is(dpkg, unlisted):
    listing = Listing()
    for path in ("/usr/bin/gcc", "/lib/a.so", "/usr/local/bin/own", "/opt/lib/b", "/usr/lib/c.pt"):
        listing.add(path, 2 << 20 if path.endswith(".pt") else 10, 0)
    owned = {"distributions": [], "dpkg": dpkg, "apk": None}
    # What says that rpm has installed it lists no file of rpm's
    named = [("pip", "1.0", "rpm")]
    owned["distributions"] = [None]
    owners = find_owners(listing, named, owned, ImageConfig(workdir="/"))
    assert unlisted_bytes(listing, owners) == unlisted
