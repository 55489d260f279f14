"""Errors that the user or the read-only root of production brings, and what they mean."""

import pytest

from pytest_tfdocker.checks.imports import CHECK
from pytest_tfdocker.checks.peak_memory import judge_run
from pytest_tfdocker.checks.user_errors import user_meaning
from pytest_tfdocker.evidence.records import Import, Imports, Started

WHO = "user 1000680000:0 (app.yaml:12)"
CACHES = "HF_HOME, XDG_CACHE_HOME, MPLCONFIGDIR and the like name a folder too"
WAYS = "run.tmpfs; `tmpfs` in Compose, an emptyDir in Kubernetes"
OPENSHIFT = "as OpenShift asks of an image"
NO_HOME = (
    f"{WHO} has no home that it may write to: `ENV HOME=/tmp`, or a folder of its own; {CACHES}"
)
NO_NAME = (
    f"{WHO} has no entry in the image's /etc/passwd, and its name is asked for: `ENV USER=app` "
    "answers getpass.getuser(), as torch.compile asks; pwd.getpwuid() wants an entry"
)
READ_ONLY = "the root file system is read-only (compose.yaml:9)"


def started(user="1000680000:0", **changes):
    fields = {"read_only": False, "read_only_origin": "compose.yaml:9"}
    return Started(user=user, **{"user_origin": "app.yaml:12", **fields, **changes})


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("KeyError: 'getpwuid(): uid not found: 1000680000'", NO_NAME),
        ("OSError: No username set in the environment", NO_NAME),
        ("PermissionError: [Errno 13] Permission denied: '/.cache'", NO_HOME),
        ("PermissionError: [Errno 13] Permission denied: '/.config/matplotlib'", NO_HOME),
        ("PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface'", NO_HOME),
        ("PermissionError: [Errno 13] Permission denied: '/nonexistent'", NO_HOME),
        (
            "python3: can't open file '/app/app.py': [Errno 13] Permission denied",
            f"{WHO} may not use /app/app.py: `RUN chgrp -R 0 /app && chmod -R g=u /app`, "
            f"{OPENSHIFT}",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/app/data/index.bin'",
            f"{WHO} may not use /app/data/index.bin: `RUN chgrp -R 0 /app/data && "
            f"chmod -R g=u /app/data`, {OPENSHIFT}",
        ),
        (
            "sh: 1: cannot create /srv/log: Permission denied",
            f"{WHO} may not use /srv/log: `RUN chgrp -R 0 /srv && chmod -R g=u /srv`, {OPENSHIFT}",
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/models'",
            f"{WHO} may write to no new folder in /: make it in the Dockerfile",
        ),
        (
            "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/']",
            f"{WHO} may write to no folder for temporary files: `chmod 1777 /tmp`",
        ),
        (
            "/app/entry.sh: Permission denied",
            f"{WHO} may not run /app/entry.sh: it has no execute bit (`COPY --chmod=755`), or a "
            "folder above it is closed to others, as /root is",
        ),
        (
            "RuntimeError: cannot cache function '__o_fold': no locator available for file 'x.py'",
            f"{WHO} may not write where numba keeps its cache: `ENV NUMBA_CACHE_DIR=/tmp`",
        ),
        (
            "ImportError: /tmp/x.so: failed to map segment from shared object",
            "a tmpfs lets no code run from it unless its options say so: write "
            '"PATH:exec" in run.tmpfs, or `tmpfs` of Compose',
        ),
        ("OSError: [Errno 30] Read-only file system: '/proc/sys/x'", None),
        ("OSError: [Errno 30] Read-only file system: '/models/x'", None),
        ("PermissionError: [Errno 13] Permission denied: 'x'", None),
        ("ValueError: no", None),
        ("", None),
    ],
)
def test_an_error_of_an_arbitrary_user_names_it_and_what_mends_it(text, meaning):
    assert user_meaning(text, started()) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (
            "OSError: [Errno 30] Read-only file system: '/app/cache'",
            f"{READ_ONLY}, and it writes to /app/cache: give it a tmpfs where it writes ({WAYS}); "
            f"{CACHES}",
        ),
        (
            "OSError: [Errno 30] Read-only file system: '/tmp/x/y'",
            f"{READ_ONLY}, and it writes to /tmp/x/y: give it a tmpfs at /tmp ({WAYS}); {CACHES}",
        ),
        (
            "sh: 1: cannot create /x: Read-only file system",
            f"{READ_ONLY}, and it writes to /x: give it a tmpfs where it writes ({WAYS}); {CACHES}",
        ),
        (
            "Read-only file system",
            f"{READ_ONLY}, and it writes to it: give it a tmpfs where it writes ({WAYS}); {CACHES}",
        ),
        (
            "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/']",
            f"{READ_ONLY}: give it a tmpfs at /tmp ({WAYS})",
        ),
        ("OSError: [Errno 30] Read-only file system: '/proc/sys/x'", None),
    ],
)
def test_an_error_of_a_read_only_root_names_where_it_was_asked_for(text, meaning):
    assert user_meaning(text, started("", read_only=True)) == meaning


@pytest.mark.parametrize("user", ["", "root", "0", "0:1000"])
def test_roots_permissions_are_not_the_matter(user):
    text = "PermissionError: [Errno 13] Permission denied: '/app/x'"
    assert user_meaning(text, started(user)) is None


def test_a_user_with_a_group_of_its_own_has_files_of_its_own():
    text = "PermissionError: [Errno 13] Permission denied: '/app/x'"
    assert user_meaning(text, started("1000:1000")) == (
        "user 1000:1000 (app.yaml:12) may not use /app/x: `RUN chown -R 1000:1000 /app`, "
        "or COPY --chown"
    )


CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'getpwuid(): uid not found: 1000680000'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
RuntimeError: backend='inductor' raised
"""


def test_a_run_that_fails_tells_what_its_user_lacks_though_another_error_came_of_it(run):
    verdict = judge_run(run(exit_code=1, stderr=CHAINED, started=started()))
    assert verdict.headline.startswith("exit code 1")
    assert verdict.details[1] == NO_NAME


def test_what_was_said_before_and_broke_nothing_is_not_blamed(run):
    said = "PermissionError: [Errno 13] Permission denied: '/.cache'\nValueError: no\n"
    verdict = judge_run(run(exit_code=1, stderr=said, started=started()))
    assert NO_HOME not in verdict.details


def test_a_program_that_may_not_be_run_is_told(run):
    verdict = judge_run(
        run(error="/app/entry.sh: Permission denied", exit_code=None, started=started())
    )
    assert verdict.details[0].startswith(f"{WHO} may not run /app/entry.sh: ")


def test_without_knowing_who_ran_it_nothing_is_said(run):
    assert judge_run(run(exit_code=1, stderr=CHAINED)).details[0].startswith("after")
    assert not any(
        "getpass" in line for line in judge_run(run(exit_code=1, stderr=CHAINED)).details
    )


def test_an_import_that_fails_tells_what_its_user_lacks(facts):
    text = "PermissionError: [Errno 13] Permission denied: '/.cache'"
    tried = Import(name="torch", ok=False, seconds=1.0, error=text)
    judged = facts(
        {"run": {"user": "1000680000:0"}, "imports": {"modules": ["torch"]}},
        imports=Imports(modules={"torch": tried}),
        origins={"run.user": "app.yaml:12"},
    )
    verdict = CHECK.judge(judged, "torch")
    assert verdict.details[0] == NO_HOME
