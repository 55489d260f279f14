"""Every check, in the order in which they are collected and told."""

from pytest_tfdocker.checks import (
    bloat,
    build,
    conflicts,
    duration,
    gpu_visible,
    hashes,
    imports,
    limits,
    package_size,
    parity,
    peak_memory,
    pinned,
    size,
    threads,
)
from pytest_tfdocker.checks.check import Check

CHECKS: tuple[Check, ...] = (
    build.CHECK,
    size.CHECK,
    package_size.CHECK,
    bloat.CHECK,
    pinned.CHECK,
    hashes.CHECK,
    parity.CHECK,
    conflicts.CHECK,
    imports.CHECK,
    gpu_visible.CHECK,
    limits.CHECK,
    threads.CHECK,
    peak_memory.CHECK,
    duration.CHECK,
)
"""What costs least comes first: smoke runs are last."""
