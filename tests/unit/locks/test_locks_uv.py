"""uv.lock: walked from the project along marked edges; every package at its line."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from pytest_tfdocker.locks import graph
from pytest_tfdocker.locks.selection import PLAIN, Selection
from pytest_tfdocker.locks.uv_lock import read_uv_lock

HEAD = "version = 1\nrevision = 3\n"
INDEX = '{ registry = "https://example.org/simple" }'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def package(name, version="1", *, source=INDEX, needs=(), **extras):
    """`needs`: edges, as the text of a table; `extras`: those of optional dependencies."""
    lines = ["", "[[package]]", f'name = "{name}"', f'version = "{version}"', f"source = {source}"]
    lines += ["dependencies = [", *(f"    {one}," for one in map(edge, needs)), "]"]
    lines += ["[package.optional-dependencies]"] if extras else []
    lines += [f"{extra} = [{', '.join(map(edge, some))}]" for extra, some in extras.items()]
    return "\n".join(lines) + "\n"


def edge(text):
    return text if text.startswith("{") or not text.isidentifier() else f'{{ name = "{text}" }}'


def project(*needs, **extras):
    return package("demo", source='{ virtual = "." }', needs=needs, **extras)


@pytest.fixture
def read(tmp_path):
    def run(*parts, head=HEAD, selection=PLAIN):
        path = tmp_path / "uv.lock"
        text = b"".join(one if isinstance(one, bytes) else one.encode() for one in (head, *parts))
        path.write_bytes(text)
        return read_uv_lock(path, "uv.lock", selection)

    return run


def pins(found):
    assert found.problems == ()
    return {f"{one.name}{one.specifier}": one.marker for one in found.requirements}


def test_what_the_project_needs_is_read_and_nothing_else(read):
    found = read(
        project("a", gpu=["b"]),
        package("a", "1.5", needs=["c"]),
        package("b"),
        package("c"),
        package("d", needs=["a"]),
    )
    assert pins(found) == {"a==1.5": None, "c==1": None}
    assert [one.source.line for one in found.requirements] == [15, 30]


def test_markers_stand_on_the_edges(read):
    windows = '{ name = "a", marker = "sys_platform == \'win32\'" }'
    old = '{ name = "b", marker = "python_version < \'3.11\'" }'
    found = read(project(windows, "c"), package("a", needs=[old]), package("b"), package("c"))
    told = pins(found)
    assert told["a==1"] == 'sys_platform == "win32"'
    assert told["b==1"] == 'python_version < "3.11" and sys_platform == "win32"'
    assert told["c==1"] is None


def test_of_several_ways_one_is_enough(read):
    windows, mac = (
        f'{{ name = "{name}", marker = "sys_platform == \'{system}\'" }}'
        for name, system in (("a", "win32"), ("b", "darwin"))
    )
    some = read(
        project(windows, mac), package("a", needs=["c"]), package("b", needs=["c"]), package("c")
    )
    marker = Marker(pins(some)["c==1"])
    holds = {
        system: marker.evaluate({"sys_platform": system}) for system in ("win32", "darwin", "linux")
    }
    assert holds == {"win32": True, "darwin": True, "linux": False}
    always = read(project(windows, "c"), package("a", needs=["c"]), package("c"))
    assert pins(always)["c==1"] is None


def test_an_extra_brings_what_it_asks_for_and_goes_round_in_no_circle(read):
    found = read(
        project('{ name = "a", extra = ["x"] }'),
        package("a", needs=["b"], x=["c"], y=["d"]),
        package("b", needs=["a"]),
        package("c", needs=['{ name = "a", extra = ["x"] }']),
        package("d"),
    )
    assert pins(found) == dict.fromkeys(("a==1", "b==1", "c==1"))


def test_a_name_may_stand_at_several_versions(read):
    edges = [
        f'{{ name = "n", version = "{version}", marker = "python_version {when}" }}'
        for version, when in (("1", "< '3.11'"), ("2", ">= '3.11'"))
    ]
    assert pins(read(project(*edges), package("n", "1"), package("n", "2"))) == {
        "n==1": 'python_version < "3.11"',
        "n==2": 'python_version >= "3.11"',
    }


@pytest.mark.parametrize(
    ("source", "url", "editable"),
    [
        (
            f'{{ git = "https://example.org/a.git?rev=main#{COMMIT}" }}',
            f"git+https://example.org/a.git@{COMMIT}",
            False,
        ),
        (
            f'{{ git = "https://example.org/a.git?subdirectory=py&rev=main#{COMMIT}" }}',
            f"git+https://example.org/a.git@{COMMIT}#subdirectory=py",
            False,
        ),
        ('{ url = "https://example.org/a.whl" }', "https://example.org/a.whl", False),
        ('{ path = "vendor/a.whl" }', "vendor/a.whl", False),
        ('{ editable = "libs/a" }', "libs/a", True),
    ],
)
def test_what_no_index_has_is_a_url(read, source, url, editable):
    (one,) = read(project("a"), package("a", source=source)).requirements
    assert (one.url, one.editable, one.specifier) == (url, editable, "")


def test_hashes_are_those_of_all_its_files(read):
    files = 'sdist = { url = "a", hash = "sha256:1" }\nwheels = [{ hash = "sha256:2" }, {}]\n'
    (one,) = read(project("a"), package("a"), files).requirements
    assert one.hashes == ("sha256:1", "sha256:2")


def test_of_a_workspace_without_a_project_the_members_are_it(read):
    members = [package(name, source=f'{{ editable = "{name}" }}', needs=["c"]) for name in "ab"]
    assert pins(read(*members, package("c"))) == {"c==1": None}


@pytest.mark.parametrize(
    ("parts", "line", "reason"),
    [
        ([project("a"), '[[package]]\nname = "a'], 12, "Unterminated string"),
        ([project("gone")], 1, "gone, of demo, is not in it"),
        ([project("a"), package("a", "what")], 13, "Invalid version"),
        ([project("1")], 1, "demo: a dependency is no table"),
        ([package("a")], 1, "no package of it is the project's own"),
        (["package = 1\n"], 1, "package is no list of tables"),
        ([b"\xff"], 1, "codec"),
    ],
)
def test_what_can_not_be_read_is_a_problem(read, parts, line, reason):
    (one,) = read(*parts).problems
    assert (one.source.line, reason in one.reason) == (line, True), one


def test_another_version_of_the_format_is_a_problem(read):
    (one,) = read(project(), head="version = 2\n").problems
    assert one.reason.startswith("its format is version 2, and 1 is read: name another file")


def test_ways_without_an_end_are_a_problem(read, monkeypatch):
    monkeypatch.setattr(graph, "MOST_WAYS", 2)
    names = "abcd"
    edges = [f'{{ name = "{one}", marker = "os_name == \'{one}\'" }}' for one in names]
    found = read(project(*edges), *(package(one, needs=["z"]) for one in names), package("z"))
    assert [one.reason for one in found.problems] == ["too many markers lead to z"]


def test_a_lock_of_500_packages_is_read_whole(read):
    names = [f"p{number}" for number in range(500)]
    text = "".join(package(one, needs=names[at + 1 : at + 6]) for at, one in enumerate(names))
    assert len(pins(read(project(names[0]), text))) == 500


def member(name, *needs, source="editable", **extras):
    return package(name, source=f'{{ {source} = "libs/{name}" }}', needs=needs, **extras)


MANIFEST = '[manifest]\nmembers = ["demo", "lib"]\n'
GROUPS = '[manifest.dependency-groups]\ndev = [{ name = "g" }]\n'


def asked(**changes):
    return Selection(**changes)


def names(found):
    assert found.problems == ()
    return {one.name for one in found.requirements}


@pytest.mark.parametrize(
    ("selection", "there"),
    [
        (asked(), {"lib", "a", "b"}),
        (asked(members=False), {"a", "b"}),
        (asked(local=False), {"a", "b"}),
        (asked(packages=frozenset({"lib"})), {"b"}),
        (asked(packages=frozenset({"lib"}), extras=frozenset({"x"})), {"b", "c"}),
    ],
)
def test_members_of_a_workspace_are_what_is_asked_for(read, selection, there):
    found = read(
        MANIFEST,
        project("lib", "a"),
        member("lib", "b", x=["c"]),
        *map(package, "abc"),
        selection=selection,
    )
    assert names(found) == there


def test_a_virtual_member_is_followed_and_not_installed(read):
    found = read(project("lib"), member("lib", "a", source="virtual"), package("a"))
    assert names(found) == {"a"}


def test_groups_of_a_workspace_without_a_project_are_its_own(read):
    dev = asked(default_groups=True)
    lock = (MANIFEST, GROUPS, member("lib", "a"), package("a"), package("g"))
    assert names(read(*lock, selection=dev)) == {"a", "g"}
    one = asked(default_groups=True, packages=frozenset({"lib"}))
    assert names(read(*lock, selection=one)) == {"a"}
    assert names(read(GROUPS, package("g"), selection=dev)) == {"g"}


CHOICE = "extra == 'extra-3-lib-cpu'"


def test_an_extra_that_an_edge_asks_for_chooses_among_conflicts(read):
    needed = '{ name = "lib", extra = ["cpu"], marker = "' + CHOICE + '" }'
    chosen = '{ name = "i", version = "1", marker = "' + CHOICE + '" }'
    other = '{ name = "i", version = "2", marker = "' + CHOICE.replace("==", "!=") + '" }'
    lock = (package("lib", needs=[chosen, other], cpu=["c"]), package("c"))
    versions = (package("i", "1"), package("i", "2"))
    assert set(pins(read(project(needed), *lock, *versions))) == {"lib==1", "c==1", "i==1"}
    assert set(pins(read(project("lib"), *lock, *versions))) == {"lib==1", "i==2"}


values = st.recursive(
    st.sampled_from(["1", "0", '"a"', '"."', "true"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: f"[{', '.join(some)}]")
        | st.dictionaries(
            st.sampled_from(["name", "version", "marker", "extra", "git", "virtual", "hash", "x"]),
            inner,
            max_size=3,
        ).map(lambda some: "{" + ", ".join(f"{k} = {v}" for k, v in some.items()) + "}")
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    ["name", "version", "source", "dependencies", "optional-dependencies", "sdist", "wheels"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(keys, values), max_size=4))
def test_any_packages_are_requirements_or_problems(read, packages):
    tables = [
        "[[package]]\n" + "".join(f"{key} = {value}\n" for key, value in one.items())
        for one in packages
    ]
    found = read(project("a"), *tables)
    assert all(one.source.line >= 1 for one in (*found.requirements, *found.problems))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text().map(str.encode) | st.binary())
def test_any_bytes_are_a_problem_or_nothing(read, data):
    assert read(data).requirements == ()


ODD = {
    '{ url = "https://h/a-1.whl", hash = "sha256:66", size = 1 },': "a-1.whl",
    '{ url = "https://h/a-2%2Bc.whl", hash = "sha256:67", upload-time = "2024" },': "a-2+c.whl",
    '{ path = "a-3.whl", hash = "sha256:68" },': "a-3.whl",
    '{ filename = "a-3.whl", hash = "sha256:68", size = 1 },': "a-3.whl",
    '{ url = "https://h/a\\"-4.whl", hash = "sha256:69" },': 'a"-4.whl',
    '{ url = "https://h/a-5.whl" },': "a-5.whl",
    '{ url = "https://h/a-6.whl", hash = "sha256:6a", zstd = { hash = "sha256:00" } },': "a-6.whl",
    '{ url = "https://h/a-7.whl", size = 1, hash = "sha256:6b" }, # by hand': "a-7.whl",
    '{ url = "https://h/a-8.whl?x=/y#z=/", hash = "sha256:6c" },': "a-8.whl",
    '{ hash = "sha256:6d" },': "",
}
"""Lines of wheels → the name of the file."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(list(ODD)), min_size=1, max_size=4))
def test_wheels_are_all_read_however_they_are_written(read, wheels):
    text = package("a").rstrip() + "\nwheels = [\n    " + "\n    ".join(wheels) + "\n]\n"
    (one,) = read(project("a"), text).requirements
    told = [re.search(r'[{,] hash = "(sha256:\w+)"', line) for line in wheels]
    assert one.hashes == tuple(found[1] for found in told if found)
    assert [(each.name, each.hashes) for each in one.artifacts] == [
        (ODD[line], (found[1],) if found else ()) for line, found in zip(wheels, told, strict=True)
    ]


