#!/usr/bin/env python3
"""Copies this example to a folder, and makes of it what such a folder is after some weeks of work.

A wheel lies in wheels/, from the day of a try without a network, and .git remembers it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON_VERSION = "3.11"  # of the Dockerfile's base image
LEFT_OUT = shutil.ignore_patterns("prepare.py", "README.md", ".pytest_cache", "__pycache__")


def fetch_wheel(folder: Path) -> None:
    """Puts the newest scikit-learn into wheels/: 9 MB."""
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
         "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON_VERSION}",
         f"--dest={folder / 'wheels'}", "scikit-learn"],
        check=True,
    )  # fmt: skip


def commit(folder: Path) -> None:
    """Makes a repository of the folder, and commits all that lies in it."""
    author = ["-c", "user.name=example", "-c", "user.email=example@example.org"]
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, *author, "commit", "--quiet", "--message=First try"], check=True)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: prepare.py FOLDER   a folder that isn't there yet")
    folder = Path(sys.argv[1])
    if folder.exists():
        sys.exit(f"prepare.py: {folder} is there already")
    shutil.copytree(HERE, folder, ignore=LEFT_OUT)
    fetch_wheel(folder)
    commit(folder)
    print(f"prepared; next: cd {folder} && pytest --tfdocker")


if __name__ == "__main__":
    main()
