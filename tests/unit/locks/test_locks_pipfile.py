"""Pipfile.lock and Pipfile: what is asked for, every entry a requirement or a problem."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.locks.discover import read_declared, read_files
from pytest_tfdocker.locks.pipfile import read_pipfile, read_pipfile_lock
from pytest_tfdocker.locks.selection import Selection
from pytest_tfdocker.settings.schema import Image, ImageSettings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def read(tmp_path):
    def run(told):
        path = tmp_path / "Pipfile.lock"
        text = told if isinstance(told, (str, bytes)) else json.dumps(told, indent=4)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pipfile_lock(path, "Pipfile.lock")

    return run


def lock(develop=None, **default):
    return {"_meta": {"requests": {}}, "default": default, "develop": develop or {}}


def test_a_pin_has_its_line_its_marker_and_its_hashes(read):
    entry = {
        "extras": ["socks"],
        "hashes": ["sha256:66", "sha256:67"],
        "markers": "python_version >= '3.9'",
        "version": "==2.34.2",
    }
    found = read(lock({"requests": {"version": "==1"}}, requests=entry))
    (one,) = found.requirements
    assert (one.name, one.specifier, one.extras) == ("requests", "==2.34.2", ("socks",))
    assert (one.marker, one.hashes) == ('python_version >= "3.9"', ("sha256:66", "sha256:67"))
    assert (one.source.file, one.source.line) == ("Pipfile.lock", 6)  # not that of _meta or develop
    assert (one.url, found.problems, found.sources) == (None, (), ("Pipfile.lock",))


@pytest.mark.parametrize(
    ("entry", "url", "editable"),
    [
        (
            {"git": "https://example.org/a.git", "ref": COMMIT},
            f"git+https://example.org/a.git@{COMMIT}",
            False,
        ),
        (
            {"git": "https://example.org/a.git", "ref": COMMIT, "subdirectory": "py"},
            f"git+https://example.org/a.git@{COMMIT}#subdirectory=py",
            False,
        ),
        ({"file": "https://example.org/a.zip"}, "https://example.org/a.zip", False),
        ({"path": "a-1.tar.gz"}, "a-1.tar.gz", False),
    ],
)
def test_what_no_index_has_is_a_url(read, entry, url, editable):
    (one,) = read(lock(a=entry)).requirements
    assert (one.url, one.editable, one.specifier) == (url, editable, "")


def test_any_version_is_no_pin(read):
    (one,) = read(lock(a={"version": "*"})).requirements
    assert one.specifier == ""


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (1, "it is no table"),
        ({"version": 1}, "version is no text"),
        ({"version": "1.0"}, "Invalid specifier"),
        ({"version": "==1", "markers": "what"}, "Expected"),
        ({"version": "==1", "hashes": "sha256:1"}, "hashes is no list of texts"),
        ({"version": "==1", "extras": [1]}, "extras is no list of texts"),
    ],
)
def test_an_entry_that_can_not_be_read_is_a_problem_at_its_line_and_loses_no_other(
    read, entry, reason
):
    found = read(lock(a={"version": "==1"}, b=entry, c={"version": "==3"}))
    assert [(one.name, one.specifier) for one in found.requirements] == [("a", "==1"), ("c", "==3")]
    (one,) = found.problems
    assert one.text == "b"
    assert reason in one.reason
    if entry != 1:  # which opens no table
        assert one.source.line == 9


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{\n  "default": {\n    "a": {"version": "==', 3, "Unterminated string"),
        ("[]", 1, "it has no table 'default'"),
        ('{"default": 3}', 1, "it has no table 'default'"),
        ("{}", 1, "it has no table 'default'"),
        (b"\xff", 1, "codec"),
    ],
)
def test_a_file_that_can_not_be_read_is_one_problem(read, text, line, reason):
    found = read(text)
    (one,) = found.problems
    assert (one.source.line, found.requirements) == (line, ())
    assert reason in one.reason


def test_a_file_that_is_nowhere_is_a_problem(tmp_path):
    (one,) = read_pipfile_lock(tmp_path / "Pipfile.lock", "Pipfile.lock").problems
    assert one.reason == "no such file"


def test_it_is_read_where_settings_name_it_and_beside_the_dockerfile(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . /app\n")
    (tmp_path / "requirements.txt").write_text("b==2\n")
    path = tmp_path / "Pipfile.lock"
    path.write_text(json.dumps(lock(a={"version": "==1"})))
    named = read_files([path], tmp_path)
    beside = read_declared(Image(name="default", root=tmp_path, settings=ImageSettings()))
    for found, reason in ((named, "dependencies.files"), (beside, "beside the Dockerfile")):
        assert ([one.name for one in found.requirements], found.reason) == (["a"], reason)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
keys = st.sampled_from(["version", "hashes", "markers", "extras", "git", "ref", "file", "editable"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=9), st.dictionaries(keys, values) | values))
def test_any_table_gives_a_requirement_or_a_problem_for_each_entry(read, default):
    found = read({"default": default})
    told = [*(one.source.line for one in found.requirements)]
    told += [one.source.line for one in found.problems]
    assert len(told) == len(default)
    assert all(line >= 1 for line in told)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_problem(read, data):
    assert read(data).problems


CATEGORIES = {
    "_meta": {},
    "default": {"a": {"version": "==1"}, "shared": {"version": "==1"}},
    "develop": {"b": {"version": "==2"}, "shared": {"version": "==1"}},
    "docs": {"c": {"version": "==3"}},
}


@pytest.mark.parametrize(
    ("selection", "lines"),
    [
        (Selection(), {"a": 4, "shared": 7}),
        (Selection(groups=frozenset({"develop"})), {"a": 4, "shared": 15, "b": 12}),
        (Selection(project=False, groups=frozenset({"docs"})), {"c": 20}),
        (Selection(all_groups=True), {"a": 4, "shared": 15, "b": 12, "c": 20}),
    ],
)
def test_categories_are_groups(tmp_path, selection, lines):
    path = tmp_path / "Pipfile.lock"
    path.write_text(json.dumps(CATEGORIES, indent=4))
    found = read_pipfile_lock(path, "Pipfile.lock", selection)
    assert {one.name: one.source.line for one in found.requirements} == lines


PIPFILE = """\
[[source]]
url = "https://example.org/simple"

