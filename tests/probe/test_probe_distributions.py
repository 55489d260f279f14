"""Installed distributions, as their dist-info and egg-info tell them, broken ones too."""

import os
import zipfile

import pytest

from pytest_tfdocker.evidence.owners import claims_of

QUESTION = """
    found = distributions.of_path(plan)
    return [found, [distributions.recorded(one) for one in found]]
"""


@pytest.fixture
def site(tmp_path):
    """A site-packages: `site("foo-1.0.dist-info/METADATA", text)` writes a file of it."""
    folder = tmp_path / "site-packages"
    folder.mkdir()

    def write(path, text=""):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    write.folder = str(folder)
    return write


@pytest.fixture
def read(ask, site, end_python):
    """(distributions, owners of files) of the folders, by default of `site` alone."""

    def run(*path):
        folders = list(path) or [site.folder]
        found, records = ask(end_python, ["tree", "distributions"], QUESTION, data=folders)
        return [found, sorted([path, index] for path, index in claims_of(records).items())]

    return run


def metadata(name, version, *more):
    return "\n".join(
        ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *more, "", "About it."]
    )


def test_a_wheel(site, read):
    folder = "Foo_Bar-1.2.dist-info"
    headers = [
        "Requires-Dist: torch (>=2)",
        'Requires-Dist: tqdm ; extra == "progress"',
        "Provides-Extra: progress",
        "Requires-Python: >=3.8",
    ]
    path = site(f"{folder}/METADATA", metadata("Foo.Bar", "1.2", *headers)).rpartition("/")[0]
    site(f"{folder}/INSTALLER", "pip\n")
    site(f"{folder}/RECORD", "foo/__init__.py,sha256=x,3\r\n../../bin/foo,,\r\n")
    [found], owners = read()
    assert found == {
        "name": "foo-bar",
        "version": "1.2",
        "path": path,
        "location": site.folder,
        "problem": None,
        "requires": ["torch (>=2)", 'tqdm ; extra == "progress"'],
        "extras": ["progress"],
        "requires_python": ">=3.8",
        "direct_url": None,
        "installer": "pip",
        "editable": False,
        "shadowed_by": None,
    }
    bin_foo = os.path.normpath(f"{site.folder}/../../bin/foo")
    assert owners == sorted([[f"{site.folder}/foo/__init__.py", 0], [bin_foo, 0]])


def test_an_egg_info_folder_with_requires_txt(site, read):
    site("foo-1.0-py3.11.egg-info/PKG-INFO", metadata("foo", "1.0"))
    requires = "numpy\n\n[fast]\norjson>=3\n\n[fast:python_version<'3.9']\nujson\n"
    site(
        "foo-1.0-py3.11.egg-info/requires.txt",
        requires + "\n[:sys_platform=='win32']\ncolorama\n",
    )
    site("foo-1.0-py3.11.egg-info/installed-files.txt", "../foo/__init__.py\nPKG-INFO\n")
    [found], owners = read()
    assert (found["name"], found["version"], found["extras"]) == ("foo", "1.0", ["fast"])
    assert found["requires"] == [
        "numpy",
        'orjson>=3 ; extra == "fast"',
        "ujson ; (python_version<'3.9') and extra == \"fast\"",
        "colorama ; (sys_platform=='win32')",
    ]
    assert [path for path, _ in owners] == [
        f"{site.folder}/foo-1.0-py3.11.egg-info/PKG-INFO",
        f"{site.folder}/foo/__init__.py",
    ]


def test_an_extra_that_is_no_utf_8_is_escaped(site, read):
    site("foo-1.0.egg-info/PKG-INFO", metadata("foo", "1.0"))
    site("foo-1.0.egg-info/requires.txt", b"[\xff:\xfe]\nbar\n")
    [found], _ = read()
    assert found["extras"] == ["\\udcff"]
    assert found["requires"] == ['bar ; (\\udcfe) and extra == "\\udcff"']


def test_an_egg_info_file_as_distutils_left_it(site, read):
    site("PyYAML-5.3.1-py3.9.egg-info", metadata("PyYAML", "5.3.1"))
    [found], _ = read()
    assert (found["name"], found["version"]) == ("pyyaml", "5.3.1")


