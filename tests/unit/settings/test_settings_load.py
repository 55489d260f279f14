"""The settings file, the environment and the options, merged and judged."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings
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
    image = the_image(load({PYPROJECT: text}))
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a = 1\n[tool.tfdocker\n",
            "pyproject.toml:2: not valid TOML: expected ']' at the end of a table declaration",
        ),
        ("[tool.tfdocker]\na = [1,\n\n", "pyproject.toml:2: not valid TOML: invalid value"),
        ("[tool]\ntfdocker = 3", "pyproject.toml:2: tool.tfdocker: expected a table"),
        (b"# tfdocker \xff", "pyproject.toml: not UTF-8 at byte 11"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(problems, text, problem):
    assert problems({PYPROJECT: text}) == [problem]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(problems, tmp_path):
    text = """\
[tool.tfdocker]
memory = "1 GB"
compose = "compose.yaml"

[tool.tfdocker.run]
memory = "4G"
cpus = 0
read_only = true
user = 1000
network = "host"
volumes = ["models:/models", "./models:/models"]
env = ["A=1", "B=${NOPE}", "=C"]

[tool.tfdocker.size]
totl = "3 GB"
packages = { torch = "1 gb" }

[[tool.tfdocker.smoke]]
name = "a"
script = "nope.py"
command = ["x"]

[[tool.tfdocker.smoke]]
name = "a"
duration = 30
request = { path = "embed", status = 99 }

[[tool.tfdocker.smoke]]
nmae = "c"

