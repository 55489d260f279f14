"""One run: what it was held to, and what was measured."""

from pytest_tfdocker.evidence.records.common import Absent, Record

SWAP_ROUNDING_BYTES = 2 * 65_536
"""Two limits make it, memory and memory + swap, and each is rounded down to pages."""


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

    def swaps_more_than(self, asked_bytes: int) -> bool:
        """Whether more than that can be swapped out, or nobody knows how much."""
        swappable = self.swappable_bytes
        return swappable is None or swappable >= asked_bytes + SWAP_ROUNDING_BYTES


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
    """A stretch of a run, begun by a line `tfdocker: phase NAME`, else as seen from outside."""

    name: str
    seconds: float
    peak_bytes: int | None
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    timed: bool = True
    """False where its line came with others or with the end, as of a program that buffers it."""


class Resources(Record, frozen=True, kw_only=True):
    """One sample's figures beside its memory. None: no counter of the container's can be read."""

    seconds: float
    """Since the start."""
    swapped_bytes: int | None
    tasks: int | None
    """Processes and threads, the supervisor's own among them."""
    cpu_seconds: float | None
    """Since the container began, as is throttled_seconds."""
    throttled_seconds: float | None


class Repeats(Record, frozen=True, kw_only=True):
    """Runs of one program, one after the other in one container."""

    warm_up: int
    count: int
    """How many were asked for, the warm-up apart."""
    seconds: list[float]
    """Of each that came to its end, those of the warm-up first."""
    peak_bytes: list[int | None]
    broken: str | None = None
    """The one that broke, which was the last: "run 2 of 5", "warm-up 1 of 2"."""


class Requests(Record, frozen=True, kw_only=True):
    """What a service was asked, and how long its answers took."""

    count: int
    """How many were asked for, the warm-up apart."""
    answered: int
    """How many of these came as expected."""
    warm_up: int
    warm_up_seconds: float = 0.0
    """How long the warm-up took, where it came to its end."""
    concurrency: int
    min_seconds: float | None
    """Of those answered, from the connection to the last byte. None: none was."""
    median_seconds: float | None
    p95_seconds: float | None
    """The 95th percentile, by nearest rank."""
    max_seconds: float | None


class Run(Record, tag="run", frozen=True, kw_only=True):
    """One finished run of a smoke or of a user's own command or service."""

    name: str
    command: list[str]
    limits: Limits
    effective: Effective | Absent
    limit_origin: str = ""
    """Where the memory limit was set, of a run of a user's test: "compose.yaml:9", "memory=…"."""
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
    peak_error: str | None = None
    """Why nobody could sample working memory, where that is known before the run."""
    kernel_peak_bytes: int | None = None
    """memory.peak or max_usage_in_bytes, page cache included."""
    seconds: float = 0.0
    cpu_seconds: float | None = None
    throttled_seconds: float | None = None
    largest_gap_seconds: float | None = None
    phases: list[Phase] = []
    phases_named: bool = False
    """Whether the program named them; else they are what was seen of it."""
    phases_left_out: bool = False
    """Whether it named more: what came after counts in the last of them."""
    samples: list[tuple[float, int, int]] = []
    """Seconds since the start, working bytes, cache bytes."""
    resources: list[Resources] = []
    """Of the same moments as `samples`."""
    swapped_bytes: int | None = None
    """The most that was swapped out at once."""
    tasks: int | None = None
    """The most processes and threads at once, the supervisor's own among them."""
    refaulted_bytes: int | None = None
    """Of files that were evicted from memory and had to be read again."""
    major_faults: int | None = None
    """Page faults that had to wait for a disk."""
    killed: list[str] = []
    """Those of the largest processes that the first OOM kill took: "python (pid 9)"."""
    survivors: list[str] = []
    """Those that lived on."""
    killed_in: str | None = None
    """The phase of the first OOM kill."""
    stdout: str = ""
    """The last 64 KiB, as they came: not for a terminal."""
    stderr: str = ""
    shared_bytes: int | None = None
    """Of that moment: files on a tmpfs and in /dev/shm, other shared memory, mapped by anyone or no
    one."""
    largest_processes: list[str] = []
    """Of the moment of the largest sample: "python (pid 9) 412 MiB"."""
    error: str | None = None
    """Why the user's process could not be started."""
    started: Started | None = None
    request_error: str | None = None
    """Of a `request` smoke: what was answered instead."""
    requests: Requests | None = None
    """Of a `request` smoke."""
    repeats: Repeats | None = None
    """Where a program ran more than once: the other fields are of all, see `evidence.repeats`."""
    missing_module: str | None = None
    """A file or folder of the repo that the script tried to import, as `files` takes it."""

    @property
    def ended_well(self) -> bool:
        """Whether it did what it was started for, in time and unkilled."""
        killed = self.timed_out or self.oom_killed
        return not (self.error or killed or self.exit_code or self.request_error)
