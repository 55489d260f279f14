"""What one service of a Compose file sets: its build section, command, environment and limits."""

from collections.abc import Mapping
from pathlib import Path

from pytest_tfdocker.settings import compose_casts as casts
from pytest_tfdocker.settings.compose_build import read_build
from pytest_tfdocker.settings.compose_devices import read_devices
from pytest_tfdocker.settings.compose_env import read_environment
from pytest_tfdocker.settings.compose_file import ComposeFile
from pytest_tfdocker.settings.compose_keys import HONOURED, INSTEAD, NOT_HONOURED, WITHOUT_EFFECT
from pytest_tfdocker.settings.compose_mounts import read_mounts
from pytest_tfdocker.settings.compose_service import Cast, Service
from pytest_tfdocker.settings.dotenv import read_variables
from pytest_tfdocker.settings.layers import Layer
from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.schema import ByteSize
from pytest_tfdocker.settings.toml_lines import Path as Keys

_RESOURCES = ("deploy", "resources")
_LIMITS = (*_RESOURCES, "limits")
_TAKEN: tuple[tuple[Keys, str, Cast], ...] = (
    (("command",), "run.command", casts.words),
    (("entrypoint",), "run.entrypoint", casts.words),
    (("working_dir",), "run.workdir", casts.text),
    (("user",), "run.user", casts.text),
    (("read_only",), "run.read-only", casts.boolean),
    (("shm_size",), "run.shm-size", casts.limit),
    (("mem_limit",), "run.memory", casts.limit),
    ((*_LIMITS, "memory"), "run.memory", casts.limit),
    (("cpus",), "run.cpus", casts.cpus),
    ((*_LIMITS, "cpus"), "run.cpus", casts.cpus),
    (("pids_limit",), "run.pids", casts.pids),
    ((*_LIMITS, "pids"), "run.pids", casts.pids),
    (("platform",), "build.platform", casts.text),
)


def read_service(file: ComposeFile, name: str, root: Path, environ: Mapping[str, str]) -> Layer:
    """The settings that a service gives, paths relative to `root`, the folder of the settings.

    Raises SettingsError with all that Compose would refuse, by file and line.
    """
    service = Service(file, name, read_variables(file.folder, environ), environ)
    if isinstance(service.raw, dict):
        for keys, target, cast in _TAKEN:
            service.take(keys, target, cast)
        _read_swap(service)
        _read_port(service)
        read_environment(service)
        read_mounts(service)
        read_devices(service)
        read_build(service, root)
        _judge_keys(service)
        _judge_limits(service)
    else:
        service.problem((), "expected a table")
    return service.layer()


def _read_swap(service: Service) -> None:
    """`memswap_limit` is memory and swap together; `run.swap` is swap alone."""
    keys = ("memswap_limit",)
    raw = service.find(keys)
    if raw is None:
        return
    if service.cast(keys, raw, casts.text) == "-1":
        service.note(keys, "swap without a limit is not honoured; it stays off")
        return
    total = service.cast(keys, raw, casts.limit)
    memory = service.values.get("run", {}).get("memory")
    if total and (memory is None or total < memory):
        service.problem(keys, "must be at least the memory limit, which must be set")
    elif total:
        service.set(keys, "run.swap", ByteSize(total - memory))


def _read_port(service: Service) -> None:
    for key in ("ports", "expose"):
        port = casts.first_port(service.find((key,)))
        if port is not None:
            service.set((key,), "run.port", port)
            return


def _judge_keys(service: Service) -> None:
    """Say of every other key what becomes of it."""
    for key in service.raw:
        if key in NOT_HONOURED:
            instead = f"; {INSTEAD[key]}" if key in INSTEAD else ""
            service.note((key,), f"not honoured{instead}")
        elif key not in HONOURED | WITHOUT_EFFECT and not key.startswith("x-"):
            near = suggest(key, HONOURED | WITHOUT_EFFECT | NOT_HONOURED)
            service.problem((key,), f"Compose knows no such key{near}")


def _judge_limits(service: Service) -> None:
    for keys in (_LIMITS[:1], _RESOURCES, _LIMITS):
        if not isinstance(service.find(keys), dict | None):
            service.problem(keys, "expected a table")
    limits = service.find(_LIMITS)
    for key in limits if isinstance(limits, dict) else ():
        if key not in {"cpus", "memory", "pids"}:
            near = suggest(key, ["cpus", "memory", "pids"])
            service.problem((*_LIMITS, key), f"Compose knows no such limit{near}")
