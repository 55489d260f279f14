"""The files whose pages a run under a limit must find unread, as on a machine new to the image.

Pages are charged to the control group that reads them first. What an earlier run has read costs a
later one nothing: under a limit that its mapped files don't fit in, it would look quick.
"""

from pytest_tfdocker import probe
from pytest_tfdocker.engine.container import new_cookie
from pytest_tfdocker.evidence.records import Absent
from pytest_tfdocker.evidence.supervised import Supervised, ending

LEAST_BYTES = 256 << 10
"""Libraries and weights; what is smaller is read once, and of no weight."""
MOST_FILES = 4000
SECONDS = 120.0


def list_large_files(supervised: Supervised) -> list[str] | Absent:
    """Paths of the large files of image and volumes that the image's user can see."""
    python = supervised.python
    if isinstance(python, Absent):
        return python
    cookie = new_cookie()
    argv = [python, "-B", "-I", "-S", "-c", probe.source("list_large"), cookie]
    argv += ["/", str(LEAST_BYTES), str(MOST_FILES)]
    child: dict[str, object] = {"name": "list", "argv": argv, "timeout_seconds": SECONDS}
    found = supervised.children([child], answers=cookie)
    if isinstance(found, Absent):
        return found
    [record] = found[1]
    paths: list[str] | None = (record["answer"] or {}).get("paths")
    return Absent(reason=ending(record)) if paths is None else paths
