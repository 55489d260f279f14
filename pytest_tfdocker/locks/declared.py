"""What a project declares: the one shape that every reader gives."""

from typing import Literal

import msgspec

INSTALLERS = frozenset(
    """build conda conda-lock hatch micromamba openmim pdm pip pip-tools pipenv pipx poetry
    poetry-plugin-export setuptools uv virtualenv wheel""".split()  # noqa: SIM905
)
"""A Dockerfile that installs these alone declares its dependencies elsewhere, and where they stand
says nothing of where they install."""


class Source(msgspec.Struct, frozen=True):
    """Where a requirement stands: a file as the user names it, and its line, counted from 1."""

    file: str
    line: int
    installed_by: str | None = None
    """The instruction that installs it, "Dockerfile:10 pip install -r"."""

    @property
    def is_lock(self) -> bool:
        """Whether a tool writes the file: nobody edits it by hand."""
        name = self.file.rpartition("/")[2]
        return name.endswith(".lock") or (name.startswith("pylock.") and name.endswith(".toml"))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return f"{place} ({self.installed_by})" if self.installed_by else place


class Artifact(msgspec.Struct, frozen=True):
    """A wheel or a source distribution that a lock has of a requirement."""

    name: str
    """Of its file; "" where the lock has none."""
    hashes: tuple[str, ...] = ()
    """As `Requirement.hashes`."""


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One declared requirement. Markers are kept, since only the image can evaluate them."""

    name: str
    """Canonical (PEP 503)."""
    source: Source
    specifier: str = ""
    """As declared, constraints added: "==2.13.0", ">=1,<2", "" for any."""
    extras: tuple[str, ...] = ()
    marker: str | None = None
    url: str | None = None
    """Of a direct reference (PEP 508 `name @ url`): wheel, archive, VCS or path."""
    editable: bool = False
    places: tuple[str | None, ...] = ()
    """The environments of the image that it may have been installed into, as far as the Dockerfile
    tells: folders, "/opt/venv"; None: the interpreter's own; (): it can't be told."""
    instruction: int | None = None
    """The Dockerfile's line of the instruction that installs it: of its first word, RUN."""
    inline: bool = False
    """Whether an instruction of the Dockerfile names it itself, and no file does."""
    entry: Literal["", "pipfile", "poetry"] = ""
    """Whose table it is an entry of, where it is no line of a requirements file."""
    hashes: tuple[str, ...] = ()
    """"sha256:…", as pip's --hash takes them; of all artifacts."""
    artifacts: tuple[Artifact, ...] = ()
    """Of which one is installed; (): of what no lock tells."""


class Part(msgspec.Struct, frozen=True):
    """A group or extra that nobody asks for."""

    name: str
    """For people: "group dev"."""
    file: str
    requirements: tuple[Requirement, ...]
    """What it names itself; what these need in turn need not be among them."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A line that declares something which can't be read."""

    source: Source
    text: str
    reason: str
    stale: bool = False
    """Whether it can be read, and the lock is older than it."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """Everything declared for one image."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    """Which are on `requirements` already; others of them hold what these bring in."""
    problems: tuple[Problem, ...] = ()
    sources: tuple[str, ...] = ()
    """The files (and Dockerfile lines) read, for people: ("requirements.txt",)."""
    reason: str = ""
    """Why these: "dependencies.files", "the Dockerfile installs it", "beside the Dockerfile"."""
    notes: tuple[str, ...] = ()
    """What could not be followed, "Dockerfile:7 install.sh: a script"."""

    unasked: tuple[str, ...] = ()
    """Names that a lock has in groups or extras that nobody asks for; canonical."""
    parts: tuple[Part, ...] = ()
    """These, as far as they are told."""

    @property
    def nothing(self) -> bool:
        """Whether no source was found at all: `pinned` and `parity` skip then."""
        return not self.sources
