"""From the run object to one verdict: what stands in the way of looking is told once."""

import msgspec

from pytest_tfdocker.checks.build import NOT_BUILT, judge_failed_build
from pytest_tfdocker.checks.check import RUN_PARTS, Check, check_id
from pytest_tfdocker.checks.verdict import Verdict, error, skipped
from pytest_tfdocker.checks.wording import split
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.prepare import Unprepared
from pytest_tfdocker.images import NotThereError
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.schema import Image

NOT_RUN = "needs a run, and the image is given as a file"


def judge(session: Session, image: Image, check: Check, parameter: str | None) -> Verdict:
    """The verdict of one check, its evidence gathered first."""
    if image.is_file and set(check.needs).intersection(RUN_PARTS):
        return skipped(NOT_RUN)
    try:
        facts = session.facts(image, check, parameter)
        verdict = check.judge(facts, parameter)
        if check.wants_waste(parameter, verdict):
            facts = msgspec.structs.replace(facts, waste=session.waste(image))
            verdict = check.judge(facts, parameter)
    except NotThereError as missing:
        return _not_there(
            session, image, check, missing.cause, owner=check_id(check.name, parameter)
        )
    except EngineError as lost:
        return error(*split(str(lost) or "the engine broke off"))
    return verdict


def failed_build(image: Image, cause: Unprepared) -> Verdict:
    """What `build` says of a build that failed."""
    return judge_failed_build(
        cause.reason,
        step=cause.step,
        dockerfile=image.settings.dockerfile,
        line=cause.line,
        details=cause.details,
        output=cause.log,
        seconds=cause.seconds,
    )


def _not_there(
    session: Session, image: Image, check: Check, cause: Unprepared, *, owner: str
) -> Verdict:
    """A failed build fails `build` alone; any other cause is one error, and the others skip.

    The check that has told of it tells it again where it is run again: a rerun is no success.
    """
    if cause.failed_build:
        return failed_build(image, cause) if check.name == "build" else skipped(NOT_BUILT)
    headline, *details = split(cause.reason)
    if session.store.claim(f"told {image.name}", owner):
        return error(headline, *details)
    return skipped(headline)
