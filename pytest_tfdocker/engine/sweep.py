"""Removes what a dead run of this machine left in the engine: containers and networks."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import requests
from docker.errors import APIError

from pytest_tfdocker.engine.client import LABEL, Engine

OWNER_LABEL = f"{LABEL}.owner"
"""HOST/PID/START of the process that a container or network belongs to."""


def owner() -> str:
    """This process, told apart from a later one of the same number by its start."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start(os.getpid())}"


def _start(pid: int) -> str:
    """Clock ticks from boot to the process's start, field 22 of /proc/PID/stat; "" elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_dead(label: str) -> bool:
    """Whether an owner of this machine is gone; one of another machine may well live."""
    host, _, rest = label.partition("/")
    pid, _, start = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit() or not start:
        return False
    return _start(int(pid)) != start


def sweep(engine: Engine) -> None:
    """Removes containers and networks of runs that are dead."""
    filters = {"label": OWNER_LABEL}
    with suppress(APIError, requests.RequestException):
        for found in engine.api.containers(all=True, filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_container, found["Id"], force=True, v=True)
        for found in engine.api.networks(filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_network, found["Id"])


def _try(remove: object, *args: object, **kwargs: object) -> None:
    with suppress(APIError, requests.RequestException):
        remove(*args, **kwargs)  # type: ignore[operator]
