"""The folders that an install fills, as the command, its environment and its user say."""

import posixpath
from collections.abc import Collection, Iterator

from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.launchers import past_options
from pytest_tfdocker.locks.pip_command import PipCommand
from pytest_tfdocker.locks.project_command import OFF

Place = str | None
"""An absolute folder; None: the interpreter's own site-packages."""

_CONDA_ROOTS = ("/opt/conda", "/opt/miniconda3", "/opt/miniforge3", "/root/miniconda3")
_CONDA_VARIABLES = ("MAMBA_ROOT_PREFIX", "CONDA_DIR", "CONDA_ROOT")
_VENV_VALUES = frozenset({"--prompt", "--python", "-p", "--cache-dir", "--app-data", "--seeder"})


def places(pip: PipCommand, call: Call, made: Collection[str] = ()) -> tuple[Place, ...]:
    """Each that it may be; none where that can't be told.

    `made` are the environments that are there when it runs.
    """
    asked = _asked(pip, call)
    if asked is not None:
        return (call.path(asked),)
    if _is_set(pip, call, "user"):
        return tuple(f"{home}/.local" for home in _home(call))
    if _is_set(pip, call, "system") or call.variables.get("UV_SYSTEM_PYTHON", "") not in OFF:
        return (None,)
    python = pip.options.get("--python") or _variable(pip, call, "python") or _program(pip)
    if "/" in python:
        return (_of_interpreter(call.path(python)),)
    conda = call.conda or call.variables.get("CONDA_DEFAULT_ENV")
    if conda:
        return tuple(_of_conda(conda, call))
    return of_surroundings(call, made, is_uv=pip.is_uv)


def environment_made(call: Call) -> str | None:
    """The folder of `python -m venv`, `virtualenv` and `uv venv`, whose default is .venv."""
    words = [arg.text for arg in call.args]
    is_virtualenv = bool(words) and posixpath.basename(words[0]) == "virtualenv"
    if not is_virtualenv and "venv" not in words[1:3]:
        return None
    begin = 1 if is_virtualenv else words.index("venv") + 1
    rest = past_options(call.args[begin:], _VENV_VALUES)
    if rest:
        return call.path(rest[0].text)
    return call.path(".venv") if posixpath.basename(words[0]) == "uv" else None


def _asked(pip: PipCommand, call: Call) -> str | None:
    names = ("target", "prefix", "root")
    found = [pip.options.get(f"--{name}") or "" for name in names]
    found += [_variable(pip, call, name) for name in names]
    return next((one for one in found if one), None)


def _variable(pip: PipCommand, call: Call, name: str) -> str:
    """Every option of pip may stand in its environment too, few of uv."""
    start = "UV" if pip.is_uv else "PIP"
    return call.variables.get(f"{start}_{name.upper()}", "")


def _program(pip: PipCommand) -> str:
    """Where uv itself stands says nothing of where it installs."""
    return "" if posixpath.basename(pip.program) == "uv" else pip.program


def _is_set(pip: PipCommand, call: Call, name: str) -> bool:
    return f"--{name}" in pip.options or _variable(pip, call, name).lower() not in OFF


def homes(call: Call) -> Iterator[str]:
    """Of the user that it runs as; a number says nothing of one."""
    if call.variables.get("HOME"):
        yield call.variables["HOME"]
    elif call.user in {"root", "0", ""}:
        yield "/root"
    elif not call.user.isdigit():
        yield f"/home/{call.user}"


def _home(call: Call) -> Iterator[str]:
    """As `homes`, but for PYTHONUSERBASE, which names .local itself."""
    base = call.variables.get("PYTHONUSERBASE", "")
    yield from [base.removesuffix("/.local")] if base else homes(call)


def _of_interpreter(path: str) -> Place:
    """`/opt/venv/bin/python` and `/opt/venv` are one to uv's and pip's --python."""
    folder, name = posixpath.split(path)
    if posixpath.basename(folder) == "bin":
        return environment_of(folder)
    return None if name.startswith(("python", "pypy", "pip")) else path


def _of_conda(name: str, call: Call) -> Iterator[Place]:
    if "/" in name:
        yield call.path(name)
    elif name == "base":
        yield None
    else:
        told = [call.variables[one] for one in _CONDA_VARIABLES if call.variables.get(one)]
        yield from (f"{root}/envs/{name}" for root in dict.fromkeys([*told, *_CONDA_ROOTS]))


def of_surroundings(call: Call, made: Collection[str], *, is_uv: bool) -> tuple[Place, ...]:
    """The environment that is active or nearest; where none is, the interpreter's own folder."""
    near = [posixpath.join(folder, ".venv") for folder in _upwards(call.folder)]
    if call.variables.get("VIRTUAL_ENV"):
        return (call.variables["VIRTUAL_ENV"],)
    if is_uv and (there := [one for one in near if one in made]):
        return (there[0],)
    on_path = [
        one
        for folder in call.variables.get("PATH", "").split(":")
        if (one := environment_of(folder)) and not one.endswith("/.local")
    ]
    if there := [one for one in on_path if one in made]:
        return (there[0],)
    others: list[Place] = [*on_path[:1], None, *(near if is_uv else [])]
    if call.user not in {"root", "0", ""} and not is_uv:
        # pip installs for the user where the interpreter's own folder can't be written
        others += [f"{home}/.local" for home in _home(call)]
    return tuple(others)


def _upwards(folder: str) -> Iterator[str]:
    while True:
        yield folder
        if folder in {"/", ""}:
            return
        folder = posixpath.dirname(folder)


def environment_of(folder: str) -> str | None:
    """The environment whose bin folder this is; the system's own folders are none."""
    prefix, name = posixpath.split(folder)
    system = prefix in {"", "/", "/usr", "/usr/local"}
    return prefix if name == "bin" and not system else None
