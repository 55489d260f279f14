"""`--tfdocker-fit` of one smoke: its runs, by the run object; the search itself is in `fitting`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.cold import list_large_files
from pytest_tfdocker.evidence.records import Absent, Fit, Run
from pytest_tfdocker.evidence.smoke import run_smoke, with_env
from pytest_tfdocker.fitting.fit import find_limit
from pytest_tfdocker.images import NotThereError
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings import schema
from pytest_tfdocker.settings.schema import ByteSize, Image, Seconds, Smoke

LISTING = "list its large files"
WAITING = "wait for another measured run"
NEEDS_ENGINE = "needs an engine, and the image is given as a file"
MOST_PERCENT = 90
"""Of the engine's memory: a smoke that takes all there is shall not have the kernel choose a victim
on the whole machine."""


def fit_smoke(session: Session, image: Image, name: str) -> Fit | Absent:
    """The smallest memory limit that holds a smoke, once a run; Absent: why there is none."""
    key = ("fit", image.name, name)
    try:
        return session.once(key, Fit | Absent, lambda: _fit(session, image, name))
    except KeyboardInterrupt:
        session.once(key, Fit | Absent, lambda: Absent(reason="interrupted"))
        raise


def _fit(session: Session, image: Image, name: str) -> Fit | Absent:
    if image.is_file:
        return Absent(reason=NEEDS_ENGINE)
    smoke = next(one for one in image.settings.smoke if one.name == name)
    try:
        first = session.smoke(image, name)
        with session.telling(f"fit {name}") as tell:
            tell(LISTING, "started")
            large = _large_files(session, image)
            tell(LISTING, "done")
            return _search(session, image, smoke, first, large, tell)
    except (EngineError, NotThereError) as error:
        return Absent(reason=str(error))


def _search(
    session: Session,
    image: Image,
    smoke: Smoke,
    first: Run | Absent,
    large: list[str] | Absent,
    tell: Callable[[str, str], None],
) -> Fit | Absent:
    paths = [] if isinstance(large, Absent) else large

    def start(limit_bytes: int | None, seconds: float) -> Run | Absent:
        run = with_env(_limited(image, limit_bytes), smoke.env)
        supervised = session.supervised_as(image, run, cold=paths)
        hurried = msgspec.structs.replace(smoke, timeout=Seconds(seconds))
        with session.turn(lambda: _waiting(tell)):
            return run_smoke(supervised, image, hurried)

    total = session.evidence(image).runs_on.memory_bytes
    found = find_limit(first, smoke, start, tell, most=total * MOST_PERCENT // 100 or None)
    if isinstance(found, Fit) and isinstance(large, Absent):
        headline, _, _ = large.reason.partition("\n")
        note = f"its files were in the page cache, where they may have cost nothing: {headline}"
        return msgspec.structs.replace(found, notes=[*found.notes, note])
    return found


def _large_files(session: Session, image: Image) -> list[str] | Absent:
    return session.once(
        ("large files", image.name),
        list[str] | Absent,
        lambda: list_large_files(session.supervised_as(image, _limited(image, None))),
    )


def _limited(image: Image, limit_bytes: int | None) -> schema.Run:
    memory = None if limit_bytes is None else ByteSize(limit_bytes)
    return msgspec.structs.replace(image.settings.run, memory=memory)


@contextmanager
def _waiting(tell: Callable[[str, str], None]) -> Iterator[None]:
    tell(WAITING, "started")
    yield
    tell(WAITING, "done")
