"""The control group's files that a shell has read, by the rules of the probe's own reader."""

from typing import Any

from pytest_tfdocker.evidence.records import Effective
from pytest_tfdocker.evidence.unstarted.programs import Loader

_GROUP_V2 = "."


def counters_of(files: dict[str, str]) -> Any | None:
    """The probe's reader of counters, over the texts of files by CONTROLLER/NAME.

    None where no memory counter could be read.
    """
    program = Loader().load("cgroup")
    program.read = lambda folder, name: files.get(f"{folder}/{name}")
    # A text, where there is one, stands for the file that is kept open
    program.opened = lambda folder, name: files.get(f"{folder}/{name}")
    program.pread = lambda text, *_: text.encode()
    folders = {path.partition("/")[0] for path in files}
    if f"{_GROUP_V2}/memory.max" in files:
        return program.Version2(_GROUP_V2)
    if "memory" not in folders:
        return None
    known = folders.intersection(("memory", "cpu", "cpuacct", "pids"))
    return program.Version1({controller: controller for controller in known})


def figures(before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """What a run took, by the names of the fields of `Run`; without those that can't be told."""
    first, last = counters_of(before), counters_of(after)
    if first is None or last is None:
        return {}
    kills = _risen(first.oom_kills(), last.oom_kills())
    _, cpu_seconds, throttled_seconds = map(_risen, first.used(), last.used())
    return {
        "oom_killed": None if kills is None else kills > 0,
        "kernel_peak_bytes": last.kernel_peak(),
        "cpu_seconds": cpu_seconds,
        "throttled_seconds": throttled_seconds,
    }


def limits_of(files: dict[str, str]) -> Effective | None:
    """The limits in force; None where no memory counter could be read."""
    counters = counters_of(files)
    return None if counters is None else Effective(**counters.limits())


def _risen(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
