"""The settings file, found, read and merged."""

import pytest

from pytest_tfdocker.settings.schema import ImageSettings, Request, Smoke

PYPROJECT = "pyproject.toml"
OWN = "tfdocker.toml"
TWO = "[images.serve]\n[images.train]\n"


def the_image(loaded):
    (image,) = loaded.images
    return image


def test_nothing_set_is_one_image_of_defaults(load, tmp_path):
    loaded = load()
    image = the_image(loaded)
    assert (image.name, image.root, image.source) == ("default", tmp_path, None)
    assert image.settings == ImageSettings()
    assert image.origins == {}
    assert (loaded.keep, loaded.json_path) == (False, None)


def test_every_table_is_read(load, tmp_path):
    text = """
        [tool.tfdocker]
        dockerfile = "docker/Dockerfile"
        [tool.tfdocker.build]
        args = { BASE = "python:3.11" }
        cache-from = ["type=local"]
        [tool.tfdocker.run]
        memory = "4 GiB"
        cpus = 2
        read-only = true
        command = ["python", "app.py"]
        [tool.tfdocker.size]
        packages = { torch = "800 MB" }
        [tool.tfdocker.imports]
        modules = []
        timeout = "2 min"
        [[tool.tfdocker.smoke]]
        name = "embed"
        command = "python -m app"
        peak-memory = "900 MiB"
        [[tool.tfdocker.smoke]]
        name = "service"
        request = { path = "/embed", port = 5000, json = { texts = ["one"] } }
        [tool.tfdocker.checks]
        "size[wasted]" = "warn"
    """
    image = the_image(load({PYPROJECT: text, "docker/Dockerfile": ""}))
    assert image.dockerfile == tmp_path / "docker/Dockerfile"
    assert image.settings.build.args == {"BASE": "python:3.11"}
    assert image.settings.build.cache_from == ["type=local"]
    run = image.settings.run
    assert (run.memory, run.cpus, run.read_only) == (4 * 2**30, 2.0, True)
    assert run.command == ["python", "app.py"]
    assert image.settings.size.packages == {"torch": 800_000_000}
    assert (image.settings.imports.modules, image.settings.imports.timeout) == ([], 120)
    assert image.settings.smoke == [
        Smoke(name="embed", command="python -m app", peak_memory=900 * 2**20),
        Smoke(name="service", request=Request(path="/embed", port=5000, json={"texts": ["one"]})),
    ]
    assert image.settings.checks == {"size[wasted]": "warn"}
    assert image.origins["run.memory"] == "pyproject.toml:8"
    assert image.origins["build.args.BASE"] == "pyproject.toml:5"
    assert image.origins["smoke"] == "pyproject.toml:17"


def test_the_nearest_file_counts_and_the_others_do_not_add_up(load, tmp_path):
    files = {
        PYPROJECT: '[tool.tfdocker]\ndockerfile = "far"\ncontext = "far"',
        f"sub/{PYPROJECT}": '[tool.tfdocker]\ndockerfile = "near"',
        "sub/near": "",
        "sub/tests/Dockerfile": "",
    }
    image = the_image(load(files, start="sub/tests"))
    assert (image.root, image.source) == (tmp_path / "sub", tmp_path / "sub" / PYPROJECT)
    assert (image.settings.dockerfile, image.settings.context) == ("near", ".")


def test_a_tfdocker_toml_wins_over_the_pyproject_beside_it(load):
    files = {PYPROJECT: '[tool.tfdocker]\npython = "a"', OWN: 'python = "b"'}
    assert the_image(load(files)).settings.python == "b"


def test_a_pyproject_without_our_table_is_passed_over(load, tmp_path):
    files = {OWN: 'python = "a"', f"sub/{PYPROJECT}": "[tool.other]\ntfdocker = 1"}
    assert the_image(load(files, start="sub")).root == tmp_path


def test_a_broken_pyproject_that_does_not_name_us_is_passed_over(load):
    assert the_image(load({PYPROJECT: "[tool.other\n"})).source is None


def test_a_script_is_looked_for_beside_the_settings(load):
    files = {f"sub/{OWN}": "smoke = [{ name = 's', script = 'a.py' }]", "sub/a.py": ""}
    assert the_image(load(files, start="sub")).settings.smoke[0].script == "a.py"


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a${A}b${B:-c}d", {"A": ""}, "abcd"),
        ("${A:-x}", {"A": ""}, "x"),
        ("${A:-x}", {"A": "y"}, "y"),
        ("${A:-${B:-z}}", {}, "z"),
        ("${A:-}", {}, ""),
        ("$$A $A $${A} 5$", {"A": "x"}, "$A $A ${A} 5$"),
        ("${A}", {"A": "${B}"}, "${B}"),
    ],
)
def test_names_in_braces_are_taken_from_the_environment(load, text, environ, value):
    assert the_image(load({OWN: f"python = '{text}'"}, environ=environ)).settings.python == value


def test_the_environment_gives_numbers_sizes_and_what_stands_in_lists(load):
    text = """
        run = { cpus = "${CPUS}", memory = "${MEM:-2 GiB}", env = ["A=${A}"], read-only = "${RO}" }
        [[smoke]]
        name = "s"
        request = { path = "/", port = "${PORT}", json = [{ a = "${A}" }] }
    """
    environ = {"CPUS": "1.5", "A": "x", "PORT": "80", "RO": "true"}
    image = the_image(load({OWN: text}, environ=environ))
    run, request = image.settings.run, image.settings.smoke[0].request
    assert (run.cpus, run.memory, run.env, run.read_only) == (1.5, 2**31, ["A=x"], True)
    assert (request.port, request.json) == (80, [{"a": "x"}])


