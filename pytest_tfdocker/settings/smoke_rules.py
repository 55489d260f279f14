"""What types can't say of a smoke: its repeats, its environment, its files, its request."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_tfdocker.settings.json_path import parse_path
from pytest_tfdocker.settings.reading import Values, suggest
from pytest_tfdocker.settings.source import files_beside
from pytest_tfdocker.settings.toml_lines import Path as Keys

MOST_PORT = 65535
MOST_RUNS = 100
"""Of a program: each may take its whole `timeout`, and each has a timeline in the report."""
MOST_REQUESTS = 100_000
MOST_CONNECTIONS = 256
_STATUS = range(100, 600)
_MEASURES = {"length", "min", "max"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2: a method, the name of a header."""

Problems = Iterator[tuple[Keys, str]]


def env_problems(env: Iterable[Any]) -> Problems:
    """Of variables, "NAME=value" or "NAME"."""
    for index, variable in enumerate(env):
        if str(variable).startswith("=") or variable == "":
            yield ("env", index), "expected 'NAME=value' or 'NAME'"


def port_problems(values: Values) -> Problems:
    """Of the `port` of a table."""
    if not 0 < values.get("port", 1) <= MOST_PORT:
        yield ("port",), f"must be between 1 and {MOST_PORT}"


def passed_problems(root: Path, files: Iterable[Any]) -> Problems:
    """Of the files and folders that are passed in: they are below the settings' folder."""
    for index, name in enumerate(files):
        text = passed_problem(root, str(name))
        if text:
            yield ("files", index), text


def passed_problem(root: Path, name: str) -> str | None:
    """Why a file or a folder can't be passed in; None where it can."""
    if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return f"{name!r} is no file or folder below {root}"
    path = root / name
    if not _exists(path):
        near = suggest(name, files_beside(path, root))
        return f"no file or folder {name!r} in {root}{near}"
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def repeat_problems(smoke: Values) -> Problems:
    """Of `warm-up` and `repeat`, which count requests where the smoke is one."""
    is_request = "request" in smoke
    most = MOST_REQUESTS if is_request else MOST_RUNS
    warm_up, repeat = smoke.get("warm-up", 0), smoke.get("repeat", 1)
    if not 0 <= warm_up <= most:
        yield ("warm-up",), f"must be between 0 and {most}"
    if not 1 <= repeat <= most:
        yield ("repeat",), f"must be between 1 and {most}"
    elif is_request and 0 <= warm_up <= most < warm_up + repeat:
        key = "repeat" if "repeat" in smoke else "warm-up"
        yield (key,), f"warm-up and repeat are {warm_up + repeat} requests, at most {most} in all"


def request_problems(request: Values) -> Problems:
    """Of a request, by its own keys."""
    for key in ("path", "ready"):
        yield from _path_problems(key, request.get(key) or "/")
    yield from port_problems(request)
    if not _TOKEN.fullmatch(request.get("method", "GET")):
        yield ("method",), f"{request['method']!r} is no method"
    if request.get("status", 200) not in _STATUS:
        yield ("status",), "must be between 100 and 599"
    if not 0 < request.get("concurrency", 1) <= MOST_CONNECTIONS:
        yield ("concurrency",), f"must be between 1 and {MOST_CONNECTIONS}"
    if "json" in request and "body" in request:
        yield ("json",), "stands beside body, and one can be sent"
    if not _is_json(request.get("json")):
        yield ("json",), "holds what JSON has no word for: a date, a time, nan or inf"
    yield from _header_problems(request.get("headers", {}))
    yield from _expect_problems(request.get("expect", {}))


def _path_problems(key: str, path: str) -> Problems:
    if not path.startswith("/"):
        yield (key,), "must start with '/'"
    elif not path.isprintable() or " " in path:
        yield (key,), "has a space or a control character: write %20 for a space"


def _header_problems(headers: dict[str, Any]) -> Problems:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            yield ("headers", name), f"{name!r} can't be the name of a header"
        if re.search(r"[\r\n\0]", str(value)):
            yield ("headers", name), "holds a line break: a header is one line"


def _expect_problems(expect: dict[str, Any]) -> Problems:
    for path, value in expect.items():
        try:
            parse_path(path)
        except ValueError as error:
            yield ("expect", path), str(error)
        if not _is_json(value):
            yield ("expect", path), "is what JSON has no word for: a date, a time, nan or inf"
        elif isinstance(value, dict) and value and value.keys() <= _MEASURES:
            yield from _measure_problems(path, value)


def _measure_problems(path: str, measures: dict[str, Any]) -> Problems:
    for key, value in measures.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key == "length" and not (number and isinstance(value, int) and value >= 0):
            yield ("expect", path, key), "expected a whole number from 0 on"
        elif not number:
            yield ("expect", path, key), "expected a number"


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
