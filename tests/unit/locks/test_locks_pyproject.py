"""pyproject.toml: dependencies, extras and groups, by the standards and by Poetry's own tables."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.locks.pyproject import read_project
from pytest_tfdocker.locks.selection import PLAIN, Selection

STANDARD = """\
[project]
name = "Demo_App"
dependencies = [
    "requests",
    'colorama==0.4.6; sys_platform == "win32"',
]

[project.optional-dependencies]
cpu = ["torch==2.9.0+cpu"]
all = ["demo-app[CPU]", "tomli"]
round = ["demo-app[round]", "a"]

[dependency-groups]
dev = ["iniconfig", { include-group = "Lint" }]
lint = ["pyflakes", {include-group = "dev"}]
"""
POETRY = """\
[tool.poetry.dependencies]
python = "^3.10"
requests = "^2.31"
torch = [
    { version = "2.9.0", markers = "sys_platform == 'linux'" },
    { version = "2.8.0", markers = "sys_platform != 'linux'", python = "~3.11 || ^3.13" },
]
gpu-part = { version = "*", optional = true }
tool = { git = "https://h/tool.git", tag = "v1", subdirectory = "py" }
local = { path = "../local", develop = true }
bad = "^^1"

[tool.poetry.extras]
gpu = ["gpu-part"]

[tool.poetry.dev-dependencies]
pytest = "~7.4"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
mkdocs = "1.6.0"
"""


@pytest.fixture
def read(tmp_path):
    def run(text, selection=PLAIN):
        path = tmp_path / "pyproject.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_project(path, "pyproject.toml", selection, "Dockerfile:3 uv sync")

    return run


def names(found):
    return {f"{one.name}{one.specifier}": one.source.line for one in found.requirements}


def asked(**changes):
    return Selection(**{key: frozenset(value) if isinstance(value, set) else value
                        for key, value in changes.items()})  # fmt: skip


def test_dependencies_have_their_lines_and_who_installs_them(read):
    found = read(STANDARD)
    assert names(found) == {"requests": 4, "colorama==0.4.6": 5}
    assert str(found.requirements[0].source) == "pyproject.toml:4 (Dockerfile:3 uv sync)"
    assert found.requirements[1].marker == 'sys_platform == "win32"'
    assert found.sources == ("pyproject.toml",)


@pytest.mark.parametrize(
    ("selection", "more"),
    [
        (asked(extras={"cpu"}), {"torch==2.9.0+cpu"}),
        (asked(extras={"all"}), {"torch==2.9.0+cpu", "tomli"}),
        (asked(extras={"round"}), {"a"}),
        (asked(all_extras=True, without_extras={"all", "round"}), {"torch==2.9.0+cpu"}),
        (asked(groups={"dev"}), {"iniconfig", "pyflakes"}),
        (asked(default_groups=True), {"iniconfig", "pyflakes"}),
        (asked(default_groups=True, without_groups={"dev"}), set()),
    ],
)
def test_extras_and_groups_bring_what_they_name_and_include(read, selection, more):
    assert set(names(read(STANDARD, selection))) == {"requests", "colorama==0.4.6"} | more


def test_a_group_alone_leaves_the_project_out(read):
    assert set(names(read(STANDARD, asked(project=False, groups={"lint"})))) == {
        "pyflakes", "iniconfig",
    }  # fmt: skip


def test_uvs_default_groups_are_the_projects_to_say(read):
    text = STANDARD + "[tool.uv]\ndefault-groups = %s\n"
    for groups, there in (('["lint"]', True), ('"all"', True), ("[]", False)):
        found = names(read(text % groups, asked(default_groups=True)))
        assert ("pyflakes" in found) is there


def test_poetrys_own_tables_are_read(read):
    found = read(POETRY)
    told = {f"{one.name}{one.specifier}": (one.url, one.marker) for one in found.requirements}
    assert told == {
        "requests<3,>=2.31": (None, None),
        "torch==2.9.0": (None, 'sys_platform == "linux"'),
        "torch==2.8.0": (
            None,
            'sys_platform != "linux" and '
            '((python_full_version < "3.12" and python_full_version >= "3.11") or '
            '(python_full_version < "4" and python_full_version >= "3.13"))',
        ),
        "tool": ("git+https://h/tool.git@v1#subdirectory=py", None),
        "local": ("../local", None),
    }
    assert [(one.text, one.source.line) for one in found.problems] == [("bad ^^1", 11)]
    every = asked(extras={"gpu"}, default_groups=True)
    more = {"gpu-part": 8, "pytest<7.5,>=7.4": 17}
    assert names(read(POETRY, every)) == names(found) | more
    assert "mkdocs==1.6.0" in names(read(POETRY, asked(groups={"docs"})))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[project]\nname = 'x'\ndependencies = ['a b']\n", 3, "Expected"),
        ("[project]\ndependencies = [\n1\n]\n", 2, "1 is no requirement"),
        ("[project]\noptional-dependencies = 1\n", 2, "it is no table"),
        ("[tool.poetry]\ndependencies = 1\n", 1, "'int' object"),
        ("dependency-groups = []\n", 1, "it is no table"),
    ],
)
def test_what_can_not_be_read_is_a_problem_at_its_line(read, text, line, reason):
    (problem,) = read(text).problems
    assert (problem.source.line, problem.reason[: len(reason)]) == (line, reason)


def test_thousands_of_lines_are_read_at_once(read):
    lines = "".join(f'    "name-{n}=={n}",\n' for n in range(20_000))
    found = read(f"[project]\ndependencies = [\n{lines}]\n")
    assert found.requirements[-1].source.line == 20_002


toml = st.recursive(
    st.sampled_from(['"a"', '"a==1"', '"demo[x]"', "1", '"*"', '"^1"', '"a b"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: f"[{', '.join(some)}]")
        | st.dictionaries(
            st.sampled_from(["include-group", "version", "optional", "python", "markers", "git"]),
            inner,
            max_size=2,
        ).map(lambda some: "{" + ", ".join(f"{k} = {v}" for k, v in some.items()) + "}")
    ),
    max_leaves=5,
)
KEYS = ("project.dependencies", "project.optional-dependencies.x", "dependency-groups.dev",
        "tool.poetry.dependencies", "tool.poetry.extras", "tool.poetry.group.x",
        "tool.poetry.dev-dependencies", "tool.uv.default-groups", "project.name")  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), toml))
def test_any_tables_are_requirements_or_problems(read, tables):
    text = "".join(f"{key} = {value}\n" for key, value in tables.items())
    every = Selection(all_extras=True, all_groups=True, default_groups=True)
    found = read(text, every)
    assert all(one.source.line >= 1 for one in (*found.requirements, *found.problems))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text().map(str.encode) | st.binary())
def test_any_bytes_are_a_problem_or_nothing(read, data):
    assert read(data).requirements == ()
