"""The working peak: which of two sources is believed."""

import pytest

from pytest_tfdocker.evidence.working import working_peak

MIB = 2**20


def told(**changes):
    """100 MiB sampled, 20 MiB of cache and 5 of kernel memory beside it."""
    sound = {
        "measured": True,
        "working_bytes": 100 * MIB,
        "cache_bytes": 20 * MIB,
        "kernel_bytes": 5 * MIB,
        "outside_rise_bytes": 0,
        "own_bytes": 6 * MIB,
        "kernel_peak_bytes": 131 * MIB,
        "kernel_peak_before_bytes": 8 * MIB,
    }
    return sound | changes


def test_without_counters_there_is_no_peak():
    assert working_peak({"measured": False}) == (None, None)


@pytest.mark.parametrize("peak", [131 * MIB, 135 * MIB, None])
def test_samples_hold_where_the_kernels_peak_says_nothing_else(peak):
    assert working_peak(told(kernel_peak_bytes=peak)) == (100 * MIB, "samples")


def test_a_spike_between_two_samples_is_in_the_kernels_peak():
    assert working_peak(told(kernel_peak_bytes=231 * MIB)) == (200 * MIB, "kernel")


def test_cache_that_comes_and_goes_between_two_samples_is_no_working_memory():
    """A temporary file, written and deleted, raises the kernel's peak as a spike does."""
    cache = told(kernel_peak_bytes=231 * MIB, outside_rise_bytes=97 * MIB)
    assert working_peak(cache) == (100 * MIB, "samples")
    both = told(kernel_peak_bytes=331 * MIB, outside_rise_bytes=97 * MIB)
    assert working_peak(both) == (300 * MIB, "kernel")


def test_a_peak_from_before_the_child_is_not_the_childs():
    before = told(kernel_peak_bytes=400 * MIB, kernel_peak_before_bytes=400 * MIB)
    assert working_peak(before) == (100 * MIB, "samples")


def test_where_the_kernel_has_killed_its_peak_is_the_limit_and_no_sample_is_nearer():
    """`dd bs=1G` under 32 MiB, killed 8 ms after a sample: all of the rest was its own."""
    killed = told(
        oom_kills=1,
        working_bytes=20_922_368,
        cache_bytes=0,
        kernel_bytes=638_976,
        outside_rise_bytes=180_224,
        own_bytes=7_892_992,
        kernel_peak_bytes=32 * MIB,
    )
    assert working_peak(killed) == (32 * MIB - 638_976 - 7_892_992, "kernel")
