"""poetry.lock of Poetry 1 and 2: the main group, every package at its line."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from pytest_tfdocker.locks.poetry_lock import CUT_OFF, NO_PROJECT, read_poetry_lock
from pytest_tfdocker.locks.selection import PLAIN, Selection

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROJECT = "[tool.poetry.dependencies]\npython = '>=3.10'\n"


def package(name, version="1", *lines):
    head = ["", "[[package]]", f'name = "{name}"', f'version = "{version}"', "optional = false"]
    return "\n".join([*head, *lines]) + "\n"


def of_main(name, *lines, version="1"):
    return package(name, version, 'groups = ["main"]', *lines)


@pytest.fixture
def read(tmp_path):
    def run(*parts, project=None, selection=PLAIN, end=b"\n[metadata]\n"):
        path = tmp_path / "poetry.lock"
        path.write_bytes(b"".join(p if isinstance(p, bytes) else p.encode() for p in parts) + end)
        if project is not None:
            (tmp_path / "pyproject.toml").write_text(project)
        return read_poetry_lock(path, "poetry.lock", selection)

    return run


def pins(found):
    assert found.problems == ()
    return {f"{one.name}{one.specifier}": one.marker for one in found.requirements}


def test_of_poetry_2_the_groups_and_markers_of_each_package_are_told(read):
    found = read(
        of_main("a"),
        of_main("b", "markers = \"sys_platform == 'win32'\""),
        package("c", "1", 'groups = ["dev"]'),
        package("d", "1", 'groups = ["main", "dev"]', "markers = { main = \"os_name == 'nt'\" }"),
        of_main("e", "markers = 'extra == \"gpu\"'"),
    )
    assert pins(found) == {
        "a==1": None,
        "b==1": 'sys_platform == "win32"',
        "d==1": 'os_name == "nt"',
    }
    assert [one.source.line for one in found.requirements] == [3, 9, 22]


@pytest.mark.parametrize(
    "project",
    [
        PROJECT + "a = '^1'\nw = { version = '*', markers = \"sys_platform == 'win32'\" }\n"
        "o = { version = '*', optional = true }\n[tool.poetry.group.dev.dependencies]\nd = '*'\n",
        "[project]\ndependencies = ['a>=1', \"w; sys_platform == 'win32'\"]\n",
    ],
    ids=["poetry", "project"],
)
def test_of_older_locks_the_walk_begins_with_the_project(read, project):
    found = read(
        package("a", "1", "[package.dependencies]", 'B_b = ">=1"'),
        package("b-b"),
        *(package(name) for name in "dow"),
        project=project,
    )
    assert pins(found) == {"a==1": None, "b-b==1": None, "w==1": 'sys_platform == "win32"'}


def test_an_extra_brings_what_its_marker_or_its_list_names(read):
    found = read(
        package(
            "a",
            "1",
            "[package.dependencies]",
            "by-marker = { version = '*', optional = true, markers = \"os_name == 'nt' and "
            "extra == 'x'\" }",
            "by-list = { version = '*', optional = true }",
            "of-y = { version = '*', optional = true, markers = \"extra == 'y'\" }",
            "[package.extras]",
            'x = ["by_list (>=1)"]',
        ),
        *map(package, ("by-marker", "by-list", "of-y")),
        project=PROJECT + "a = { version = '*', extras = ['x'] }\n",
    )
    assert pins(found) == {
        "a==1": None,
        "by-marker==1": 'os_name == "nt" and python_version >= "0"',
        "by-list==1": None,
    }


def test_of_several_versions_the_constraint_tells(read):
    project = PROJECT + "n = [{ version = '<2', markers = \"python_version < '3.11'\" }, "
    project += "{ version = '>=2', markers = \"python_version >= '3.11'\" }]\n"
    assert pins(read(package("n", "1.5"), package("n", "2.5"), project=project)) == {
        "n==1.5": 'python_version < "3.11"',
        "n==2.5": 'python_version >= "3.11"',
    }


@pytest.mark.parametrize(
    ("constraint", "meant"),
    [
        ("^1.2", "1.9"),
        ("^2", "2.5"),
        ("^0.2", "0.2.9"),
        ("^0.0.3", "0.0.3"),
        ("~1.9", "1.9"),
        ("~2", "2.5"),
        ("~=1.5", "1.9"),
        ("1.9", "1.9"),
        ("2.*", "2.5"),
        (">=1, <2", "1.9"),
    ],
)
def test_poetrys_own_constraints_tell_too(read, constraint, meant):
    found = read(
        *(package("n", version) for version in ("0.0.3", "0.2.9", "1.9", "2.5")),
        project=f"{PROJECT}n = '{constraint}'\n",
    )
    assert list(pins(found)) == [f"n=={meant}"]


def test_of_alternatives_one_is_enough(read):
    """As botocore has it of urllib3."""
    project = PROJECT + "n = [{ version = '<1.5', markers = \"python_version < '3.10'\" }, "
    either = ">=1.2,<2.2.0 || >2.2.0,<3"
    project += f"{{ version = '{either}', markers = \"python_version >= '3.10'\" }}]\n"
    assert pins(read(package("n", "1.1"), package("n", "2.5"), project=project)) == {
        "n==1.1": 'python_version < "3.10"',
        "n==2.5": 'python_version >= "3.10"',
    }


def test_of_several_that_fit_the_highest_for_the_python_is_meant(read):
    packages = [
        package("n", version, f"python-versions = '{python}'")
        for version, python in (("2.4", ">=3.11"), ("2.5", ">=3.12"), ("1.9", ">=3.8,<3.13"))
    ]
    told = pins(read(*packages, project=PROJECT + "n = '>=1'\n"))
    found = {
        python: [pin for pin, marker in told.items() if holds(marker, python)]
        for python in ("3.10", "3.11", "3.12", "3.13")
    }
    assert found == {
        "3.10": ["n==1.9"],
        "3.11": ["n==2.4"],
        "3.12": ["n==2.5"],
        "3.13": ["n==2.5"],
    }


def holds(marker, python):
    environment = {"python_version": python, "python_full_version": f"{python}.1"}
    return marker is None or Marker(marker).evaluate(environment)


def test_what_no_environment_of_the_project_needs_is_left_out(read):
    project = PROJECT + "a = '*'\ngone = { version = '*', python = '<3.8' }\n"
    assert pins(read(package("a"), project=project)) == {"a==1": None}


@pytest.mark.parametrize("name", ["dev-tools", "Dev_Tools"])
def test_an_optional_group_has_many_spellings(read, name):
    project = f"{PROJECT}[tool.poetry.group.{name}]\noptional = true\n"
    locked = package("a", "1", 'groups = ["dev-tools"]') + of_main("b")
    every = Selection(default_groups=True)
    assert set(pins(read(locked, project=project, selection=every))) == {"b==1"}
    named = Selection(default_groups=True, groups=frozenset({"dev-tools"}))
    assert set(pins(read(locked, project=project, selection=named))) == {"a==1", "b==1"}


def test_a_loose_constraint_does_not_take_away_what_others_tell(read):
    project = PROJECT + "p = '*'\nn = [{ version = '<2', markers = \"os_name == 'nt'\" }, "
    project += "{ version = '>=2', markers = \"os_name != 'nt'\" }]\n"
    loose = package("p", "1", "[package.dependencies]", 'n = ">=1"')
    assert pins(read(loose, package("n", "1.5"), package("n", "2.5"), project=project)) == {
        "p==1": None,
        "n==1.5": 'os_name == "nt"',
        "n==2.5": 'os_name != "nt"',
    }
    alone = read(loose, package("n", "1.5"), package("n", "2.5"), project=PROJECT + "p = '*'\n")
    assert [one.reason for one in alone.problems] == ["which n is meant by '>=1' can't be told"]


def test_hashes_stand_with_the_package_or_apart(read):
    beside = read(of_main("a", 'files = [{ file = "a", hash = "sha256:1" }]'))
    assert beside.requirements[0].hashes == ("sha256:1",)
    apart = '[metadata.files]\na = [{ file = "a", hash = "sha256:2" }]\n'
    assert read(of_main("a"), apart).requirements[0].hashes == ("sha256:2",)
    (artifact,) = beside.requirements[0].artifacts
    assert (artifact.name, artifact.hashes) == ("a", ("sha256:1",))


@pytest.mark.parametrize(
    ("lines", "url", "editable"),
    [
        (
            [
                *("[package.source]", 'type = "git"', 'url = "https://example.org/a.git"'),
                *('reference = "main"', f'resolved_reference = "{COMMIT}"', 'subdirectory = "py"'),
            ],
            f"git+https://example.org/a.git@{COMMIT}#subdirectory=py",
            False,
        ),
        (
            ["develop = true", "[package.source]", 'type = "directory"', 'url = "libs/a"'],
            "libs/a",
            True,
        ),
        (
            ["[package.source]", 'type = "legacy"', 'url = "https://example.org/simple"'],
            None,
            False,
        ),
    ],
)
def test_what_no_index_has_is_a_url(read, lines, url, editable):
    (one,) = read(of_main("a", *lines)).requirements
    assert (one.url, one.editable, one.specifier) == (url, editable, "" if url else "==1")


@pytest.mark.parametrize(
    ("parts", "project", "line", "reason"),
    [
        ([package("a")], None, 1, NO_PROJECT),
        ([package("a")], "[", 1, "it is not as Poetry writes it"),
        ([package("b")], PROJECT + "a = '*'\n", 1, "a is not in it"),
        (
            [package("a"), package("a", "2")],
            PROJECT + "a = '^1 || ^2'\n",
            1,
            "which a is meant by '^1 ||",
        ),
        ([of_main("a"), of_main("b", version="what")], None, 9, "Invalid version"),
        (["package = 1\n"], None, 1, "package is no list of tables"),
        ([b"\xff"], None, 1, "codec"),
    ],
)
def test_what_can_not_be_read_is_a_problem(read, parts, project, line, reason):
    (one,) = read(*parts, project=project).problems
    assert (one.source.line, reason in one.reason) == (line, True), one


def test_a_lock_that_is_cut_off_is_told_so(read):
    (inside,) = read(of_main("a"), '[[package]]\nname = "b', end=b"").problems
    assert (inside.source.line, inside.reason.partition("?")[0]) == (8, "is it cut off")
    (between,) = read(of_main("a"), of_main("b"), end=b"").problems
    assert (between.source.line, between.reason) == (12, CUT_OFF)


def test_a_lock_that_is_older_than_its_project_is_told_so(read):
    marked = "{ version = '*', markers = \"os_name == 'nt'\" }"
    project = PROJECT + f"a = '*'\nb = '^2'\nnew = '*'\nmarked = {marked}\n"
    found = read(of_main("a"), of_main("b"), project=project)
    assert {one.name for one in found.requirements} == {"a", "b"}
    assert [(str(one.source), one.reason) for one in found.problems if one.stale] == [
        ("pyproject.toml:4", "poetry.lock has b 1: lock again"),
        ("pyproject.toml:5", "poetry.lock was locked without it: lock again"),
    ]


def test_a_package_that_can_not_be_read_loses_no_other(read):
    found = read(of_main("a"), of_main("b", version="what"), of_main("c"))
    assert [one.name for one in found.requirements] == ["a", "c"]


values = st.recursive(
    st.sampled_from(["1", '"a"', '"main"', "true", '"*"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: f"[{', '.join(some)}]")
        | st.dictionaries(
            st.sampled_from(["a", "version", "markers", "extras", "optional", "type", "url"]),
            inner,
            max_size=3,
        ).map(lambda some: "{" + ", ".join(f"{k} = {v}" for k, v in some.items()) + "}")
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [*("name", "version", "groups", "markers", "dependencies"), *("extras", "source", "files")]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(keys, values), max_size=4), values)
def test_any_packages_are_requirements_or_problems(read, packages, wanted):
    tables = [
        "[[package]]\n" + "".join(f"{key} = {value}\n" for key, value in one.items())
        for one in packages
    ]
    found = read(*tables, project=f"{PROJECT}a = {wanted}\n")
    assert all(one.source.line >= 1 for one in (*found.requirements, *found.problems))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text().map(str.encode) | st.binary())
def test_any_bytes_are_a_problem_or_nothing(read, data):
    assert read(data, project=PROJECT).requirements == ()
