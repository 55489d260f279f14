"""Files of the repo that a run is given: read here, sent on stdin, written into a tmpfs."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from pytest_tfdocker.settings.units import format_memory

FOLDER = "/run/tfdocker"
"""Where they stand inside, by their path in the repo; TFDOCKER_FILES names it."""
MOST_BYTES = 64 << 20
MOST_FILES = 10_000
LEAST_BYTES = 16 << 20
"""Of memory, beside the files: an interpreter that does nothing, and the supervisor."""
LEFT_OUT = frozenset({"__pycache__", ".git"})
TMPFS_BYTES = 2 * MOST_BYTES
"""Byte code of what is imported from there goes there too."""
TMPFS = f"{FOLDER}:rw,exec,nosuid,nodev,mode=1777,size={TMPFS_BYTES}"


class PassedFilesError(Exception):
    """What can't be passed in; the text is fit for a user."""


class PassedFile(msgspec.Struct, frozen=True):
    """One file: its path in the repo, what it holds, whether it may be run."""

    name: str
    data: bytes
    executable: bool = False


class PassedFiles(msgspec.Struct, frozen=True):
    """What is passed in, by name."""

    files: list[PassedFile] = []

    @property
    def total_bytes(self) -> int:
        """Of what they hold."""
        return sum(len(one.data) for one in self.files)

    @property
    def plan(self) -> dict[str, object] | None:
        """What the supervisor is told; None where nothing is passed."""
        told = [[one.name, len(one.data), one.executable] for one in self.files]
        return {"folder": FOLDER, "files": told} if told else None

    @property
    def payload(self) -> bytes:
        """What follows on stdin."""
        return b"".join(one.data for one in self.files)


def crowd_out(passed: PassedFiles, limit_bytes: int | None) -> str | None:
    """Why these files leave a program no memory under its limit; None where they do."""
    if not passed.files or limit_bytes is None:
        return None
    if passed.total_bytes + LEAST_BYTES <= limit_bytes:
        return None
    total, limit = format_memory(passed.total_bytes), format_memory(limit_bytes)
    return (
        f"files: {total} to pass in, under a limit of {limit}\n"
        "they lie in memory: pass fewer, or raise the limit by their size"
    )


def collect_files(root: Path, names: Iterable[str]) -> PassedFiles:
    """These files, and all in these folders, links followed; paths are seen from `root`.

    Raises PassedFilesError where one can't be read, or where they are too many or too large.
    """
    found: dict[str, PassedFile] = {}
    total = 0
    for name in names:
        for path in _files_of(root / name, ()):
            inside = PurePosixPath(os.path.normpath(path.relative_to(root))).as_posix()
            if inside in found:
                continue
            data = _read(path, inside, MOST_BYTES - total)
            total += len(data)
            if len(found) == MOST_FILES:
                raise PassedFilesError(
                    f"files: more than {MOST_FILES} to pass in\nthe last was {inside}; name fewer"
                )
            found[inside] = PassedFile(inside, data, os.access(path, os.X_OK))
    return PassedFiles([found[name] for name in sorted(found)])


def _files_of(path: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """The files at or below a path; `above`: the folders that lead there, by device and inode."""
    try:
        if not path.is_dir():
            yield path
            return
        status = path.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise PassedFilesError(f"files: {path} is a link to a folder that holds it")
        names = sorted(one.name for one in path.iterdir())
    except OSError as error:
        raise PassedFilesError(f"files: {path} can't be read: {error.strerror}") from None
    for name in names:
        if name not in LEFT_OUT:
            yield from _files_of(path / name, (*above, here))


def _read(path: Path, inside: str, room: int) -> bytes:
    try:
        if not path.exists():
            what = "is a link to nothing" if path.is_symlink() else "is not there"
            raise PassedFilesError(f"files: {inside} {what}")
        if not path.is_file():
            raise PassedFilesError(f"files: {inside} is neither a file nor a folder")
        size = path.stat().st_size
        if size > room:
            most = format_memory(MOST_BYTES)
            raise PassedFilesError(
                f"files: more than {most} to pass in\n"
                f"{inside} has {format_memory(size)}, for which {format_memory(room)} are left; "
                "weights belong into the image or a volume"
            )
        return path.read_bytes()[:room]
    except OSError as error:
        raise PassedFilesError(f"files: {inside} can't be read: {error.strerror}") from None
