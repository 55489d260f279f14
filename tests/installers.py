"""uv, Poetry and pipenv, each in an environment of its own: they write locks, and read them too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from pip._internal.models.index import PyPI

FOLDER = Path(__file__).parents[1] / "build" / "installers"
ASKED = {
    "uv": ["uv==0.13.9"],
    "poetry": ["poetry==2.5.1", "poetry-plugin-export==1.10.1"],
    "poetry-1": ["poetry==1.8.5", "poetry-plugin-export==1.8.0"],
    "pip": ["pip==26.3"],
    "pipenv": ["pipenv==2026.10.3"],
}
# Poetry's own way to PyPI is an API that not every mirror has
POETRY_INDEX = f"""
[[tool.poetry.source]]
name = "index"
url = "{PyPI.simple_url}/"
priority = "primary"
"""


def installer(name):
    """The program, made once for all runs; the test skips where no index can be reached."""
    folder = FOLDER / name
    program = folder / "bin" / name.partition("-")[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / f"{name}.lock"):
        if not (folder / "made").exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [folder / "bin" / "pip", "install", "--quiet", *ASKED[name]]
            made = subprocess.run(pip, capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"no {name} can be had: {made.stderr.strip().splitlines()[-1]}")
            (folder / "made").touch()
    return program


def run(name, *arguments, folder):
    """What the program prints. Its environment is that of a user's shell, without one of ours."""
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    environment |= {
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "PIPENV_VENV_IN_PROJECT": "1",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [installer(name), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
