"""The Dockerfile is a test file: which ids there are, and how they are chosen."""

import pytest

OWN = ["tests/test_own.py::test_own"]


ALONE = ("build", "pinned", "parity", "conflicts", "import[undeclared]", "gpu-visible")
"""What is judged without settings."""


def ids_of(prefix, *names):
    return [f"{prefix}::{name}" for name in names or ALONE]


@pytest.fixture
def collected(project):
    """A project with a Dockerfile and a test of its own."""
    project.write("Dockerfile", "FROM python:3.11-slim\n")
    project.write("tests/test_own.py", "def test_own(): pass\n")
    return project


def test_without_settings(collected):
    assert collected.ids("--tfdocker") == [*ids_of("Dockerfile"), *OWN]


@pytest.mark.parametrize("argument", ["tests", "tests/test_own.py"])
def test_other_arguments_judge_the_image_too(collected, argument):
    assert collected.ids("--tfdocker", argument) == [*OWN, *ids_of("Dockerfile")]


def test_the_dockerfile_alone(collected):
    assert collected.ids("--tfdocker", "Dockerfile") == ids_of("Dockerfile")


@pytest.mark.parametrize("order", [(".", "Dockerfile"), ("Dockerfile", "."), ("Dockerfile",) * 2])
def test_named_twice_it_is_collected_once(collected, order):
    found = collected.ids("--tfdocker", *order)
    assert sorted(set(found)) == sorted(found)
    assert set(ids_of("Dockerfile")) <= set(found)


def test_a_node_id_by_hand_adds_nothing(collected):
    assert collected.ids("--tfdocker", *OWN) == OWN
    assert collected.ids("--tfdocker", "Dockerfile::parity") == ["Dockerfile::parity"]


def test_a_node_id_by_hand_adds_nothing_where_there_is_no_file(project):
    project.write("tests/test_own.py", "def test_own(): pass\n")
    assert project.ids("--tfdocker", *OWN) == OWN


def test_an_ignored_dockerfile_is_not_judged(collected):
    assert collected.ids("--tfdocker", "--ignore=Dockerfile") == OWN


@pytest.mark.parametrize("arguments", [(), (".",), ("build",), ("tests", "build/Dockerfile")])
def test_a_dockerfile_in_a_folder_that_pytest_does_not_visit(collected, arguments):
    collected.write("build/Dockerfile", "FROM scratch\n")
    collected.write("tfdocker.toml", 'dockerfile = "build/Dockerfile"\n')
    found = collected.ids("--tfdocker", *arguments)
    assert [one for one in found if one not in OWN] == ids_of("build/Dockerfile")


@pytest.mark.parametrize("arguments", [(), ("tests",)])
def test_a_dockerfile_above_the_folder_of_the_settings(project, arguments, monkeypatch):
    project.write("Dockerfile", "FROM scratch\n")
    project.write("services/app/pytest.ini", "[pytest]\n")
    project.write("services/app/tfdocker.toml", 'dockerfile = "../../Dockerfile"\n')
    project.write("services/app/tests/test_own.py", "def test_own(): pass\n")
    monkeypatch.chdir(project.folder / "services" / "app")
    found = project.ids("--tfdocker", *arguments)
    assert [one for one in found if one not in OWN] == ids_of("../../Dockerfile")


PLACES = {
    "a folder of the project": ("app/pytest.ini", "app/tests/deep", ()),
    "a folder of the project in a larger one": ("pytest.ini", "app/tests/deep", ()),
    "the folder above, by the tests": ("app/pytest.ini", ".", ("app/tests",)),
    "the root above, by a file": ("pytest.ini", ".", ("app/tests/test_own.py",)),
    "a folder beside it": ("pytest.ini", "other", ("../app/tests",)),
}


@pytest.mark.parametrize(("ini", "here", "arguments"), PLACES.values(), ids=PLACES)
def test_the_project_is_found_from(project, here, arguments, ini, monkeypatch):
    project.write(ini, "[pytest]\n")
    project.write("app/Dockerfile", "FROM scratch\n")
    project.write("app/tests/test_own.py", "def test_own(): pass\n")
    for folder in ("app/tests/deep", "other"):
        (project.folder / folder).mkdir()
    monkeypatch.chdir(project.folder / here)
    found = project.ids("--tfdocker", *arguments)
    prefix = "Dockerfile" if ini.startswith("app") else "app/Dockerfile"
    assert [one for one in found if "test_own" not in one] == ids_of(prefix)


