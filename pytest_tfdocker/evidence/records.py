"""The facts that are gathered. Bytes are integers; a fact that is absent is None, never 0."""

from typing import Literal

import msgspec


class Record(msgspec.Struct, frozen=True):
    """A fact, or several that are gathered together."""


class Absent(Record, tag="absent", frozen=True, kw_only=True):
    """In place of a part that could not be gathered."""

    reason: str
    """One sentence, and what to do about it where something can be done."""
    oom_killed: bool = False
    """Of a run: whether the engine saw an OOM kill, of PID 1 itself, so that nobody reported."""


class EngineFacts(Record, frozen=True, kw_only=True):
    """The engine, as /version and /info tell it."""

    name: str
    version: str
    id: str
    cgroup_version: str
    store: str
    """"overlay2", or the snapshotter of a containerd image store: "containerd:overlayfs"."""
    remote: bool
    cpus: int
    memory_bytes: int
    gpu: bool
    """Whether /info names an NVIDIA runtime or CDI devices."""

    @property
    def counts_blocks(self) -> bool:
        """Whether history sizes are allocated blocks, as the containerd store has it."""
        return self.store.startswith("containerd")


class BuildFacts(Record, frozen=True, kw_only=True):
    """How the image was built."""

    builder: str
    """"buildx" or "classic"."""
    seconds: float
    cached: bool


class Layer(Record, frozen=True, kw_only=True):
    """One entry of the image's history, oldest first."""

    instruction: str
    bytes: int
    """File bytes; where `ImageEvidence.counts_blocks`, allocated blocks."""
    empty: bool
    base: bool | None = None
    """Whether it came with the final FROM; None: can't be told."""
    line: int | None = None
    """Of the Dockerfile, counted from 1."""


class Files(Record, tag="files", frozen=True, kw_only=True):
    """The merged file system, as a walk from inside sees it. Hard links are counted once."""

    count: int
    apparent_bytes: int
    """Sum of st_size of all that is no folder."""
    block_bytes: int | None
    """Sum of st_blocks × 512, folders included; None of files in an archive."""
    unreadable: int
    """Folders that could not be listed."""
    seconds: float
    links_bytes: int = 0
    """Of `apparent_bytes`: of symbolic links, which engines count in some layers and not in all."""
    uncounted_bytes: int = 0
    """Of these: of links in layers whose size in the history is that of their regular files."""
    layer_bytes: list[int] = []
    """File bytes of each entry of the history, where that counts disk blocks and they are known."""
    folder_bytes: int = 0
    """Else, in disk blocks: of folders that several layers have, beyond the one that is left."""
    owners: list["Owner"] = []
    """Largest first. Their bytes add up to `apparent_bytes`."""
    bloat: list["Bloat"] = []
    """Largest first."""
    notes: list[str] = []
    """What could not be read, or is odd, a sentence each."""
    unread_packages: str | None = None
    """Which database of the OS's packages can't be read, and why: what it owns is nobody's."""
    uncompared: list["Uncompared"] = []
    """Why large files of the same size may have the same content, and nobody knows."""


class Distribution(Record, frozen=True, kw_only=True):
    """An installed distribution, from its dist-info, egg-info or egg."""

    name: str
    """Canonical (PEP 503)."""
    version: str
    path: str
    """The dist-info, egg-info or EGG-INFO, absolute, in the image."""
    location: str
    """The entry of sys.path that holds it."""
    bytes: int | None
    """Of the files in its RECORD and their .pyc; None where it has no RECORD."""
    requires: list[str] = []
    """Requires-Dist, as it stands."""
    extras: list[str] = []
    requires_python: str | None = None
    installer: str | None = None
    """"pip", "uv", "conda"; "dpkg", "apk" or "rpm" where the OS's package manager owns it."""
    direct_url: str | None = None
    """direct_url.json, as it stands."""
    editable: bool = False
    shadowed_by: str | None = None
    """The path of the copy of the same name that comes first on sys.path."""
    problem: str | None = None
    """Why its metadata can't be read."""
    layer: int | None = None
    """Which its metadata came with, an index into `ImageEvidence.layers`; None: can't be told."""


