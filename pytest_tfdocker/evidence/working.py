"""The working peak of a run, from what the supervisor sampled and the kernel kept."""

from typing import Any

LAG_BYTES = 4 << 20
"""What memory.stat may lag behind (tens of pages a CPU), and the supervisor's own short-lived
memory: a figure that is above the samples by less says nothing."""


def working_peak(told: dict[str, Any]) -> tuple[int | None, str | None]:
    """Peak bytes of anon + shmem, the supervisor's own left out, and which source says so.

    CPU throttling stops the sampler too, so that a spike may fall between two samples. The
    kernel's own peak misses none, but counts page cache and kernel memory; less the most that was
    sampled of these, the rest was working memory, unless cache came and went between two samples,
    as a temporary file's does. So it is used only where it is above the samples by more than the
    cache has ever risen from one sample to the next, or where the kernel has killed.
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
    rest = int(kernel_peak) - int(others)
    # Before a kill the kernel has dropped what cache it could: the limit was reached without
    unseen = 0 if told.get("oom_kills") else LAG_BYTES + int(told["outside_rise_bytes"])
    return (rest, "kernel") if rest > sampled + unseen else (sampled, "samples")
