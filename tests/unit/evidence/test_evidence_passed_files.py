"""Files of the repo as a run is given them."""

import os
import socket

import pytest

from pytest_tfdocker.evidence import passed_files
from pytest_tfdocker.evidence.passed_files import (
    LEAST_BYTES,
    PassedFile,
    PassedFiles,
    PassedFilesError,
    collect_files,
    crowd_out,
)


@pytest.fixture
def repo(tmp_path):
    """Writes files, path → content, below the folder of the settings."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def names(root, *asked):
    return [one.name for one in collect_files(root, asked).files]


def refused(root, *asked):
    with pytest.raises(PassedFilesError) as told:
        collect_files(root, asked)
    return str(told.value)


def test_a_folder_is_passed_with_all_below_it_at_its_own_place(repo):
    root = repo(tests__data__a="1", tests__b_py="2", other="3")
    assert names(root, "tests") == ["tests/b.py", "tests/data/a"]
    assert names(root, "tests/data/", "./tests/b.py", "tests") == ["tests/b.py", "tests/data/a"]


def test_what_is_told_of_a_file_is_its_content_and_whether_it_may_be_run(repo):
    root = repo(tool="#!/bin/sh", data="")
    (root / "tool").chmod(0o755)
    found = collect_files(root, ["."])
    assert [(one.name, one.data, one.executable) for one in found.files] == [
        ("data", b"", False),
        ("tool", b"#!/bin/sh", True),
    ]
    assert (found.total_bytes, found.payload) == (9, b"#!/bin/sh")
    assert found.plan == {
        "folder": "/run/tfdocker",
        "files": [["data", 0, False], ["tool", 9, True]],
    }


def test_nothing_asked_is_nothing_passed(tmp_path):
    assert collect_files(tmp_path, []).plan is None


def test_byte_code_and_the_history_are_left_out(repo):
    root = repo(a_py="")
    for folder in ("__pycache__", ".git"):
        (root / folder).mkdir()
        (root / folder / "x").touch()
    assert names(root, ".") == ["a.py"]


def test_links_are_followed(repo, tmp_path_factory):
    root, outside = repo(a="1"), tmp_path_factory.mktemp("outside")
    (outside / "weights").write_text("w")
    (root / "link").symlink_to("a")
    (root / "models").symlink_to(outside)
    assert names(root, "link", "models") == ["link", "models/weights"]


def test_a_link_into_its_own_folder_is_told(repo):
    root = repo(data__a="1")
    (root / "data/again").symlink_to(root / "data")
    assert refused(root, "data") == f"files: {root}/data/again is a link to a folder that holds it"


def test_a_link_to_nothing_is_told(repo):
    root = repo(data__a="1")
    (root / "data/gone").symlink_to("nowhere")
    assert refused(root, "data") == "files: data/gone is a link to nothing"


def test_what_is_no_file_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path, "pipe") == "files: pipe is neither a file nor a folder"
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("s")
        assert refused(tmp_path, "s") == "files: s is neither a file nor a folder"


def test_what_has_gone_since_the_settings_were_read_is_told(tmp_path):
    assert refused(tmp_path, "gone") == "files: gone is not there"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads all")
def test_what_can_not_be_read_is_told(repo):
    root = repo(a="1")
    (root / "a").chmod(0)
    assert refused(root, "a") == "files: a can't be read: Permission denied"


def test_a_file_that_fails_to_be_read_is_told(tmp_path):
    (tmp_path / "memory").symlink_to("/proc/self/mem")
    assert refused(tmp_path, "memory") == "files: memory can't be read: Input/output error"


@pytest.mark.parametrize("over", [0, 1])
def test_the_most_bytes_pass_and_one_more_does_not(tmp_path, monkeypatch, over):
    monkeypatch.setattr(passed_files, "MOST_BYTES", 4096)
    (tmp_path / "a").write_bytes(b"x" * 96)
    (tmp_path / "b").write_bytes(b"x" * (4000 + over))
    if not over:
        assert collect_files(tmp_path, ["."]).total_bytes == 4096
        return
    assert refused(tmp_path, ".") == (
        "files: more than 4.0 KiB to pass in\n"
        "b has 3.9 KiB, for which 3.9 KiB are left; weights belong into the image or a volume"
    )


def test_very_many_files_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(passed_files, "MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    assert refused(tmp_path, ".") == ("files: more than 2 to pass in\nthe last was c; name fewer")
    assert names(tmp_path, "a", "b") == ["a", "b"]


def test_files_that_leave_a_program_no_memory_are_told():
    passed = PassedFiles([PassedFile("a", b"x" * (1 << 20))])
    just = LEAST_BYTES + (1 << 20)
    assert crowd_out(passed, just) is crowd_out(passed, None) is crowd_out(PassedFiles(), 1) is None
    assert crowd_out(passed, just - 1) == (
        "files: 1.0 MiB to pass in, under a limit of 17 MiB\n"
        "they lie in memory: pass fewer, or raise the limit by their size"
    )