def test_the_first_copy_on_the_path_shadows_the_others(site, read, tmp_path):
    first = site("foo-1.0.dist-info/METADATA", metadata("foo", "1.0")).rpartition("/")[0]
    second = tmp_path / "dist-packages/Foo-0.9.dist-info"
    second.mkdir(parents=True)
    (second / "METADATA").write_text(metadata("Foo", "0.9"))
    found, _ = read(site.folder, str(second.parent))
    assert [(one["version"], one["shadowed_by"]) for one in found] == [
        ("1.0", None),
        ("0.9", first),
    ]


def test_one_folder_under_two_names_counts_once(site, read, tmp_path):
    site("foo-1.0.dist-info/METADATA", metadata("foo", "1.0"))
    (tmp_path / "lib64").symlink_to(site.folder)
    found, _ = read(str(tmp_path / "lib64"), site.folder, str(tmp_path / "nowhere"))
    assert [one["location"] for one in found] == [site.folder]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "{} has no METADATA"),
        ("", "{} names no Name"),
        ("Name: foo\n", "{} names no Version"),
        ("Version: 1.0\n\nName: foo", "{} names no Name"),
        (b"\xff\xfe\x00binary", "{} names no Name"),
    ],
)
def test_broken_metadata_is_a_problem_with_the_name_of_its_folder(site, read, content, problem):
    path = f"{site.folder}/Foo_X-1.0.dist-info"
    if content is None:
        site("Foo_X-1.0.dist-info/RECORD", "foo.py,,\n")
    else:
        site("Foo_X-1.0.dist-info/METADATA", content)
    [found], _ = read()
    assert (found["name"], found["version"]) == ("foo-x", "1.0")
    assert found["problem"] == problem.format(path)


def test_what_pip_was_removing_is_no_distribution(site, read):
    site("~oo-1.0.dist-info/METADATA", metadata("foo", "1.0"))
    assert read() == [[], []]


def test_text_that_is_not_utf8_is_kept_readable(site, read):
    text = metadata("foo", "1.0", "Author: M\xfcller", "Requires-Dist: b\xe4r")
    site("foo-1.0.dist-info/METADATA", text.encode("latin-1"))
    site("foo-1.0.dist-info/RECORD", b"f\xfc.py,,\nfoo.py,,\n")
    [found], owners = read()
    assert found["name"] == "foo"
    assert len(found["requires"]) == 1
    found["requires"][0].encode()
    assert f"{site.folder}/foo.py" in [path for path, _ in owners]


def test_a_folder_name_that_is_not_utf8_is_kept_readable(site, read):
    site(os.fsdecode(b"f\xff-1.0.dist-info/RECORD"))
    [found], _ = read()
    for value in (found["name"], found["version"], found["problem"]):
        value.encode()


@pytest.mark.parametrize(
    "record",
    [
        "",
        "\n\n,,\n",
        '"unclosed,,\nfoo.py,,\n',
        "foo.py\x00,,\nbar.py,,\n",
        "x" * 200_000 + ",,\nfoo.py,,\n",
    ],
)
def test_a_record_that_can_not_be_parsed_breaks_nothing(site, read, record):
    site("foo-1.0.dist-info/METADATA", metadata("foo", "1.0"))
    site("foo-1.0.dist-info/RECORD", record)
    [found], _ = read()
    assert found["problem"] is None


def test_of_a_file_that_two_records_claim_the_first_is_the_owner(site, read):
    for name in ("aa", "bb"):
        site(f"{name}-1.0.dist-info/METADATA", metadata(name, "1.0"))
        site(f"{name}-1.0.dist-info/RECORD", "shared/__init__.py,,\n")
    _, owners = read()
    assert owners == [[f"{site.folder}/shared/__init__.py", 0]]


@pytest.mark.parametrize(
    ("text", "editable"),
    [
        ('{"url": "file:///src", "dir_info": {"editable": true}}', True),
        ('{"url": "file:///src", "dir_info": {}}', False),
        ('{"url": "https://host/foo.whl", "archive_info": {"hash": "sha256=1"}}', False),
    ],
)
def test_direct_url_is_kept_as_it_stands(site, read, text, editable):
    site("foo-1.0.dist-info/METADATA", metadata("foo", "1.0"))
    site("foo-1.0.dist-info/direct_url.json", text)
    [found], _ = read()
    assert (found["direct_url"], found["editable"]) == (text, editable)


