"""Why a script of the repo could not run: it is no Python, or a module of the repo is not there."""

import re
from collections.abc import Iterable
from pathlib import Path

_LOCATION = re.compile(r'^  File "(?P<name>[^"\n]+)", line (?P<line>\d+)$', re.MULTILINE)
_SYNTAX = re.compile(r"^(?:Syntax|Indentation|Tab)Error: (?P<text>.*)$", re.MULTILINE)
_ON_LINE = re.compile(r" in file (?P<name>.+) on line (?P<line>\d+), but.*")
_OF_NO_LINE = "encoding problem: "
"""Of Python 3.10 and newer, an encoding that it does not know: names neither file nor line."""
_TRACEBACK = "Traceback (most recent call last)"
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '(?P<module>[^'.]+)", re.MULTILINE)


def syntax_error(stderr: str, script: str, version: str) -> str | None:
    """The error of a script that never began, "smoke.py:3: SyntaxError: …"; None where it did.

    Python tells of it without a traceback: nothing of it has run. `stderr`: of a run that failed;
    where it names another file, the script has begun and started a program that is none.
    """
    error = _last(_SYNTAX.finditer(stderr))
    if error is None or _TRACEBACK in stderr:
        return None
    before = _LOCATION.finditer(stderr, 0, error.start())
    named = _ON_LINE.search(error["text"]) or _last(before)
    if named["name"] != script if named else not error["text"].startswith(_OF_NO_LINE):
        return None
    line = f":{named['line']}" if named else ""
    text = _ON_LINE.sub("", error[0])
    shown = stderr[: error.start()].rstrip()
    return f"{script}{line}: {text}\nPython {version} of the image reads it\n{shown}".rstrip()


def _last(found: Iterable[re.Match[str]]) -> re.Match[str] | None:
    *_, last = [None, *found]
    return last


def missing_module(stderr: str, root: Path, script: Path, passed: Iterable[str]) -> str | None:
    """What stands beside the script and has the name of the module that was not found.

    As `files` takes it; None where there is none, or where it was passed in.
    """
    error = _last(_MISSING.finditer(stderr))
    if error is None:
        return None
    for name in (f"{error['module']}.py", error["module"]):
        path = script.parent / name
        if path.exists() and path.is_relative_to(root):
            found = path.relative_to(root).as_posix()
            known = any(one == found or one.startswith(f"{found}/") for one in passed)
            return None if known else found
    return None
