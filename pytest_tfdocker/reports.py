"""Puts together what the reports tell of each image, from the run's evidence and its verdicts."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

from pytest_tfdocker.checks import conflicts, hashes, parity, pinned
from pytest_tfdocker.checks.check import Facts, check_id
from pytest_tfdocker.checks.comparison import Comparison, compare
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.checks.registry import CHECKS
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.base import with_base
from pytest_tfdocker.evidence.prepare import Prepared, Unprepared
from pytest_tfdocker.evidence.records import (
    Absent,
    Base,
    Download,
    Fit,
    Gpu,
    ImageEvidence,
    Imports,
    Threads,
    Verified,
    Waste,
)
from pytest_tfdocker.images import NotThereError
from pytest_tfdocker.outcome import Collected
from pytest_tfdocker.report.image_report import CheckResult, ImageReport
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.schema import Image

UNSEEN = Absent(reason="no check has looked into it")


def image_reports(
    session: Session, results: Iterable[Collected], unreached: Collection[str] = ()
) -> list[ImageReport]:
    """One entry an image, in the settings' order. Gathers nothing that the run has not.

    `unreached`: node ids of tests that were to run, and of which nothing was reported.
    """
    told = list(results)
    return [
        _report(session, image, [one for one in told if one.image == image.name], unreached)
        for image in session.settings.images
    ]


def read_layers(session: Session) -> None:
    """Has the layers read of every image that this run has looked into."""
    for image in session.settings.images:
        if session.peek(("evidence", image.name), ImageEvidence) is not None:
            with suppress(NotThereError, EngineError):
                session.waste(image)


def _report(
    session: Session, image: Image, results: list[Collected], unreached: Collection[str]
) -> ImageReport:
    name = image.name
    ids = _ids(session, image)
    prepared = session.peek(("prepared", name), Prepared | Unprepared)
    evidence = _evidence(session, name, prepared)
    return ImageReport(
        image=image,
        declared=session.declared(image),
        evidence=evidence,
        prepared=prepared if isinstance(prepared, Prepared) else None,
        problems=_problems(session, image, evidence),
        waste_asked=session.settings.waste,
        waste=session.peek(("waste", name), Waste | Absent)
        or (evidence.waste if isinstance(evidence, ImageEvidence) else None),
        imports=session.peek(("imports", name), Imports | Absent),
        gpu=session.peek(("gpu", name), Gpu | Absent),
        threads=session.peek(("threads", name), Threads | Absent),
        comparisons=_comparisons(session, name, evidence),
        download=session.peek(("download", name), Download | Absent),
        runs=session.finished_smokes(image),
        fits=_fits(session, image),
        checks=tuple(
            CheckResult(
                id=one.id,
                outcome=one.outcome,  # type: ignore[arg-type]
                message=one.message,
                measured=one.measured,
                budget=one.budget,
            )
            for one in sorted(results, key=_place(ids))
        ),
        unreached=_unreached(session, image, ids, unreached),
    )


def _fits(session: Session, image: Image) -> dict[str, Fit | Absent] | None:
    """By smoke; None where nobody has asked."""
    if not session.settings.fit:
        return None
    names = [smoke.name for smoke in image.settings.smoke]
    found = {name: session.peek(("fit", image.name, name), Fit | Absent) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _ids(session: Session, image: Image) -> list[str]:
    """Of its checks, in the order of collection."""
    declared = session.declared(image)
    return [check_id(one.name, part) for one in CHECKS for part in one.plan(image, declared)]


def _place(ids: Sequence[str]) -> Callable[[Collected], int]:
    """The order of collection: workers report in any other, and so do tests in random order."""
    places = {one: place for place, one in enumerate(ids)}
    return lambda result: places.get(result.id, len(places))


def _unreached(
    session: Session, image: Image, ids: Sequence[str], nodes: Collection[str]
) -> tuple[str, ...]:
    """Those of the image's checks that are among the node ids."""
    ends = {node.partition("::")[2] for node in nodes}
    start = f"{image.name}::" if session.several else ""
    return tuple(one for one in ids if f"{start}{one}" in ends)


def _evidence(
    session: Session, name: str, prepared: Prepared | Unprepared | None
) -> ImageEvidence | Absent | None:
    found: ImageEvidence | None = session.peek(("evidence", name), ImageEvidence)
    if found is None:
        if isinstance(prepared, Unprepared):
            return Absent(reason=prepared.reason)
        return None if prepared is None else UNSEEN
    base = session.peek(("base", name), Base | Absent)
    return found if base is None else with_base(found, base)


def _comparisons(
    session: Session, name: str, evidence: ImageEvidence | Absent | None
) -> tuple[Comparison, ...]:
    """With what the tests have compared it with, and with the first image of the settings."""
    if not isinstance(evidence, ImageEvidence):
        return ()
    first = session.settings.images[0].name
    others = {first: first} if name != first else {}
    others |= {one.than: one.called for one in session.compared() if one.image == name}
    found = []
    for key, called in others.items():
        other = session.peek(("evidence", key), ImageEvidence)
        if other is not None and other.id != evidence.id:
            found.append(compare(evidence, other, called))
    return tuple(sorted(found, key=lambda one: -abs(one.bytes or 0)))


def _problems(
    session: Session, image: Image, evidence: ImageEvidence | Absent | None
) -> tuple[DependencyProblem, ...] | None:
    if not isinstance(evidence, ImageEvidence):
        return None
    facts = Facts(
        image=image,
        declared=session.declared(image),
        evidence=evidence,
        records=session.peek(("records", image.name), Verified | Absent),
    )
    return tuple(
        one for room in (pinned, hashes, parity, conflicts) for one in room.problems(facts)
    )
