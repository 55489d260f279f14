"""Command line over environment over settings over defaults; mistakes end pytest with exit 4."""

import pytest

SHOW = """
def test_show(tfdocker_settings):
    settings = tfdocker_settings
    image = settings.images[0]
    print("given", image.given)
    print("json", settings.json_path and settings.json_path.name)
    print("keep", settings.keep)
    print("fit", settings.fit)
    print("dockerfile", image.settings.dockerfile)
"""


@pytest.fixture
def shown(project):
    """What the merged settings are, by a run of a test that prints them."""
    project.write("test_show.py", SHOW)

    def run(*arguments):
        result = project.run("-rP", "test_show.py::test_show", "--tfdocker", *arguments)
        assert result.ret == 0, result.outlines
        words = [line.split(maxsplit=1) for line in result.outlines]
        known = ("given", "json", "keep", "fit", "dockerfile")
        return dict(pair for pair in words if len(pair) == 2 and pair[0] in known)

    return run


DEFAULTS = {
    "given": "None",
    "json": "None",
    "keep": "False",
    "fit": "False",
    "dockerfile": "Dockerfile",
}


def test_defaults(shown):
    assert shown() == DEFAULTS


def test_settings_and_environment_alone(shown, project, monkeypatch):
    project.write("tfdocker.toml", 'dockerfile = "docker/serve.Dockerfile"\n')
    project.write("docker/serve.Dockerfile", "FROM scratch\n")
    monkeypatch.setenv("TFDOCKER_IMAGE", "app:environment")
    monkeypatch.setenv("TFDOCKER_JSON", "environment.json")
    monkeypatch.setenv("TFDOCKER_KEEP", "1")
    assert shown() == {
        "given": "app:environment",
        "json": "environment.json",
        "keep": "True",
        "fit": "False",
        "dockerfile": "docker/serve.Dockerfile",
    }


def test_the_command_line_over_both(shown, project, workers, monkeypatch):
    project.write("tfdocker.toml", 'dockerfile = "docker/serve.Dockerfile"\n')
    project.write("docker/serve.Dockerfile", "FROM scratch\n")
    monkeypatch.setenv("TFDOCKER_IMAGE", "app:environment")
    monkeypatch.setenv("TFDOCKER_JSON", "environment.json")
    monkeypatch.setenv("TFDOCKER_KEEP", "0")
    line = ("--tfdocker-image", "app:line", "--tfdocker-json=line.json", "--tfdocker-keep")
    assert shown(*line, "--tfdocker-fit", *workers) == {
        "given": "app:line",
        "json": "line.json",
        "keep": "True",
        "fit": "True",
        "dockerfile": "docker/serve.Dockerfile",
    }


def test_an_image_of_several_is_given_by_name(shown, project):
    project.write("tfdocker.toml", "[images.serve]\n[images.train]\n")
    assert shown("--tfdocker-image", "serve=app:ci")["given"] == "app:ci"


