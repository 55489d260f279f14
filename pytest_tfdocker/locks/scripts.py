"""Commands that may install distributions without saying which."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from pytest_tfdocker.dockerfile.shell import Command
from pytest_tfdocker.locks.calls import SHELLS, Call
from pytest_tfdocker.locks.pip_command import unwrapped

_HARMLESS = ("astral.sh/uv", "sh.rustup.rs", "install.python-poetry.org", "nodesource.com")
"""Their install scripts put no distribution into an environment."""
_INSTALLER = re.compile(r"\b(pip[\d.]*|uv|poetry|pipenv|pdm|conda|mamba|micromamba)\b")
_LARGEST_SCRIPT_BYTES = 1_000_000


def script_note(call: Call, find: Callable[[str], Path | None]) -> str | None:
    """Why what the command installs can't be told, "install.sh: a script"; None: it can.

    A script of the build context that mentions no installer installs nothing.
    """
    args = unwrapped(call.command.args)
    if not args:
        return None
    program, words = args[0].text, [arg.text for arg in args[1:]]
    name = posixpath.basename(program)
    if name in {"xargs", "parallel"}:
        return (
            f"{name}: its input is not known here" if _INSTALLER.search(" ".join(words)) else None
        )
    if name in SHELLS and call.feeds is not None:
        return _downloaded(call.feeds)
    if name in SHELLS or program in {".", "source"}:
        program = next((word for word in words if not word.startswith("-")), "")
    elif not program.endswith((".sh", ".bash")):
        return None
    if not program or posixpath.basename(program) in {"activate", "conda.sh", ".bashrc"}:
        return None
    path = find(program)
    return None if path and not _mentions_installer(path) else f"{program}: a script"


def _downloaded(feeds: Command) -> str | None:
    text = " ".join(arg.text for arg in feeds.args)
    if feeds.args[0].text not in {"curl", "wget"} or any(known in text for known in _HARMLESS):
        return None
    return f"{feeds.args[0].text} | sh: a script from the network"


def _mentions_installer(path: Path) -> bool:
    """Also True where it can't be read: then nothing is known of it."""
    try:
        if path.stat().st_size > _LARGEST_SCRIPT_BYTES:
            return True
        return _INSTALLER.search(path.read_text("utf-8", "replace")) is not None
    except (OSError, ValueError):
        return True
