"""From the run object to one verdict: what stands in the way of looking is told once."""

from pytest_tfdocker.checks.build import NOT_BUILT, judge_failed_build
from pytest_tfdocker.checks.check import Check
from pytest_tfdocker.checks.verdict import Verdict, error, skipped
from pytest_tfdocker.checks.wording import split
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.prepare import Unprepared
from pytest_tfdocker.session import NotThereError, Session
from pytest_tfdocker.settings.schema import Image


def judge(session: Session, image: Image, check: Check, parameter: str | None) -> Verdict:
    """The verdict of one check, its evidence gathered first."""
    try:
        facts = session.facts(image, check, parameter)
    except NotThereError as missing:
        return _not_there(session, image, check, missing.cause)
    except EngineError as lost:
        return error(*split(str(lost) or "the engine broke off"))
    return check.judge(facts, parameter)


def _not_there(session: Session, image: Image, check: Check, cause: Unprepared) -> Verdict:
    """A failed build fails `build` alone; any other cause is one error, and the others skip."""
    if cause.failed_build:
        if check.name != "build":
            return skipped(NOT_BUILT)
        return judge_failed_build(
            cause.reason,
            step=cause.step,
            dockerfile=image.settings.dockerfile,
            line=cause.line,
            output=cause.log,
            seconds=cause.seconds,
        )
    headline, *details = split(cause.reason)
    if session.store.claim(f"told {image.name}"):
        return error(headline, *details)
    return skipped(headline)