class Interpreter(Record, tag="interpreter", frozen=True, kw_only=True):
    """The interpreter that the image's own service would run on."""

    executable: str
    reason: str
    """"CMD python app.py", "/entrypoint.sh ends in exec \\"$@\\"", "python on PATH"."""
    version: str
    platform: str
    """As `platform.machine()` and sys.platform: "linux x86_64"."""
    environment: dict[str, str]
    """PEP 508 markers, as packaging.markers.Environment names them."""
    path: list[str]
    """sys.path of a plain start, without the script's own folder."""


class Distributions(Record, tag="distributions", frozen=True, kw_only=True):
    """Every distribution on the interpreter's sys.path, in its order."""

    installed: list[Distribution]
    others: list[str] = []
    """Other environments of the image that hold a site-packages: their prefixes."""


class Owner(Record, frozen=True, kw_only=True):
    """Bytes of one owner that came with one layer; of "nobody" those below one folder."""

    kind: str
    """"distribution", "os-package", "weights", "project" (below WORKDIR), "nobody"."""
    name: str
    """Of what is nobody's the folder: "/wheels/", "/usr/local/"; of a file at the top its path."""
    version: str = ""
    layer: int | None = None
    """An index into `ImageEvidence.layers`. None: it can't be told."""
    bytes: int


class Bloat(Record, frozen=True, kw_only=True):
    """A cause of the catalogue that was found in the image."""

    cause: str
    bytes: int
    """What its fix saves."""
    paths: list[str]
    """The ten largest: files of 1 MB and more, and folders, with "/" at the end."""
    path_bytes: list[int]
    count: int
    """Of files, all of them."""
    by_layer: list[tuple[int | None, int]]
    """Bytes that came with a layer, largest first; it is an index into `ImageEvidence.layers`, None
    where it can't be told."""


class WastedFile(Record, frozen=True, kw_only=True):
    """A file whose bytes stand in a layer, and no longer in the image."""

    path: str
    bytes: int
    layer: int
    """An index into `ImageEvidence.layers`, as is `by`."""
    by: int
    """The layer that hides it."""
    how: str
    """"deleted", "overwritten", "rewritten" (by the same content, as chown and chmod do) or
    "moved"."""
    now: str = ""
    """Of what was moved: where it stands."""


class WastedGroup(Record, frozen=True, kw_only=True):
    """All files of one layer that another hides in one way; as in WastedFile."""

    layer: int
    by: int
    how: str
    bytes: int
    count: int
    below: str
    """The folder that has them all, with "/" at the end; of a single file its path."""


class Waste(Record, tag="waste", frozen=True, kw_only=True):
    """Which files a later layer hides, from the layers themselves."""

    bytes: int
    """Of regular files; the sums of the history may count symbolic links, too."""
    count: int
    groups: list[WastedGroup]
    """Largest first, of all files."""
    files: list[WastedFile]
    """The largest of them."""


class Uncompared(Record, frozen=True, kw_only=True):
    """Large files that were not compared with others of their size, for one reason."""

    reason: str
    """"time" or "unreadable"."""
    count: int
    bytes: int
    """What a link in place of each could save at most."""


class Inventory(Record, frozen=True, kw_only=True):
    """The parts that one container start gathers together, or one reading of all layers."""

    files: Files | Absent
    interpreter: Interpreter | Absent
    distributions: Distributions | Absent
    waste: Waste | None = None
    """Where the layers were read."""


class Download(Record, tag="download", frozen=True, kw_only=True):
    """What a registry sends to who has none of the layers."""

    bytes: int
    source: Literal["manifest", "store", "archive", "estimate"]
    """Of the registry, the containerd image store, the file that the image was given as, or
    measured by a sample of the files."""
    layers: list[int] = []
    """Of each layer, the base's first; [] where only the sum is known."""
    reference: str = ""
    """Of the manifest."""
    error_bytes: int = 0
    """How far off an estimate may be, either way."""
    sampled_bytes: int = 0
    """Of an estimate: how much was compressed, …"""
    archive_bytes: int = 0
    """… of how much: the files with their headers, as an archive has them."""
    note: str = ""
    """What stood in the way of a better source."""


