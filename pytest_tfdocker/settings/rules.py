"""What types can't say of the settings: ranges, names, files that must be there."""

import math
import re
from collections.abc import Iterator

from pytest_tfdocker.settings.engine_rules import engine_problems
from pytest_tfdocker.settings.reading import Reader, Values, suggest
from pytest_tfdocker.settings.smoke_rules import (
    env_problems,
    passed_problems,
    port_problems,
    repeat_problems,
    request_problems,
)
from pytest_tfdocker.settings.source import files_beside, is_file, normal
from pytest_tfdocker.settings.toml_lines import Path

_SIZES = ("total", "download", "layer", "wasted")
_PLAIN = ("build", "pinned", "hashes", "parity", "conflicts", "gpu-visible", "limits", "threads")
_WITH_PARAMETER = ("size", "package-size", "bloat", "import", "peak-memory", "duration")
_CHECKS = (*_PLAIN, *_WITH_PARAMETER, *(f"size[{size}]" for size in _SIZES))

# It stands in test ids and in image tags: the grammar of a tag, which is the narrower one.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NAME_RULE = "a name has letters, digits, '_', '.' and '-', at most 128"

_MOST_PHASE = 80
"""The supervisor cuts longer names."""
_START, _LEAST_START = "start", 0.5
"""The stretch before the first phase, and what it lasts in seconds where it is told."""

BLOAT = (
    *("pip-cache", "uv-cache", "poetry-cache", "conda-cache", "apt-lists", "apt-archives"),
    *("apk-cache", "dnf-cache", "zypp-cache", "git", "build-tools", "archives"),
    *("second-copies", "cuda-twice", "two-frameworks"),
    *("duplicate-weights", "hub-cache", "identical-files", "byte-code", "static-libraries"),
    *("headers", "tests", "cuda-libraries", "rewritten"),
)
"""The causes that a budget may be set for; what they are is said where they are looked for."""

Problems = Iterator[tuple[Path, str]]


def check_tables(reader: Reader, values: Values, path: Path = ()) -> None:
    """Note what is wrong with the values of one layer: the tables at the top, or an image's."""
    problems = [
        *_dockerfile_problems(reader, values),
        *_production_problems(reader, values, path),
        *run_problems(values.get("run", {})),
        *_files_problems(reader, values.get("dependencies", {})),
        *_imports_problems(values.get("imports", {})),
        *_bloat_problems(values.get("size", {})),
        *_checks_problems(values.get("checks", {})),
        *_smoke_problems(reader, values.get("smoke", []), path),
    ]
    for key, text in problems:
        reader.problem((*path, *key), text)


def check_name(reader: Reader, name: str, path: Path) -> None:
    """Note an image's name that can't stand in an id and a tag."""
    if not _NAME.fullmatch(name):
        reader.problem(path, f"{name!r} can't be a name: {_NAME_RULE}")


def check_levels(reader: Reader, values: Values, smokes: set[str], path: Path = ()) -> None:
    """Note levels for smokes that no image has: they would never take effect."""
    for check in values.get("checks", {}):
        name, _, parameter = check.partition("[")
        smoke = parameter.removesuffix("]")
        if name in {"peak-memory", "duration"} and parameter and smoke not in smokes:
            near = suggest(smoke, smokes)
            reader.problem((*path, "checks", check), f"no smoke is named {smoke!r}{near}")


def _dockerfile_problems(reader: Reader, values: Values) -> Problems:
    """Of one that is named; the default need not be there, as for an image that is built."""
    name, root = values.get("dockerfile"), reader.source.root
    if name is not None and not is_file(normal(root / name)):
        near = suggest(name, files_beside(normal(root / name), root))
        yield ("dockerfile",), f"no file {name!r} in {root}{near}"


def _production_problems(reader: Reader, values: Values, path: Path) -> Problems:
    if "kubernetes" in values and "compose" in values:
        beside = f"'compose' ({reader.source.place((*path, 'compose'))})"
        text = f"stands beside {beside}, and one file says how production runs it: name one"
        yield ("kubernetes",), text


def _bloat_problems(size: Values) -> Problems:
    for cause in size.get("bloat", {}):
        if cause not in BLOAT:
            near = suggest(cause, BLOAT) or f"; there are {', '.join(BLOAT)}"
            yield ("size", "bloat", cause), f"no cause of bloat is named {cause!r}{near}"


