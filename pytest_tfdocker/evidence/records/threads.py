"""How many threads the frameworks of an image start."""

from pytest_tfdocker.evidence.records.common import Record


class FrameworkThreads(Record, frozen=True, kw_only=True):
    """The pool of threads in which one framework computes, as it starts by itself."""

    name: str
    version: str = ""
    """"" where it gave no answer: it crashed, hung, or can't be imported."""
    library: str = ""
    """What computes for it: "OpenBLAS", "MKL, OpenMP"; "" where that is itself."""
    threads: int | None = None
    """Those that compute, the caller's own among them; None: they could not be counted."""
    inter_op: int | None = None
    """Threads for operations side by side; None where it has no such pool."""
    reads: list[str] = []
    """Variables that hold the number, that which wins first; none: its code alone does."""
    given: dict[str, str] = {}
    """Those of them that are set inside."""
    seconds: float = 0.0
    """Of the import and a small piece of work."""
    throttled_seconds: float | None = None
    error: str | None = None
    """How it ended that gave no answer."""


class Threads(Record, tag="threads", frozen=True, kw_only=True):
    """Threads of the frameworks in a container started as production would."""

    cpus: int | None = None
    """CPUs that a process inside may run on: a CPU limit takes none of them away."""
    cores: int | None = None
    """Those of them that aren't another's second thread."""
    frameworks: list[FrameworkThreads] = []
