"""The working peak of a run, from what the supervisor sampled and the kernel kept."""

from typing import Any

LAG_BYTES = 4 << 20
"""What memory.stat may lag behind (tens of pages a CPU), and the supervisor's own short-lived
memory: a floor that is above the samples by less says nothing."""


def working_peak(told: dict[str, Any]) -> tuple[int | None, str | None]:
    """Peak bytes of anon + shmem, the supervisor's own left out, and which source says so.

    CPU throttling stops the sampler too, so that a spike may fall between two samples. The
    kernel's own peak misses none, but counts page cache and kernel memory; less the most that was
    sampled of these, it is a floor of the working peak: used where it is clearly above the samples.
    """
    if not told.get("measured"):
        return None, None
    sampled = int(told["working_bytes"])
    kernel_peak = told.get("kernel_peak_bytes")
    if kernel_peak is None:
        return sampled, "samples"
    if kernel_peak == told["kernel_peak_before_bytes"]:
        return sampled, "samples"  # it was reached before the child was there
    others = told["cache_bytes"] + told["kernel_bytes"] + told["own_bytes"]
    floor = int(kernel_peak) - int(others)
    return (floor, "kernel") if floor > sampled + LAG_BYTES else (sampled, "samples")
