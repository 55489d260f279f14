"""The settings file: found, read, and able to say where in it a key stands."""

import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.settings import toml_lines

_OUR_NAME = re.compile(r"(?:pytest[-_.]?)?tf[-_.]?docker", re.IGNORECASE)
"""What people take for the name of our table, the right one among them."""


class SettingsError(Exception):
    """Every mistake in settings, options and environment, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class WrongKeyError(Exception):
    """A key of the settings that names what isn't there."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Our tables, and the file that holds them; without a file, no tables."""

    root: Path
    path: Path | None = None
    prefix: toml_lines.Path = ()
    """Keys above our tables: ("tool", "tfdocker") in pyproject.toml."""
    table: dict[str, Any] = {}
    lines: dict[toml_lines.Path, int] = {}

    def line(self, path: toml_lines.Path) -> int | None:
        """The line of a key in our tables, else of the nearest table around it."""
        return toml_lines.line_of(self.lines, self.prefix + path)

    def raw(self, path: toml_lines.Path) -> Any:
        """The value as it stands in the file; None where there is none."""
        value: Any = self.table
        for key in path:
            value = _inner(value, key)
        return value

    def place(self, path: toml_lines.Path) -> str:
        """File and line of a key in our tables, "pyproject.toml:9"."""
        name = self.path.name if self.path else ""
        line = self.line(path)
        return f"{name}:{line}" if line else name

    def where(self, path: toml_lines.Path) -> str:
        """What a problem starts with, "sub/pyproject.toml:9: tool.tfdocker.run.memory"."""
        line = self.line(path)
        file = shown(self.path) if self.path else ""
        place = f"{file}:{line}" if line else file
        return f"{place}: {self.dotted(path)}"

    def dotted(self, path: toml_lines.Path) -> str:
        """The key as users write it; items of lists by their name, else counted from 1."""
        text = ".".join(str(key) for key in self.prefix)
        value: Any = self.table
        for key in path:
            value = _inner(value, key)
            if isinstance(key, int):
                name = value.get("name") if isinstance(value, dict) else None
                text += f"[{name if isinstance(name, str) else key + 1}]"
            else:
                text += f".{_quoted(key)}" if text else _quoted(key)
        return text


def find_source(start: Path) -> Source:
    """The nearest settings at or above a folder; a tfdocker.toml before a pyproject.toml.

    Raises SettingsError where that file can't be read.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        source = _own_file(folder) or _pyproject(folder)
        if source:
            return source
    return Source(root=start)


def has_settings(folder: Path) -> bool:
    """Whether our settings are in this very folder. Raises SettingsError as `find_source` does."""
    return (_own_file(folder) or _pyproject(folder)) is not None


def project_name(root: Path) -> str:
    """The project's name as it may stand in an image's repository name."""
    try:
        name = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        name = root.name
    words = re.findall(r"[a-z0-9]+", str(name).lower())
    # Docker allows 255 characters for the whole reference; the tag and we need some.
    return "-".join(words)[:100].strip("-") or "project"


def files_beside(path: Path, root: Path) -> list[str]:
    """The files in the same folder, as seen from the root."""
    try:
        found = [one for one in path.parent.iterdir() if one.is_file()]
        return [one.relative_to(root).as_posix() for one in found]
    except (OSError, ValueError):
        return []


def is_file(path: Path) -> bool:
    """Whether there is a file, whatever characters its name has."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def normal(path: Path) -> Path:
    """The path without "..", as pytest names it."""
    return Path(os.path.normpath(path))


def shown(path: Path) -> str:
    """The path as seen from the current folder, absolute where it lies outside."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _own_file(folder: Path) -> Source | None:
    path = folder / "tfdocker.toml"
    text = _text(path)
    if text is None:
        if os.path.lexists(path):
            raise SettingsError([f"{shown(path)}: can't be read: no file, or a link to none"])
        return None
    return Source(
        root=folder, path=path, table=_parsed(text, path), lines=toml_lines.find_lines(text)
    )


def _pyproject(folder: Path) -> Source | None:
    path = folder / "pyproject.toml"
    text = _text(path)
    # A broken file that doesn't even name us is somebody else's to mend.
    if text is None or not _OUR_NAME.search(text):
        return None
    tool = _parsed(text, path).get("tool")
    if not isinstance(tool, dict):
        return None
    lines = toml_lines.find_lines(text)
    wrong = [str(name) for name in tool if name != "tfdocker" and _OUR_NAME.fullmatch(name)]
    if wrong:
        own = ("tool", wrong[0])  # of [tool.NAME.run] alone it has no line itself
        at = min((line for keys, line in lines.items() if keys[:2] == own), default=1)
        text = f"tool.{wrong[0]}: read by nobody; did you mean [tool.tfdocker]?"
        raise SettingsError([f"{shown(path)}:{at}: {text}"])
    if "tfdocker" not in tool:
        return None
    source = Source(root=folder, path=path, prefix=("tool", "tfdocker"), lines=lines)
    if not isinstance(tool["tfdocker"], dict):
        raise SettingsError([f"{source.where(())}: expected a table"])
    return msgspec.structs.replace(source, table=tool["tfdocker"])


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError([f"{shown(path)}: not UTF-8 at byte {error.start}"]) from None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise SettingsError([f"{shown(path)}: can't be read: {error.strerror}"]) from None


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_syntax(str(error), text, path)]) from None
    except (ValueError, RecursionError) as error:
        # Python refuses integers of thousands of digits, tomllib deep nesting.
        raise SettingsError([f"{shown(path)}: can't be read as TOML: {error}"]) from None


def _syntax(message: str, text: str, path: Path) -> str:
    match = re.fullmatch(r"(.*) \(at line ([0-9]+), column ([0-9]+)\)", message, re.DOTALL)
    reason = match[1] if match else message.removesuffix(" (at end of document)")
    line = match[2] if match else text.rstrip().count("\n") + 1
    return f"{shown(path)}:{line}: not valid TOML: {reason[:1].lower()}{reason[1:]}"


def _inner(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(str(key))
    return value[key] if isinstance(value, list) and isinstance(key, int) else None


def _quoted(key: str | int) -> str:
    return str(key) if re.fullmatch(r"[A-Za-z0-9_-]+", str(key)) else f'"{key}"'
