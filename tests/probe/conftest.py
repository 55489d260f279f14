"""Every interpreter at hand, and ways to run the probe's programs under it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import pytest
from made_up import INTERPRETERS, program

from pytest_tfdocker import probe

COOKIE = "<tfdocker 0123456789abcdef|"


def _installed() -> dict[tuple[int, int], str]:
    """Version → executable, of PATH and of pyenv."""
    names = [shutil.which(f"python{v}") for v in ("2.7", *(f"3.{n}" for n in range(6, 20)))]
    names += map(str, sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin/python")))
    found: dict[tuple[int, int], str] = {}
    for name in filter(None, names):
        asked = subprocess.run(
            [name, "-c", "import sys; print('%d %d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            major, minor = map(int, asked.stdout.split())
            found.setdefault((major, minor), name)
    return dict(sorted(found.items()))


INSTALLED = _installed()
NEW_ENOUGH = {
    ".".join(map(str, version)): path
    for version, path in INSTALLED.items()
    if version >= probe.OLDEST_PYTHON
}


def pytest_generate_tests(metafunc):
    """`python`: each that the probe knows; `end_python`: the oldest and the newest of these;
    `oldest_python`: for what asks a hundred times and is a matter of text.

    Those between are slow, and of `end_python` the newest: the oldest is what breaks first.
    """
    versions = list(NEW_ENOUGH)
    ends = versions[:1] + versions[1:][-1:]
    for name, chosen, quick in (
        ("python", versions, ends),
        ("end_python", ends, ends[:1]),
        ("oldest_python", ends[:1], ends[:1]),
    ):
        if name in metafunc.fixturenames:
            found = [
                pytest.param(NEW_ENOUGH[v], id=v, marks=[] if v in quick else [pytest.mark.slow])
                for v in chosen
            ]
            metafunc.parametrize(name, found)


@pytest.fixture
def old_python():
    """An interpreter of that version; a skip where it is not installed."""

    def find(major: int, minor: int) -> str:
        if (major, minor) not in INSTALLED:
            pytest.skip(f"no Python {major}.{minor} here")
        return INSTALLED[major, minor]

    return find


@pytest.fixture
def ask():
    """Runs `body`, the text of a function that returns JSON, beside the probe's own modules."""

    def run(python, modules, body, *, env=None, cwd="/", wrapper=(), data=None, files=None):
        program = "import os\n"
        program += "".join(f"import tfdocker_{name} as {name}\n" for name in modules)
        program += "def question(plan, files):\n"
        program += textwrap.indent(textwrap.dedent(body), "    ")
        program += "\ndef main(plan, files, report):\n    report({'answer': question(plan, files)})"
        parts = [(f"module:{name}", probe.source(name).encode()) for name in modules]
        parts += [("module:asking", program.encode())]
        parts += [(f"file:{name}", content) for name, content in (files or {}).items()]
        parts += [("plan:asking", json.dumps(data).encode())]
        header = json.dumps([[name, len(content)] for name, content in parts]).encode()
        done = subprocess.run(
            [*wrapper, *probe.command(python, COOKIE)],
            input=header + b"\n" + b"".join(content for _, content in parts),
            capture_output=True,
            env=dict(os.environ, **(env or {})),
            cwd=cwd,
            timeout=60,
            check=False,
        )
        told = reports_in(done.stdout)
        assert len(told) == 1, (done.stdout, done.stderr)
        assert "crash" not in told[0], told[0]["crash"]
        return told[0]["answer"]

    return run


def reports_in(output: bytes) -> list:
    """What stands between the cookie and its reverse."""
    pattern = re.escape(COOKIE) + "(.*?)" + re.escape(COOKIE[::-1])
    return [json.loads(text) for text in re.findall(pattern, output.decode("utf-8", "replace"))]


WHICH_INTERPRETER = """
    os.environ.clear()
    os.environ.update(data["env"])
    os.chdir(data["cwd"])
    return resolve.interpreter(data["entrypoint"], data["command"])
"""


@pytest.fixture
def image():
    """The root of a made-up image: interpreters in the usual places."""
    # Not tmp_path, whose length would have reasons cut
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="") as folder:
        for path in INTERPRETERS:
            program(Path(folder) / path, "\x7fELF")
        yield Path(folder)


@pytest.fixture
def resolve(ask, image, oldest_python):
    """(path within the image, reason), of an ENTRYPOINT and a CMD."""

    def run(entrypoint=(), command=(), env=None, cwd="app"):
        data = {
            "entrypoint": [word.replace("{}", str(image)) for word in entrypoint],
            "command": [word.replace("{}", str(image)) for word in command],
            "env": {"PATH": f"{image}/usr/bin", "HOME": str(image / "root"), **(env or {})},
            "cwd": str(image / cwd),
        }
        data["env"] = {k: v.replace("{}", str(image)) for k, v in data["env"].items()}
        body = f"data = plan\n{WHICH_INTERPRETER.replace('    ', '')}"
        path, reason = ask(
            oldest_python, ["tree", "environments", "shell", "resolve"], body, data=data
        )
        short = None if path is None else os.path.relpath(path, image)
        return short, reason.replace(str(image), "")

    return run
