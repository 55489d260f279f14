"""A group that is installed although nobody asks for it is told in one line, from each lock."""

import json

import pytest

from pytest_tfdocker.checks import parity
from pytest_tfdocker.locks.discover import read_files

UV = """\
version = 1
revision = 3

[[package]]
name = "demo"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "web" }]

[package.optional-dependencies]
gpu = [{ name = "cuda" }]

[package.dev-dependencies]
dev = [
    { name = "ruff" },
    { name = "test", extra = ["fast"] },
    { name = "win", marker = "sys_platform == 'win32'" },
]
docs = [{ name = "sphinx" }]
lint = [{ name = "ruff" }]
"""
NAMES = ("web", "cuda", "ruff", "test", "win", "sphinx", "core", "quick")
UV += "".join(
    f'\n[[package]]\nname = "{name}"\nversion = "1.0"\n'
    'source = { registry = "https://example.org/simple" }\n'
    for name in NAMES
)
POETRY = """\
[[package]]
name = "web"
version = "1.0"
optional = false
groups = ["main"]
"""
POETRY += "".join(
    f'\n[[package]]\nname = "{name}"\nversion = "1.0"\noptional = false\ngroups = {groups}\n'
    for name, groups in {
        "ruff": '["dev", "lint"]',
        "test": '["dev"]',
        "core": '["dev"]',
        "quick": '["dev"]',
        "sphinx": '["docs"]',
        "win": '["dev"]\nmarkers = "sys_platform == \\"win32\\""',
    }.items()
)
POETRY += '\n[metadata]\nlock-version = "2.1"\n'
PIPFILE = json.dumps(
    {
        "_meta": {},
        "default": {"web": {"version": "==1.0"}},
        "develop": {
            **{name: {"version": "==1.0"} for name in ("ruff", "test", "core", "quick")},
            "win": {"version": "==1.0", "markers": "sys_platform == 'win32'"},
        },
        "docs": {"sphinx": {"version": "==1.0"}},
    },
    indent=4,
)
PYPROJECT = """\
[project]
name = "demo"
version = "1"
dependencies = ["web"]

[project.optional-dependencies]
gpu = ["cuda"]

[dependency-groups]
dev = [{ include-group = "lint" }, "test[fast]", "win; sys_platform == 'win32'"]
lint = ["ruff"]
docs = ["sphinx"]
"""
FILES = {
    "uv.lock": UV,
    "poetry.lock": POETRY,
    "Pipfile.lock": PIPFILE,
    "pyproject.toml": PYPROJECT,
}
DEV = ("ruff 1.0", "test 1.0", "core 1.0", "quick 1.0")


@pytest.fixture(params=FILES)
def name(request):
    return request.param


@pytest.fixture
def judged(name, given, distribution, tmp_path):
    """The verdict of an image that holds `web` and these."""

    def make(*installed):
        (tmp_path / name).write_text(FILES[name])
        declared = read_files([tmp_path / name], tmp_path)
        test = distribution("test", requires=["core", "quick ; extra == 'fast'"])
        here = [test if one == "test 1.0" else one for one in installed]
        return parity.CHECK.judge(given(declared, "web 1.0", *here), None)

    return make


def called(name, group="dev"):
    kind = "category" if name == "Pipfile.lock" else "group"
    group = {"dev": "develop"}.get(group, group) if kind == "category" else group
    return f"{kind} {group} of {name}"


def test_all_of_a_group_is_told_as_that(judged, name):
    verdict = judged(*DEV)
    assert verdict.headline == "4 undeclared: core 1.0, quick 1.0, ruff 1.0, test 1.0"
    assert verdict.details[-1] == (
        f"mend: {called(name)} is installed: leave it out of the install, or name what came with "
        "it in dependencies.allow-extra"
    )
    assert verdict.details[0].endswith("in a group or extra that is not asked for")


@pytest.mark.parametrize(
    "installed", [DEV[1:], (*DEV, "other 1.0")], ids=["a part of it", "and another"]
)
def test_anything_else_is_no_group(judged, installed):
    verdict = judged(*installed)
    assert verdict.outcome == "failed"
    assert " is installed: " not in verdict.text
    assert "dependencies.allow-extra; likewise the other" in verdict.details[-1]


def test_two_groups_are_told_together(judged, name):
    last = judged(*DEV, "sphinx 1.0").details[-1]
    both = f"{called(name)} and {called(name, 'docs')}"
    assert last.startswith(f"mend: {both} are installed: leave them out of the install, or ")


def test_an_extra_is_told_too(judged, name):
    if name not in {"uv.lock", "pyproject.toml"}:
        pytest.skip("its extras are not told apart")
    assert judged("cuda 1.0").details[-1].startswith(f"mend: extra gpu of {name} is installed: ")
