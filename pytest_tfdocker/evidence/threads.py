"""Counts the threads of frameworks: each in a process of its own, all in one container."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from pytest_tfdocker import probe
from pytest_tfdocker.engine.container import new_cookie
from pytest_tfdocker.evidence.records import Absent, FrameworkThreads, Threads
from pytest_tfdocker.evidence.started_key import started_key
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.supervised import Supervised, ending
from pytest_tfdocker.settings.units import format_memory

MACHINE = ("cpus", "cores")
"""What each framework's process tells of the machine."""
NOT_COUNTED = "its threads can't be told from others of its process"


def collect_threads(
    supervised: Supervised, frameworks: list[str], timeout_seconds: float
) -> Threads | Absent:
    """Has each framework compute a little, under the limits, and counts what has started."""
    python = supervised.python
    if isinstance(python, Absent):
        return python
    cookie = new_cookie()
    argv = [python, "-c", probe.source("ask_threads"), cookie]
    found = supervised.children(
        [
            {"name": name, "argv": [*argv, name], "timeout_seconds": timeout_seconds}
            for name in frameworks
        ],
        answers=cookie,
        locked_down=True,
    )
    if isinstance(found, Absent):
        return found
    answers = [record["answer"] for record in found[1] if record["answer"] is not None]
    machine = {name: answers[0][name] for name in MACHINE} if answers else {}
    limit = supervised.limits.memory_bytes
    return Threads(**machine, frameworks=[_framework(record, limit) for record in found[1]])


def _framework(record: dict[str, Any], limit: int | None) -> FrameworkThreads:
    told = record["answer"]
    common = {
        "name": record["name"],
        "seconds": record["seconds"],
        "throttled_seconds": record.get("throttled_seconds"),
    }
    if told is None:
        under = "" if limit is None else f" under {format_memory(limit)}"
        oom = f"out of memory{under}" if record.get("oom_kills") else None
        return FrameworkThreads(**common, error=oom or ending(record))
    uncounted = NOT_COUNTED if told["threads"] is None else None
    own = {name: value for name, value in told.items() if name not in MACHINE}
    return msgspec.convert({**own, **common, "error": uncounted}, FrameworkThreads)


def threads_or_recall(
    store: Store,
    supervised: Supervised,
    frameworks: list[str],
    timeout_seconds: float,
    *,
    measuring: Callable[[str], AbstractContextManager[None]],
) -> Threads | Absent:
    """From an earlier run where each framework answered; else now, in one container.

    The numbers hang on the CPUs of the engine, which may have got more.
    """
    if not frameworks:
        return Threads()
    what = f"threads {supervised.evidence.runs_on.cpus} {' '.join(frameworks)}"
    key = started_key(what, supervised, probe.threads_hash())
    known = store.recall(key, Threads)
    if known is not None:
        return known
    with measuring("count threads"):
        found = collect_threads(supervised, frameworks, timeout_seconds)
    if isinstance(found, Threads) and all(one.error is None for one in found.frameworks):
        store.keep(key, found)
    return found
