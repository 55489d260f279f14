"""One run: what it was held to, and what was measured."""

from pytest_tfdocker.evidence.records.common import Absent, Record


class Limits(Record, frozen=True, kw_only=True):
    """What a container was asked to be held to."""

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None


class Effective(Record, tag="effective", frozen=True, kw_only=True):
    """What the control group inside says. None: unlimited."""

    memory_bytes: int | None
    swap_bytes: int | None
    cpus: float | None
    pids: int | None
    cgroup_version: str
    swap_known: bool = True
    """False where the kernel accounts no swap; swap_bytes tells nothing then."""
    machine_swap_bytes: int | None = None
    """The machine's swap space. None: it isn't told."""
    machine_memory_bytes: int | None = None
    unknown: list[str] = []
    """"cpus" and "pids" where that controller can't be read: None means unknown there."""

    def machine_short_of(self, memory_bytes: int | None) -> int | None:
        """What the machine has, where that is less than a limit: engines say no word of it."""
        machine = self.machine_memory_bytes
        short = machine is not None and memory_bytes is not None and machine < memory_bytes
        return machine if short else None

    @property
    def swappable_bytes(self) -> int | None:
        """How much can be swapped out: without a limit, all that the machine has. None: no end."""
        return self.machine_swap_bytes if self.swap_bytes is None else self.swap_bytes


class Started(Record, frozen=True, kw_only=True):
    """Who a container's program is, and where it may write."""

    user: str
    """"UID", "UID:GID" or names; "" is root."""
    user_origin: str
    """Where it was set, for people: "deploy/app.yaml:12", "the image's USER"."""
    read_only: bool
    """The root file system."""
    read_only_origin: str


WHOLE_RUN = "run"
"""The one phase of a run whose program named none."""


class Phase(Record, frozen=True, kw_only=True):
    """A stretch of a run, begun by a line `tfdocker: phase NAME`."""

    name: str
    seconds: float
    peak_bytes: int | None


class Run(Record, tag="run", frozen=True, kw_only=True):
    """One finished run of a smoke or of a user's own command or service."""

    name: str
    command: list[str]
    limits: Limits
    effective: Effective | Absent
    exit_code: int | None
    """Of the user's process; 128 + signal where a signal ended it; None: never ended by itself."""
    timed_out: bool = False
    oom_killed: bool | None = None
    """From the kernel's oom_kill counter, read inside, else from the engine's `oom` event; None:
    nobody could count."""
    peak_bytes: int | None = None
    """Working memory: anon + shmem, page cache, kernel memory and the supervisor excluded."""
    peak_source: str | None = None
    """"samples" or "kernel"."""
    kernel_peak_bytes: int | None = None
    """memory.peak or max_usage_in_bytes, page cache included."""
    seconds: float = 0.0
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    largest_gap_seconds: float | None = None
    phases: list[Phase] = []
    samples: list[tuple[float, int, int]] = []
    """Seconds since the start, working bytes, cache bytes."""
    stdout: str = ""
    """The last 64 KiB, as they came: not for a terminal."""
    stderr: str = ""
    largest_processes: list[str] = []
    """Of the moment of the largest sample: "python (pid 9) 412 MiB"."""
    error: str | None = None
    """Why the user's process could not be started."""
    started: Started | None = None
    request_error: str | None = None
    """Of a `request` smoke: what was answered instead."""