def test_every_mistake_at_once_and_no_test_runs(project, workers, monkeypatch):
    project.write("test_own.py", "def test_own(): pass\n")
    project.write(
        "tfdocker.toml",
        '[size]\ntotl = "1 GB"\ntotal = 5\n\n[run]\nmemory = "4G"\n\n[checks]\nparity = "loud"\n',
    )
    monkeypatch.setenv("TFDOCKER_KEEP", "perhaps")
    result = project.run("--tfdocker", "--tfdocker-image", "app=two words", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [
        "ERROR: tfdocker:",
        "tfdocker.toml:2: size.totl: unknown key; did you mean 'total'?",
        "tfdocker.toml:3: size.total: a size needs a unit: write '5 B', or MB, GB, MiB, GiB",
        "tfdocker.toml:6: run.memory: 4G is 4 GiB (Compose) or 4 GB = 4·10⁹ (Kubernetes): "
        "write 4 GiB or 4 GB",
        "tfdocker.toml:9: checks.parity: expected one of 'off', 'warn', 'fail', 'require', "
        "found 'loud'",
        "--tfdocker-image: no image is named 'app'; the settings name no images",
        "--tfdocker-image: expected a tag, a digest or an id, "
        "tar:FILE or oci:DIR, found 'two words'",
        "TFDOCKER_KEEP: expected 1 or 0, found 'perhaps'",
    ]
    result.stdout.no_fnmatch_line("*test_own*")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_mistake_leaves_no_report_of_an_earlier_run(project, workers, monkeypatch, by):
    project.write("tfdocker.toml", '[size]\ntotl = "1 GB"\n')
    project.write("out.json", "{}")
    if by == "environment":
        monkeypatch.setenv("TFDOCKER_JSON", "out.json")
    given = ["--tfdocker-json=out.json"] if by == "option" else []
    assert project.run("--tfdocker", *given, *workers).ret == pytest.ExitCode.USAGE_ERROR
    assert not (project.folder / "out.json").exists()


def test_a_mistake_removes_no_folder(project):
    project.write("tfdocker.toml", '[size]\ntotl = "1 GB"\n')
    project.write("reports/old.json", "{}")
    result = project.run("--tfdocker", "--tfdocker-json=reports")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--tfdocker-json: expected a file, found 'reports'" in result.errlines
    assert project.read("reports/old.json") == "{}"


def test_a_settings_file_that_is_no_toml(project):
    project.write("pyproject.toml", "[tool.tfdocker\n")
    result = project.run("--tfdocker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.no_fnmatch_line("*Traceback*")


def test_settings_of_the_folder_that_is_named_are_read(project):
    project.write("services/embed/Dockerfile", "FROM scratch\n")
    project.write("services/embed/tfdocker.toml", '[size]\ntotal = "1 GB"\n')
    assert "services/embed/Dockerfile::size[total]" in project.ids("--tfdocker", "services/embed")


def test_a_report_that_can_not_be_written_is_no_green_run(project):
    project.write("test_own.py", "def test_own(): pass\n")
    path = "/proc/none/report.json"
    result = project.run("--tfdocker", f"--tfdocker-json={path}", "test_own.py::test_own")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert f"tfdocker: {path} can't be written: No such file or directory" in result.outlines


def test_a_limit_is_looked_for_of_smokes_whose_check_is_run(project, workers):
    project.write("Dockerfile", "FROM scratch\n")
    project.write("tfdocker.toml", '[[smoke]]\nname = "a"\ncommand = ["true"]\n')
    result = project.run("--tfdocker", "--tfdocker-fit", "-k", "pinned", *workers)
    told = [line for line in result.outlines if "tfdocker-fit" in line]
    assert told == [
        "--tfdocker-fit had nothing to look at in default: it takes the smokes whose `peak-memory` "
        "is run, see [[smoke]] in the settings and -k"
    ]


@pytest.mark.parametrize(
    "choice", [("-k", "peak-memory[a]"), ("Dockerfile::peak-memory[a]",)], ids=["name", "id"]
)
def test_one_smoke_whose_name_is_part_of_others_is_looked_at_alone(project, choice):
    project.write("Dockerfile", "FROM scratch\n")
    smokes = [f'[[smoke]]\nname = "{name}"\ncommand = ["true"]\n' for name in ("a", "ab")]
    project.write("tfdocker.toml", "".join(smokes))
    result = project.run("--tfdocker", "--tfdocker-fit", *choice)
    result.assert_outcomes(errors=1)
    told = [line for line in result.outlines if ": no limit found: " in line]
    assert [line.partition(":")[0] for line in told] == ["  a"]


def test_without_an_engine_no_limit_is_found_and_the_check_tells_why(project, workers):
    project.write("Dockerfile", "FROM scratch\n")
    project.write("tfdocker.toml", '[[smoke]]\nname = "a"\ncommand = ["true"]\n')
    result = project.run("--tfdocker", "--tfdocker-fit", "-k", "peak-memory", *workers)
    result.assert_outcomes(errors=1)
    assert any(
        line.startswith("  a: no limit found: no container engine answers at ")
        for line in result.outlines
    )
    result.stdout.no_fnmatch_line("*Traceback*")
