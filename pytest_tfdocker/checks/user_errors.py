"""What breaks under the user and the root file system that production has, and what mends it."""

import posixpath
import re
from collections.abc import Callable

from pytest_tfdocker.evidence.records import Run, Started
from pytest_tfdocker.text import one_line

_SCRATCH = ("/tmp", "/var/tmp", "/run", "/dev/shm")  # noqa: S108 (paths inside)
_HOMELESS = ("/.", "/root", "/nonexistent")
"""Beginnings of what is written to a HOME that isn't the user's: uid 1000680000 gets HOME=/."""
_WAYS = "run.tmpfs; `tmpfs` in Compose, an emptyDir in Kubernetes"
_CACHES = "HF_HOME, XDG_CACHE_HOME, MPLCONFIGDIR and the like name a folder too"


def run_meaning(run: Run) -> str | None:
    """What the errors of a run mean, the last one first; None where it is none of these."""
    if run.started is None:
        return None
    if run.error is not None:
        return user_meaning(run.error, run.started)
    meanings = (user_meaning(error, run.started) for error in _errors(run.stderr))
    return next((one for one in meanings if one is not None), None)


def user_meaning(text: str, started: Started) -> str | None:
    """What an error means for who runs it; None where it is none that is known."""
    for pattern, meaning in _MEANINGS:
        match = pattern.search(text)
        told = None if match is None else meaning(match, started)
        if told is not None:
            return told
    return None


def _errors(stderr: str) -> list[str]:
    """The last line, and the error under each traceback, the last one first."""
    lines = [line for line in stderr.split("\n") if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    under = [next((one for one in lines[at + 1 :] if not one[:1].isspace()), "") for at in starts]
    return [*lines[-1:], *reversed(under)]


def _who(started: Started) -> str:
    return f"user {one_line(started.user) or 'root'} ({started.user_origin})"


def _is_root(started: Started) -> bool:
    return started.user.partition(":")[0] in ("", "0", "root")


def _no_name(_match: re.Match[str], started: Started) -> str:
    return (
        f"{_who(started)} has no entry in the image's /etc/passwd, and its name is asked for: "
        "`ENV USER=app` answers getpass.getuser(), as torch.compile asks; pwd.getpwuid() wants "
        "an entry"
    )


def _read_only(match: re.Match[str], started: Started) -> str | None:
    path = _path(match)
    if not started.read_only or path.startswith(("/proc/", "/sys/")):
        return None
    scratch = next((one for one in _SCRATCH if f"{path}/".startswith(f"{one}/")), None)
    where = f"at {scratch}" if scratch else "where it writes"
    return (
        f"the root file system is read-only ({started.read_only_origin}), and it writes to "
        f"{one_line(path) or 'it'}: give it a tmpfs {where} ({_WAYS}); {_CACHES}"
    )


def _no_scratch(_match: re.Match[str], started: Started) -> str:
    if started.read_only:
        return (
            f"the root file system is read-only ({started.read_only_origin}): give it a tmpfs at "
            f"{_SCRATCH[0]} ({_WAYS})"
        )
    return f"{_who(started)} may write to no folder for temporary files: `chmod 1777 /tmp`"


def _denied(match: re.Match[str], started: Started) -> str | None:
    path = _path(match)
    if _is_root(started) or not path.startswith("/"):
        return None
    if path.startswith(_HOMELESS):
        return (
            f"{_who(started)} has no home that it may write to: `ENV HOME=/tmp`, or a folder of "
            f"its own; {_CACHES}"
        )
    folder = posixpath.dirname(path)
    shown = one_line(folder)
    if folder == "/":
        return f"{_who(started)} may write to no new folder in /: make it in the Dockerfile"
    group = started.user.partition(":")[2]
    if group in ("", "0", "root"):
        mend = f"`RUN chgrp -R 0 {shown} && chmod -R g=u {shown}`, as OpenShift asks of an image"
    else:
        mend = f"`RUN chown -R {one_line(started.user)} {shown}`, or COPY --chown"
    return f"{_who(started)} may not use {one_line(path)}: {mend}"


def _not_run(match: re.Match[str], started: Started) -> str:
    path = one_line(_path(match))
    return (
        f"{_who(started)} may not run {path}: it has no execute bit (`COPY --chmod=755`), or a "
        "folder above it is closed to others, as /root is"
    )


def _numba(_match: re.Match[str], started: Started) -> str:
    return f"{_who(started)} may not write where numba keeps its cache: `ENV NUMBA_CACHE_DIR=/tmp`"


def _no_code(_match: re.Match[str], _started: Started) -> str:
    return (
        "a tmpfs lets no code run from it unless its options say so: write "
        '"PATH:exec" in run.tmpfs, or `tmpfs` of Compose'
    )


def _path(match: re.Match[str]) -> str:
    return next((one for one in match.groups() if one), "")


Meaning = Callable[[re.Match[str], Started], str | None]

_MEANINGS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (re.compile(r"uid not found: \d+|No username set in the environment"), _no_name),
    (re.compile(r"No usable temporary directory found"), _no_scratch),
    (
        re.compile(
            r"Read-only file system: b?'([^']*)'|cannot create (\S+): Read-only file system"
            r"|(\S+): Read-only file system|Read-only file system()"
        ),
        _read_only,
    ),
    (re.compile(r"\A(/\S+): Permission denied\Z"), _not_run),
    (
        re.compile(
            r"can't open file '([^']+)': \[Errno 13\]|Permission denied: b?'([^']+)'"
            r"|cannot create (\S+): Permission denied|(\S+): Permission denied"
        ),
        _denied,
    ),
    (re.compile(r"no locator available for file"), _numba),
    (re.compile(r"failed to map segment from shared object"), _no_code),
)
"""Texts of errors → what they mean. The first that holds counts."""
