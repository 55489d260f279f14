"""The programs that run inside the image: standard library alone, Python 3.7 and up.

Nothing of ours is installed there. `bootstrap` travels as an argument; it reads the other
programs from standard input, which then becomes the lifeline: at its end PID 1 ends. `held.sh` does
the least of the supervisor's work where the image has a shell and no Python.
"""

import hashlib
import json
from functools import cache
from importlib import resources

OLDEST_PYTHON = (3, 7)
HOLDER = "tfdocker"
"""The name that a shell which holds a program has in its own messages."""

RECORDS = ("tree", "distributions", "lifeline", "clock", "records")
WALK = ("lifeline", "clock", "aside", "shared", "files")
_INVENTORY = (
    *("tree", "environments", "shell", "resolve", "distributions", "rpm_data"),
    *WALK,
    *("identical", "inventory"),
)
_SAMPLE = (*WALK, "sample")
_SUPERVISOR = (
    *("lifeline", "cgroup", "processes", "weights", "phases", "meter", "child"),
    *("passed", "cold", "answer", "request", "expect", "asking", "waiting", "supervisor"),
)


@cache
def source(name: str) -> str:
    """The text of one program, by its module name."""
    return (resources.files(__name__) / f"{name}.py").read_text(encoding="utf-8")


@cache
def imports_hash() -> str:
    """Changes with the programs that try imports."""
    return _hash(("bootstrap", "try_import", *_SUPERVISOR))


@cache
def threads_hash() -> str:
    """Changes with the programs that count threads."""
    return _hash(("bootstrap", "ask_threads", *_SUPERVISOR))


def _hash(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(map(source, names)).encode()).hexdigest()[:16]


def command(python: str, cookie: str) -> list[str]:
    """The argv of PID 1. The bootstrap stays far below the 128 KiB an argument may have."""
    return [python, "-B", "-I", "-S", "-c", source("bootstrap"), cookie]


def holding_command(argv: list[str]) -> list[str]:
    """The argv of PID 1 where there is no Python: the image's shell, which starts `argv`."""
    program = (resources.files(__name__) / "held.sh").read_text(encoding="utf-8")
    return ["/bin/sh", "-c", program, HOLDER, *argv]


def holding_payload(cookie: str, deadline_seconds: int) -> bytes:
    """Standard input of the shell. Not an argument: `ps` would print the cookie."""
    return f"{cookie}\n{cookie[::-1]}\n{deadline_seconds}\n".encode()


def inventory_payload(plan: dict[str, object]) -> bytes:
    """Standard input of an inventory: its programs, the interpreter's questions, its plan."""
    return _payload(
        _INVENTORY, "inventory", plan, {"ask_interpreter": source("ask_interpreter").encode()}
    )


def sample_payload(plan: dict[str, object]) -> bytes:
    """Standard input of a sample of what a push would compress."""
    return _payload(_SAMPLE, "sample", plan, {})


def records_payload(plan: dict[str, object]) -> bytes:
    """Standard input of a comparison of installed files with their RECORD."""
    return _payload(RECORDS, "records", plan, {})


def supervisor_payload(plan: dict[str, object], files: dict[str, bytes]) -> bytes:
    """Standard input of a supervised run: its programs, plan and the files it runs from memory."""
    return _payload(_SUPERVISOR, "supervisor", plan, files)


def _payload(
    modules: tuple[str, ...], main: str, plan: dict[str, object], files: dict[str, bytes]
) -> bytes:
    parts = [(f"module:{name}", source(name).encode()) for name in modules]
    parts += [(f"file:{name}", data) for name, data in files.items()]
    parts.append((f"plan:{main}", json.dumps(plan).encode()))
    header = json.dumps([[name, len(data)] for name, data in parts]).encode() + b"\n"
    return header + b"".join(data for _, data in parts)
