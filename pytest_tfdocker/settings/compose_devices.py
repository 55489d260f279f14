"""The GPUs of a Compose service: reserved devices, and `gpus`."""

from typing import Any

from pytest_tfdocker.settings.compose_service import Service
from pytest_tfdocker.settings.toml_lines import Path as Keys

_RESERVATIONS: Keys = ("deploy", "resources", "reservations")
_RESERVED = {"cpus", "memory", "devices", "generic_resources"}
_ASIDE = "is no GPU of NVIDIA's: not honoured"


def read_devices(service: Service) -> None:
    """Take NVIDIA's GPUs over as `gpu.expect = "required"`; note every other device."""
    reserved = service.find(_RESERVATIONS)
    if not isinstance(reserved, dict | None):
        service.problem(_RESERVATIONS, "expected a table")
    elif reserved is not None and reserved.get("generic_resources"):
        service.note((*_RESERVATIONS, "generic_resources"), "not honoured")
    for key in reserved if isinstance(reserved, dict) else ():
        if key not in _RESERVED:
            service.problem((*_RESERVATIONS, key), "Compose knows no such reservation")
    _read(service, (*_RESERVATIONS, "devices"))
    if service.find(("gpus",)) == "all":
        service.set(("gpus",), "gpu.expect", "required")
    else:
        _read(service, ("gpus",), kind="gpu")


def _read(service: Service, keys: Keys, kind: str = "") -> None:
    devices = service.find(keys)
    if devices is not None and not isinstance(devices, list):
        service.problem(keys, "expected a list" + (" or 'all'" if kind else ""))
        return
    for at, device in enumerate(devices or ()):
        asked = service.cast((*keys, at), device, _table)
        if asked is None:
            continue
        capabilities = asked.get("capabilities") or []
        names = capabilities if isinstance(capabilities, list) else [capabilities]
        wanted = {kind, *map(str, names)}
        driver = str(asked.get("driver") or "nvidia")
        if str(asked.get("count", "")) == "0":
            continue
        if driver in ("nvidia", "cdi") and wanted & {"gpu", "nvidia"}:
            service.set((*keys, at), "gpu.expect", "required")
        else:
            named = f"{driver} {', '.join(sorted(wanted - {''}))}".strip()
            service.note((*keys, at), f"{named!r} {_ASIDE}")


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("expected a table")  # noqa: TRY004 (told as a problem)
    return value
