"""Every format but requirements.txt, by the name of its file."""

from collections.abc import Callable

from pytest_tfdocker.locks import pylock
from pytest_tfdocker.locks.pipfile import read_pipfile, read_pipfile_lock
from pytest_tfdocker.locks.poetry_lock import read_poetry_lock
from pytest_tfdocker.locks.pyproject import read_project
from pytest_tfdocker.locks.requirements import Contents
from pytest_tfdocker.locks.uv_lock import read_uv_lock

Reader = Callable[..., Contents]
"""(path, name, selection=PLAIN, installed_by=None), as `read_uv_lock`."""
READERS: dict[str, Reader] = {
    "pyproject.toml": read_project,
    "uv.lock": read_uv_lock,
    "poetry.lock": read_poetry_lock,
    "Pipfile.lock": read_pipfile_lock,
    "Pipfile": read_pipfile,
}


def reader_of(name: str) -> Reader | None:
    """Of a file by its name; None: one of a requirements file, or of none."""
    return pylock.read_pylock if pylock.NAME.fullmatch(name) else READERS.get(name)
