"""Several Compose files, `extends`, `include`, tags for merging: `docker compose config` does it.

It reads files and asks no engine. Variables stay as they are written, so that a secret that is
handed through by its name stays a name.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.settings.compose_file import ComposeFile, read_file
from pytest_tfdocker.settings.source import SettingsError, is_file, shown
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.text import one_line

SECONDS = 60
_MOST_SOURCES = 100

_CONFIG = ("--profile", "*", "config", "--no-interpolate", "--format", "json")
_MISSING = (
    "needs the docker CLI with its compose plugin (package docker-compose or "
    "docker-compose-plugin), which isn't here; without it name one file without extends, include, "
    "!reset and !override"
)


class Resolved(ComposeFile, frozen=True, kw_only=True):
    """What several files come to; where a value stands is looked for in them."""

    sources: tuple[tuple[ComposeFile, str], ...] = ()
    """Files and the service in each, the one that counts most first."""

    def locate(self, keys: Keys) -> tuple[ComposeFile, Keys]:
        """The nearest key that one of the files has, in the one that counts most."""
        inner = keys[2:]
        for length in range(len(inner), -1, -1):
            for file, service in self.sources:
                found = ("services", service, *inner[:length])
                if found in file.lines:
                    return file, found
        return self.sources[0][0] if self.sources else self, keys


def resolve(files: Sequence[ComposeFile], environ: Mapping[str, str]) -> Resolved:
    """All services of these files, put together. Raises SettingsError, with Compose's own words."""
    command, plugin = _command(environ)
    names = " and ".join(shown(one.path) for one in files)
    if command is None:
        raise SettingsError([f"{names}: {_MISSING}"])
    arguments = [f"--file={one.path}" for one in files]
    try:
        done = subprocess.run(
            [*command, *arguments, *_CONFIG],
            env=dict(environ),
            cwd=files[0].folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        text = f"`docker compose config` has not ended within {SECONDS} s"
        raise SettingsError([f"{names}: {text}"]) from None
    except OSError as error:
        raise SettingsError([f"{names}: {command[0]} can't be run: {error.strerror}"]) from None
    if done.returncode:
        if plugin and not _has_plugin(command, environ):
            raise SettingsError([f"{names}: {_MISSING}"])
        raise SettingsError([f"{names}: `docker compose config` refuses it: {_said(done.stderr)}"])
    return Resolved(
        path=files[0].path, name=files[0].name, data=_read(done.stdout, names), lines={}
    )


def with_sources(
    resolved: Resolved, files: Sequence[ComposeFile], service: str, root: Path
) -> Resolved:
    """The same, with the places where a service may have its values."""
    seen: set[tuple[Path, str]] = set()
    found = [one for file in reversed(files) for one in _sources(file, service, root, seen)]
    return msgspec.structs.replace(resolved, sources=tuple(found))


def _command(environ: Mapping[str, str]) -> tuple[list[str] | None, bool]:
    """The docker CLI that may have the plugin; else the program that the plugin is by itself."""
    path = environ.get("PATH", os.defpath)
    docker = shutil.which("docker", path=path)
    alone = shutil.which("docker-compose", path=path)
    if docker is not None:
        command = [docker, "compose"]
        if alone is None or _has_plugin(command, environ):
            return command, True
    return ([alone] if alone else None), False


def _has_plugin(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            [*command, "version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _said(stderr: bytes) -> str:
    """What was said and is no warning."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and "level=warning" not in line]
    told = [re.sub(r'^time="[^"]*" level=\w+ msg=', "", line) for line in told]
    return one_line(" ".join(told), 400) or "it says no reason"


def _read(stdout: bytes, names: str) -> dict[str, Any]:
    try:
        data = json.loads(stdout)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise SettingsError([f"{names}: `docker compose config` gives no JSON"])
    return data


def _sources(
    file: ComposeFile, service: str, root: Path, seen: set[tuple[Path, str]]
) -> Iterator[tuple[ComposeFile, str]]:
    """The file and what its service extends, then what the file includes; unreadable ones left."""
    if (file.path, service) in seen or len(seen) > _MOST_SOURCES:
        return
    seen.add((file.path, service))
    if service in file.services:
        yield file, service
    table = file.services.get(service)
    extends = table.get("extends") if isinstance(table, dict) else None
    if isinstance(extends, str):
        yield from _sources(file, extends, root, seen)
    elif isinstance(extends, dict):
        name = extends.get("file")
        other = file if name is None else _beside(file, name, root)
        if other is not None:
            yield from _sources(other, str(extends.get("service")), root, seen)
    for path in _included(file.data.get("include")):
        included = _beside(file, path, root)
        if included is not None:
            yield from _sources(included, service, root, seen)


def _included(include: Any) -> Iterator[Any]:
    for item in include if isinstance(include, list) else ():
        path = item.get("path") if isinstance(item, dict) else item
        yield from path if isinstance(path, list) else [path]


def _beside(file: ComposeFile, name: Any, root: Path) -> ComposeFile | None:
    path = file.folder / str(name)
    if not is_file(path):
        return None
    try:
        return read_file(path, os.path.relpath(path, root), part=True)
    except SettingsError:
        return None
