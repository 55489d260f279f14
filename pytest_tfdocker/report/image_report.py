"""All that the reports tell of one image."""

from typing import Any, Literal

import msgspec

from pytest_tfdocker.checks.bloat import findings, rewritten
from pytest_tfdocker.checks.comparison import Comparison
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.evidence.prepare import Prepared
from pytest_tfdocker.evidence.records import (
    Absent,
    Bloat,
    Download,
    Fit,
    Gpu,
    ImageEvidence,
    Imports,
    Run,
    Threads,
    Waste,
)
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image

ReportOutcome = Literal["passed", "failed", "skipped", "warned", "error"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check as it ended, its level applied."""

    id: str
    """Without the image's name: "size[total]"."""
    outcome: ReportOutcome
    message: str
    """The whole text; its first line stands alone."""
    measured: Any = None
    budget: Any = None

    @property
    def headline(self) -> str:
        """The first line."""
        return self.message.partition("\n")[0]


class ImageReport(msgspec.Struct, frozen=True, kw_only=True):
    """One image; what was not asked for, or could not be gathered, is None or Absent."""

    image: Image
    declared: Declared | None = None
    evidence: ImageEvidence | Absent | None = None
    """None or Absent where the image was not built or not found, or nobody looked into it."""
    prepared: Prepared | None = None
    """The image that was built or found, whoever looked into it."""
    problems: tuple[DependencyProblem, ...] | None = None
    waste: Waste | Absent | None = None
    """None where nobody had the layers read."""
    waste_asked: bool = False
    """Whether the summary tells of it."""
    imports: Imports | Absent | None = None
    gpu: Gpu | Absent | None = None
    threads: Threads | Absent | None = None
    download: Download | Absent | None = None
    runs: tuple[Run, ...] = ()
    """Those that ran, in the settings' order."""
    fits: dict[str, Fit | Absent] | None = None
    """The smallest limits, by smoke; None where --tfdocker-fit is not given."""
    comparisons: tuple[Comparison, ...] = ()
    """With other images of this run, the largest difference first."""
    checks: tuple[CheckResult, ...] = ()
    unreached: tuple[str, ...] = ()
    """Ids of checks that were to run, and that the run ended before."""

    @property
    def bloat(self) -> list[Bloat]:
        """Every cause that is known, largest first; that of the layers where they were read."""
        if self.known is None or isinstance(self.known.files, Absent):
            return []
        of_layers = (
            rewritten(self.waste, self.known.layers) if isinstance(self.waste, Waste) else None
        )
        found = [*self.known.files.bloat, *([of_layers] if of_layers else [])]
        return sorted(findings(self.image, found), key=lambda one: -one.bytes)

    @property
    def known(self) -> ImageEvidence | None:
        """The evidence, None where there is no image."""
        return None if isinstance(self.evidence, Absent) else self.evidence