class Base(Record, tag="base", frozen=True, kw_only=True):
    """What came with the image of the final FROM."""

    reference: str
    id: str
    layers: int
    """How many entries of the history are its own."""
    distributions: list[str]
    """Paths of its dist-info and egg-info folders, as in `Distribution.path`."""


class ImageConfig(Record, frozen=True, kw_only=True):
    """The part of the image's OCI config that says how it is run."""

    entrypoint: list[str] = []
    command: list[str] = []
    env: list[str] = []
    user: str = ""
    workdir: str = "/"
    ports: list[str] = []
    volumes: list[str] = []
    """Paths that the engine mounts a volume at, with a copy of what the image has there."""
    healthcheck: bool = False
    stop_signal: str | None = None


class ImageEvidence(Record, frozen=True, kw_only=True):
    """All that is known of one image without running its program."""

    name: str
    reference: str
    id: str
    digests: list[str]
    platform: str
    engine: EngineFacts | None
    """None of an image that is a file."""
    config: ImageConfig
    layers: list[Layer]
    """The history, oldest first; [] where it does not tell of every layer."""
    store_bytes: int | None = None
    """The engine's own sum of all layers, in file bytes; None where it tells none."""
    build: BuildFacts | None = None
    files: Files | Absent
    interpreter: Interpreter | Absent
    distributions: Distributions | Absent
    base: Base | Absent
    waste: Waste | None = None
    """None: the layers were not looked into."""
    download: Download | Absent = Absent(reason="not asked for")
    """Of an image in a file: what its layers' blobs have."""

    @property
    def runs_on(self) -> EngineFacts:
        """The engine. Raises LookupError of an image that is a file, of which nothing is run."""
        if self.engine is None:
            raise LookupError(self.reference)
        return self.engine

    @property
    def counts_blocks(self) -> bool:
        """Whether the layers' sizes are allocated blocks."""
        if self.engine is None or not self.engine.counts_blocks:
            return False
        return isinstance(self.files, Absent) or not self.files.layer_bytes

    @property
    def history_bytes(self) -> int | None:
        """Sum of the history's sizes, in the store's own unit; None without a history."""
        return sum(layer.bytes for layer in self.layers) if self.layers else None

    @property
    def _above_merged(self) -> int | None:
        """The history's sizes less the merged file system, in the store's own unit."""
        if self.history_bytes is None or isinstance(self.files, Absent):
            return None
        files = self.files
        if self.counts_blocks:
            return self.history_bytes - (files.block_bytes or 0) - files.folder_bytes
        return self.history_bytes - files.apparent_bytes + files.uncounted_bytes

    @property
    def falls_short(self) -> bool:
        """Whether the history tells of fewer bytes than the files hold: not of every layer."""
        above = self._above_merged
        if above is None or isinstance(self.files, Absent):
            return False
        # Of disk blocks those of folders, of file bytes those of links may count on one side alone
        blocks = (self.files.block_bytes or 0) // 100 if self.counts_blocks else 0
        links = self.files.links_bytes + HIDDEN_BY_THE_ENGINE_BYTES
        return -above > max(links, blocks)

    @property
    def wasted_bytes(self) -> int | None:
        """Bytes overwritten or deleted by a later layer.

        None without a history of every layer or a whole walk: what was not seen is not wasted.
        """
        above = self._above_merged
        if above is None or self.falls_short:
            return None
        if isinstance(self.files, Absent) or self.files.unreadable:
            return None
        return above if above >= HIDDEN_BY_THE_ENGINE_BYTES else 0

    @property
    def total_bytes(self) -> int | None:
        """Uncompressed bytes of all layers: merged file bytes + wasted; None if neither is known.

        On overlay2 that is the history's sum, to the byte; where it tells not of every layer, the
        engine's own sum.
        """
        if self.store_bytes is not None and (self.falls_short or not self.layers):
            return self.store_bytes
        if isinstance(self.files, Absent):
            return None if self.counts_blocks else self.history_bytes
        merged = self.files.apparent_bytes - self.files.uncounted_bytes
        return merged + (0 if self.falls_short else self._above_merged or 0)


HIDDEN_BY_THE_ENGINE_BYTES = 4096
"""/etc/hostname, hosts, resolv.conf and mtab are the engine's: under this, nothing is wasted."""


