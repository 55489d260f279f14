"""Which contents are kept of an image whose archive streams by."""

import pytest

from pytest_tfdocker.evidence.unstarted import Kept
from pytest_tfdocker.evidence.unstarted.kept import (
    HEAD_BYTES,
    METADATA_BYTES,
    PYTHON_BYTES,
    TEXT_BYTES,
)

SITE = "/venv/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/foo-1.0.dist-info/METADATA",
        f"{SITE}/foo-1.0.dist-info/RECORD",
        f"{SITE}/foo-1.0.dist-info/direct_url.json",
        f"{SITE}/foo-1.0.egg-info/PKG-INFO",
        f"{SITE}/foo-1.0.egg-info/requires.txt",
        f"{SITE}/foo-1.0.egg-info",
        f"{SITE}/foo-1.0-py3.11.egg",
        f"{SITE}/foo-1.0-py3.11.egg/EGG-INFO/PKG-INFO",
        f"{SITE}/__editable__.foo-1.0.pth",
        f"{SITE}/foo.egg-link",
        f"{SITE}/f\udcff\n-1.0.dist-info/METADATA",
        "/venv/pyvenv.cfg",
        "/etc/passwd",
        "/usr/lib/os-release",
        "/usr/lib64/python3.13/site.py",
        "/usr/local/include/python3.13t/patchlevel.h",
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/status.d/python3.11-minimal",
        "/var/lib/dpkg/info/libc6:amd64.list",
        "/var/lib/dpkg/status.d/python3.11-minimal.md5sums",
        "/var/lib/apt/extended_states",
        "/lib/apk/db/installed",
        "/etc/apk/world",
        "/var/lib/rpm/rpmdb.sqlite",
        "/usr/lib/sysimage/rpm/Packages.db",
    ],
)
def test_what_tells_of_python_and_of_packages_is_kept_whole(path):
    kept = Kept()
    assert kept.wanted_bytes(path, 100_000, executable=False) == 100_000
    assert kept.wanted_bytes(path, 0, executable=False) == 0
    kept.put(path, b"text")
    assert kept.contents == {path: b"text"}


@pytest.mark.parametrize(
    ("path", "executable"),
    [
        ("/app/model.safetensors", False),
        ("/app/METADATA", False),
        (f"{SITE}/foo/site.py", False),
        (f"{SITE}/foo/lib.so", True),
        ("/usr/lib/git-core/git-add", True),
        ("/var/lib/dpkg/info/libc6.md5sums", False),
        ("/home/app/passwd", False),
        ("/app/script", False),
    ],
)
def test_what_tells_nothing_is_not(path, executable):
    assert Kept().wanted_bytes(path, 10, executable=executable) is None


def test_of_what_may_start_the_service_the_head_is_kept():
    kept = Kept(["/docker/entry", "app.py"])
    for path, executable in (
        ("/usr/local/bin/serve", True),
        ("/start.sh", False),
        ("/docker/entry", False),
    ):
        assert kept.wanted_bytes(path, HEAD_BYTES + 1, executable=executable) == HEAD_BYTES
        kept.put(path, b"#!/bin/sh\n")
    kept.put("/bin/ls", b"\x7fELF and more")
    assert kept.contents["/docker/entry"] == b"#!/bin/sh\n"
    assert kept.contents["/bin/ls"] == b"\x7fE"


@pytest.mark.parametrize(
    "path",
    ["/usr/bin/python3.11", "/opt/bin/python", "/usr/lib/x86_64-linux-gnu/libpython3.13t.so.1.0"],
)
def test_of_a_python_its_versions_are_kept(path):
    kept = Kept()
    assert kept.wanted_bytes(path, 7_000_000, executable=True) == 7_000_000
    kept.put(path, b"\x7fELF\0003.11.2\0003.13.0rc1+\0x3.9.1\0003.1\0003.11.2\0003.9.1-x\0")
    assert kept.contents[path] == b"\0003.11.2\0003.13.0rc1\0"
    kept.put(path, b"#!/bin/sh\nexec pyenv\n")
    assert kept.contents[path] == b"#!/bin/sh\nexec pyenv\n"
    assert kept.wanted_bytes(path, PYTHON_BYTES + 1, executable=True) == PYTHON_BYTES


@pytest.mark.parametrize(
    ("path", "most"),
    [(f"{SITE}/foo-1.0.dist-info/METADATA", METADATA_BYTES), ("/x/a.pth", TEXT_BYTES)],
)
def test_what_is_larger_than_such_files_are_is_told_and_not_kept(path, most):
    kept = Kept()
    assert kept.wanted_bytes(path, most, executable=False) == most
    kept.leave_out(path, most)
    kept.leave_out("/app/model.safetensors", most + 1)
    assert kept.problems() == []
    assert kept.wanted_bytes(path, most + 1, executable=False) is None
    kept.leave_out(path, most + 1)
    assert kept.problems() == [f"{path} is not read: {most / 1e6:.1f} MB are too much"]


def test_a_name_that_a_terminal_would_act_on_is_escaped():
    kept = Kept()
    kept.leave_out("/\x1b[31m\n.pth", TEXT_BYTES + 1)
    assert kept.problems() == ["/\\x1b[31m\\n.pth is not read: 1.0 MB are too much"]
