"""Which files of an image are kept while its archive streams by, and how much of each."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from pytest_tfdocker.text import printable

HEAD_BYTES = 64 << 10
"""Of a program, which may be the script that starts the service: the probe reads no more of one."""
TEXT_BYTES = 1 << 20
METADATA_BYTES = 16 << 20
"""The RECORD of the largest distributions has 3 MB."""
SYSTEM_BYTES = 64 << 20
"""dpkg's status of a full image has 5 MB."""
RPM_BYTES = 128 << 20
"""As probe/rpm_data.py has it, which hands them on."""
PYTHON_BYTES = 64 << 20
"""Of a Python's program or library: conda's have 30 MB."""


class Kind(NamedTuple):
    """Files that are wanted up to a size."""

    pattern: re.Pattern[str]
    most_bytes: int


def _kind(most_bytes: int, *patterns: str) -> Kind:
    return Kind(re.compile("|".join(patterns)), most_bytes)


NAMES = re.compile(
    r"(?:METADATA|PKG-INFO|RECORD|INSTALLER|direct_url\.json|requires\.txt|installed-files\.txt"
    r"|pyvenv\.cfg|passwd|os-release|site\.py|patchlevel\.h|status|installed|.*python.*"
    r"|extended_states|world|rpmdb\.sqlite.*|Packages.*|.*\.(?:pth|egg|egg-info|egg-link|list|md5sums))$",
    re.DOTALL,
)
"""Quick to look at, of the hundred thousands that are none of WANTED."""
WANTED = (
    _kind(
        METADATA_BYTES,
        r"\.(?:dist|egg)-info/(?:METADATA|PKG-INFO|RECORD|INSTALLER|direct_url\.json|requires\.txt"
        r"|installed-files\.txt)$",
        r"\.egg/EGG-INFO/(?:PKG-INFO|RECORD|INSTALLER|requires\.txt|installed-files\.txt)$",
        r"\.egg-info$",  # a file, as distutils left it
        r"\.egg$",  # one archive
    ),
    _kind(
        TEXT_BYTES,
        r"\.pth$",
        r"\.egg-link$",
        r"/pyvenv\.cfg$",
        r"^/etc/passwd$",
        r"^(?:/etc|/usr/lib)/os-release$",
        r"/lib(?:64)?/python3\.\d+t?/site\.py$",
        r"/include/python3\.\d+t?m?/patchlevel\.h$",
        r"^/var/lib/dpkg/status\.d/[^/]*python[^/]*(?<!\.md5sums)$",  # of distroless images
    ),
    _kind(
        SYSTEM_BYTES,
        r"^/var/lib/dpkg/(?:info/[^/]+\.list|status\.d/[^/]+\.md5sums|status)$",
        r"^/var/lib/apt/extended_states$",
        r"^(?:/usr)?/lib/apk/db/installed$",
        r"^/etc/apk/world$",
    ),
    _kind(
        RPM_BYTES,
        r"^/(?:var/lib|usr/lib/sysimage|usr/share)/rpm/(?:rpmdb\.sqlite|Packages|Packages\.db)"
        r"(?:-wal|-journal)?$",
    ),
)
NO_ENTRY_POINTS = re.compile(
    r"/(?:site|dist)-packages/|/lib(?:64)?/python3\.\d+t?/|^/usr/(?:lib|lib64|share|libexec)/"
)
"""Here an execute bit is a library's, or that of a program which others start."""
PYTHON = re.compile(r"/bin/python3?(?:\.\d+t?)?$|/libpython3\.\d+t?m?\.so\.1\.0$")
"""CPython has its version in these alone, beside headers that most images lack."""
VERSION = re.compile(rb"\0(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(?=\+?\0)")
VERSIONS = 100


def _most_bytes(path: str) -> int:
    if NAMES.match(path, path.rfind("/") + 1):
        for kind in WANTED:
            if kind.pattern.search(path):
                return kind.most_bytes
    return 0


def _reduced(path: str, content: bytes) -> bytes:
    """What there is to know of a program: the text of a script, the versions in a Python's own."""
    if content.startswith(b"#!"):
        return content[:HEAD_BYTES]
    if PYTHON.search(path):
        found = dict.fromkeys(match[1] for match in islice(VERSION.finditer(content), VERSIONS))
        return b"\0".join([b"", *found, b""])
    return content[:2]


class Kept:
    """Which files are wanted, how much of each, and what is kept of those that are left.

    The reader of an archive asks `wanted_bytes` of each file, and keeps what `reduced` leaves: how
    much that may be in all is its own matter. Of the files that no later layer hides it is `put`
    here, or the file is left out.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        """`command`: the image's ENTRYPOINT and CMD, whose scripts may lack an execute bit."""
        self.contents: dict[str, bytes] = {}
        self.left_out: dict[str, int] = {}
        """Path → bytes, of files that are wanted and were too large."""
        self._named = {word.rpartition("/")[2] for word in command}

    def wanted_bytes(self, path: str, size: int, *, executable: bool) -> int | None:
        """How many bytes of the file's start to read; None: it is of no interest, or too large.

        That is all of it, but for a program.
        """
        most = _most_bytes(path)
        if most:
            return size if size <= most else None
        if PYTHON.search(path):
            return min(size, PYTHON_BYTES)
        if self._is_entry_point(path, executable=executable):
            return min(size, HEAD_BYTES)
        return None

    def _is_entry_point(self, path: str, *, executable: bool) -> bool:
        """Whether it may be the script that the service starts with."""
        name = path.rpartition("/")[2]
        if name in self._named or name.endswith(".sh"):
            return True
        return executable and not NO_ENTRY_POINTS.search(path)

    @staticmethod
    def reduced(path: str, content: bytes) -> bytes:
        """What is worth keeping of what was read: all of a text, little of a program."""
        return content if _most_bytes(path) else _reduced(path, content)

    def put(self, path: str, content: bytes) -> None:
        """Keeps it, or what is of use in it."""
        self.contents[path] = self.reduced(path, content)

    def leave_out(self, path: str, size: int) -> None:
        """Remembers a file of which nothing was read, where that was a matter of its size."""
        if 0 < _most_bytes(path) < size:
            self.left_out[path] = size

    def problems(self) -> list[str]:
        """What can't be told for it, a sentence each, for people."""
        return [
            f"{printable(path)} is not read: {size / 1e6:.1f} MB are too much"
            for path, size in sorted(self.left_out.items())
        ]
