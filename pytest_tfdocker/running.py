"""`tfdocker_run`: runs of the user's own tests, supervised as the smokes are."""

import difflib
import math
import os
import re
import shlex
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from pytest_tfdocker.checks.wording import origin
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.passed_files import PassedFilesError, collect_files
from pytest_tfdocker.evidence.records import Absent, Run
from pytest_tfdocker.evidence.smoke import collect_run, collect_script
from pytest_tfdocker.evidence.supervised import Supervised
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.settings.reading import Reader
from pytest_tfdocker.settings.rules import run_problems
from pytest_tfdocker.settings.schema import Run as RunSettings
from pytest_tfdocker.settings.smoke_rules import passed_problem
from pytest_tfdocker.settings.source import is_file
from pytest_tfdocker.settings.units import parse_seconds
from pytest_tfdocker.text import printable_lines

_Collect = Callable[[Supervised, str, float], Run | Absent]
"""Takes the run's name and its time limit in seconds."""

_QUOTED = re.compile(r"\\.|'[^']*'|" + r'"(?:\\.|[^"\\])*"', re.DOTALL)
_OPERATOR = re.compile(r"(?<!\S)(?:\d*[<>]|[|&;])\S*|(?<!\S)\S+[;&](?!\S)")
"""At a word's start, or as its last: within one it may be a URL's, "?a=1&b=2"."""


class Runner:
    """Starts a command or a script in the image, waits for its end, gives its record."""

    def __init__(self, image: JudgedImage, node: pytest.Item) -> None:
        """`node`: the test, which shows the output if it fails."""
        self._image, self._node = image, node

    def __call__(
        self,
        command_or_script: str | Path | list[str],
        *,
        memory: str | int | UnsetType | None = UNSET,
        cpus: float | UnsetType | None = UNSET,
        timeout: str | float = "5 min",
        name: str = "run",
        files: Sequence[str | Path] = (),
        **settings: Any,
    ) -> Run:
        """The finished run. `memory` is bytes or text with a unit, `timeout` seconds or text.

        None for `memory` or `cpus` is no limit.

        `files`: files and folders of the repo that are passed in, below TFDOCKER_FILES.

        A Path, or text that ends in .py and names a file, is a script of the repo that is sent
        in; other text is split as a shell would. Further keywords are those of
        [tool.tfdocker.run]: user, env, network, read_only, tmpfs, volumes, pids.
        """
        __tracebackhide__ = True
        self._image.must_run()
        limits = {"memory": memory, "cpus": cpus}
        settings |= {name: value for name, value in limits.items() if value is not UNSET}
        run = changed(self._image.settings.settings.run, **settings)
        seconds = seconds_of("timeout", timeout)
        collect = self._collector(command_or_script, self._names(files))
        session = self._image.session
        try:
            supervised = session.supervised_as(self._image.settings, run)
            with session.measuring(f"run {name}"):
                found = collect(supervised, name, seconds)
        except EngineError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        except OSError as error:
            text = f"{command_or_script} can't be read: {error.strerror or error}"
            raise pytest.fail.Exception(text, pytrace=False) from None
        if isinstance(found, Absent):
            pytest.fail(found.reason, pytrace=False)
        found = msgspec.structs.replace(found, limit_origin=limit_origin(self._image, settings))
        for stream in ("stdout", "stderr"):
            text = getattr(found, stream)
            if text:
                self._node.add_report_section(
                    "call", f"tfdocker {name} {stream}", printable_lines(text)
                )
        return found

    def _collector(self, given: str | Path | list[str], files: list[str]) -> _Collect:
        """What starts a script, or else a command."""
        __tracebackhide__ = True
        root = self._image.settings.root
        script = None if isinstance(given, list) else self._script(given)
        if script is not None:
            return lambda supervised, name, seconds: collect_script(
                supervised, name, script, root, files, timeout_seconds=seconds
            )
        words = split_words(given if isinstance(given, list) else str(given))
        try:
            passed = collect_files(root, files)
        except PassedFilesError as error:
            pytest.fail(str(error), pytrace=False)
        return lambda supervised, name, seconds: collect_run(
            supervised, name, timeout_seconds=seconds, command=words, passed=passed
        )

    def _script(self, given: str | Path) -> Path | None:
        """A script of the repo; None where a program of the image is meant."""
        __tracebackhide__ = True
        path = self._image.settings.root / given
        is_script = isinstance(given, Path) or (given.endswith(".py") and " " not in given)
        if is_script and is_file(path):
            return path
        if is_script and not Path(given).is_absolute():
            pytest.fail(
                f"no file {given} in {self._image.settings.root}\n"
                "a program of the image is given as a list, or with its whole path",
                pytrace=False,
            )
        return None

    def _names(self, files: Iterable[str | Path]) -> list[str]:
        """As the settings have them, seen from their folder."""
        __tracebackhide__ = True
        if isinstance(files, str) or not isinstance(files, Iterable):
            raise TypeError(f"files: expected a list such as ['tests/data'], found {files!r}")
        root = self._image.settings.root
        whole = [os.path.normpath(root / one) for one in files]
        names = [Path(os.path.relpath(one, root)).as_posix() for one in whole]
        wrong = [text for text in (passed_problem(root, name) for name in names) if text]
        if wrong:
            raise ValueError("; ".join(f"files: {text}" for text in wrong))
        return names


def split_words(command: str | list[str]) -> list[str]:
    """The words of a command, which a shell would split so. Raises ValueError.

    Also of a text with a redirection, a pipe or a list of commands: no shell reads the words.
    """
    __tracebackhide__ = True
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise ValueError(f"{command!r} can't be split into words: {error}") from None
    for_shell = _word_for_a_shell(command) if isinstance(command, str) else ""
    if for_shell:
        raise ValueError(
            f"{for_shell!r} is for a shell, and none reads {command!r}: give a list, or "
            f"['sh', '-c', {command!r}], or quote it"
        )
    if not words:
        raise ValueError(f"{command!r} is no command")
    return words


def _word_for_a_shell(command: str) -> str:
    """The first unquoted word with an operator of a shell at its start or end; "" if none is."""
    bare = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), command)
    found = _OPERATOR.search(bare)
    return command[found.start() : found.end()] if found else ""


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


def limit_origin(image: JudgedImage, given: Container[str]) -> str:
    """Where the memory limit of a run was set: by a keyword of those given, or in the settings."""
    return "memory=…" if "memory" in given else origin(image.settings, "run.memory")


def _as_written(name: str, value: Any) -> Any:
    """A keyword's value as the settings file has it: bytes with their unit, a list for a tuple."""
    is_bytes = isinstance(value, int) and not isinstance(value, bool)
    if name in ("memory", "swap", "shm-size") and is_bytes:
        return f"{value} B"
    return list(value) if isinstance(value, tuple) else value


def changed(run: RunSettings, **settings: Any) -> RunSettings:
    """The settings of a run with some of them changed.

    Raises TypeError on an unknown name, ValueError on what the settings file may not say either.
    """
    __tracebackhide__ = True
    unknown = set(settings) - set(run.__struct_fields__)
    if unknown:
        raise TypeError("; ".join(map(_unknown, sorted(unknown))))
    # Where the engine's own is the default, None asks for it
    unset = {
        k: None for k, v in settings.items() if v is None and getattr(RunSettings(), k) is None
    }
    given = {name: value for name, value in settings.items() if name not in unset}
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
