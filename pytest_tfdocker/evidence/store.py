"""Evidence on disk: gathered once a run by whoever is first, and kept where it stays true."""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
from filelock import FileLock

T = TypeVar("T")
ROOMS = ("archive", "evidence", "probe")
"""What evidence is made with."""


@cache
def code_hash() -> str:
    """Changes with the code that evidence is made with: a part of the key of all that is kept."""
    package = Path(__file__).parents[1]
    paths = (path for room in ROOMS for path in sorted((package / room).rglob("*.py")))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:16]


class Store:
    """JSON files in two folders: of this run, shared by its workers, and kept for later ones."""

    def __init__(self, run_folder: Path, kept_folder: Path | None) -> None:
        """`kept_folder`: under pytest's cache; None where the cache plugin is off."""
        self.run_folder, self.kept_folder = run_folder, kept_folder

    def once(self, key: str, kind: type[T], make: Callable[[], T]) -> T:
        """What `make` gives, made once a run: the other workers wait and read it."""
        path = self.run_folder / _file_name(key)
        with self.lock(key):
            found = _read(path, kind)
            if found is not None:
                return found
            made = make()
            _write(path, made)
            return made

    def recall(self, key: str, kind: type[T]) -> T | None:
        """What an earlier run, or this one, kept under this key."""
        folders = [self.kept_folder, self.run_folder]
        found = (_read(folder / _file_name(key), kind) for folder in folders if folder)
        return next((one for one in found if one is not None), None)

    def keep(self, key: str, value: object) -> None:
        """Keeps a value for later runs, or for this one where pytest's cache can't be written."""
        for folder in (self.kept_folder, self.run_folder):
            if folder is not None:
                with suppress(OSError):
                    _write(folder / _file_name(key), value)
                    return

    def add(self, key: str, kind: type[T], value: T) -> None:
        """Adds to what `every` gives in this run, once."""
        with self.lock(key):
            found = self.every(key, kind)
            if value not in found:
                _write(self.run_folder / _file_name(key), [*found, value])

    def every(self, key: str, kind: type[T]) -> list[T]:
        """What this run's workers have added under this key."""
        return _read(self.run_folder / _file_name(key), list[kind]) or []  # type: ignore[valid-type]

    def claim(self, key: str, owner: str = "") -> bool:
        """Whether nobody in this run, but for the owner itself, has claimed this key before."""
        path = self.run_folder / _file_name(key)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(owner)
        except FileExistsError:
            return bool(owner) and path.read_text(encoding="utf-8") == owner
        return True

    def lock(self, key: str) -> FileLock:
        """A lock among the workers of this run."""
        return FileLock(self.run_folder / f"{_file_name(key)}.lock")

    def read(self, key: str, kind: type[T]) -> T | None:
        """What `once` made under this key in this run; None if nothing was."""
        return _read(self.run_folder / _file_name(key), kind)


def _file_name(key: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key)[:60].strip("-")
    return f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _read(path: Path, kind: type[T]) -> T | None:
    """A file that another version wrote, or that was cut off, is as good as none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(msgspec.json.encode(value))
        temporary.replace(path)
    except OSError:
        # Of a full disk: a part of it may be there
        with suppress(OSError):
            temporary.unlink()
        raise
