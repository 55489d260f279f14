"""Removes what a dead run of this machine left in the engine: containers and networks."""

import os
import re
import socket
from contextlib import suppress
from pathlib import Path

from pytest_tfdocker.engine.client import FAILURES, LABEL, Engine

OWNER_LABEL = f"{LABEL}.owner"
"""HOST/PID/START/NAMESPACE/BOOT of the process that a container or network belongs to."""


def owner() -> str:
    """This process, told apart from a later one of the same number by its start."""
    host, pid = socket.gethostname(), os.getpid()
    return f"{host}/{pid}/{_start(pid)}/{_namespace()}/{_boot()}"


def _start(pid: int) -> str:
    """Clock ticks from boot to a living process's start, of /proc/PID/stat; "" elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # A container's PID 1 that reaps nobody keeps the dead as zombies
    return "" if fields[0] in ("Z", "X") else fields[19]


def _namespace() -> str:
    """Where PIDs count: CI jobs in containers may share host name and engine, and see no other."""
    try:
        return re.sub(r"\D", "", str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        return ""


def _boot() -> str:
    """The running kernel's own id: virtual machines may share host name and engine.

    The first PID namespace has the same number in each of them.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_dead(label: str) -> bool:
    """Whether an owner is gone; one of another machine or PID namespace may well live."""
    host, pid, start, namespace, boot = (label.split("/") + [""] * 4)[:5]
    if (host, namespace, boot) != (socket.gethostname(), _namespace(), _boot()):
        return False
    return pid.isdigit() and bool(start) and _start(int(pid)) != start


def sweep(engine: Engine) -> None:
    """Removes containers and networks of runs that are dead."""
    filters = {"label": OWNER_LABEL}
    with suppress(*FAILURES):
        for found in engine.api.containers(all=True, filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_container, found["Id"], force=True, v=True)
        for found in engine.api.networks(filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_network, found["Id"])


def _try(remove: object, *args: object, **kwargs: object) -> None:
    with suppress(*FAILURES):
        remove(*args, **kwargs)  # type: ignore[operator]
