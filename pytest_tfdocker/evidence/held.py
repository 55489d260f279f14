"""Containers of an image without a Python for the supervisor: the image's own shell holds them.

What is asked of the engine is the same, and so are limits, output, exit code, time and OOM kills.
Working memory is sampled by the supervisor alone.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from pytest_tfdocker import probe
from pytest_tfdocker.engine.attachment import Attachment
from pytest_tfdocker.engine.container import Container, new_cookie
from pytest_tfdocker.engine.errors import (
    CommandNotFoundError,
    ConnectionLostError,
    EngineError,
)
from pytest_tfdocker.evidence.held_counters import figures, limits_of
from pytest_tfdocker.evidence.inside import NO_PYTHON
from pytest_tfdocker.evidence.records import Absent, Effective, Run
from pytest_tfdocker.evidence.run_record import killed_run
from pytest_tfdocker.evidence.supervised import (
    KEEP_OUTPUT_BYTES,
    SETTLE_SECONDS,
    Supervised,
    effective,
)

T = TypeVar("T")
KILL_AFTER_SECONDS = 2.0
NO_SHELL = (
    "the image has neither Python nor /bin/sh\n"
    "something of ours must run beside your program, or it would outlive a pytest that is killed\n"
    "a shell is enough for commands and limits: a static busybox at /bin/sh, for one"
)
NOT_STARTED = (126, 127)
"""A shell's exit codes for a program that the kernel refused; programs may have them, too."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What is a variable to every shell; some drop what isn't from the environment."""


def is_held(supervised: Supervised) -> bool:
    """Whether the image was looked into, and has no Python that our programs run on."""
    without = isinstance(supervised.python, Absent)
    return without and not isinstance(supervised.evidence.files, Absent)


def held_limits(supervised: Supervised) -> Effective | Absent:
    """The limits in force inside a container that is started as production would."""
    return _hold(supervised, [], SETTLE_SECONDS, _effective)


def held_run(
    supervised: Supervised, name: str, command: list[str], timeout_seconds: float
) -> Run | Absent:
    """One finished run of a command, as the supervisor gives it, but for working memory."""
    dropped = _dropped(supervised)
    if dropped:
        return Absent(
            reason=f"a shell may drop the variable {dropped[0]!r}\n"
            f"{_first_line(supervised)}: its shell starts the command, and what it makes of names "
            "with other characters than letters, digits and _ is not known"
        )
    found = _hold(
        supervised,
        command,
        timeout_seconds + SETTLE_SECONDS,
        lambda container: _follow(supervised, container, name, command, timeout_seconds),
    )
    if isinstance(found, Absent) and found.oom_killed:
        return killed_run(supervised, name, command)
    return found


def _hold(
    supervised: Supervised,
    command: list[str],
    deadline_seconds: float,
    follow: Callable[[Container], T | Absent],
) -> T | Absent:
    """What `follow` makes of a started container; Absent: why it could not be."""
    cookie = new_cookie()
    spec = supervised.spec(cookie, "", argv=probe.holding_command(command))
    try:
        with Container(supervised.engine, spec, supervised.run_id, cookie) as container:
            container.start(probe.holding_payload(cookie, int(deadline_seconds)))
            return follow(container)
    except CommandNotFoundError:
        return Absent(reason=NO_SHELL)
    except ConnectionLostError as error:
        return supervised.broken_off(error, spec)
    except EngineError as error:
        return Absent(reason=supervised.mask(f"the container could not be started: {error}"))


def _effective(container: Container) -> Effective | Absent:
    return limits_of(container.report("limits", SETTLE_SECONDS)["limits"]) or effective(None)


def _follow(
    supervised: Supervised,
    container: Container,
    name: str,
    command: list[str],
    timeout_seconds: float,
) -> Run | Absent:
    before = container.report("limits", SETTLE_SECONDS)["limits"]
    stream, mask = container.stream, supervised.mask
    child = stream.wait_report("child", SETTLE_SECONDS)
    ended, timed_out = _await_end(stream, child, timeout_seconds)
    refused = (stream.wait_report("error", 0) or {}).get("error")
    if ended is None and not timed_out:
        container.report("ended", 0)  # it raises, with what was said
    if child is None and refused is None:
        return Absent(reason=_not_forked(supervised))
    stream.wait_end(SETTLE_SECONDS)
    stderr = _last_of(stream.stderr)
    if ended is not None and ended["exit_code"] in NOT_STARTED:
        refused = refused or _said_of_exec(stderr)
    told: dict[str, Any] = {} if ended is None else figures(before, ended["files"])
    return Run(
        name=name,
        command=[mask(word) for word in command],
        limits=supervised.limits,
        effective=limits_of(before) or effective(None),
        exit_code=None if timed_out or ended is None else ended["exit_code"],
        timed_out=timed_out,
        peak_error=_why_no_peak(supervised),
        started=supervised.started,
        seconds=_seconds(child, ended, timeout_seconds),
        stdout=mask(_last_of(stream.stdout)),
        stderr=mask(stderr),
        error=None if refused is None else mask(f"{command[0]}: {refused}"),
        **told,
    )


def _await_end(
    stream: Attachment, child: dict[str, Any] | None, timeout_seconds: float
) -> tuple[dict[str, Any] | None, bool]:
    """What the shell says once the program has ended, and whether its time was over first."""
    found = stream.wait_report("ended", SETTLE_SECONDS if child is None else timeout_seconds)
    timed_out = child is not None and found is None and not stream.wait_end(0)
    if child is not None and timed_out:
        for signal, seconds in (("TERM", KILL_AFTER_SECONDS), ("KILL", SETTLE_SECONDS)):
            stream.send(f"{signal} {child['child']}\n".encode())
            found = stream.wait_report("ended", seconds)
            if found is not None:
                break
    return (None if found is None else found["ended"]), timed_out


def _seconds(
    child: dict[str, Any] | None, ended: dict[str, Any] | None, timeout_seconds: float
) -> float:
    """By the kernel's clock, which has hundredths; the time limit where no end was told of."""
    if ended is None:
        return timeout_seconds
    return 0.0 if child is None else max(0.0, round(ended["uptime"] - child["uptime"], 2))


def _last_of(output: bytes) -> str:
    return output[-KEEP_OUTPUT_BYTES:].decode("utf-8", "replace")


def _said_of_exec(stderr: str) -> str | None:
    """The kernel's refusal, in the words of a shell: a missing loader, an interpreter of `#!`."""
    last = stderr.rstrip().rpartition("\n")[2]
    return last.rpartition(": ")[2] if last.startswith(f"{probe.HOLDER}: ") else None


def _dropped(supervised: Supervised) -> list[str]:
    """Names in the environment that a shell may not pass on to the program."""
    entries = [*supervised.evidence.config.env, *supervised.env]
    names = (entry.partition("=")[0] for entry in entries)
    return [name for name in names if NAME.fullmatch(name) is None]


def _not_forked(supervised: Supervised) -> str:
    pids = supervised.limits.pids
    told = "" if pids is None else f"\nrun.pids is {pids}, and the shell takes five beside it"
    return f"the image's shell could not start the program{told}"


def _why_no_peak(supervised: Supervised) -> str:
    first = _first_line(supervised)
    if first.startswith(NO_PYTHON):
        return f"{NO_PYTHON}: working memory is sampled by it"
    return f"working memory is sampled by the image's Python\n{first}"


def _first_line(supervised: Supervised) -> str:
    python = supervised.python
    return python.reason.partition("\n")[0] if isinstance(python, Absent) else python
