"""Runs a program of the probe in an image, on the first of its Pythons that starts."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.container import Container, ContainerSpec, new_cookie
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
)
from pytest_tfdocker.evidence.records import Absent, ImageConfig

PROBE_SECONDS = 300
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

Report = dict[str, Any]


def report_from_inside(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    payload: bytes,
    run_id: str,
    python: str | None,
    *,
    key: str = "files",
) -> dict[str, Any] | Absent:
    """What a program of the probe's reports, which tells of `key`. Raises EngineError."""
    found = first_that_starts(engine, image_id, config, payload, run_id, python, key=key)
    if found is None:
        tried = ", ".join(_candidates(config, python))
        return Absent(
            reason=f"{unfit(None)}\ntried {tried}\n"
            "`python` in [tool.tfdocker] names one that stands elsewhere"
        )
    if "too_old" in found:
        return Absent(reason=f"{unfit(found['too_old'])}\n{ANOTHER}")
    if "crash" in found:
        return Absent(reason=f"the probe failed inside the image:\n{found['crash']}")
    return found


def first_that_starts(
    engine: Engine,
    image_id: str,
    config: ImageConfig,
    payload: bytes,
    run_id: str,
    python: str | None,
    *,
    key: str = "files",
    read: Callable[[Report, Callable[[str], Report]], Report] | None = None,
) -> dict[str, Any] | None:
    """The probe's report, from the first Python that starts and is new enough.

    Else that it is too old; None where there is none. `read`: takes, in place of the report that
    has `key`, the listing that comes first, and what gives the next report that has a key.
    """
    too_old, first = None, key if read is None else "listing"
    for candidate in _candidates(config, python):
        cookie = new_cookie()
        spec = ContainerSpec(
            image=image_id,
            argv=probe.command(candidate, cookie),
            user="0",
            locked_down=True,
            capabilities=["DAC_READ_SEARCH"],
        )
        try:
            with ExitStack() as stack:
                container = stack.enter_context(Container(engine, spec, run_id, cookie))
                container.start(payload)
                found = container.report(first, PROBE_SECONDS)
                if read is not None and "listing" in found:
                    found = read(found, partial(container.report, timeout=PROBE_SECONDS))
                # The removal takes half as long as the walk, and nothing waits for it
                engine.in_background(stack.pop_all().close)
            if "too_old" not in found:
                return found
            too_old = too_old or found
        except CommandNotFoundError:
            continue
        except ConnectionLostError as error:
            if "Unknown option: -I" in str(error):
                too_old = too_old or {"too_old": "2"}
                continue
            if "exec format error" in str(error):
                raise EngineError(
                    f"exec format error, {candidate} doesn't run here\n"
                    "the image is built for another processor: set `platform` in "
                    "[tool.tfdocker.build], or teach the engine's host to emulate it (binfmt)"
                ) from error
            said = str(error) or "it wrote nothing"
            raise EngineError(f"{candidate} ended before it had reported\n{said}") from error
    return too_old


def _candidates(config: ImageConfig, python: str | None) -> list[str]:
    started = [*config.entrypoint, *config.command][:1]
    likely = [word for word in started if word.rpartition("/")[2].startswith("python")]
    return list(dict.fromkeys([*([python] if python else []), *likely, *PYTHONS]))


def unfit(too_old: str | None) -> str:
    """Why the probe can't run on the image's Python: it has that version, or there is none."""
    if too_old:
        return f"the image's Python is {too_old}: the probe needs 3.7 or newer"
    return f"{NO_PYTHON}: the probe needs one, 3.7 or newer"
