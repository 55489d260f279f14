"""Locks as the tools that write them read them: the same pins for the same question."""

import json

import pytest
from installers import POETRY_INDEX, run
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_tfdocker.dockerfile.shell import Arg
from pytest_tfdocker.locks.discover import read_files
from pytest_tfdocker.locks.pipfile import read_pipfile_lock
from pytest_tfdocker.locks.poetry_lock import read_poetry_lock
from pytest_tfdocker.locks.project_command import project_command
from pytest_tfdocker.locks.pylock import read_pylock
from pytest_tfdocker.locks.requirements import read_requirements
from pytest_tfdocker.locks.uv_lock import read_uv_lock

pytestmark = pytest.mark.slow

UV_PROJECT = """\
[project]
name = "demo-app"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["requests", "colorama; sys_platform == 'win32'"]

[project.optional-dependencies]
cpu = ["idna==3.9"]
gpu = ["idna==3.10", "packaging", "typing-extensions<4.13; python_version < '3.11'"]
all = ["demo-app[gpu]", "tomli", "typing-extensions>=4.13; python_version >= '3.11'"]

[dependency-groups]
dev = ["iniconfig", { include-group = "lint" }]
lint = ["pyflakes"]
docs = ["markupsafe"]

[tool.uv]
default-groups = ["dev", "docs"]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }], [{ extra = "cpu" }, { extra = "all" }]]
"""
POETRY_PROJECT = """\
[tool.poetry]
name = "demo-app"
version = "0.1.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.10"
requests = "^2.31"
packaging = { version = "*", optional = true }
tomli = { version = "*", optional = true }
colorama = { version = "*", markers = "sys_platform == 'win32'" }
typing-extensions = { version = "*", python = "<3.11" }

[tool.poetry.extras]
gpu = ["packaging"]
all = ["packaging", "tomli"]

[tool.poetry.group.dev.dependencies]
iniconfig = "*"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
markupsafe = "*"
"""
PIPFILE = """\
[packages]
requests = "*"
idna = { version = "~=3.9", markers = "python_version >= '3.8'" }

[dev-packages]
iniconfig = "*"

[docs]
markupsafe = "*"
"""
REQUIREMENTS = """\
requests==2.32.3 \\
    # by hand
colorama==0.4.6 ; sys_platform == "win32"
charset_normalizer==3.4.0; python_version >= "3.8"
-c limits.txt
urllib3
certifi
idna
"""
LIMITS = "urllib3==2.2.3\ncertifi==2024.8.30\nidna==3.10\ntorch==2.9.0\n"
PYTHONS = ("3.10", "3.13")


def selection(*words):
    """What the options of an installer ask for."""
    found = project_command([Arg(word, 0) for word in words], {})
    assert found is not None
    return found.selection


def holds(marker, python):
    environment = {"python_version": python, "python_full_version": f"{python}.1", "extra": ""}
    return marker is None or Marker(str(marker)).evaluate(environment)


def ours(contents, python="3.11"):
    assert contents.problems == ()
    return {
        f"{one.name}{one.specifier}" for one in contents.requirements if holds(one.marker, python)
    }


def theirs(text, python="3.11"):
    """Of a requirements file that a tool wrote."""
    lines = [line for line in text.splitlines() if line[:1].isalnum()]
    found = map(Requirement, lines)
    return {
        f"{canonicalize_name(one.name)}{one.specifier}"
        for one in found
        if holds(one.marker, python)
    }


@pytest.fixture(scope="module")
def uv_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uv")
    (folder / "pyproject.toml").write_text(UV_PROJECT)
    run("uv", "lock", folder=folder)
    return folder


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--no-dev"],
        ["--no-default-groups"],
        ["--extra", "cpu"],
        ["--extra", "gpu", "--no-dev"],
        ["--extra", "all", "--no-group", "docs"],
        ["--only-group", "docs"],
        ["--only-dev"],
        ["--all-groups", "--no-group", "dev"],
        ["--group", "lint", "--no-default-groups"],
        ["--all-extras", "--no-extra", "cpu"],
    ],
    ids=" ".join,
)
def test_uv_exports_what_is_read(uv_folder, options, python):
    exported = ("export", "--frozen", "--no-hashes", "--no-header", "--no-annotate")
    said = run("uv", *exported, "--no-emit-project", *options, folder=uv_folder)
    asked = selection("uv", "sync", *options)
    read = read_uv_lock(uv_folder / "uv.lock", "uv.lock", asked)
    assert ours(read, python) == theirs(said, python)