def test_settings_above_the_tests_of_a_project_without_a_dockerfile_of_its_own(project):
    project.write("app/pyproject.toml", '[tool.tfdocker]\ndockerfile = "docker/serve"\n')
    project.write("app/docker/serve", "FROM scratch\n")
    project.write("app/pytest.ini", "[pytest]\n")
    project.write("app/tests/test_own.py", "def test_own(): pass\n")
    assert project.ids("--tfdocker", "app/tests") == [*OWN, *ids_of("docker/serve")]


def test_a_dockerfile_of_the_tests_is_not_the_project_s(collected):
    collected.write("tests/Dockerfile", "FROM scratch\n")
    for arguments in (("tests",), ("tests/test_own.py",)):
        found = collected.ids("--tfdocker", *arguments)
        assert [one for one in found if one not in OWN] == ids_of("Dockerfile")


@pytest.mark.parametrize("argument", ["services/embed", "services/embed/tests"])
def test_settings_in_an_argument_s_folder_come_before_the_dockerfile_here(collected, argument):
    collected.write(
        "services/embed/pyproject.toml", '[tool.tfdocker]\ndockerfile = "docker/Dockerfile"\n'
    )
    collected.write("services/embed/docker/Dockerfile", "FROM scratch\n")
    collected.write("services/embed/tests/test_embed.py", "def test_embed(): pass\n")
    found = collected.ids("--tfdocker", argument)
    # pytest takes the folder of that pyproject.toml for its root
    assert [one for one in found if "test_embed" not in one] == ids_of("docker/Dockerfile")


def test_a_dockerfile_that_is_named_comes_before_the_one_here(collected):
    collected.write("services/embed/Dockerfile", "FROM scratch\n")
    path = "services/embed/Dockerfile"
    assert collected.ids("--tfdocker", path) == ids_of(path)


def test_a_dockerfile_in_the_folder_that_is_named_where_there_is_none_here(project):
    project.write("services/embed/Dockerfile", "FROM scratch\n")
    project.write("tests/test_own.py", "def test_own(): pass\n")
    found = project.ids("--tfdocker", "tests", "services/embed")
    assert [one for one in found if one not in OWN] == ids_of("services/embed/Dockerfile")


