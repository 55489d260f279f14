"""Collects imports: each module in a process of its own, all in one container."""

from typing import Any

from pytest_tfdocker import probe
from pytest_tfdocker.engine.container import new_cookie
from pytest_tfdocker.evidence.records import Absent, Import, Imports
from pytest_tfdocker.evidence.supervised import Supervised, answer_in, ending


def collect_imports(
    supervised: Supervised, modules: list[str], timeout_seconds: float
) -> Imports | Absent:
    """Imports each module in a process of its own, all in one container, under the limits."""
    python = supervised.python
    if isinstance(python, Absent):
        return python
    cookie = new_cookie()
    argv = [python, "-c", probe.source("try_import"), cookie]
    found = supervised.children(
        [
            {"name": name, "argv": [*argv, name], "timeout_seconds": timeout_seconds}
            for name in modules
        ],
        locked_down=True,
    )
    if isinstance(found, Absent):
        return found
    return Imports(
        modules={
            record["name"]: _import(record, cookie, supervised.limits.memory_bytes)
            for record in found[1]
        }
    )


def _import(record: dict[str, Any], cookie: str, limit: int | None) -> Import:
    killed = bool(record.get("oom_kills"))
    common = {"name": record["name"], "oom_killed": killed, "memory_limit_bytes": limit}
    told = answer_in(record, cookie)
    if told is not None:
        told.pop("traceback", None)
        return Import(**{**told, **common})
    return Import(
        **common,
        ok=False,
        seconds=record["seconds"],
        rss_bytes=record["maxrss_bytes"],
        error=ending(record),
    )
