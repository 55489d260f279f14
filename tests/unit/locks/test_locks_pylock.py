"""pylock.toml: every package at its line, as a requirement or as a problem."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.locks.discover import read_declared, read_files
from pytest_tfdocker.locks.graph import FAILS, HOLDS
from pytest_tfdocker.locks.pylock import OLD_PACKAGING, read_pylock
from pytest_tfdocker.settings.schema import Image, ImageSettings

pytest.importorskip("packaging.pylock", reason="of packaging 26")

HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def wheel(name, version="1"):
    url = f"https://example.org/{name}-{version}-py3-none-any.whl"
    other = url.replace("py3", "py2")
    return (
        f'wheels = [\n    {{ url = "{url}", hashes = {{ sha256 = "66" }} }},\n'
        f'    {{ url = "{other}", hashes = {{ sha256 = "67" }} }},\n]\n'
    )


def sdist(name, version="1"):
    url = f"https://example.org/{name}-{version}.tar.gz"
    return f'sdist = {{ url = "{url}", hashes = {{ sha256 = "68" }} }}\n'


def git(more=""):
    url = "https://example.org/a.git"
    return f'vcs = {{ type = "git", url = "{url}", commit-id = "{COMMIT}"{more} }}'


def package(name, *lines):
    return f'\n[[packages]]\nname = "{name}"\n' + "".join(f"{line}\n" for line in lines)


@pytest.fixture
def read(tmp_path):
    def run(text, name="pylock.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pylock(path, name)

    return run


def test_a_pin_has_its_line_its_marker_and_the_hashes_of_all_its_files(read):
    text = HEAD + package("numpy", 'version = "1.26.4"', "marker = \"os_name == 'posix'\"")
    found = read(text + wheel("numpy", "1.26.4") + sdist("numpy", "1.26.4"))
    (one,) = found.requirements
    assert (one.name, one.specifier, one.marker) == ("numpy", "==1.26.4", 'os_name == "posix"')
    assert (one.source.file, one.source.line) == ("pylock.toml", 5)
    assert one.hashes == ("sha256:66", "sha256:67", "sha256:68")
    assert [(each.name, each.hashes) for each in one.artifacts] == [
        ("numpy-1.26.4-py3-none-any.whl", ("sha256:66",)),
        ("numpy-1.26.4-py2-none-any.whl", ("sha256:67",)),
        ("numpy-1.26.4.tar.gz", ("sha256:68",)),
    ]
    assert (one.url, one.editable, found.problems, found.sources) == (
        *(None, False, ()),
        ("pylock.toml",),
    )


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (git(), f"git+https://example.org/a.git@{COMMIT}"),
        (
            git(', subdirectory = "py"'),
            f"git+https://example.org/a.git@{COMMIT}#subdirectory=py",
        ),
        (
            'archive = { url = "https://example.org/a.zip", hashes = { sha256 = "aa" } }',
            "https://example.org/a.zip",
        ),
        ('directory = { path = "." }', "."),
    ],
)
def test_what_no_index_has_is_a_url(read, line, url):
    (one,) = read(HEAD + package("a", line)).requirements
    assert (one.url, one.specifier) == (url, "")
    assert one.hashes == (("sha256:aa",) if "archive" in line else ())


@pytest.mark.parametrize(
    "place",
    [
        'name = "a-1-py3-none-any.whl", url = "https://h/files/6a9c"',
        'url = "https://h/a-1-py3-none-any.whl"',
        'path = "wheels/a-1-py3-none-any.whl"',
    ],
)
def test_a_wheel_has_its_name_or_that_of_its_file(read, place):
    line = f'wheels = [{{ {place}, hashes = {{ sha256 = "66" }} }}]'
    (one,) = read(HEAD + package("a", 'version = "1"', line)).requirements
    assert [each.name for each in one.artifacts] == ["a-1-py3-none-any.whl"]


def test_the_projects_own_folder_may_be_editable(read):
    (one,) = read(HEAD + package("a", 'directory = { path = ".", editable = true }')).requirements
    assert one.editable


def test_a_name_in_another_form_is_the_same(read):
    (one,) = read(
        HEAD + package("Ruamel.YAML", 'version = "1"') + sdist("ruamel_yaml")
    ).requirements
    assert one.name == "ruamel-yaml"


@pytest.mark.parametrize(
    ("marker", "settled"),
    [
        ("'dev' in dependency_groups", FAILS),
        ("'main' in dependency_groups", None),
        ("'main' not in dependency_groups", FAILS),
        ("'gpu' in extras", FAILS),
        ("'gpu' not in extras", None),
        ("'main' in dependency_groups and os_name == 'nt'", f'{HOLDS} and os_name == "nt"'),
    ],
)
def test_groups_are_the_default_ones_and_no_extra_is_asked_for(read, marker, settled):
    head = f'{HEAD}default-groups = ["main"]\n'
    (one,) = read(
        head + package("a", 'version = "1"', f'marker = "{marker}"') + sdist("a")
    ).requirements
    assert one.marker == settled


def test_a_package_that_can_not_be_read_is_a_problem_at_its_line_and_loses_no_other(read):
    text = HEAD + package("a", 'version = "1"') + sdist("a") + package("b", "version = 2")
    text += "\n[[packages]]\nversion = '1'\n" + package("c", 'version = "3"') + sdist("c", "3")
    found = read(text)
    assert [(one.name, one.specifier) for one in found.requirements] == [("a", "==1"), ("c", "==3")]
    assert [(one.source.line, one.text) for one in found.problems] == [
        (10, "b"),
        (13, "pylock.toml"),
    ]
    assert "packages[1].version" in found.problems[0].reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD + '\n[[packages]]\nname = "a', 5, "Unterminated string"),
        (HEAD + "a = = 1\n", 3, "Invalid value"),
        ('created-by = "a"\n', 1, "lock-version"),
        ('lock-version = "9.0"\ncreated-by = "a"\n', 1, "9.0"),
        (HEAD + "packages = 1\n", 3, "packages is no list"),
        (b"\xff\x00", 1, "codec"),
    ],
)
def test_a_file_that_can_not_be_read_is_one_problem(read, text, line, reason):
    found = read(text)
    (one,) = found.problems
    assert (one.source.line, found.requirements, found.sources) == (line, (), ("pylock.toml",))
    assert reason in one.reason


def test_a_file_that_is_nowhere_is_a_problem(tmp_path):
    (one,) = read_pylock(tmp_path / "pylock.toml", "pylock.toml").problems
    assert one.reason == "no such file"


def test_an_old_packaging_is_told(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.pylock", None)
    (one,) = read(HEAD).problems
    assert one.reason == OLD_PACKAGING


@pytest.mark.parametrize("name", ["pylock.toml", "pylock.gpu.toml"])
def test_settings_name_it(tmp_path, name):
    (tmp_path / name).write_text(HEAD + package("a", 'version = "1"') + sdist("a"))
    found = read_files([tmp_path / name], tmp_path)
    assert [(one.name, one.specifier, one.source.file) for one in found.requirements] == [
        ("a", "==1", name)
    ]


def test_beside_a_dockerfile_that_installs_nothing_it_comes_first(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY . /app\n")
    (tmp_path / "requirements.txt").write_text("b==2\n")
    (tmp_path / "pylock.toml").write_text(HEAD + package("a", 'version = "1"') + sdist("a"))
    found = read_declared(Image(name="default", root=tmp_path, settings=ImageSettings()))
    assert isinstance(found, Declared)
    assert ([one.name for one in found.requirements], found.reason) == (
        ["a"],
        "beside the Dockerfile",
    )


pieces = st.lists(
    st.sampled_from(
        [
            *(
                "[[packages]]\n",
                'name = "a"\n',
                'version = "1"\n',
                sdist("a"),
                wheel("a"),
                HEAD,
                "[",
            ),
            *(
                'marker = "x"\n',
                "packages = []\n",
                "vcs = {}\n",
                'name = "',
                "default-groups = 3\n",
            ),
        ]
    )
    | st.text(max_size=20)
).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary())
def test_any_text_gives_requirements_or_problems_on_its_own_lines(read, data):
    found = read(HEAD.encode() + data)
    text = data.decode("utf-8", "replace")
    last = text.count("\n") + text.count("\r") + 4  # a lone one ends a line in editors, too
    told = (*found.requirements, *found.problems)
    assert all(1 <= one.source.line <= last for one in told)


def test_a_lock_of_500_packages_is_read_whole(read):
    names = [f"a{number}" for number in range(500)]
    text = HEAD + "".join(package(one, 'version = "1"') + wheel(one) + sdist(one) for one in names)
    found = read(text)
    assert [one.name for one in found.requirements] == names


def test_a_lock_is_for_the_environments_that_it_names(read):
    where = "environments = [\"sys_platform == 'linux'\", \"sys_platform == 'darwin'\"]\n"
    marked = package("b", 'version = "1"', "marker = \"os_name == 'posix'\"", wheel("b"))
    found = read(HEAD + where + package("a", 'version = "1"', wheel("a")) + marked)
    first, second = (one.marker for one in found.requirements)
    assert first == 'sys_platform == "linux" or sys_platform == "darwin"'
    assert second == f'({first}) and (os_name == "posix")'