[tool.tfdocker.checks]
pined = "warn"
parity = "warning"
"size[x]" = "off"
"build[x]" = "off"
"peak-memory[b]" = "off"
"""
    where = "tool.tfdocker"
    assert problems({PYPROJECT: text}, environ={"TFDOCKER_KEEP": "2"}, images=["oci:x"]) == [
        f"pyproject.toml:2: {where}.memory: unknown key; did you mean 'run.memory'?",
        f"pyproject.toml:3: {where}.compose: no file 'compose.yaml' in {tmp_path}",
        f"pyproject.toml:6: {where}.run.memory: "
        "4G is 4 GiB (Compose) or 4 GB = 4·10⁹ (Kubernetes): write 4 GiB or 4 GB",
        f"pyproject.toml:7: {where}.run.cpus: must be more than 0",
        f"pyproject.toml:8: {where}.run.read_only: unknown key; did you mean 'read-only'?",
        f"pyproject.toml:9: {where}.run.user: expected text, found 1000: write '1000'",
        f"pyproject.toml:10: {where}.run.network: 'host' is never used: it leaves the container",
        f"pyproject.toml:11: {where}.run.volumes[2]: './models:/models' is a path of the host; "
        "only the engine's volumes are mounted",
        f"pyproject.toml:12: {where}.run.env[2]: NOPE isn't set in the environment; "
        "set it, or write ${NOPE:-default}",
        f"pyproject.toml:12: {where}.run.env[3]: expected 'NAME=value' or 'NAME'",
        f"pyproject.toml:15: {where}.size.totl: unknown key; did you mean 'total'?",
        f"pyproject.toml:16: {where}.size.packages.torch: "
        "'1 gb' has an unknown unit 'gb'; did you mean 'GB'?",
        f"pyproject.toml:18: {where}.smoke[a]: "
        "expected exactly one of script, command and request, found script and command",
        f"pyproject.toml:20: {where}.smoke[a].script: no file 'nope.py' in {tmp_path}",
        f"pyproject.toml:23: {where}.smoke[a]: two smokes are named 'a'",
        f"pyproject.toml:25: {where}.smoke[a].duration: "
        "a time needs a unit: write '30 s' or '30 min'",
        f"pyproject.toml:26: {where}.smoke[a].request: 'port' is missing",
        f"pyproject.toml:26: {where}.smoke[a].request.path: must start with '/'",
        f"pyproject.toml:26: {where}.smoke[a].request.status: must be between 100 and 599",
        f"pyproject.toml:28: {where}.smoke[3]: 'name' is missing",
        f"pyproject.toml:28: {where}.smoke[3]: "
        "expected exactly one of script, command and request, found none",
        f"pyproject.toml:29: {where}.smoke[3].nmae: unknown key; did you mean 'name'?",
        f"pyproject.toml:32: {where}.checks.pined: unknown check; did you mean 'pinned'?",
        f"pyproject.toml:33: {where}.checks.parity: expected one of 'off', 'warn', 'fail', "
        "'require', found 'warning'; did you mean 'warn'?",
        f"pyproject.toml:34: {where}.checks.\"size[x]\": unknown check; did you mean 'size'?",
        f"pyproject.toml:35: {where}.checks.\"build[x]\": 'build' takes no parameter",
        f"pyproject.toml:36: {where}.checks.\"peak-memory[b]\": no smoke is named 'b'",
        "--tfdocker-image: 'oci:x' is not supported by this version; give a tag, a digest or an id",
        "TFDOCKER_KEEP: expected 1 or 0, found '2'",
    ]


def test_keys_of_a_tfdocker_toml_are_named_without_the_prefix(problems):
    assert problems({OWN: "size.totl = 1"}) == [
        "tfdocker.toml:1: size.totl: unknown key; did you mean 'total'?"
    ]


def test_a_file_above_is_named_by_its_whole_path(problems, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    found = problems({OWN: 'gpu = "t4"'}, start="sub")
    assert found == ["tfdocker.toml:1: gpu: expected a table, found 't4'"]
    monkeypatch.chdir(tmp_path / "sub")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "sub", options=Options(), environ={})
    assert caught.value.problems == [f"{tmp_path}/{found[0]}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "zzz = 1",
            "1: zzz: unknown key; known here: build, checks, compose, context, dependencies, "
            "dockerfile, gpu, images, imports, python, run, service, size, smoke",
        ),
        ("size = 3", "1: size: expected a table, found 3"),
        ("smoke = { name = 'a' }", "1: smoke: expected a list, found a table"),
        ("smoke = ['a']", "1: smoke[1]: expected a table, found 'a'"),
        ("imports.modules = 'torch'", "1: imports.modules: expected a list, found 'torch'"),
        ("imports.modules = ['a', true]", "1: imports.modules[2]: expected text, found true"),
        ("run.cpus = 'two'", "1: run.cpus: expected a number, found 'two'"),
        ("run.cpus = nan", "1: run.cpus: must be more than 0"),
        ("run.cpus = inf", "1: run.cpus: must be more than 0"),
        ("run.pids = 1.5", "1: run.pids: expected a whole number, found 1.5"),
        ("run.read-only = 1", "1: run.read-only: expected true or false, found 1"),
        ("run.memory = '0 B'", "1: run.memory: must be more than 0"),
        ("imports.timeout = '0 s'", "1: imports.timeout: must be more than 0"),
        ("build.args = ['A=1']", "1: build.args: expected a table, found a list"),
        ("build.args = { A = 1.5 }", "1: build.args.A: expected text, found 1.5: write '1.5'"),
        ("python = 2026-01-01", "1: python: expected text, found 2026-01-01"),
        ("images = 3", "1: images: expected tables, [tool.tfdocker.images.NAME]"),
        ("images.a = 3", "1: images.a: expected a table, found 3"),
        ("images.a.total = 1", "1: images.a.total: unknown key; did you mean 'size.total'?"),
        (
            "images.'a b' = {}",
            "1: images.\"a b\": 'a b' can't be a name: "
            "a name has letters, digits, '_', '.' and '-', at most 128",
        ),
        ("service = 'app'", "1: service: is of no use without 'compose'"),
        (
            "gpu.expect = 'maybe'",
            "1: gpu.expect: expected one of 'auto', 'required', 'none', found 'maybe'",
        ),
        (
            "checks.import = 'of'",
            "1: checks.import: expected one of 'off', 'warn', 'fail', 'require', "
            "found 'of'; did you mean 'off'?",
        ),
        (
            "python = '${!}'",
            "1: python: can't read '${!}'; "
            "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign",
        ),
        (f"python = '{'${A:-' * 21}{'}' * 21}'", "1: python: '${' is nested too deeply"),
        ("python = '${A'", "1: python: '${' isn't closed in '${A'"),
        (
            "python = '${A:?b}'",
            "1: python: can't read '${A:?b}'; "
            "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(problems, text, problem):
    assert problems({OWN: text}) == [f"tfdocker.toml:{problem}"]


SMOKE = "smoke = [{ name = 's', request = { path = '/', port = 1 } }]"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("'s'", f"'{'s' * 128}'", None),
        (
            "'s'",
            f"'{'s' * 129}'",
            ".name: '" + "s" * 129 + "' can't be a name: a name has letters, "
            "digits, '_', '.' and '-', at most 128",
        ),
        ("port = 1", "port = 65535", None),
        ("port = 1", "port = 65536", ".request.port: must be between 1 and 65535"),
        ("port = 1", "port = 0", ".request.port: must be between 1 and 65535"),
        ("port = 1", "port = 1, status = 100", None),
        ("port = 1", "port = 1, status = 599", None),
        ("port = 1", "port = 1, status = 600", ".request.status: must be between 100 and 599"),
        (
            "port = 1",
            "port = 1, body = 'a', json = 1",
            ".request.json: stands beside body, and one can be sent",
        ),
        ("name", "timeout = '0 s', name", ".timeout: must be more than 0"),
        ("name", "timeout = '1 ms', name", None),
        ("name", "duration = '0 s', peak-memory = '0 B', name", None),
    ],
)
def test_a_smoke_is_held_to_its_ranges(load, old, new, problem):
    text = SMOKE.replace(old, new)
    try:
        found = load({OWN: text}).images[0].settings.smoke[0]
    except SettingsError as error:
        found = error.problems
    name = "s" * 129 if "s" * 129 in new else "s"
    assert (found == [f"tfdocker.toml:1: smoke[{name}]{problem}"]) is (problem is not None)


def test_a_script_is_looked_for_beside_the_settings(load):
    files = {f"sub/{OWN}": "smoke = [{ name = 's', script = 'a.py' }]", "sub/a.py": ""}
    assert the_image(load(files, start="sub")).settings.smoke[0].script == "a.py"


def test_a_settings_file_that_cannot_be_opened_is_named(problems, tmp_path):
    (tmp_path / OWN).symlink_to(tmp_path / OWN)
    assert problems() == ["tfdocker.toml: can't be read: Too many levels of symbolic links"]


@pytest.mark.parametrize(
    "check",
    [
        *("build", "pinned", "parity", "conflicts", "gpu-visible", "limits"),
        *("size", "size[total]", "size[layer]", "size[wasted]"),
        *("package-size", "package-size[torch]", "import", "import[torch]", "import[undeclared]"),
        *("peak-memory", "peak-memory[embed]", "duration", "duration[embed]"),
    ],
)
def test_each_check_has_a_level(load, check):
    text = f'smoke = [{{ name = "embed", command = ["a"] }}]\n[checks]\n"{check}" = "require"'
    assert the_image(load({OWN: text})).settings.checks == {check: "require"}


@pytest.mark.parametrize("check", ["siz", "size[]", "import[", "importx", "", "[", "size[total"])
def test_what_is_no_check_has_no_level(problems, check):
    (problem,) = problems({OWN: f'[checks]\n"{check}" = "warn"'})
    assert "unknown check" in problem


def test_a_smoke_is_named_by_its_place_where_it_has_no_name(problems, tmp_path):
    assert problems({OWN: '[[smoke]]\nscript = "a"\n[[smoke]]\ncommand = []\nname = "b/c"'}) == [
        "tfdocker.toml:1: smoke[1]: 'name' is missing",
        f"tfdocker.toml:2: smoke[1].script: no file 'a' in {tmp_path}",
        "tfdocker.toml:4: smoke[b/c].command: is empty",
        "tfdocker.toml:5: smoke[b/c].name: 'b/c' can't be a name: "
        "a name has letters, digits, '_', '.' and '-', at most 128",
    ]


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


def test_a_mistake_in_what_images_share_is_told_once(problems):
    assert problems({OWN: f"python = 3\n{TWO}"}) == [
        "tfdocker.toml:1: python: expected text, found 3: write '3'"
    ]


def test_a_level_may_name_the_smoke_of_one_image(load):
    text = """
        checks = { "duration[embed]" = "warn" }
        images.serve.smoke = [{ name = "embed", command = "x" }]
        images.train = {}
    """
    assert load({OWN: text}).images[0].settings.checks == {"duration[embed]": "warn"}


@pytest.mark.parametrize(
    ("environ", "options", "reference"),
    [
        ({}, [], None),
        ({"TFDOCKER_IMAGE": "a:1"}, [], "a:1"),
        ({"TFDOCKER_IMAGE": ""}, [], None),
        ({}, ["b:1"], "b:1"),
        ({}, ["default=b@sha256:00"], "b@sha256:00"),
        ({"TFDOCKER_IMAGE": "a:1"}, ["b:1"], "b:1"),
    ],
)
def test_the_command_line_wins_over_the_environment(load, environ, options, reference):
    assert the_image(load(environ=environ, images=options)).given == reference


def test_several_images_are_given_by_name(load):
    environ = {"TFDOCKER_IMAGE": "serve=a:1, train=b:1"}
    loaded = load({OWN: TWO}, environ=environ, images=["train=c:1"])
    assert [image.given for image in loaded.images] == ["a:1", "c:1"]


@pytest.mark.parametrize(
    ("files", "given", "problem"),
    [
        (TWO, "a:1", "which image is 'a:1'? Write NAME=a:1; names: serve, train"),
        (TWO, "serv=a", "no image is named 'serv'; did you mean 'serve'?"),
        (TWO, "x=a", "no image is named 'x'; names: serve, train"),
        ("", "x=a", "no image is named 'x'; the settings name no images"),
        ("", "default=", "expected a tag, a digest or an id, found ''"),
        ("", "a b", "expected a tag, a digest or an id, found 'a b'"),
        (
            "",
            "tar:f.tar",
            "'tar:f.tar' is not supported by this version; give a tag, a digest or an id",
        ),
    ],
)
def test_a_reference_that_cannot_be_meant_is_refused(problems, files, given, problem):
    assert problems({OWN: files}, images=[given]) == [f"--tfdocker-image: {problem}"]


def test_one_image_is_given_once(problems):
    assert problems({OWN: TWO}, environ={"TFDOCKER_IMAGE": "serve=a,serve=b x"}) == [
        "TFDOCKER_IMAGE: two references for image 'serve'",
        "TFDOCKER_IMAGE: which image is 'x'? Write NAME=x; names: serve, train",
    ]


def test_the_json_file_is_relative_to_the_current_folder(load, tmp_path):
    environ = {"TFDOCKER_JSON": "a.json"}
    files = {f"sub/{OWN}": ""}
    assert load(files, start="sub", environ=environ).json_path == tmp_path / "a.json"
    assert load(files, environ=environ, json_path="b.json").json_path == tmp_path / "b.json"
    assert load(environ={"TFDOCKER_JSON": ""}).json_path is None


def test_a_folder_is_no_json_file(problems):
    assert problems(json_path=".") == ["--tfdocker-json: expected a file, found '.'"]
    assert problems(json_path="") == ["--tfdocker-json: expected a file, found ''"]


@pytest.mark.parametrize(
    ("text", "keep"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)]
)
def test_keep_is_asked_by_variable_or_option(load, text, keep):
    assert load(environ={"TFDOCKER_KEEP": text}).keep is keep
    assert load(environ={"TFDOCKER_KEEP": text}, keep=True).keep


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


texts = st.text(st.characters(exclude_categories=["Cs"]))
leaves = texts | st.integers() | st.floats() | st.booleans() | st.sampled_from(["4 GiB", "30 s"])
names = texts | st.sampled_from(
    [
        *("run", "size", "smoke", "images", "checks", "build", "args", "memory", "cpus", "request"),
        *(
            "name",
            "script",
            "command",
            "path",
            "port",
            "packages",
            "compose",
            "service",
            "env",
            "a",
        ),
    ]
)
tables = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20
)


def as_toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{as_toml(key)} = {as_toml(one)}" for key, one in value.items()) + "}"
        )
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return repr(value)


def outcome(folder, data, environ):
    (folder / OWN).write_bytes(data)
    try:
        return load_settings(folder, options=Options(), environ=environ)
    except SettingsError as error:
        return error.problems


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, tables))
def test_any_tables_are_settings_or_problems(tmp_path, table):
    text = "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in table.items())
    found = outcome(tmp_path, text.encode(), {})
    assert "not valid TOML" not in str(found)


fragments = st.lists(
    st.sampled_from(
        [
            *("[run]", "[[smoke]]", "[images.a]", "\n", "\n", " = ", "memory", "name", '"4 GiB"'),
            *('"""', "'''", "{", "}", "[", "]", "[[", "]]", ",", "#", "${A}", '"$', "1", "\\", "."),
        ]
    )
    | texts
).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fragments.map(str.encode) | st.binary())
def test_any_file_is_settings_or_problems(tmp_path, data):
    assert outcome(tmp_path, data, {"A": "1"})


def test_nesting_without_end_is_a_problem(problems):
    (problem,) = problems({OWN: "a = " + "[" * 100_000})
    assert problem.startswith("tfdocker.toml: can't be read as TOML: ")


def test_a_number_without_end_is_a_problem(problems):
    (problem,) = problems({OWN: "a = " + "9" * 10_000})
    assert problem.startswith("tfdocker.toml: can't be read as TOML: ")
