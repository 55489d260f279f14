"""Removes what a dead run of this machine left in the engine: containers, networks and tags."""

import hashlib
import os
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_tfdocker.engine.client import FAILURES, LABEL, Engine

OWNER_LABEL = f"{LABEL}.owner"
"""HOST/PID/START/NAMESPACE/BOOT of the process that a container or network belongs to."""

HOLDING = "tfdocker/run"
"""The repository of tags by which runs hold images. Tags have no labels: they name the owner."""
_HELD = re.compile(rf"(?:^|/){HOLDING}:([0-9a-f]{{16}})-(\d+)-(\d*)-[0-9a-f]{{8}}$")


def new_tag() -> str:
    """A tag by which this process holds an image, whatever others build under its usual one.

    The engine removes an image with its last tag, in one step.
    """
    pid = os.getpid()
    return f"{HOLDING}:{_machine()}-{pid}-{_start(pid)}-{secrets.token_hex(4)}"


def is_held(inspected: dict[str, Any]) -> bool:
    """Whether a run holds this image, by the engine's record of it."""
    return any(_HELD.search(tag) for tag in inspected.get("RepoTags") or [])


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


def _machine() -> str:
    """Host, PID namespace and boot, as short as a tag needs them."""
    whole = f"{socket.gethostname()}/{_namespace()}/{_boot()}"
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _is_dead(label: str) -> bool:
    """Whether an owner is gone; one of another machine or PID namespace may well live."""
    host, pid, start, namespace, boot = (label.split("/") + [""] * 4)[:5]
    if (host, namespace, boot) != (socket.gethostname(), _namespace(), _boot()):
        return False
    return _has_ended(pid, start)


def _is_dead_tag(tag: str) -> bool:
    """The same of a tag that `new_tag` gave; Podman puts a registry before it."""
    found = _HELD.search(tag)
    return found is not None and found[1] == _machine() and _has_ended(found[2], found[3])


def _has_ended(pid: str, start: str) -> bool:
    return pid.isdigit() and bool(start) and _start(int(pid)) != start


def sweep(engine: Engine) -> None:
    """Removes containers, networks and tags of runs that are dead."""
    filters = {"label": OWNER_LABEL}
    with suppress(*FAILURES):
        for found in engine.api.containers(all=True, filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_container, found["Id"], force=True, v=True)
        for found in engine.api.networks(filters=filters):
            if _is_dead(found["Labels"].get(OWNER_LABEL, "")):
                _try(engine.api.remove_network, found["Id"])
    with suppress(*FAILURES):
        for found in engine.api.images(name=HOLDING):
            for tag in filter(_is_dead_tag, found.get("RepoTags") or []):
                _try(engine.api.remove_image, tag)


def _try(remove: object, *args: object, **kwargs: object) -> None:
    with suppress(*FAILURES):
        remove(*args, **kwargs)  # type: ignore[operator]
