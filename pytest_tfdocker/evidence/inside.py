"""Runs a program of the probe in an image, on the first of its Pythons that starts."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
)
from pytest_tfdocker.evidence.records import Absent, ImageConfig
from pytest_tfdocker.text import last_lines

PROBE_SECONDS = 300
TRACEBACK_LINES = 30
PYTHONS = (
    "python3",
    "python",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/venv/bin/python",
    "/opt/conda/bin/python",
)
"""Tried in this order to start the probe; which one the service uses is found out inside."""

NO_PYTHON = "the image has no Python"
ANOTHER = "`python` in [tool.tfdocker] names a newer one, where the image has one elsewhere"
ELSEWHERE = "`python` in [tool.tfdocker] names one that stands elsewhere"
NONE_MEANT = (
    'where none is meant to be there: conflicts = "off", import = "off" in [tool.tfdocker.checks]'
)

Report = dict[str, Any]
Next = Callable[[str], Report]
"""Waits for the probe's next report that has a key, and gives it."""
T = TypeVar("T")


class Target(NamedTuple):
    """An image into which the probe is sent."""

    engine: Engine
    image_id: str
    config: ImageConfig
    run_id: str
    python: str | None
    """Which one runs the probe, where that is told: by path, or by name on the image's PATH."""


class UnfitError(EngineError):
    """No Python of the image runs the probe."""

    def __init__(self, too_old: str | None) -> None:
        """`too_old`: the version of one that starts; None where none does."""
        super().__init__(unfit(too_old))
        self.too_old = too_old


class ProbeError(EngineError):
    """The probe itself failed inside the image."""

    def __init__(self, crash: str) -> None:
        """`crash`: what it wrote of that, its last line the cause."""
        super().__init__(probe_failure(crash))


def report_from_inside(target: Target, payload: bytes, *, key: str = "files") -> Report | Absent:
    """What a program of the probe's reports, which tells of `key`. Raises EngineError."""
    try:
        return read_from_inside(target, payload, lambda report: report(key))
    except UnfitError as error:
        if error.too_old:
            return Absent(reason=f"{error}\n{ANOTHER}")
        tried = ", ".join(_candidates(target))
        return Absent(reason=f"{error}\ntried {tried}\n{ELSEWHERE}")
    except ProbeError as error:
        return Absent(reason=str(error))


def read_from_inside(target: Target, payload: bytes, read: Callable[[Next], T]) -> T:
    """What `read` makes of the probe's reports, on the first Python that starts and is new enough.

    Raises UnfitError, ProbeError, EngineError.
    """
    too_old = None
    for candidate in _candidates(target):
        try:
            return _read_on(candidate, target, payload, read)
        except CommandNotFoundError:
            continue
        except UnfitError as error:
            too_old = too_old or error.too_old
    raise UnfitError(too_old)


def _read_on(candidate: str, target: Target, payload: bytes, read: Callable[[Next], T]) -> T:
    cookie = new_cookie()
    spec = ContainerSpec(
        image=target.image_id,
        argv=probe.command(candidate, cookie),
        user="0",
        locked_down=True,
        capabilities=["DAC_READ_SEARCH"],
    )
    try:
        with ExitStack() as stack:
            container = stack.enter_context(Container(target.engine, spec, target.run_id, cookie))
            container.start(payload)
            found = read(partial(_next_report, container))
            # The removal takes half as long as the walk, and nothing waits for it
            target.engine.in_background(stack.pop_all().close)
            return found
    except ConnectionLostError as error:
        said = str(error) or "it wrote nothing"
        if "Unknown option: -I" in said:
            raise UnfitError("2") from None
        if "exec format error" in said:
            raise EngineError(
                f"exec format error, {candidate} doesn't run here\n"
                "the image is built for another processor: set `platform` in "
                "[tool.tfdocker.build], or teach the engine's host to emulate it (binfmt)"
            ) from error
        raise EngineError(f"{candidate} ended before it had reported\n{said}") from error


def _next_report(container: Container, key: str) -> Report:
    found = container.report(key, PROBE_SECONDS)
    if "too_old" in found:
        raise UnfitError(found["too_old"])
    if "crash" in found:
        raise ProbeError(found["crash"])
    return found


def _candidates(target: Target) -> list[str]:
    started = [*target.config.entrypoint, *target.config.command][:1]
    likely = [word for word in started if word.rpartition("/")[2].startswith("python")]
    told = [target.python] if target.python else []
    return list(dict.fromkeys([*told, *likely, *PYTHONS]))


def unfit(too_old: str | None) -> str:
    """Why the probe can't run on the image's Python: it has that version, or there is none."""
    if too_old:
        return f"the image's Python is {too_old}: the probe needs 3.7 or newer"
    return f"{NO_PYTHON}: the probe needs one, 3.7 or newer"


def probe_failure(crash: str) -> str:
    """That the probe failed: why first, then, where nobody has foreseen it, its traceback."""
    lines = crash.strip().splitlines() or ["it wrote nothing"]
    text = f"the probe failed inside the image: {lines[-1]}"
    if len(lines) == 1:
        return text
    told = last_lines(crash, TRACEBACK_LINES)
    return "\n".join([text, "a defect of pytest-tfdocker: please report it, with this:", *told])
