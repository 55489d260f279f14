"""The environments that `uv sync`, `poetry install` and `pipenv sync` fill."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping

from pytest_tfdocker.locks.calls import Call
from pytest_tfdocker.locks.places import Place, homes, of_surroundings
from pytest_tfdocker.locks.project_command import OFF, ProjectCommand, is_set

_SYSTEM = frozenset({"/usr", "/usr/local", "/"})
_IN_PROJECT = {"poetry": "POETRY_VIRTUALENVS_IN_PROJECT", "pipenv": "PIPENV_VENV_IN_PROJECT"}
_CONFIG_WORDS = len(("poetry", "config", "KEY", "VALUE"))


def project_places(
    command: ProjectCommand,
    call: Call,
    root: str,
    made: Collection[str],
    settings: Mapping[str, str],
) -> tuple[Place, ...]:
    """Where a project's own tool installs it; `root`: the folder of its lock.

    `settings`: what was set with `poetry config`, as its variables of the environment.
    """
    known = {**settings, **call.variables}
    active = known.get("VIRTUAL_ENV", "")
    beside = posixpath.join(root, ".venv")
    if command.tool == "uv":
        chosen = known.get("UV_PROJECT_ENVIRONMENT", "")
        if "--active" in command.options and active:
            return (active,)
        path = posixpath.normpath(posixpath.join(root, chosen)) if chosen else beside
        return (None if path in _SYSTEM else path,)
    if _uses_the_system(command, known):
        return of_surroundings(call, made, is_uv=False)
    if active:
        return (active,)
    if beside in made or is_set(known, _IN_PROJECT[command.tool]):
        return (beside,)
    return tuple(posixpath.join(folder, "*") for folder in _kept_in(command.tool, call, known))


def _uses_the_system(command: ProjectCommand, known: Mapping[str, str]) -> bool:
    """Whether no environment is made."""
    if command.tool == "poetry":
        return known.get("POETRY_VIRTUALENVS_CREATE", "true").lower() in OFF
    variables = ("PIPENV_SYSTEM", "PIPENV_USE_SYSTEM")
    return "--system" in command.options or any(is_set(known, name) for name in variables)


def _kept_in(tool: str, call: Call, known: Mapping[str, str]) -> Iterator[str]:
    """The folders that poetry's and pipenv's environments stand in."""
    name = {"poetry": "POETRY_VIRTUALENVS_PATH", "pipenv": "WORKON_HOME"}[tool]
    if known.get(name):
        yield known[name].replace("{cache-dir}", known.get("POETRY_CACHE_DIR", ""))
    elif tool == "poetry" and known.get("POETRY_CACHE_DIR"):
        yield posixpath.join(known["POETRY_CACHE_DIR"], "virtualenvs")
    else:
        inside = {"poetry": ".cache/pypoetry/virtualenvs", "pipenv": ".local/share/virtualenvs"}
        yield from (posixpath.join(home, inside[tool]) for home in homes(call))


def poetry_settings(call: Call) -> dict[str, str]:
    """What `poetry config virtualenvs.create false` sets, by the variable of the same sense."""
    words = [arg.text for arg in call.args if not arg.text.startswith("-")]
    if len(words) != _CONFIG_WORDS or posixpath.basename(words[0]) != "poetry":
        return {}
    _, verb, key, value = words
    return {setting_variable(key): value} if verb == "config" else {}


def setting_variable(key: str) -> str:
    """Of the environment, in the place of a key of Poetry's configuration."""
    return "POETRY_" + re.sub(r"[.-]", "_", key).upper()
