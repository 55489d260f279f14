"""A build by the API's classic builder, where there is no buildx."""

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from pytest_tfdocker.engine.build_plain import LOG_LINES, StepSeen
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.client import FAILURES, Engine, explain
from pytest_tfdocker.engine.errors import BuildFailedError

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)$")
_NUMBER = re.compile(r"^\[(\d+)/")
_COLOUR = re.compile(r"\x1b\[(91|0)m")
"""What the builder itself puts round all that a step writes to stderr."""
_NOTE = re.compile(r"^ ---> ")
"""Its own word on layers and intermediate containers."""


def build_classic(
    engine: Engine, request: BuildRequest, on_step: Callable[[StepSeen], None]
) -> str:
    """The id of the built image. Raises BuildFailedError.

    The engine ends the build when our connection ends, with Ctrl-C and with SIGKILL alike.
    """
    step, image_id, log = None, None, deque[str](maxlen=LOG_LINES)
    try:
        events = engine.api.build(
            path=str(request.context),
            dockerfile=str(request.dockerfile),
            tag=request.tags[-1],
            rm=True,
            forcerm=True,
            decode=True,
            target=request.target,
            buildargs=request.args or None,
            platform=request.platform,
            cache_from=request.cache_from or None,
        )
        for event in events:
            if "error" in event:
                raise _failure(str(event["error"]).strip(), log, step, request)
            image_id = (event.get("aux") or {}).get("ID", image_id)
            for line in str(event.get("stream", "")).splitlines():
                step = _take(line, step, log, on_step)
    except (*FAILURES, TypeError) as error:
        raise _failure(explain(error), log, step, request) from error
    image_id = image_id or str(engine.inspect(request.tags[-1])["Id"])
    for tag in request.tags[:-1]:
        engine.tag(image_id, tag)
    return image_id


def _failure(
    headline: str, log: deque[str], step: str | None, request: BuildRequest
) -> BuildFailedError:
    found = _NUMBER.match(step or "")
    at = int(found[1]) - 1 if found else len(request.lines)
    line = request.lines[at] if at < len(request.lines) else None
    return BuildFailedError(headline, tuple(log), step, line)


def _take(
    line: str, step: str | None, log: deque[str], on_step: Callable[[StepSeen], None]
) -> str | None:
    line = _COLOUR.sub("", line)
    found: Any = _STEP.match(line)
    if found:
        if step is not None:
            on_step(StepSeen(name=step, state="done"))
        log.clear()
        step = f"[{found[1]}/{found[2]}] {found[3]}"
        on_step(StepSeen(name=step, state="started"))
    elif line.strip() and not _NOTE.match(line):
        log.append(line)
        on_step(StepSeen(name=step or "", state="log", line=line))
    return step
