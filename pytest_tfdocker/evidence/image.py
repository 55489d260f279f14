"""What the engine tells of an image and of itself."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.evidence.records import (
    Absent,
    BuildFacts,
    EngineFacts,
    ImageConfig,
    ImageEvidence,
    Inventory,
    Layer,
)


def engine_facts(engine: Engine) -> EngineFacts:
    """The engine, from /version and /info."""
    info, version = engine.info, engine.version
    return EngineFacts(
        name="Podman" if "podman" in str(version.get("Components", "")).lower() else "Docker",
        version=str(version.get("Version", "")),
        id=str(info.get("ID", "")),
        cgroup_version=str(info.get("CgroupVersion", "")),
        store=_store(info),
        remote=engine.remote,
        cpus=int(info.get("NCPU", 0)),
        memory_bytes=int(info.get("MemTotal", 0)),
        gpu=_offers_gpu(info),
    )


def _store(info: dict[str, Any]) -> str:
    status = dict(item[:2] for item in info.get("DriverStatus") or [] if len(item) > 1)
    driver = str(info.get("Driver", ""))
    is_containerd = "io.containerd.snapshotter" in str(status.get("driver-type", ""))
    return f"containerd:{driver}" if is_containerd else driver


def _offers_gpu(info: dict[str, Any]) -> bool:
    devices = [str(device.get("ID", "")) for device in info.get("DiscoveredDevices") or []]
    return "nvidia" in (info.get("Runtimes") or {}) or any("nvidia" in id_ for id_ in devices)


def image_config(inspected: dict[str, Any]) -> ImageConfig:
    """The OCI config of an inspected image."""
    config = inspected.get("Config") or {}
    health = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    return ImageConfig(
        entrypoint=list(config.get("Entrypoint") or []),
        command=list(config.get("Cmd") or []),
        env=list(config.get("Env") or []),
        user=config.get("User") or "",
        workdir=config.get("WorkingDir") or "/",
        ports=sorted(config.get("ExposedPorts") or {}),
        volumes=sorted(config.get("Volumes") or {}),
        healthcheck=health[0] != "NONE",
        stop_signal=config.get("StopSignal"),
        shell=list(config.get("Shell") or []),
    )


def describe_image(
    engine: Engine,
    name: str,
    reference: str,
    *,
    inspected: dict[str, Any],
    inventory: Inventory,
    build: BuildFacts | None = None,
) -> ImageEvidence:
    """The engine's record of an image and its inventory, together. Its base is not looked at."""
    facts = engine_facts(engine)
    files = inventory.files
    file_bytes = [] if isinstance(files, Absent) else files.layer_bytes
    # The engine's history may have as many entries as there are layers, and not one for each
    by_number = inventory.waste is not None and inventory.waste.by_number
    layers = [] if by_number else layers_of(engine, inspected)
    return ImageEvidence(
        name=name,
        reference=reference,
        id=inspected["Id"],
        digests=list(inspected.get("RepoDigests") or []),
        platform=platform_of(inspected),
        engine=facts,
        config=image_config(inspected),
        layers=_in_file_bytes(layers, file_bytes),
        store_bytes=_store_bytes(facts, inspected, file_bytes),
        build=build,
        files=inventory.files,
        interpreter=inventory.interpreter,
        distributions=inventory.distributions,
        base=Absent(reason="not asked for"),
        waste=inventory.waste,
    )


def _in_file_bytes(layers: list[Layer], file_bytes: Sequence[int]) -> list[Layer]:
    """Where these are known, and the history counts something else."""
    if len(file_bytes) != len(layers):
        return layers
    return [
        msgspec.structs.replace(layer, bytes=size, empty=not size)
        for layer, size in zip(layers, file_bytes, strict=True)
    ]


def _store_bytes(
    facts: EngineFacts, inspected: dict[str, Any], file_bytes: Sequence[int]
) -> int | None:
    """What all layers hold; the containerd store's Size is that of the packed ones (moby#53398)."""
    return (sum(file_bytes) or None) if facts.counts_blocks else inspected.get("Size")


def platform_of(inspected: dict[str, Any]) -> str:
    """Of an inspected image: "linux/amd64", "linux/arm64/v8"."""
    parts = (inspected.get("Os"), inspected.get("Architecture"), inspected.get("Variant"))
    return "/".join(part for part in parts if part)


def layers_of(engine: Engine, inspected: dict[str, Any]) -> list[Layer]:
    """The history, oldest first; [] where it does not tell of every layer. Raises EngineError."""
    return read_history(engine_facts(engine), engine.history(inspected["Id"]), inspected)


def read_history(
    facts: EngineFacts, history: Sequence[dict[str, Any]], inspected: dict[str, Any]
) -> list[Layer]:
    """`history`: as the engine tells it, oldest first; [] where it does not tell of every layer.

    Imported images have none, those of kaniko, jib and Bazel may have fewer entries than layers.
    """
    layers = (inspected.get("RootFS") or {}).get("Layers") or []
    if len(history) < len(layers) or _lacks_layers(facts, history, inspected):
        return []
    return [
        Layer(
            instruction=str(entry.get("CreatedBy") or entry.get("Comment") or ""),
            bytes=int(entry.get("Size") or 0),
            empty=not entry.get("Size"),
        )
        for entry in history
    ]


def _lacks_layers(
    facts: EngineFacts, history: Sequence[dict[str, Any]], inspected: dict[str, Any]
) -> bool:
    """Whether the engine's own sum has more than the history's.

    Docker adds both up from the same layers, whatever the driver. The containerd store's Size is
    that of the packed ones, and Podman's has manifest and config, too: there it tells but whether
    there is anything.
    """
    told, size = sum(entry.get("Size") or 0 for entry in history), inspected.get("Size") or 0
    is_sum = facts.name == "Docker" and not facts.counts_blocks
    return size > 0 and (told != size if is_sum else not told)
