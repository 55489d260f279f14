"""What no engine takes of [run], whatever its host has: its own words would name no file."""

import re
from collections.abc import Iterator

from pytest_tfdocker.settings.reading import Values
from pytest_tfdocker.settings.toml_lines import Path
from pytest_tfdocker.settings.units import format_memory, format_short

LEAST_MEMORY_BYTES = 6 * 2**20
"""Docker: "Minimum memory limit allowed is 6MB" (moby, daemon/daemon_unix.go); runc needs it."""
LEAST_CPUS = 0.01
"""The kernel's least quota is 1 ms of 100 (kernel/sched/core.c, min_cfs_quota_period)."""

# What the kernel reads; of other options each engine has its own list, and says so itself
_SIZE = re.compile(r"[0-9]+[kKmMgGtT%]?")
_MODE = re.compile(r"[0-7]{1,5}")


def engine_problems(run: Values) -> Iterator[tuple[Path, str]]:
    """What is wrong with the values of [run], by key."""
    memory, cpus = run.get("memory"), run.get("cpus")
    if memory is not None and 0 < memory < LEAST_MEMORY_BYTES:
        figure, least = format_short(memory, LEAST_MEMORY_BYTES, format_memory)
        yield ("run", "memory"), f"{figure} is below the engine's minimum, {least}"
    if cpus is not None and 0 < cpus < LEAST_CPUS:
        yield ("run", "cpus"), f"{cpus:g} is below the engine's minimum, {LEAST_CPUS:g}"
    for index, entry in enumerate(run.get("tmpfs", [])):
        problem = _tmpfs_problem(str(entry))
        if problem:
            yield ("run", "tmpfs", index), problem
    if not str(run.get("workdir", "/")).startswith("/"):
        yield ("run", "workdir"), f"{run['workdir']!r} is no absolute path in the container"


def _tmpfs_problem(entry: str) -> str | None:
    """What is wrong with "PATH" or "PATH:OPTIONS"."""
    path, _, options = entry.partition(":")
    if not path.startswith("/"):
        return f"{path!r} is no absolute path in the container"
    for option in options.split(","):
        key, equals, value = option.partition("=")
        if not equals:
            continue
        if key in ("size", "nr_blocks", "nr_inodes") and not _SIZE.fullmatch(value):
            return f"{key}: expected a number such as 64m, with k, m or g, found {value!r}"
        if key == "mode" and not _MODE.fullmatch(value):
            return f"mode: expected permissions such as 1777, found {value!r}"
    return None
