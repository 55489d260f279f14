"""README's samples of the examples count what is collected there: no engine is asked."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from user_project import CI, OURS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LEFT_OUT = shutil.ignore_patterns("wheels*", ".pytest_cache", "__pycache__")


def collected(folder):
    """The files of the items that pytest collects there: one each."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith((*OURS, *CI))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--tfdocker", "--collect-only", "-q"],
        cwd=folder,
        env=environment | {"DOCKER_HOST": "unix:///nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^([^\s:]+)::\S", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["sentence-embeddings", "bloated", "slim"])
def test_readme_counts_what_is_collected(name, tmp_path):
    # What prepare.py adds, a wheel and a history, changes nothing of what is collected
    files = collected(shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=LEFT_OUT))
    (block,) = re.findall(
        rf"^```\n(\$ [^\n]*{name} && pytest --tfdocker\n.*?)^```$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert re.findall(r"^collected (\d+) items$", block, re.MULTILINE) == [str(len(files))]
    for file, dots in re.findall(r"^(\S+) (\.+) +\[ *\d+%\]$", block, re.MULTILINE):
        assert len(dots) == files.count(file)
    (whole,) = re.findall(r"^=+ (.* in [\d.]+s) .*=$", block, re.MULTILINE)
    of_images = re.findall(r"^tfdocker: .*: (\d+) passed, (\d+) failed$", block, re.MULTILINE)
    assert sum(map(int, re.findall(r"(\d+) (?:failed|passed)", whole))) == len(files)
    of_dockerfiles = [file for file in files if file.startswith("Dockerfile")]
    assert sum(int(count) for counts in of_images for count in counts) == len(of_dockerfiles)
