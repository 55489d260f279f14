"""What is seen of a GPU inside a container."""

from pytest_tfdocker.evidence.records.common import Record


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
