"""Python in an image: the interpreter, its distributions, what really imports."""

from pytest_tfdocker.evidence.records.common import Record


class Distribution(Record, frozen=True, kw_only=True):
    """An installed distribution, from its dist-info, egg-info or egg."""

    name: str
    """Canonical (PEP 503)."""
    version: str
    path: str
    """The dist-info, egg-info or EGG-INFO, absolute, in the image."""
    location: str
    """The entry of sys.path that holds it."""
    bytes: int | None
    """Of the files in its RECORD and their .pyc; None where it has no RECORD."""
    requires: list[str] = []
    """Requires-Dist, as it stands."""
    extras: list[str] = []
    requires_python: str | None = None
    installer: str | None = None
    """"pip", "uv", "conda"; "dpkg", "apk" or "rpm" where the OS's package manager owns it."""
    direct_url: str | None = None
    """direct_url.json, as it stands."""
    editable: bool = False
    shadowed_by: str | None = None
    """The path of the copy of the same name that comes first on sys.path."""
    problem: str | None = None
    """Why its metadata can't be read."""
    layer: int | None = None
    """Which its metadata came with, an index into `ImageEvidence.layers`; None: can't be told."""


class Interpreter(Record, tag="interpreter", frozen=True, kw_only=True):
    """The interpreter that the image's own service would run on."""

    executable: str
    reason: str
    """"CMD python app.py", "/entrypoint.sh ends in exec \\"$@\\"", "python on PATH"."""
    version: str
    platform: str
    """As `platform.machine()` and sys.platform: "linux x86_64"."""
    environment: dict[str, str]
    """PEP 508 markers, as packaging.markers.Environment names them."""
    path: list[str]
    """sys.path of a plain start, without the script's own folder."""
    soabi: str | None = None
    """How its extension modules are named, "cpython-311-x86_64-linux-gnu"; None: not told."""
    libc: str | None = None
    """"glibc 2.36", "musl 1.2.5"; None: not told."""
    bits: int | None = None
    """Of its pointers, whatever the processor has; None: not told."""


class Distributions(Record, tag="distributions", frozen=True, kw_only=True):
    """Every distribution on the interpreter's sys.path, in its order."""

    installed: list[Distribution]
    others: list[str] = []
    """Other folders of the image that hold distributions."""
    elsewhere: dict[str, list[str]] = {}
    """Each of these → the canonical names of what stands in it."""


class Verification(Record, frozen=True, kw_only=True):
    """The files that a distribution's RECORD has hashes of, counted."""

    same: int
    shared: int = 0
    """As another distribution has them, which was installed over this one."""
    changed: int
    gone: int
    unread: int
    late: int
    """Not compared: time was up."""
    paths: list[str] = []
    """The first that are changed, in the image."""


class Verified(Record, tag="verified", frozen=True, kw_only=True):
    """Installed files, compared with what was installed."""

    distributions: dict[str, Verification]
    """By `Distribution.path`; those without a RECORD are left out."""


class Import(Record, frozen=True, kw_only=True):
    """One import of a module and its lazy core, in a process of its own."""

    name: str
    ok: bool
    seconds: float
    rss_bytes: int | None = None
    """ru_maxrss of the process."""
    version: str | None = None
    warnings: list[str] = []
    error: str | None = None
    """The last lines of the traceback, or "killed by SIGSEGV"."""
    oom_killed: bool = False
    memory_limit_bytes: int | None = None


class Imports(Record, tag="imports", frozen=True, kw_only=True):
    """Imports by module name."""

    modules: dict[str, Import]
