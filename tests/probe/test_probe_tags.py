"""Of the interpreters at hand: the wheels that the checks take for fitting are those pip takes."""

import json
import subprocess

import pytest

from pytest_tfdocker import probe
from pytest_tfdocker.checks.tags import find_taken
from pytest_tfdocker.evidence.records import Interpreter

COOKIE = "<cookie|"
THEIRS = "from pip._vendor.packaging.tags import sys_tags; print(*sys_tags())"


def said_by(python, program, *arguments):
    command = [python, "-B", "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named 'pip" in done.stderr:
        pytest.skip("it has no pip to compare with")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tags_are_pips_own(python):
    said = said_by(python, probe.source("ask_interpreter"), COOKIE)
    told = json.loads(said.partition(COOKIE)[2].partition(COOKIE[::-1])[0])
    fields = Interpreter.__struct_fields__
    taken = find_taken(
        Interpreter(reason="", **{key: one for key, one in told.items() if key in fields})
    )
    ours, theirs = {str(tag) for tag in taken.tags}, set(said_by(python, THEIRS).split())
    version = told["environment"]["python_version"].replace(".", "")
    # which pip has since its version 24
    assert ours - theirs <= {f"cp{version}-none-any"}
    assert theirs <= ours
