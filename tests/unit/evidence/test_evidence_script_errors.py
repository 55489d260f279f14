"""What an interpreter says of a script that never began, and of a module that is not there."""

import subprocess
import sys

import pytest

from pytest_tfdocker.evidence.script_errors import missing_module, syntax_error


def stderr_of(tmp_path, script):
    """What the interpreter really says."""
    path = tmp_path / "smoke.py"
    path.write_bytes(script)
    done = subprocess.run([sys.executable, path], capture_output=True, check=False)
    return done.stderr.decode().replace(str(path), "smoke.py")


@pytest.mark.parametrize(
    ("script", "first"),
    [
        (b"x = 1\nif x\n    pass\n", "smoke.py:2: SyntaxError: expected ':'"),
        (b"def f():\nreturn\n", "smoke.py:2: IndentationError: expected an indented block after"),
        (b"#!/bin/sh\necho it starts\n", "smoke.py:2: SyntaxError: invalid syntax"),
        (b"x = '\xff\xfe'\n", "smoke.py:1: SyntaxError: "),
        (b"if 1:\n\tx = 1\n        y = 2\n", "smoke.py:3: TabError: inconsistent use of tabs"),
        (b"# coding: nope\n", "smoke.py: SyntaxError: encoding problem: nope"),
    ],
)
def test_a_script_that_is_no_python_is_told_by_its_line(tmp_path, script, first):
    told = syntax_error(stderr_of(tmp_path, script), "smoke.py", "3.11.2")
    assert told.splitlines()[0].startswith(first)
    assert told.splitlines()[1] == "Python 3.11.2 of the image reads it"


@pytest.mark.parametrize(
    "script",
    [b"exec('if')", b"raise SyntaxError('x')", b"print('SyntaxError: no', flush=True)", b"exit(1)"],
)
def test_an_error_of_a_script_that_began_is_another(tmp_path, script):
    assert syntax_error(stderr_of(tmp_path, script), "smoke.py", "3.11.2") is None


@pytest.mark.parametrize(
    "said",
    [
        '  File "bad.py", line 1\n    if\n      ^\nSyntaxError: invalid syntax\n',
        '  File "tests/smoke.py", line 1\n    if\n      ^\nSyntaxError: invalid syntax\n',
        "SyntaxError: Non-UTF-8 code starting with '\\xff' in file bad.py on line 2, but no enc\n",
        "SyntaxError: Unexpected token\n",
        'SyntaxError: no\n  File "smoke.py", line 1\n',
    ],
)
def test_an_error_of_another_file_is_none_of_the_script(said):
    assert syntax_error(said, "smoke.py", "3.11.2") is None


def test_a_script_that_is_no_python_is_told_behind_what_its_interpreter_says_before():
    said = (
        '  File "sitecustomize.py", line 1\nSyntaxError: first\n'
        '  File "my smoke.py", line 3\nSyntaxError: last\n'
    )
    told = syntax_error(said, "my smoke.py", "3.11.2")
    assert told.splitlines()[0] == "my smoke.py:3: SyntaxError: last"


@pytest.fixture
def missing(tmp_path):
    """What of the repo is missing, of a script in tests/ that imports a module."""

    def find(module, *files, passed=()):
        for name in ("tests/smoke.py", *files):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        script = f"import {module}".encode()
        said = stderr_of(tmp_path, script)
        return missing_module(said, tmp_path, tmp_path / "tests/smoke.py", passed)

    return find


def test_a_neighbour_of_the_script_is_found(missing):
    assert missing("zz_helper", "tests/zz_helper.py") == "tests/zz_helper.py"
    assert missing("zz_pack.inner", "tests/zz_pack/inner.py") == "tests/zz_pack"


def test_what_was_passed_in_or_is_of_no_repo_is_not_told(missing):
    assert missing("zz_none") is None
    assert missing("zz_app", "zz_app.py") is None
    passed = ["tests/zz_pack/inner.py"]
    assert missing("zz_pack", "tests/zz_pack/inner.py", passed=passed) is None


def test_another_error_is_no_missing_module(tmp_path):
    (tmp_path / "a.py").touch()
    assert missing_module("ValueError: a", tmp_path, tmp_path / "smoke.py", []) is None
