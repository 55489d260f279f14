"""`tfdocker_run`: runs of the user's own tests, supervised as the smokes are."""

import difflib
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import Absent, Run
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.settings.rules import run_problems
from pytest_tfdocker.settings.schema import ByteSize
from pytest_tfdocker.settings.schema import Run as RunSettings
from pytest_tfdocker.settings.units import parse_seconds, parse_size
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
        run = changed(self._image.settings.settings.run, memory=memory, cpus=cpus, **settings)
        seconds = float(timeout if isinstance(timeout, int | float) else parse_seconds(timeout))
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
        if isinstance(given, list):
            return {"command": given}
        path = self._image.settings.root / given
        is_script = isinstance(given, Path) or (given.endswith(".py") and " " not in given)
        if path.is_file() and is_script:
            return {"script": path.read_bytes(), "script_name": path.name}
        if is_script and not Path(given).is_absolute():
            pytest.fail(
                f"no file {given} in {self._image.settings.root}\n"
                "a program of the image is given as a list, or with its whole path",
                pytrace=False,
            )
        return {"command": shlex.split(str(given))}


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, RunSettings.__struct_fields__, 1)
    return f"no setting of a run: {name}" + (f"; did you mean {close[0]}?" if close else "")


def _check_types(given: dict[str, Any]) -> None:
    """Raises TypeError where a value is of another type than the settings file may hold."""
    __tracebackhide__ = True
    sizes = {name: value for name, value in given.items() if isinstance(value, ByteSize)}
    try:
        msgspec.convert({k: v for k, v in given.items() if k not in sizes}, RunSettings)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise TypeError(f"{where.rstrip('`').replace('-', '_')}: {what.lower()}") from None


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
    for name, size in {"memory": memory, **settings}.items():
        if name in ("memory", "swap", "shm_size") and size is not None:
            settings[name] = ByteSize(parse_size(size) if isinstance(size, str) else size)
    if cpus is not None:
        settings["cpus"] = float(cpus)
    given = {name.replace("_", "-"): value for name, value in settings.items() if value is not None}
    _check_types(given)
    problems = [f"{str(key[1]).replace('-', '_')}: {text}" for key, text in run_problems(given)]
    if problems:
        raise ValueError("; ".join(problems))
    return msgspec.structs.replace(run, **settings)