def test_images_inherit_the_tables_above_and_override(load):
    text = """
        [run]
        memory = "1 GiB"
        env = ["A=1"]
        [build]
        args = { A = "1", B = "1" }
        [images.serve]
        build = { args = { B = "2" }, target = "serve" }
        run = { env = ["B=2"] }
        [images.train]
    """
    serve, train = load({OWN: text}).images
    assert (serve.name, train.name) == ("serve", "train")
    assert serve.settings.build.args == {"A": "1", "B": "2"}
    assert (serve.settings.run.memory, serve.settings.run.env) == (2**30, ["B=2"])
    assert train.settings.build.args == {"A": "1", "B": "1"}
    assert (train.settings.build.target, train.settings.run.env) == (None, ["A=1"])
    assert serve.origins["run.env"] == "tfdocker.toml:9"
    assert train.origins["run.env"] == "tfdocker.toml:4"


@pytest.mark.parametrize(
    ("top", "own", "memory"),
    [
        ('kubernetes = "app.yaml"', 'compose = "compose.yaml"', 2**30),
        ('compose = "compose.yaml"', 'kubernetes = "app.yaml"', 2**31),
        ('compose = "compose.yaml"\nservice = "app"', 'kubernetes = "app.yaml"', 2**31),
        ('service = "app"', 'kubernetes = "app.yaml"', 2**31),
        ('service = "app"', 'compose = "compose.yaml"', 2**30),
        ('kubernetes = "no.yaml"', 'compose = "compose.yaml"\nservice = "app"', 2**30),
        ('compose = "no.yaml"\nservice = "app"', 'compose = "compose.yaml"', 2**30),
    ],
)
def test_a_file_of_an_image_stands_instead_of_an_inherited_one(load, top, own, memory):
    files = {
        "compose.yaml": "services: {app: {build: ., mem_limit: 1g}}",
        "app.yaml": "kind: Pod\nspec: {containers: [{resources: {limits: {memory: 2Gi}}}]}",
        "tfdocker.toml": f"{top}\n[images.a]\n{own}\n",
    }
    (image,) = load(files).images
    asked = image.settings
    assert asked.run.memory == memory
    assert (asked.compose is None) is (asked.kubernetes is not None) is (memory == 2**31)
    assert "kubernetes" in image.origins or "compose" in image.origins
    assert not {"kubernetes", "compose"} <= image.origins.keys()
    assert asked.kubernetes is None or "service" not in image.origins


def test_a_level_may_name_the_smoke_of_one_image(load):
    text = """
        checks = { "duration[embed]" = "warn" }
        images.serve.smoke = [{ name = "embed", command = "x" }]
        images.train = {}
    """
    assert load({OWN: text}).images[0].settings.checks == {"duration[embed]": "warn"}


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({PYPROJECT: '[project]\nname = "My_App.2"'}, "my-app-2"),
        ({PYPROJECT: '[project]\nname = "ÄÖ"'}, "project"),
        ({PYPROJECT: "[project]\nname = 3"}, "3"),
        ({PYPROJECT: '[project]\nname = "a"', OWN: ""}, "a"),
        ({PYPROJECT: "[broken"}, "the-folder"),
        ({}, "the-folder"),
    ],
)
def test_the_project_is_named_so_that_docker_takes_it(load, files, name):
    nested = {f"The Folder/{path}": text for path, text in files.items()}
    assert load({**nested, "The Folder/x": ""}, start="The Folder").project == name


def test_a_key_is_found_behind_strings_that_look_like_keys(load):
    text = '''
        [run]
        command = ["""
        [size]
        memory = "1 GiB"
        """] # ]
        env = [ # [
            "A=]",
            "B=1"
        ]
        memory = "2 GiB" # memory = 3
        "cpus" = 2
    '''
    origins = the_image(load({OWN: text})).origins
    assert (origins["run.command"], origins["run.memory"]) == (
        "tfdocker.toml:3",
        "tfdocker.toml:11",
    )
    assert (origins["run.env"], origins["run.cpus"]) == ("tfdocker.toml:7", "tfdocker.toml:12")


BARE = 'run.env = ["A=1", "TOKEN"]\nsmoke = [{ name = "s", command = "x", env = ["SEED"] }]\n'


def test_a_variable_that_is_named_and_not_set_is_noted_at_its_place(load):
    left_out = "isn't set in the environment, and is left out"
    assert the_image(load({OWN: BARE})).notes == [
        f"tfdocker.toml:1: run.env[2]: TOKEN {left_out}",
        f"tfdocker.toml:2: smoke[s].env[1]: SEED {left_out}",
    ]
    assert the_image(load({OWN: BARE}, environ={"TOKEN": "", "SEED": "1"})).notes == []


def test_a_variable_that_compose_names_and_nobody_sets_is_noted_there(load):
    text = "services:\n  app:\n    build: .\n    environment:\n      - TOKEN\n"
    files = {"compose.yaml": text, OWN: 'compose = "compose.yaml"\n'}
    assert the_image(load(files)).notes == [
        "compose.yaml:4: TOKEN isn't set in the environment, and is left out"
    ]
    assert the_image(load(files, environ={"TOKEN": "x"})).notes == []
    own = {**files, OWN: 'compose = "compose.yaml"\nrun.env = ["TOKEN=x"]\n'}
    assert the_image(load(own)).notes == []
