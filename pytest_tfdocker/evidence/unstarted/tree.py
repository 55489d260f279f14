"""An image's files, of which nothing but the names and a few contents is here."""

import errno
import io
import posixpath
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import BinaryIO

LINKS = 40
"""As many symbolic links as Linux follows on one path."""


class ImageTree:
    """What probe/tree.py is inside a container, from a listing. The host's own files it never asks.

    All paths are absolute and normal; a name that is no UTF-8 has lone surrogates, as os.fsdecode
    gives. `unread`: what was asked for, stands in the image, and was not kept.
    """

    def __init__(
        self,
        paths: Collection[str],
        *,
        targets: Mapping[str, str] | None = None,
        folders: Collection[str] = (),
        programs: AbstractSet[str] = frozenset(),
        contents: Mapping[str, bytes] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: str = "/",
    ) -> None:
        """`paths`: of all that is no folder; hard links by each name, in `contents`, too.

        `targets`: of symbolic links, as they stand there. `programs`: what has an execute bit.
        `folders`: those above a path need not be there, as in the archives of Bazel and Nix.
        """
        self.environ = dict(environ or {})
        self.unread: set[str] = set()
        self._targets = targets or {}
        self._paths = paths
        self._folders = folders
        self._programs = programs
        self._contents = contents or {}
        self._cwd = posixpath.normpath(posixpath.join("/", cwd))
        self._real_folders: dict[str, str | None] = {}

    @cached_property
    def _files(self) -> AbstractSet[str]:
        return frozenset(self._paths).union(self._targets)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """Names by folder, of each folder there is."""
        found: dict[str, list[str]] = {"/": []}
        for folder in self._folders:
            self._enter(folder, found)
        for path in self._files:
            folder, _, name = path.rpartition("/")
            if folder not in found:
                folder = folder or "/"
                self._enter(folder, found)
            found[folder].append(name)
        return found

    @staticmethod
    def _enter(folder: str, found: dict[str, list[str]]) -> None:
        """The folder and those above it."""
        missing = []
        while folder not in found:
            found[folder] = []
            missing.append(folder)
            folder = folder.rpartition("/")[0] or "/"
        for path in missing:
            above, _, name = path.rpartition("/")
            found[above or "/"].append(name)

    def folders_named(self, *names: str) -> list[str]:
        """Every folder of one of these names, sorted."""
        return sorted(path for path in self._names if path.rpartition("/")[2] in names)

    # What probe/tree.py has:

    def here(self) -> str:
        """The image's WORKDIR."""
        return self._cwd

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there, symbolic links followed."""
        found = self._resolved(path)
        return found is not None and (found in self._names or found in self._files)

    def is_file(self, path: str) -> bool:
        """Whether a file is there, symbolic links followed."""
        return self._resolved(path) in self._files

    def is_folder(self, path: str) -> bool:
        """Whether a folder is there, symbolic links followed."""
        return self._resolved(path) in self._names

    def is_program(self, path: str) -> bool:
        """Whether a file is there that may be executed."""
        found = self._resolved(path)
        return found in self._files and found in self._programs

    def names(self, folder: str) -> list[str]:
        """What a folder holds, sorted; nothing where none is there."""
        return sorted(self._names.get(self._resolved(folder) or "", ()))

    def real(self, path: str) -> str:
        """The path without symbolic links; as it is where they lead in a circle."""
        return self._resolved(path) or posixpath.normpath(posixpath.join(self._cwd, path))

    def expanded(self, path: str) -> str:
        """With the home folder for ~; as it is for ~NAME, which no image's command has."""
        if path == "~" or path.startswith("~/"):
            home = self.environ.get("HOME", "/root").rstrip("/")
            return home + path[1:] or "/"
        return path

    def opened(self, path: str) -> BinaryIO:
        """A file, to read bytes from; raises OSError where it is not there or was not kept."""
        found = self._resolved(path)
        if found is None:
            raise OSError(errno.ELOOP, "its links lead in a circle", path)
        if found in self._contents:
            return io.BytesIO(self._contents[found])
        if found in self._files:
            self.unread.add(found)
            raise OSError(errno.EFBIG, "it was not kept", path)
        if found in self._names:
            raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
        if self._lies_in_a_file(found):
            raise NotADirectoryError(errno.ENOTDIR, "it lies in a file", path)
        raise FileNotFoundError(errno.ENOENT, "it is not in the image", path)

    def _lies_in_a_file(self, path: str) -> bool:
        while path != "/":
            path = posixpath.dirname(path)
            if path in self._files:
                return True
        return False

    def _resolved(self, path: str) -> str | None:
        """The path without symbolic links, whether anything is there or not.

        None where they lead in a circle, and where the way is no folder.
        """
        if not path:
            return None
        folder, _, name = posixpath.join(self._cwd, path).rpartition("/")
        if name in ("", ".", ".."):
            return self._walk(path)
        if folder not in self._real_folders:
            self._real_folders[folder] = self._walk(folder or "/")
        found = self._real_folders[folder]
        if found is None:
            return None
        whole = f"{found.rstrip('/')}/{name}"
        return self._walk(whole) if whole in self._targets else whole

    def _walk(self, path: str) -> str | None:
        ahead = posixpath.join(self._cwd, path).split("/")[::-1]
        found, links = "", 0
        while ahead:
            name = ahead.pop()
            if name in ("", ".", ".."):
                if found and found not in self._names:
                    return None
                found = found.rpartition("/")[0] if name == ".." else found
                continue
            target = self._targets.get(f"{found}/{name}")
            if target is None:
                found = f"{found}/{name}"
                continue
            links += 1
            if links > LINKS:
                return None
            ahead += target.split("/")[::-1]
            found = "" if target.startswith("/") else found
        return found or "/"
