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
)
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image

Part = Literal["image", "base", "imports", "effective", "gpu", "run", "download"]
"""`image` is gathered with every other part; `base` is the inventory of the final FROM,
`download` is gathered for the parameter of that name alone."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a check may look at. Parts that it doesn't need are None."""

    image: Image
    declared: Declared
    evidence: ImageEvidence
    imports: Imports | Absent | None = None
    effective: Effective | Absent | None = None
    gpu: Gpu | Absent | None = None
    run: Run | Absent | None = None
    download: Download | Absent | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check. Its id is its name, with the parameter in brackets where it has one."""

    name: str
    needs: tuple[Part, ...]
    plan: Callable[[Image, Declared], list[str | None]]
    """The parameters to collect it with; [None] for a check without one; [] for none at all."""
    judge: Callable[[Facts, str | None], Verdict]


def check_id(name: str, parameter: str | None) -> str:
    """The id of a check as users see it: "size[total]", "parity"."""
    return name if parameter is None else f"{name}[{parameter}]"
