"""The settings of one image, typed. Field names are the keys of [tool.tfdocker], with - for _."""

import os
from pathlib import Path
from typing import Any, Literal

import msgspec


class ByteSize(int):
    """Bytes, read from text with a unit: "4 GiB", "2 GB", "900 MiB"."""


class Seconds(float):
    """Seconds, read from text with a unit: "30 s", "5 min", "500 ms"."""


Level = Literal["off", "warn", "fail", "require"]


class Secrets(dict[str, str]):
    """Values of variables by name, which are shown nowhere."""

    def __repr__(self) -> str:
        """The names alone."""
        return f"<values of {', '.join(self) or 'nothing'}>"


class Table(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """A table of the settings file."""


class Build(Table, frozen=True, kw_only=True):
    """What is handed to the builder."""

    target: str | None = None
    args: dict[str, str] = {}
    platform: str | None = None
    secrets: list[str] = []
    ssh: list[str] = []
    builder: str | None = None
    cache_from: list[str] = []
    cache_to: list[str] = []
    contexts: dict[str, str] = {}
    options: list[str] = []


class Run(Table, frozen=True, kw_only=True):
    """How production starts the container. Absent values are the engine's own."""

    memory: ByteSize | None = None
    swap: ByteSize | None = None
    cpus: float | None = None
    pids: int | None = None
    shm_size: ByteSize | None = None
    user: str | None = None
    non_root: bool = False
    """Whether it may not run as root, as Kubernetes' runAsNonRoot has it."""
    workdir: str | None = None
    read_only: bool = False
    tmpfs: list[str] = []
    network: str = "none"
    env: list[str] = []
    volumes: list[str] = []
    port: int | None = None
    """The port that the service listens on. None: the lowest that the image EXPOSEs."""
    entrypoint: list[str] | None = None
    command: list[str] | None = None


class Size(Table, frozen=True, kw_only=True):
    """Budgets, in bytes."""

    total: ByteSize | None = None
    download: ByteSize | None = None
    layer: ByteSize | None = None
    wasted: ByteSize | None = None
    packages: dict[str, ByteSize] = {}
    bloat: dict[str, ByteSize] = {}
    """By the name of a cause."""


class Dependencies(Table, frozen=True, kw_only=True):
    """Where what is declared stands, and how strictly it is taken."""

    files: list[str] | None = None
    mode: Literal["exact", "subset", "superset"] = "exact"
    """Whether the image may hold less than what is declared, or more."""
    hashes: bool = False
    base: Literal["allow", "judge"] = "allow"
    allow_extra: list[str] = []


class Imports(Table, frozen=True, kw_only=True):
    """Modules to import. None: the ML frameworks found; []: none."""

    modules: list[str] | None = None
    timeout: Seconds = Seconds(300)


class Gpu(Table, frozen=True, kw_only=True):
    """Whether the image is to see a GPU."""

    expect: Literal["auto", "required", "none"] = "auto"


class Request(Table, frozen=True, kw_only=True):
    """An HTTP request, sent over loopback from inside the container, as often as `repeat` says."""

    path: str
    port: int | None = None
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str | None = None
    json: Any = None
    status: int = 200
    expect: dict[str, Any] = {}
    """Path in the JSON of the answer → its value, or a table of length, min and max."""
    ready: str | None = None
    """A path that answers 2xx once the service is ready. None: it is when its port listens."""
    concurrency: int = 1


class Smoke(Table, frozen=True, kw_only=True):
    """A smoke run: exactly one of script, command and request."""

    name: str
    script: str | None = None
    command: list[str] | str | None = None
    request: Request | None = None
    env: list[str] = []
    """Beside `run.env`, whose variables of the same name it replaces."""
    files: list[str] = []
    """Files and folders of the repo that are passed in."""
    warm_up: int = 0
    """Runs before those that are counted; of a `request`, requests."""
    repeat: int = 1
    peak_memory: ByteSize | None = None
    duration: Seconds | None = None
    phase_duration: dict[str, Seconds] = {}
    """By the name of a phase."""
    timeout: Seconds = Seconds(300)


class ImageSettings(Table, frozen=True, kw_only=True):
    """Everything that is set for one image. Paths in it are relative to `root`."""

    dockerfile: str = "Dockerfile"
    context: str = "."
    compose: list[str] | str | None = None
    service: str | None = None
    kubernetes: str | None = None
    """A manifest, "PATH" or "PATH#CONTAINER"."""
    python: str | None = None
    build: Build = Build()
    run: Run = Run()
    size: Size = Size()
    dependencies: Dependencies = Dependencies()
    imports: Imports = Imports()
    gpu: Gpu = Gpu()
    smoke: list[Smoke] = []
    checks: dict[str, Level] = {}


ONLY = "default"
"""The name of the image where [tool.tfdocker.images] names none."""

ARCHIVES = ("tar:", "oci:")
"""How references to files begin: an archive of `docker save` or of an OCI layout, and a layout."""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image to judge: its settings, and where each came from."""

    name: str
    """Its key in [tool.tfdocker.images], "default" where there is but one."""
    root: Path
    """The folder of the settings file; where there is none, pytest's rootdir."""
    settings: ImageSettings
    source: Path | None = None
    """The settings file."""
    given: str | None = None
    """What --tfdocker-image or TFDOCKER_IMAGE gives: a tag, a digest or an id; a file as
    "tar:FILE" or "oci:DIR", absolute, perhaps with ":NAME" of the image in it."""
    origins: dict[str, str] = {}
    """Where a value was set, "run.memory" → "compose.yaml:9"; other keys are defaults."""
    notes: list[str] = []
    """What production's file asks for and is otherwise here, a line each, with file and line."""
    secrets: Secrets = Secrets()
    """Values of variables that `run.env` has by their bare names, from files of variables."""

    @property
    def is_file(self) -> bool:
        """Whether it is judged from a file alone, by no engine."""
        return self.given is not None and self.given.startswith(ARCHIVES)

    @property
    def dockerfile(self) -> Path:
        """The Dockerfile, absolute and without "..", as pytest names it; it need not exist."""
        return Path(os.path.normpath(self.root / self.settings.dockerfile))

    @property
    def context(self) -> Path:
        """The build context, absolute."""
        return self.root / self.settings.context


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The merged settings of a run."""

    images: list[Image]
    project: str
    """Name of the project, as it stands in the tags of the images that are built."""
    keep: bool = False
    waste: bool = False
    """Whether layers are read though no check asks for it."""
    fit: bool = False
    """Whether the smallest memory limit of each smoke is looked for."""
    json_path: Path | None = None
