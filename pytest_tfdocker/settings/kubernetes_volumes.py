"""What a container mounts: emptyDirs as memory; all other volumes are noted."""

from typing import Any

from pytest_tfdocker.settings.kubernetes_container import Container, boolean, text
from pytest_tfdocker.settings.kubernetes_quantity import memory_bytes
from pytest_tfdocker.settings.reading import suggest
from pytest_tfdocker.settings.schema import ByteSize
from pytest_tfdocker.settings.toml_lines import Path as Keys

SHM = "/dev/shm"  # noqa: S108 (the path inside)
_INSTEAD = "name an engine's volume in run.volumes"


def read_volumes(container: Container) -> None:
    """Take emptyDirs over as `run.tmpfs`, that at /dev/shm as `run.shm-size`."""
    pod = container.found.pod
    volumes = {
        str(item.get("name")): (keys, item)
        for keys, item in container.items(container.in_pod("volumes"), pod)
    }
    for keys, mount in container.items(container.at("volumeMounts"), container.found.container):
        name = container.value((*keys, "name"), mount, text)
        path = container.value((*keys, "mountPath"), mount, text)
        if not name or not path:
            container.problem(keys, f"{'name' if not name else 'mountPath'!r} is missing")
        elif name in volumes:
            _read(container, keys, mount, path, *volumes[name])
        elif container.found.workload[0] == "StatefulSet":
            container.note(
                keys, f"{name} (volumeClaimTemplates) at {path} is not mounted; {_INSTEAD}"
            )
        else:
            container.problem(keys, f"no volume is named {name!r}{suggest(name, volumes)}")


def _read(
    container: Container,
    keys: Keys,
    mount: dict[str, Any],
    path: str,
    volume_keys: Keys,
    volume: dict[str, Any],
) -> None:
    kind = next((key for key in volume if key != "name"), "emptyDir")
    if kind != "emptyDir":
        container.note(keys, f"{volume['name']} ({kind}) at {path} is not mounted; {_INSTEAD}")
        return
    keys_of_dir = (*volume_keys, "emptyDir")
    table = container.table(keys_of_dir, volume)
    medium = table.get("medium") or ""
    size = container.value((*keys_of_dir, "sizeLimit"), table, memory_bytes)
    if medium not in ("", "Memory") and not str(medium).startswith("HugePages"):
        near = suggest(str(medium).capitalize(), ["Memory"])
        container.problem((*keys_of_dir, "medium"), f"Kubernetes knows no {medium!r}{near}")
        return
    if medium not in ("", "Memory"):
        container.note(keys_of_dir, f"{medium} at {path} is not mounted")
        return
    is_memory = medium == "Memory"
    if is_memory and size is None:
        size = _pod_limit(container)
    told = "is memory" if is_memory else "is a disk in production and memory here"
    container.note(keys_of_dir, f"{path} {told}: what is written there counts to the limit")
    if path.rstrip("/") == SHM and size is not None:
        container.set(keys_of_dir, "run.shm-size", size)
        return
    options = ["exec", *([f"size={size}"] if size is not None else [])]
    options += ["ro"] if container.value((*keys, "readOnly"), mount, boolean) else []
    entry = f"{path}:{','.join(options)}"
    container.add(keys_of_dir, "run.tmpfs", entry, at=(*keys, "mountPath"))


def _pod_limit(container: Container) -> ByteSize | None:
    """The memory that all containers may take together; None where one has no limit.

    It is the size of an emptyDir in memory that has no sizeLimit of its own (the kubelet's
    SizeMemoryBackedVolumes).
    """
    total = 0
    listed = container.found.pod.get("containers")
    for one in listed if isinstance(listed, list) else []:
        resources = one.get("resources") if isinstance(one, dict) else None
        limits = resources.get("limits") if isinstance(resources, dict) else None
        try:
            limit = memory_bytes(limits["memory"]) if isinstance(limits, dict) else None
        except (ValueError, KeyError):
            limit = None
        if limit is None:
            return None
        total += limit
    return ByteSize(total) if total else None
