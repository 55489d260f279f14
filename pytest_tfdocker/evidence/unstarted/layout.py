"""Where a Python has its files, by the rules of CPython's getpath.py."""

import posixpath
import re
from collections.abc import Iterator, Mapping

import msgspec

from pytest_tfdocker.evidence.unstarted.tree import ImageTree

NAMED = re.compile(r"^python(3\.\d+)(t?)$")
LIBRARIES = ("lib", "lib64")
LANDMARKS = ("os.py", "os.pyc")
"""By these getpath.py knows the standard library."""
_EXTENSION = re.compile(r"[^.]+\.(cpython-[^.]+)\.so")


class NotToldError(Exception):
    """Only a start would tell; the text says what is missing."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where an interpreter has its files."""

    version: str
    """"3.11", or "3.13t" of a free-threaded one: as its folders are named."""
    library: str
    """"lib", or "lib64" as Fedora has it: sys.platlibdir."""
    prefix: str
    """sys.base_prefix."""
    exec_prefix: str
    venv: str | None
    venv_settings: dict[str, str]
    """pyvenv.cfg."""

    @property
    def standard_library(self) -> str:
        """The folder of os.py."""
        return f"{self.prefix}/{self.library}/python{self.version}"


def find_layout(tree: ImageTree, executable: str, environ: Mapping[str, str]) -> Layout:
    """Of an interpreter by its path; raises NotToldError."""
    real = tree.real(executable)
    _refuse_what_is_no_cpython(tree, executable, real)
    venv, settings = _find_venv(tree, executable)
    home, _, exec_home = environ.get("PYTHONHOME", "").partition(":")
    starts = [home] if home else [*filter(None, [settings.get("home")]), posixpath.dirname(real)]
    wanted = _version_wanted(tree, real, settings)
    for start in starts:
        for prefix, library, version in _libraries_above(tree, start, wanted):
            shared = exec_home or _exec_prefix(tree, start, f"{library}/python{version}")
            return Layout(
                version=version,
                library=library,
                prefix=prefix.rstrip("/"),
                exec_prefix=(shared or prefix).rstrip("/"),
                venv=venv,
                venv_settings=settings,
            )
    raise NotToldError(f"{executable} has no standard library in the image")


def find_soabi(tree: ImageTree, layout: Layout) -> str | None:
    """By the names of its own extension modules; None where it has none that tell."""
    folder = f"{layout.exec_prefix}/{layout.library}/python{layout.version}/lib-dynload"
    named = filter(None, map(_EXTENSION.fullmatch, tree.names(folder)))
    return next((found[1] for found in named), None)


def _refuse_what_is_no_cpython(tree: ImageTree, executable: str, real: str) -> None:
    if posixpath.basename(real).startswith("pypy"):
        raise NotToldError(f"{executable} is a PyPy, which only a run tells more of")
    try:
        with tree.opened(real) as file:
            is_script = file.read(2) == b"#!"
    except OSError:
        return
    if is_script:
        raise NotToldError(f"{executable} is a script: only a run tells which Python it starts")


def _find_venv(tree: ImageTree, executable: str) -> tuple[str | None, dict[str, str]]:
    beside = posixpath.dirname(executable)
    for folder in (beside, posixpath.dirname(beside)):
        text = read_text(tree, f"{folder.rstrip('/')}/pyvenv.cfg")
        if text is not None:
            return posixpath.dirname(beside), _settings(text)
    return None, {}


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _version_wanted(tree: ImageTree, real: str, settings: dict[str, str]) -> str | None:
    """By the name of the program that links lead to; of a copy, by what made the environment."""
    base = tree.real(posixpath.join(settings.get("home") or "/", posixpath.basename(real)))
    for path in (real, base):
        named = NAMED.match(posixpath.basename(path))
        if named:
            return "".join(named.groups())
    told = settings.get("version_info") or settings.get("version") or ""
    found = re.match(r"3\.\d+", told)
    return found.group() if found else None


def _libraries_above(
    tree: ImageTree, start: str, wanted: str | None
) -> Iterator[tuple[str, str, str]]:
    """Prefix, library folder and version of each standard library, nearest first."""
    for prefix in _and_above(start):
        for library in LIBRARIES:
            folder = posixpath.join(prefix, library)
            for version in _versions_in(tree, folder):
                if version == wanted or (not wanted) or version == f"{wanted}t":
                    yield prefix, library, version


def _versions_in(tree: ImageTree, folder: str) -> list[str]:
    """Newest first."""
    names = filter(None, map(NAMED.match, tree.names(folder)))
    found = [
        "".join(name.groups())
        for name in names
        if any(tree.is_file(f"{folder}/{name.group()}/{mark}") for mark in LANDMARKS)
    ]
    return sorted(found, key=lambda version: int(version[2:].rstrip("t")), reverse=True)


def _exec_prefix(tree: ImageTree, start: str, library: str) -> str | None:
    above = _and_above(start)
    shared = (p for p in above if tree.is_folder(posixpath.join(p, library, "lib-dynload")))
    return next(shared, None)


def _and_above(folder: str) -> Iterator[str]:
    while True:
        yield folder
        if folder in ("", "/"):
            return
        folder = posixpath.dirname(folder)


def read_text(tree: ImageTree, path: str) -> str | None:
    """A file's text; None where it is not there, or was not kept."""
    try:
        with tree.opened(path) as file:
            return file.read().decode("utf-8-sig", "surrogateescape")
    except OSError:
        return None