@pytest.fixture(scope="module", params=["poetry", "poetry-1"])
def poetry_folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "pyproject.toml").write_text(POETRY_PROJECT + POETRY_INDEX)
    run(request.param, "lock", folder=folder)
    return request.param, folder


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    ("options", "exported"),
    [
        (["--only", "main"], ["--only", "main"]),
        ([], ["--with", "dev"]),
        (["--without", "dev", "-E", "gpu"], ["--extras", "gpu"]),
        (["--without=dev", "--all-extras"], ["--all-extras"]),
        (["--with", "docs"], ["--with", "dev,docs"]),
        (["--only", "docs"], ["--only", "docs"]),
        (["--only", "main,docs", "--extras", "all gpu"], ["--with", "docs", "--all-extras"]),
    ],
    ids=lambda one: " ".join(one) or "none",
)
def test_poetry_exports_what_is_read(poetry_folder, options, exported, python):
    name, folder = poetry_folder
    said = run(name, "export", "--without-hashes", "--without-urls", *exported, folder=folder)
    asked = selection("poetry", "install", *options)
    read = read_poetry_lock(folder / "poetry.lock", "poetry.lock", asked)
    assert ours(read, python) == theirs(said, python)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_an_old_lock_has_a_version_for_each_python(forked_folder, python):
    said = run("poetry-1", "export", "--without-hashes", "--without-urls", folder=forked_folder)
    read = read_poetry_lock(forked_folder / "poetry.lock", "poetry.lock")
    if sum(one.name == "numpy" for one in read.requirements) == 1:
        pytest.skip("of what the index has today one version is for all")
    assert ours(read, python) == theirs(said, python)


@pytest.fixture(scope="module")
def forked_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forked")
    head = POETRY_PROJECT.partition("[tool.poetry.dependencies]")[0]
    needs = '[tool.poetry.dependencies]\npython = "^3.11"\npandas = "*"\n'
    (folder / "pyproject.toml").write_text(head + needs + POETRY_INDEX)
    run("poetry-1", "lock", folder=folder)
    return folder


@pytest.fixture(scope="module")
def pipenv_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipenv")
    (folder / "Pipfile").write_text(PIPFILE)
    run("pipenv", "lock", folder=folder)
    run("pipenv", "lock", "--categories", "docs", folder=folder)
    return folder


@pytest.mark.parametrize(
    ("options", "asked"),
    [([], []), (["--dev"], ["--dev"]), (["--categories", "docs"], ["--categories", "docs"])],
    ids=lambda one: " ".join(one) or "none",
)
def test_pipenv_gives_the_requirements_that_are_read(pipenv_folder, options, asked):
    said = run("pipenv", "requirements", *options, folder=pipenv_folder)
    read = read_pipfile_lock(
        pipenv_folder / "Pipfile.lock", "Pipfile.lock", selection("pipenv", "sync", *asked)
    )
    assert ours(read) == theirs(said)


def test_pip_installs_what_is_read(tmp_path):
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    (tmp_path / "limits.txt").write_text(LIMITS)
    report = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "report.json")
    run("pip", *report, "-r", "requirements.txt", folder=tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())["install"]
    read = read_files([tmp_path / "requirements.txt"], tmp_path)
    installed = (one["metadata"] for one in told)
    assert ours(read) == {
        f"{canonicalize_name(one['name'])}=={one['version']}" for one in installed
    }


def test_pips_own_lock_is_what_pip_installs(tmp_path):
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    (tmp_path / "limits.txt").write_text(LIMITS)
    run("pip", "lock", "--quiet", "-r", "requirements.txt", folder=tmp_path)
    read = read_pylock(tmp_path / "pylock.toml", "pylock.toml")
    wanted = read_requirements(tmp_path / "limits.txt", tmp_path)
    pins = {one for one in ours(wanted) if not one.startswith("torch")}
    assert ours(read) == pins | {"requests==2.32.3", "charset-normalizer==3.4.0"}
    assert all(one.hashes for one in read.requirements)
