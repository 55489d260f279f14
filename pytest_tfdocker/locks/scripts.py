"""Commands that may install distributions without saying which."""

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_tfdocker.dockerfile.shell import Command
from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.found import Found, Inline
from pytest_tfdocker.locks.launchers import SHELLS

Find = Callable[[str], Found]

_HARMLESS = ("astral.sh/uv", "sh.rustup.rs", "install.python-poetry.org", "nodesource.com")
"""Their install scripts put no distribution into an environment."""
_INSTALLER = re.compile(r"\b(pip[\d.]*|uv|poetry|pipenv|pdm|conda|mamba|micromamba)\b")
_EXECUTES = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_COMPILES = re.compile(r"\b(configure|cmake|meson|autogen|autoreconf)\b")
_INSTALLS = re.compile(r"install|deps|depend|requirements|setup|venv|bootstrap", re.IGNORECASE)
"""Names of targets that may call an installer."""
_LARGEST_SCRIPT_BYTES = 1_000_000


def script_note(call: Call, find: Find) -> str | None:
    """Why what the command installs can't be told, "install.sh: a script"; None: it can.

    A script of the build context that mentions no installer installs nothing.
    """
    if not call.args:
        return None
    words = [arg.text for arg in call.args[1:]]
    if call.args[0].unknown and words[:1] == ["install"]:
        unknown = ", ".join(call.args[0].unknown)
        return f"{call.args[0].text} install: {unknown} is not known here"
    return _by_name(call, call.args[0].text, words, find)


def _by_name(call: Call, program: str, words: Sequence[str], find: Find) -> str | None:
    name = posixpath.basename(program)
    if name in {"xargs", "parallel"} or (name == "find" and _EXECUTES.intersection(words)):
        installs = _INSTALLER.search(" ".join(words))
        return f"{name}: its input is not known here" if installs else None
    if name in {"make", "gmake"}:
        return _made(call, words, find)
    if name in SHELLS and call.feeds is not None:
        return _downloaded(call.feeds)
    return _script(name, program, words, find)


def _script(name: str, program: str, words: Sequence[str], find: Find) -> str | None:
    if name in SHELLS or program in {".", "source"}:
        program = next((word for word in words if not word.startswith("-")), "")
    elif not program.endswith((".sh", ".bash")):
        return None
    if not program or posixpath.basename(program) in {"activate", "conda.sh", ".bashrc"}:
        return None
    return None if _is_harmless(find(program)) else f"{program}: a script"


def _made(call: Call, words: Sequence[str], find: Find) -> str | None:
    """A Makefile that isn't the repository's own is told by its targets' names."""
    folder = _value(words, ("-C", "--directory")) or ""
    given = _value(words, ("-f", "--file", "--makefile"))
    names = [given] if given else ["GNUmakefile", "makefile", "Makefile"]
    found = [file for name in names if (file := find(posixpath.join(folder, name))) is not None]
    targets = [word for word in words if not word.startswith("-") and "=" not in word]
    shown = " ".join(["make", *(word for word in targets if word not in {folder, given})])
    if found:
        return None if all(map(_is_harmless, found)) else f"{shown}: a Makefile"
    compiles = _COMPILES.search(call.instruction.text)
    return None if compiles or not _INSTALLS.search(shown) else f"{shown}: a Makefile"


def _value(words: Sequence[str], names: tuple[str, ...]) -> str | None:
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in names:
            return value if equals else next(iter(words[at + 1 : at + 2]), None)
        short = next((one for one in names if len(one) == 2 and word.startswith(one)), None)  # noqa: PLR2004  -Cdir
        if short:
            return word[2:]
    return None


def _downloaded(feeds: Command) -> str | None:
    text = " ".join(arg.text for arg in feeds.args)
    if feeds.args[0].text not in {"curl", "wget"} or any(known in text for known in _HARMLESS):
        return None
    return f"{feeds.args[0].text} | sh: a script from the network"


def _is_harmless(file: Found) -> bool:
    """Whether it mentions no installer; of what can't be read nothing is known."""
    if isinstance(file, Inline):
        return _INSTALLER.search(file.text) is None
    if not isinstance(file, Path):
        return False
    try:
        if file.stat().st_size > _LARGEST_SCRIPT_BYTES:
            return False
        return _INSTALLER.search(file.read_text("utf-8", "replace")) is None
    except (OSError, ValueError):
        return False
