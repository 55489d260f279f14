"""All that is known of one image without running its program."""

from pytest_tfdocker.evidence.records.common import Absent, Record
from pytest_tfdocker.evidence.records.engine import BuildFacts, EngineFacts
from pytest_tfdocker.evidence.records.files import Download, Files, Layer, Waste
from pytest_tfdocker.evidence.records.python import Distributions, Interpreter


class Inventory(Record, frozen=True, kw_only=True):
    """The parts that one container start gathers together, or one reading of all layers."""

    files: Files | Absent
    interpreter: Interpreter | Absent
    distributions: Distributions | Absent
    waste: Waste | None = None
    """Where the layers were read."""


class Base(Record, tag="base", frozen=True, kw_only=True):
    """What came with the image of the final FROM."""

    reference: str
    id: str
    layers: int
    """How many entries of the history are its own."""
    triggers: int = 0
    """ONBUILD instructions, each of which leaves one entry behind these."""
    distributions: list[str]
    """Paths of its dist-info and egg-info folders, as in `Distribution.path`."""


class ImageConfig(Record, frozen=True, kw_only=True):
    """The part of the image's OCI config that says how it is run."""

    entrypoint: list[str] = []
    command: list[str] = []
    shell: list[str] = []
    """As SHELL has set it; [] for the builder's own."""
    env: list[str] = []
    user: str = ""
    workdir: str = "/"
    ports: list[str] = []
    volumes: list[str] = []
    """Paths that the engine mounts a volume at, with a copy of what the image has there."""
    healthcheck: bool = False
    stop_signal: str | None = None


HIDDEN_BY_THE_ENGINE_BYTES = 4096
"""/etc/hostname, hosts, resolv.conf and mtab are the engine's: under this, nothing is wasted."""


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

    def layer_at(self, index: int | None) -> Layer | None:
        """A layer by its entry in the history; None where it isn't known, or there is none."""
        return None if index is None or index >= len(self.layers) else self.layers[index]

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