[packages]
a = "*"
b = { version = "==1", extras = ["x"], sys_platform = "== 'win32'", markers = "os_name == 'nt'" }
c = { git = "https://h/c.git", ref = "main" }
bad = 1
worse = "^1"

[dev-packages]
d = "==4"

[docs]
e = "~=5.0"

[requires]
python_version = "3.11"
"""


def test_a_pipfile_declares_what_it_says(tmp_path):
    path = tmp_path / "Pipfile"
    path.write_text(PIPFILE)
    found = read_pipfile(path, "Pipfile")
    told = {one.name: (one.specifier, one.marker, one.url) for one in found.requirements}
    assert told == {
        "a": ("", None, None),
        "b": ("==1", 'sys_platform == "win32" and os_name == "nt"', None),
        "c": ("", None, "git+https://h/c.git@main"),
    }
    assert [(one.text, one.source.line) for one in found.problems] == [("bad", 8), ("worse", 9)]
    every = read_pipfile(path, "Pipfile", Selection(all_groups=True))
    assert {one.name for one in every.requirements} == {"a", "b", "c", "d", "e"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text().map(str.encode) | st.binary())
def test_any_bytes_of_a_pipfile_are_a_problem_or_nothing(tmp_path, data):
    path = tmp_path / "Pipfile"
    path.write_bytes(data)
    assert read_pipfile(path, "Pipfile").requirements == ()


@pytest.mark.parametrize("key", ["service", "e1839a8"])
def test_a_folder_is_the_repositorys_own(read, key):
    """Its key may be a hash of the path, as pipenv wrote it for `-e .`."""
    assert read(lock(**{key: {"path": ".", "editable": True}})).requirements == ()