@pytest.mark.parametrize("number", ["-1", "-9", "5", "true", '"0"'])
def test_a_key_of_ours_in_a_lock_is_no_hash(read, number):
    text = package("a").rstrip() + f"\ntfdocker-wheels = {number}\n"
    (one,) = read(project("a"), text).requirements
    assert one.hashes == ()


def test_what_is_cut_off_among_wheels_is_told_of_its_own_line(read):
    text = (
        project("a")
        + package("a").rstrip()
        + "\nwheels = [\n    "
        + next(iter(ODD))
        + "\n    { url ="
    )
    (problem,) = read(text).problems
    assert problem.source.line == (HEAD + text).count("\n") + 1


def test_a_lock_that_is_older_than_its_project_is_told_so(read, tmp_path):
    asks = 'dependencies = [\n"a>=2",\n"b",\n"new",\n"old; os_name == \'nt\'"]\n'
    (tmp_path / "pyproject.toml").write_text(f"[project]\nname = 'demo'\n{asks}")
    found = read(project("a", "b"), package("a"), package("b"))
    assert [(str(one.source), one.text, one.reason) for one in found.problems] == [
        ("pyproject.toml:4", "a>=2", "uv.lock has a 1: lock again"),
        ("pyproject.toml:6", "new", "uv.lock was locked without it: lock again"),
    ]
