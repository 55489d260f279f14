"""The shape of a check: when it is collected, what it needs to know, how it judges."""

from collections.abc import Callable
from typing import Literal

import msgspec

from pytest_tfdocker.checks.verdict import Verdict
from pytest_tfdocker.evidence.records import (
    Absent,
    Download,
    Effective,
    Gpu,
    ImageEvidence,
    Imports,
    Run,
    Threads,
    Verified,
    Waste,
)
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image

Part = Literal[
    "image", "base", "imports", "effective", "gpu", "threads", "run", "download", "records"
]
"""`image` is gathered with every other part; `base` is the inventory of the final FROM,
`download` is gathered for the parameter of that name alone."""

RUN_PARTS: tuple[Part, ...] = ("imports", "effective", "gpu", "threads", "run")
"""What only a container that runs can tell."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a check may look at. Parts that it doesn't need are None."""

    image: Image
    declared: Declared
    evidence: ImageEvidence
    imports: Imports | Absent | None = None
    effective: Effective | Absent | None = None
    gpu: Gpu | Absent | None = None
    threads: Threads | Absent | None = None
    run: Run | Absent | None = None
    runs: tuple[Run, ...] = ()
    """Of smokes, those that have run so far: beside `threads`, which they bear out."""
    download: Download | Absent | None = None
    records: Verified | Absent | None = None
    """Installed files, compared with what was installed."""
    waste: Waste | Absent | None = None
    """Slow to gather: only for a check that wants it once it has judged."""


def never(_parameter: str | None, _verdict: Verdict) -> bool:
    """It is judged once."""
    return False


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. Its id is its name, with the parameter in brackets where it has one."""

    name: str
    needs: tuple[Part, ...]
    plan: Callable[[Image, Declared], list[str | None]]
    """The parameters to collect it with; [None] for a check without one; [] for none at all."""
    judge: Callable[[Facts, str | None], Verdict]
    wants_waste: Callable[[str | None, Verdict], bool] = never
    """Whether it judges once more, with `Facts.waste`; asked with its first verdict."""


def check_id(name: str, parameter: str | None) -> str:
    """The id of a check as users see it: "size[total]", "parity"."""
    return name if parameter is None else f"{name}[{parameter}]"