def run_problems(run: Values) -> Problems:
    """What is wrong with the values of [run], by key; keys are those of the file."""
    for key in ("memory", "cpus", "pids", "shm-size"):
        if key in run and not (run[key] > 0 and math.isfinite(run[key])):
            yield ("run", key), "must be more than 0"
    yield from engine_problems(run)
    for index, volume in enumerate(run.get("volumes", [])):
        if str(volume).startswith(("/", ".", "~")):
            yield (
                ("run", "volumes", index),
                f"{volume!r} is a path of the host; only the engine's volumes are mounted",
            )
    for place, text in (*env_problems(run.get("env", [])), *port_problems(run)):
        yield ("run", *place), text
    if run.get("network") == "host" or run.get("network", "").startswith("container:"):
        yield ("run", "network"), f"{run['network']!r} is never used: it leaves the container"


def _files_problems(reader: Reader, dependencies: Values) -> Problems:
    root = reader.source.root
    for index, name in enumerate(dependencies.get("files") or []):
        if not is_file(root / name):
            near = suggest(name, files_beside(root / name, root))
            yield ("dependencies", "files", index), f"no file {name!r} in {root}{near}"


def _imports_problems(imports: Values) -> Problems:
    if imports.get("timeout", 1) <= 0:
        yield ("imports", "timeout"), "must be more than 0"


def _checks_problems(checks: Values) -> Problems:
    for check in checks:
        name, bracket, parameter = check.partition("[")
        known = name in {*_PLAIN, *_WITH_PARAMETER}
        if known and not bracket:
            continue
        if name in _PLAIN:
            yield ("checks", check), f"{name!r} takes no parameter"
        elif not (known and parameter.endswith("]") and _parameter(name, parameter[:-1])):
            near = suggest(check, _CHECKS) or f"; known: {', '.join(sorted(_CHECKS))}"
            yield ("checks", check), f"unknown check{near}"


def _parameter(name: str, parameter: str) -> bool:
    return parameter in _SIZES if name == "size" else bool(parameter)


def _smoke_problems(reader: Reader, smokes: list[Values], path: Path) -> Problems:
    seen: set[str] = set()
    for index, smoke in enumerate(smokes):
        raw = reader.source.raw((*path, "smoke", index))
        for key, text in _one_smoke(reader, smoke, raw) if isinstance(raw, dict) else ():
            yield ("smoke", index, *key), text
        name = smoke.get("name")
        if name in seen:
            yield ("smoke", index), f"two smokes are named {name!r}"
        seen |= {name} if name is not None else set()


def _one_smoke(reader: Reader, smoke: Values, raw: Values) -> Problems:
    name, script, root = smoke.get("name"), smoke.get("script"), reader.source.root
    if name is not None and not _NAME.fullmatch(name):
        yield ("name",), f"{name!r} can't be a name: {_NAME_RULE}"
    found = [kind for kind in ("script", "command", "request") if kind in raw]
    if len(found) != 1:
        what = " and ".join(found) or "none"
        yield (), f"expected exactly one of script, command and request, found {what}"
    if script is not None and not is_file(root / script):
        yield ("script",), f"no file {script!r} in {root}"
    if not smoke.get("command", "x"):
        yield ("command",), "is empty"
    if smoke.get("timeout", 1) <= 0:
        yield ("timeout",), "must be more than 0"
    for phase, seconds in smoke.get("phase-duration", {}).items():
        yield from _phase_problems(phase, seconds)
    yield from env_problems(smoke.get("env", []))
    yield from passed_problems(root, smoke.get("files", []))
    yield from repeat_problems(smoke)
    for key, text in request_problems(smoke.get("request", {})):
        yield ("request", *key), text


def _phase_problems(phase: str, seconds: float) -> Problems:
    if not 0 < len(phase) <= _MOST_PHASE or phase.strip() != phase:
        text = f"{phase!r} names no phase: 1 to {_MOST_PHASE} characters, no space around them"
        yield ("phase-duration", phase), text
    elif phase == _START and 0 < seconds < _LEAST_START:
        yield ("phase-duration", phase), "must be 500 ms or more: a shorter start is not told"
    elif seconds <= 0:
        yield ("phase-duration", phase), "must be more than 0"
