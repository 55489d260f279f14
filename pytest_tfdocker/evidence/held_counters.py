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
    program.Kept = lambda path: _Told(files, path)
    folders = {path.partition("/")[0] for path in files}
    if f"{_GROUP_V2}/memory.max" in files:
        return program.Version2(_GROUP_V2)
    if "memory" not in folders:
        return None
    known = folders.intersection(("memory", "cpu", "cpuacct", "pids"))
    return program.Version1({controller: controller for controller in known})


class _Told:
    """In place of a counter file that is kept open: its text, as it was read."""

    def __init__(self, files: dict[str, str], path: str) -> None:
        """Raises OSError where it was not there; of memory.stat a shell reads nothing."""
        if path not in files and not path.endswith("/memory.stat"):
            raise FileNotFoundError(path)
        self._data = files.get(path, "").encode()

    def read(self) -> bytes:
        """The whole text, as the probe's own has it."""
        return self._data


def figures(before: dict[str, str], after: dict[str, str]) -> dict[str, Any]:
    """What a run took, by the names of the fields of `Run`; without those that can't be told."""
    first, last = counters_of(before), counters_of(after)
    if first is None or last is None:
        return {}
    kills = _risen(first.oom_kills(), last.oom_kills())
    return {
        "oom_killed": None if kills is None else kills > 0,
        "kernel_peak_bytes": last.kernel_peak(),
        "cpu_seconds": _risen(first.cpu_seconds(), last.cpu_seconds()),
        "throttled_seconds": _risen(first.throttled_seconds(), last.throttled_seconds()),
    }


def limits_of(files: dict[str, str]) -> Effective | None:
    """The limits in force; None where no memory counter could be read."""
    counters = counters_of(files)
    return None if counters is None else Effective(**counters.limits())


def _risen(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
