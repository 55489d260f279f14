"""`tfdocker_run`: runs of the user's own tests, supervised as the smokes are."""

import difflib
import math
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import Absent, Run
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.settings.reading import Reader
from pytest_tfdocker.settings.rules import run_problems
from pytest_tfdocker.settings.schema import Run as RunSettings
from pytest_tfdocker.settings.source import is_file
from pytest_tfdocker.settings.units import parse_seconds
from pytest_tfdocker.text import printable_lines


class Runner:
    """Starts a command or a script in the image, waits for its end, gives its record."""

    def __init__(self, image: JudgedImage, node: pytest.Item) -> None:
        """`node`: the test, which shows the output if it fails."""
        self._image, self._node = image, node

    def __call__(
        self,
        command_or_script: str | Path | list[str],
        *,
        memory: str | int | None = None,
        cpus: float | None = None,
        timeout: str | float = "5 min",
        name: str = "run",
        **settings: Any,
    ) -> Run:
        """The finished run. `memory` is bytes or text with a unit, `timeout` seconds or text.

        A Path, or text that ends in .py and names a file, is a script of the repo that is sent
        in; other text is split as a shell would. Further keywords are those of
        [tool.tfdocker.run]: user, env, network, read_only, tmpfs, volumes, pids.
        """
        __tracebackhide__ = True
        self._image.must_run()
        run = changed(self._image.settings.settings.run, memory=memory, cpus=cpus, **settings)
        seconds = seconds_of("timeout", timeout)
        what = self._what(command_or_script)
        session = self._image.session
        try:
            supervised = session.supervised_as(self._image.settings, run)
            with session.measuring(f"run {name}"):
                found = collect_run(supervised, name, timeout_seconds=seconds, **what)
        except EngineError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        if isinstance(found, Absent):
            pytest.fail(found.reason, pytrace=False)
        for stream in ("stdout", "stderr"):
            text = getattr(found, stream)
            if text:
                self._node.add_report_section(
                    "call", f"tfdocker {name} {stream}", printable_lines(text)
                )
        return found

    def _what(self, given: str | Path | list[str]) -> dict[str, Any]:
        __tracebackhide__ = True
        if isinstance(given, list):
            return {"command": split_words(given)}
        path = self._image.settings.root / given
        is_script = isinstance(given, Path) or (given.endswith(".py") and " " not in given)
        if is_script and is_file(path):
            return {"script": path.read_bytes(), "script_name": path.name}
        if is_script and not Path(given).is_absolute():
            pytest.fail(
                f"no file {given} in {self._image.settings.root}\n"
                "a program of the image is given as a list, or with its whole path",
                pytrace=False,
            )
        return {"command": split_words(str(given))}


def split_words(command: str | list[str]) -> list[str]:
    """The words of a command, which a shell would split so. Raises ValueError."""
    __tracebackhide__ = True
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise ValueError(f"{command!r} can't be split into words: {error}") from None
    if not words:
        raise ValueError(f"{command!r} is no command")
    return words


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, RunSettings.__struct_fields__, 1)
    return f"no setting of a run: {name}" + (f"; did you mean {close[0]}?" if close else "")


class _Keywords(Reader):
    """Reads keywords as the settings file's [run] is read; `problems` has them by keyword."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def problem(self, path: tuple[str | int, ...], text: str) -> None:
        """Note a mistake at a keyword."""
        name, *indices = path
        at = "".join(f"[{index}]" for index in indices)
        self._found.append(f"{str(name).replace('-', '_')}{at}: {text}")

    @property
    def problems(self) -> list[str]:
        """The mistakes so far."""
        return self._found

    def _expanded(self, raw: Any) -> Any:
        return raw


def seconds_of(name: str, value: str | float) -> float:
    """Seconds, or text with a unit. Raises ValueError that names the keyword."""
    __tracebackhide__ = True
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        try:
            seconds = float(parse_seconds(value))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name}: must be more than 0")
    return seconds


def _as_written(name: str, value: Any) -> Any:
    """A keyword's value as the settings file has it: bytes with their unit, a list for a tuple."""
    is_bytes = isinstance(value, int) and not isinstance(value, bool)
    if name in ("memory", "swap", "shm-size") and is_bytes:
        return f"{value} B"
    return list(value) if isinstance(value, tuple) else value


def changed(
    run: RunSettings,
    *,
    memory: str | int | None = None,
    cpus: float | None = None,
    **settings: Any,
) -> RunSettings:
    """The settings of a run with some of them changed.

    Raises TypeError on an unknown name, ValueError on what the settings file may not say either.
    """
    __tracebackhide__ = True
    unknown = set(settings) - set(run.__struct_fields__)
    if unknown:
        raise TypeError("; ".join(map(_unknown, sorted(unknown))))
    given = {
        name: value for name, value in (("memory", memory), ("cpus", cpus)) if value is not None
    }
    # Where the engine's own is the default, None asks for it
    unset = {
        k: None for k, v in settings.items() if v is None and getattr(RunSettings(), k) is None
    }
    given |= {name: value for name, value in settings.items() if name not in unset}
    keywords = _Keywords()
    keyed = {name.replace("_", "-"): value for name, value in given.items()}
    values = keywords.table(
        {key: _as_written(key, value) for key, value in keyed.items()}, RunSettings, ()
    )
    if not keywords.problems:
        for (_, *path), text in run_problems(values):
            keywords.problem(tuple(path), text)
    if keywords.problems:
        raise ValueError("; ".join(keywords.problems))
    typed = {key.replace("-", "_"): value for key, value in values.items()}
    return msgspec.structs.replace(run, **typed, **unset)
