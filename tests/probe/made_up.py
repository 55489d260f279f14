"""A made-up image of a few files, with interpreters in the usual places."""

import stat

SYSTEM, VENV = "usr/bin/python", "venv/bin/python"
ML, BASE = "conda/envs/ml/bin/python", "conda/bin/python"
INTERPRETERS = (
    "usr/bin/python",
    "usr/bin/python3",
    "venv/bin/python",
    "app/.venv/bin/python",
    "chosen/bin/python",
    "conda/bin/python",
    "conda/envs/ml/bin/python",
    "pypoetry/app-x-py3.11/bin/python",
    "virtualenvs/app-y/bin/python",
)


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
