"""What the engine tells of itself and of a build."""

from pytest_tfdocker.evidence.records.common import Record


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
