"""The environment of a Compose service: `environment` over the files of `env_file`."""

import os
from collections.abc import Mapping
from typing import Any

from pytest_tfdocker.settings import compose_casts as casts
from pytest_tfdocker.settings.compose_service import Service
from pytest_tfdocker.settings.dotenv import read_dotenv
from pytest_tfdocker.settings.toml_lines import Path as Keys


def read_environment(service: Service) -> None:
    """Take both over as `run.env`; what may be a secret as a bare name, its value apart."""
    found: dict[str, str | None] = {}
    places: dict[str, Keys] = {}
    for keys, path, required in _files(service):
        values = _read(service, keys, path, required=required)
        found |= dict.fromkeys(values)
        places |= dict.fromkeys(values, keys)
        service.secrets |= values
    keys = ("environment",)
    raw = _kept_bare(service.find(keys), service.variables)
    for inner, name, value in service.pairs(keys, raw) if raw is not None else ():
        found[name], places[name] = value, inner
        service.secrets.pop(name, None)
        if value is None and name in service.variables and name not in service.environ:
            service.secrets[name] = service.variables[name]
    if found:
        env = [name if value is None else f"{name}={value}" for name, value in found.items()]
        service.set(
            keys if raw is not None else ("env_file",), "run.env", env, [places[n] for n in found]
        )


def _read(service: Service, keys: Keys, path: str, *, required: bool) -> dict[str, str]:
    """What a file sets: nothing, and a note, where it can't be read."""
    try:
        return read_dotenv(service.file.folder / path, service.variables)
    except FileNotFoundError:
        why = f"no file {path!r}" if required else ""
    except OSError as error:
        why = f"{path!r} can't be read ({error.strerror})"
    if why:
        service.note(keys, f"{why}: what it sets isn't set; name it in run.env")
    return {}


def _files(service: Service) -> list[tuple[Keys, str, bool]]:
    """Key, path and whether it must be there, of each file of `env_file`; the last one wins."""
    raw = service.find(("env_file",))
    listed = raw if isinstance(raw, list) else [] if raw is None else [raw]
    found: list[tuple[Keys, str, bool]] = []
    for at, item in enumerate(listed):
        keys: Keys = ("env_file", at) if isinstance(raw, list) else ("env_file",)
        table = item if isinstance(item, dict) else {"path": item}
        path = service.cast(keys, table.get("path"), casts.text)
        required = service.cast(keys, table.get("required", True), casts.boolean)
        if path is not None:
            folder = f"{service.file.folder}{os.sep}"
            found.append((keys, path.removeprefix(folder), required is not False))
    return found


def _kept_bare(environment: Any, variables: Mapping[str, str]) -> Any:
    """NAME: ${NAME} is a bare name in other words: its value is not ours to keep."""

    def handed(name: str, value: Any) -> bool:
        return name in variables and value in (f"${name}", f"${{{name}}}")

    if isinstance(environment, dict):
        return {name: None if handed(name, value) else value for name, value in environment.items()}
    if isinstance(environment, list):
        split = [(item, str(item).partition("=")) for item in environment]
        return [name if handed(name, value) else item for item, (name, _, value) in split]
    return environment
