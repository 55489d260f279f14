"""What a Compose service mounts: `tmpfs`, and those of `volumes` that are one."""

from typing import Any

from pytest_tfdocker.settings import compose_casts as casts
from pytest_tfdocker.settings.compose_keys import INSTEAD
from pytest_tfdocker.settings.compose_service import Service
from pytest_tfdocker.settings.units import parse_compose_size


def read_mounts(service: Service) -> None:
    """Take memory over as `run.tmpfs`; other volumes are not ours to mount, and noted."""
    service.take(("tmpfs",), "run.tmpfs", casts.texts)
    volumes = service.find(("volumes",))
    if volumes is not None and not isinstance(volumes, list):
        service.problem(("volumes",), "expected a list")
    for at, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        keys = ("volumes", at)
        if isinstance(volume, dict) and volume.get("type") == "tmpfs":
            item = service.cast(keys, volume, _tmpfs)
            if item is not None:
                service.add(keys, "run.tmpfs", item)
        else:
            service.note(keys, f"{_shown(volume)} is not mounted; {INSTEAD['volumes']}")


def _shown(volume: Any) -> str:
    if not isinstance(volume, dict):
        return repr(str(volume))
    return f"{volume.get('source', volume.get('type', 'a volume'))!s} at {volume.get('target')!s}"


def _tmpfs(volume: Any) -> str:
    """PATH:OPTIONS of the long form. Source: compose-spec.json, `volumes.tmpfs`."""
    options = volume.get("tmpfs") or {}
    if not isinstance(options, dict):
        raise ValueError("tmpfs: expected a table")  # noqa: TRY004 (told as a problem)
    written: list[str] = []
    if options.get("size"):
        written.append(f"size={parse_compose_size(options['size'])}")
    if options.get("mode") is not None:
        written.append(f"mode={casts.mode(options['mode'])}")
    if casts.boolean(volume.get("read_only", False)):
        written.append("ro")
    return ":".join([casts.text(volume.get("target")), *([",".join(written)] if written else [])])
