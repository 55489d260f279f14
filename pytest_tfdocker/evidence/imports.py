"""Collects imports: each module in a process of its own, all in one container."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pytest_tfdocker import probe
from pytest_tfdocker.engine.container import new_cookie
from pytest_tfdocker.evidence.records import Absent, Import, Imports
from pytest_tfdocker.evidence.started_key import started_key
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.supervised import Supervised, ending


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
        answers=cookie,
        locked_down=True,
    )
    if isinstance(found, Absent):
        return found
    return Imports(
        modules={
            record["name"]: _import(record, supervised.limits.memory_bytes) for record in found[1]
        }
    )


def _import(record: dict[str, Any], limit: int | None) -> Import:
    killed = bool(record.get("oom_kills"))
    common = {"name": record["name"], "oom_killed": killed, "memory_limit_bytes": limit}
    told = record["answer"]
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


def import_or_recall(
    store: Store,
    supervised: Supervised,
    modules: list[str],
    timeout_seconds: float,
    *,
    measuring: Callable[[str], AbstractContextManager[None]],
) -> Imports | Absent:
    """From earlier runs where a module imported; the others now, in one container."""
    programs = probe.imports_hash()
    keys = {name: started_key(f"import {name}", supervised, programs) for name in modules}
    known = {name: store.recall(key, Import) for name, key in keys.items()}
    found = {name: one for name, one in known.items() if one is not None}
    missing = [name for name in modules if name not in found]
    if missing and isinstance(supervised.python, Absent):
        return supervised.python
    if missing:
        with measuring(f"import {', '.join(missing)}"):
            tried = collect_imports(supervised, missing, timeout_seconds)
        if isinstance(tried, Absent):
            return tried
        for name, one in tried.modules.items():
            found[name] = one
            if one.ok:
                store.keep(keys[name], one)
    return Imports(modules=found)