class Limits(Record, frozen=True, kw_only=True):
    """What a container was asked to be held to."""

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None


class Effective(Record, tag="effective", frozen=True, kw_only=True):
    """What the control group inside says. None: unlimited."""

    memory_bytes: int | None
    swap_bytes: int | None
    cpus: float | None
    pids: int | None
    cgroup_version: str
    swap_known: bool = True
    """False where the kernel accounts no swap; swap_bytes tells nothing then."""
    machine_swap_bytes: int | None = None
    """The machine's swap space. None: it isn't told."""
    unknown: list[str] = []
    """"cpus" and "pids" where that controller can't be read: None means unknown there."""

    @property
    def swappable_bytes(self) -> int | None:
        """How much can be swapped out: without a limit, all that the machine has. None: no end."""
        return self.machine_swap_bytes if self.swap_bytes is None else self.swap_bytes


WHOLE_RUN = "run"
"""The one phase of a run whose program named none."""


class Phase(Record, frozen=True, kw_only=True):
    """A stretch of a run, begun by a line `tfdocker: phase NAME`."""

    name: str
    seconds: float
    peak_bytes: int | None


class Run(Record, tag="run", frozen=True, kw_only=True):
    """One finished run of a smoke or of a user's own command or service."""

    name: str
    command: list[str]
    limits: Limits
    effective: Effective | Absent
    exit_code: int | None
    """Of the user's process; 128 + signal where a signal ended it; None: never ended by itself."""
    timed_out: bool = False
    oom_killed: bool | None = None
    """From the kernel's oom_kill counter, read inside, else from the engine's `oom` event; None:
    nobody could count."""
    peak_bytes: int | None = None
    """Working memory: anon + shmem, page cache, kernel memory and the supervisor excluded."""
    peak_source: str | None = None
    """"samples" or "kernel"."""
    kernel_peak_bytes: int | None = None
    """memory.peak or max_usage_in_bytes, page cache included."""
    seconds: float = 0.0
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    largest_gap_seconds: float | None = None
    phases: list[Phase] = []
    samples: list[tuple[float, int, int]] = []
    """Seconds since the start, working bytes, cache bytes."""
    stdout: str = ""
    """The last 64 KiB, as they came: not for a terminal."""
    stderr: str = ""
    largest_processes: list[str] = []
    """Of the moment of the largest sample: "python (pid 9) 412 MiB"."""
    error: str | None = None
    """Why the user's process could not be started."""
    request_error: str | None = None
    """Of a `request` smoke: what was answered instead."""


class Import(Record, frozen=True, kw_only=True):
    """One import of a module and its lazy core, in a process of its own."""

    name: str
    ok: bool
    seconds: float
    rss_bytes: int | None = None
    """ru_maxrss of the process."""
    version: str | None = None
    warnings: list[str] = []
    error: str | None = None
    """The last lines of the traceback, or "killed by SIGSEGV"."""
    oom_killed: bool = False
    memory_limit_bytes: int | None = None


class Imports(Record, tag="imports", frozen=True, kw_only=True):
    """Imports by module name."""

    modules: dict[str, Import]


class GpuDevice(Record, frozen=True, kw_only=True):
    """A device, as the CUDA driver API tells it."""

    name: str
    capability: str
    memory_bytes: int


class GpuFramework(Record, frozen=True, kw_only=True):
    """What one framework says of the GPU."""

    name: str
    version: str
    """"" where it gave no answer: it crashed, hung, or can't be imported."""
    cuda: str | None = None
    """The CUDA version it was built with; None for a CPU build, and where it gave no answer."""
    architectures: list[str] = []
    sees: bool = False
    kernel_ran: bool = False
    error: str | None = None

    @property
    def silent(self) -> bool:
        """Whether it gave no answer; `error` says how it ended."""
        return not self.version


class Gpu(Record, tag="gpu", frozen=True, kw_only=True):
    """GPU visibility inside a container that was given all GPUs."""

    visible: bool
    driver: str | None
    devices: list[GpuDevice] = []
    frameworks: list[GpuFramework] = []
    error: str | None = None
