"""The documents of an archive, as Docker and the OCI image specification have them."""

from typing import Any

import msgspec


class Saved(msgspec.Struct):
    """An entry of Docker's manifest.json."""

    config: str = msgspec.field(name="Config")
    layers: list[str] | None = msgspec.field(name="Layers", default=None)
    tags: list[str] | None = msgspec.field(name="RepoTags", default=None)


class Descriptor(msgspec.Struct):
    """What an index or a manifest says of a blob."""

    digest: str
    media_type: str = msgspec.field(name="mediaType", default="")
    annotations: dict[str, str] | None = None


class Index(msgspec.Struct):
    """OCI image index, and Docker's manifest list."""

    manifests: list[Descriptor] | None


class Manifest(msgspec.Struct):
    """Of one image, of one platform."""

    config: Descriptor
    layers: list[Descriptor] | None = None


class Entry(msgspec.Struct):
    """Of the history."""

    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class RootFs(msgspec.Struct):
    """Digests of the layers, unpacked."""

    diff_ids: list[str] | None = None


class Healthcheck(msgspec.Struct, rename="pascal"):
    """Of the program."""

    test: list[str] | None = None


class Program(msgspec.Struct, rename="pascal"):
    """How a container is started."""

    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    env: list[str] | None = None
    user: str | None = None
    working_dir: str | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    healthcheck: Healthcheck | None = None
    stop_signal: str | None = None


class Config(msgspec.Struct):
    """OCI image configuration: what is read of it must be of these types."""

    os: str | None = None
    architecture: str | None = None
    variant: str | None = None
    config: Program | None = None
    rootfs: RootFs | None = None
    history: list[Entry] | None = None