def test_a_project_reached_by_a_link(collected, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(collected.folder)
    found = collected.ids("--tfdocker", link)
    assert [one.partition("::")[2] for one in found[: len(ALONE)]] == list(ALONE)


BUDGETS = """
[size]
total = "1 GB"
layer = "1 GB"
wasted = "1 MB"
packages = { torch = "800 MB" }

[run]
memory = "1 GiB"

[imports]
modules = ["json"]

[[smoke]]
name = "embed"
command = ["python", "-V"]
duration = "10 s"
"""

BUDGETED = [
    "build",
    "size[total]",
    "size[layer]",
    "size[wasted]",
    "package-size[torch]",
    "pinned",
    "parity",
    "conflicts",
    "import[json]",
    "gpu-visible",
    "limits",
    "peak-memory[embed]",
    "duration[embed]",
]


def test_a_check_for_each_budget(collected):
    collected.write("tfdocker.toml", BUDGETS)
    assert collected.ids("--tfdocker", "Dockerfile") == ids_of("Dockerfile", *BUDGETED)


def test_several_images_of_one_dockerfile(collected):
    collected.write("tfdocker.toml", '[size]\ntotal = "1 GB"\n[images.serve]\n[images.train]\n')
    names = ("build", "size[total]", *ALONE[1:])
    assert collected.ids("--tfdocker", "Dockerfile") == [
        *ids_of("Dockerfile::serve", *names),
        *ids_of("Dockerfile::train", *names),
    ]


def one_without_a_file(project):
    """Settings of two images; a Dockerfile that is named there, and isn't there, is a mistake."""
    project.write("tfdocker.toml", '[images.serve]\n[images.train]\ncompose = "compose.yaml"\n')
    project.write("compose.yaml", "services: {app: {build: {context: ., dockerfile: none}}}\n")


def test_one_of_several_has_no_file(collected):
    one_without_a_file(collected)
    assert collected.ids("--tfdocker") == [
        *ids_of("Dockerfile::serve"),
        *OWN,
        *ids_of("tfdocker::train"),
    ]


def test_a_given_image_without_a_file(project):
    assert project.ids("--tfdocker", "--tfdocker-image=app:ci") == ids_of("tfdocker", *ALONE[1:])


def test_a_given_image_has_no_build(collected):
    found = collected.ids("--tfdocker", "--tfdocker-image=app:ci", "Dockerfile")
    assert found == ids_of("Dockerfile", *ALONE[1:])


def test_off_is_not_collected(collected):
    collected.write("tfdocker.toml", BUDGETS + '[checks]\npinned = "off"\n"size[layer]" = "off"\n')
    expected = [name for name in BUDGETED if name not in ("pinned", "size[layer]")]
    assert collected.ids("--tfdocker", "Dockerfile") == ids_of("Dockerfile", *expected)


def test_a_level_of_the_whole_check_yields_to_one_of_an_id(collected):
    collected.write("tfdocker.toml", BUDGETS + '[checks]\nsize = "off"\n"size[total]" = "warn"\n')
    found = collected.ids("--tfdocker", "Dockerfile", "-k", "size")
    assert found == ids_of("Dockerfile", "size[total]", "package-size[torch]")


def test_chosen_by_k_and_by_mark(collected):
    assert collected.ids("--tfdocker", "-k", "parity or own") == ["Dockerfile::parity", *OWN]
    assert collected.ids("--tfdocker", "-m", "not tfdocker") == OWN
    assert collected.ids("--tfdocker", "-m", "tfdocker", "--strict-markers") == ids_of("Dockerfile")
    assert collected.ids("--tfdocker", "--deselect=Dockerfile::build", "-k", "build") == []


def test_the_fixture_is_parametrised_by_the_names_of_several_images(collected):
    collected.write("tfdocker.toml", "[images.serve]\n[images.train]\n")
    collected.write("tests/test_own.py", "def test_own(tfdocker_image, tfdocker_run): pass\n")
    assert collected.ids("--tfdocker", *OWN) == [f"{OWN[0]}[serve]", f"{OWN[0]}[train]"]


@pytest.mark.parametrize(
    "names",
    [
        '"tfdocker_image"',
        '"n, tfdocker_image"',
        '("n", "tfdocker_image")',
        'argnames="tfdocker_image"',
    ],
)
def test_a_test_may_name_the_image_that_it_is_about(collected, names):
    values = '[(1, "train")]' if "n," in names or '"n"' in names else '["train"]'
    mark = f"{names}, argvalues={values}, indirect=['tfdocker_image']"
    collected.write("tfdocker.toml", "[images.serve]\n[images.train]\n")
    collected.write(
        "tests/test_own.py",
        "import pytest\n"
        f"@pytest.mark.parametrize({mark})\n"
        f"def test_own(tfdocker_image{', n' if '(1' in values else ''}): pass\n"
        "@pytest.mark.parametrize('m', [2])\n"
        "def test_other(tfdocker_image, m): pass\n",
    )
    (own, *others) = collected.ids("--tfdocker", "tests/test_own.py", "-m", "not tfdocker")
    assert own.endswith("train]")
    assert len(others) == 2


def test_an_image_that_no_settings_name_is_told_with_the_names_that_they_have(collected):
    collected.write("tfdocker.toml", "[images.serve]\n[images.train]\n")
    collected.write(
        "tests/test_own.py",
        "import pytest\n"
        "@pytest.mark.parametrize('tfdocker_image', ['serv'], indirect=True)\n"
        "def test_own(tfdocker_image): pass\n",
    )
    result = collected.run("--tfdocker", "tests/test_own.py::test_own")
    result.stdout.fnmatch_lines(["no image is named 'serv'; names: serve, train"])


def test_a_project_of_nothing_but_a_dockerfile(project):
    project.write("Dockerfile", "FROM scratch\n")
    assert project.ids("--tfdocker") == ids_of("Dockerfile")


def test_workers_collect_the_same(collected):
    one_without_a_file(collected)
    result = collected.run("--tfdocker", "-n", "2", "tests")
    result.stdout.fnmatch_lines(["2 workers [[]13 items[]]"])
