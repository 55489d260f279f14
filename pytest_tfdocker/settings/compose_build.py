"""The build section of a Compose service."""

import os
from pathlib import Path
from typing import Any

from pytest_tfdocker.settings import compose_casts as casts
from pytest_tfdocker.settings.compose_keys import BUILD_HONOURED
from pytest_tfdocker.settings.compose_service import Service

_TAKEN = {"cache_from": "cache-from", "cache_to": "cache-to"}


def read_build(service: Service, root: Path) -> None:
    """Take over Dockerfile, context, target, arguments and platform; paths relative to `root`."""
    build = service.find(("build",))
    if build is None:
        service.note((), "no build section; the Dockerfile is that of the settings")
    elif not isinstance(build, str | dict):
        service.problem(("build",), "expected a folder or a table")
    else:
        _read_context(service, build, root)
        for key, target in _TAKEN.items():
            service.take(("build", key), f"build.{target}", casts.texts)
        service.take(("build", "target"), "build.target", casts.text)
        _read_args(service)
        _read_platforms(service)
        _note_others(service, build)


def _read_context(service: Service, build: Any, root: Path) -> None:
    table = build if isinstance(build, dict) else {"context": build}
    keys = ("build", "context") if table.get("context") is not build else ("build",)
    context = service.cast(keys, table.get("context", "."), casts.text)
    dockerfile = service.cast(
        ("build", "dockerfile"), table.get("dockerfile", "Dockerfile"), casts.text
    )
    if context is None or dockerfile is None:
        return
    if "://" in context or context.startswith("git@"):
        service.note(keys, f"not honoured; {context!r} is no folder")
        return
    # Where Compose has put files together the folder stands before what a variable gives
    context = context.removeprefix(f"{service.file.folder}{os.sep}")
    folder = service.file.folder / os.path.expanduser(context)  # noqa: PTH111 (Path's raises where there is no such user)
    for key, path in (("context", folder), ("dockerfile", folder / dockerfile)):
        service.set(("build", key), key, os.path.relpath(path, root))


def _read_args(service: Service) -> None:
    keys = ("build", "args")
    arguments = service.find(keys)
    for inner, name, value in service.pairs(keys, arguments) if arguments else ():
        found = service.variables.get(name) if value is None else value
        if found is None:
            service.note(keys, f"{name} isn't set and is left out")
        else:
            service.values.setdefault("build", {}).setdefault("args", {})[name] = found
            service.origins[f"build.args.{name}"] = service.place(inner)


def _read_platforms(service: Service) -> None:
    keys = ("build", "platforms")
    platforms = service.find(keys)
    names = service.cast(keys, platforms, casts.texts) if platforms else None
    if names and len(names) > 1:
        service.note(keys, "not honoured; set build.platform to one of them")
    elif names:
        service.set(keys, "build.platform", names[0])


def _note_others(service: Service, build: Any) -> None:
    for key in build if isinstance(build, dict) else ():
        if key not in BUILD_HONOURED and not key.startswith("x-"):
            service.note(("build", key), "not honoured")