def test_setuptools_own_editable_install_is_known(site, read):
    site("foo-1.0.dist-info/METADATA", metadata("foo", "1.0"))
    site("__editable__.foo-1.0.pth", "/src\n")
    [found], _ = read()
    assert found["editable"] is True


@pytest.fixture
def tree(tmp_path):
    """A source tree with what setuptools leaves in it: `tree("mypkg", "1.0")` gives its folder."""

    def make(name, version, folder="src"):
        left = tmp_path / folder / f"{name}.egg-info"
        left.mkdir(parents=True)
        (left / "PKG-INFO").write_text(metadata(name, version))
        return str(left.parent)

    return make


@pytest.mark.parametrize("tree_first", [False, True], ids=["by a .pth", "by PYTHONPATH"])
def test_a_source_trees_egg_info_is_no_second_copy_of_what_is_installed(
    site, read, tree, tree_first
):
    path = site("mypkg-1.0.dist-info/METADATA", metadata("mypkg", "1.0")).rpartition("/")[0]
    entries = [site.folder, tree("mypkg", "0.9")]
    found, _ = read(*reversed(entries) if tree_first else entries)
    assert [(one["path"], one["version"], one["shadowed_by"]) for one in found] == [
        (path, "1.0", None)
    ]


def test_a_legacy_editable_install_is_known_by_its_source_tree(site, read, tree):
    folder = tree("mypkg", "1.0")
    site("mypkg.egg-link", f"{folder}\n../")
    found, _ = read(site.folder, folder, tree("mypkg", "0.9", "old"))
    assert [(one["location"], one["editable"], one["shadowed_by"]) for one in found] == [
        (folder, True, None)
    ]


@pytest.mark.parametrize(
    ("folder", "name"),
    [("site-packages", "foo"), ("dist-packages", "foo"), ("deps", "foo-1.0-py3.8")],
)
def test_an_installed_egg_info_is_no_source_tree(read, tree, folder, name):
    found, _ = read(tree(name, "1.0", f"a/{folder}"), tree(name, "1.0", f"b/{folder}"))
    assert [one["editable"] for one in found] == [False, False]
    assert [one["shadowed_by"] for one in found] == [None, found[0]["path"]]


EGG = "Foo_Bar-1.0-py3.11.egg"


def test_an_egg_folder_on_the_path(site, read):
    site(f"{EGG}/EGG-INFO/PKG-INFO", metadata("Foo-Bar", "1.0"))
    site(f"{EGG}/EGG-INFO/requires.txt", "numpy\n")
    site(f"{EGG}/EGG-INFO/RECORD", "foo.py,,\n")
    egg = f"{site.folder}/{EGG}"
    [found], owners = read(site.folder, egg)
    assert (found["name"], found["version"], found["requires"]) == ("foo-bar", "1.0", ["numpy"])
    assert (found["path"], found["location"]) == (f"{egg}/EGG-INFO", egg)
    assert owners == [[f"{egg}/foo.py", 0]]


def test_an_egg_that_is_one_archive(site, read):
    egg = site(EGG)
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", metadata("Foo-Bar", "1.0"))
        archive.writestr("EGG-INFO/requires.txt", "numpy\n")
    [found], owners = read(site.folder, egg)
    assert (found["name"], found["version"], found["requires"]) == ("foo-bar", "1.0", ["numpy"])
    assert (found["path"], owners) == (f"{egg}/EGG-INFO", [])


def test_of_an_egg_with_broken_metadata_the_file_has_the_name(site, read):
    site(f"{EGG}/EGG-INFO/PKG-INFO", "broken")
    [found], _ = read(f"{site.folder}/{EGG}")
    assert (found["name"], found["version"]) == ("foo-bar", "1.0")


def test_a_broken_archive_holds_none(site, read):
    assert read(site(EGG, "PK"), site.folder) == [[], []]


def test_a_zip_archive_or_a_file_on_the_path_holds_none(site, read):
    assert read(site("python311.zip", "PK"), site.folder) == [[], []]
