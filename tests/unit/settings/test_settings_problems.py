"""Mistakes in the settings: all of them at once, by file, line and key."""

import pytest

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings

PYPROJECT = "pyproject.toml"
OWN = "tfdocker.toml"
TWO = "[images.serve]\n[images.train]\n"


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


@pytest.mark.parametrize("name", ["tf-docker", "pytest-tfdocker", "tf_docker", "TFDocker"])
def test_another_name_of_the_table_is_a_mistake(problems, name):
    assert problems({PYPROJECT: f"[project]\n[tool.{name}.run]\ncpus = 1\n"}) == [
        f"pyproject.toml:2: tool.{name}: read by nobody; did you mean [tool.tfdocker]?"
    ]


@pytest.mark.parametrize("text", ["dependencies = ['pytest-tfdocker']", "[tool.tfdockers]"])
def test_what_only_names_us_is_no_mistake(load, text):
    assert load({PYPROJECT: f"[project]\n{text}\n"}).images[0].source is None


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
    assert problems({PYPROJECT: text}, environ={"TFDOCKER_KEEP": "2"}, images=["oci:"]) == [
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
        "--tfdocker-image: expected a folder behind 'oci:'",
        "TFDOCKER_KEEP: expected 1 or 0, found '2'",
    ]


def test_keys_of_a_tfdocker_toml_are_named_without_the_prefix(problems):
    assert problems({OWN: "size.totl = 1"}) == [
        "tfdocker.toml:1: size.totl: unknown key; did you mean 'total'?"
    ]


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_tfdocker_toml_that_is_no_file_is_not_passed_over(tmp_path, kind):
    """Else its budgets would hold nothing."""
    path = tmp_path / OWN
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, options=Options(), environ={})
    assert caught.value.problems == [f"{path}: can't be read: no file, or a link to none"]


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
            "dockerfile, gpu, images, imports, kubernetes, python, run, service, size, smoke",
        ),
        ("size = 3", "1: size: expected a table, found 3"),
        ("smoke = { name = 'a' }", "1: smoke: expected a list, found a table: write [[smoke]]"),
        (
            "[images.a.smoke]",
            "1: images.a.smoke: expected a list, found a table: write [[images.a.smoke]]",
        ),
        (
            "[tool.tfdocker.size]\n[tool.tfdocker.run]",
            "1: tool.tfdocker.size: [tool.tfdocker] is for pyproject.toml: in tfdocker.toml "
            "write [size]",
        ),
        (
            "[tool]",
            "1: tool: [tool.tfdocker] is for pyproject.toml: in tfdocker.toml write [run]",
        ),
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
        ("name", "phase-duration = { load = '1 ms', start = '500 ms' }, name", None),
        (
            "name",
            "phase-duration = { load = '0 s' }, name",
            ".phase-duration.load: must be more than 0",
        ),
        (
            "name",
            "phase-duration = { start = '499 ms' }, name",
            ".phase-duration.start: must be 500 ms or more: a shorter start is not told",
        ),
        (
            "name",
            "phase-duration = { ' load' = '1 s' }, name",
            ".phase-duration.\" load\": ' load' names no phase: 1 to 80 characters, no space "
            "around them",
        ),
        ("name", f"phase-duration = {{ {'p' * 80} = '1 s' }}, name", None),
        (
            "name",
            "phase-duration = '1 s', name",
            ".phase-duration: expected a table, found '1 s'",
        ),
        (
            "name",
            "phase-duration = { load = 10 }, name",
            ".phase-duration.load: a time needs a unit: write '10 s' or '10 min'",
        ),
    ],
)
def test_a_smoke_is_held_to_its_ranges(load, old, new, problem):
    text = SMOKE.replace(old, new)
    try:
        load({OWN: text})
        found = []
    except SettingsError as error:
        found = error.problems
    name = "s" * 129 if "s" * 129 in new else "s"
    assert found == ([f"tfdocker.toml:1: smoke[{name}]{problem}"] if problem else [])


def test_a_settings_file_that_cannot_be_opened_is_named(problems, tmp_path):
    (tmp_path / OWN).symlink_to(tmp_path / OWN)
    assert problems() == ["tfdocker.toml: can't be read: Too many levels of symbolic links"]


@pytest.mark.parametrize(
    "check",
    [
        *("build", "pinned", "hashes", "parity", "conflicts", "gpu-visible", "limits", "threads"),
        *("size", "size[total]", "size[layer]", "size[wasted]"),
        *("package-size", "package-size[torch]", "import", "import[torch]", "import[undeclared]"),
        *("peak-memory", "peak-memory[embed]", "duration", "duration[embed]"),
    ],
)
def test_each_check_has_a_level(load, check):
    text = f'smoke = [{{ name = "embed", command = ["a"] }}]\n[checks]\n"{check}" = "require"'
    assert load({OWN: text}).images[0].settings.checks == {check: "require"}


@pytest.mark.parametrize("check", ["siz", "size[]", "import[", "importx", "", "[", "size[total"])
def test_what_is_no_check_has_no_level(problems, check):
    (problem,) = problems({OWN: f'[checks]\n"{check}" = "warn"'})
    assert "unknown check" in problem


def test_a_file_of_dependencies_that_is_not_there_is_a_mistake(problems, tmp_path):
    (tmp_path / "requirements.txt").touch()
    text = '[dependencies]\nfiles = ["requirements.txt", "requirments.txt", "x/y.lock"]\n'
    assert problems({OWN: text}) == [
        f"tfdocker.toml:2: dependencies.files[2]: no file 'requirments.txt' in {tmp_path}; "
        "did you mean 'requirements.txt'?",
        f"tfdocker.toml:2: dependencies.files[3]: no file 'x/y.lock' in {tmp_path}",
    ]


@pytest.mark.parametrize("image", [None, "app:ci"])
def test_a_dockerfile_that_is_named_and_not_there_is_a_mistake(problems, tmp_path, image):
    (tmp_path / "Dockerfile").touch()
    text = 'dockerfile = "Dockerfil"\n[images.gpu]\ndockerfile = "gpu/Dockerfile"\n'
    given = {"images": [f"gpu={image}"]} if image else {}
    assert problems({OWN: text}, **given) == [
        f"tfdocker.toml:1: dockerfile: no file 'Dockerfil' in {tmp_path}; "
        "did you mean 'Dockerfile'?",
        f"tfdocker.toml:3: images.gpu.dockerfile: no file 'gpu/Dockerfile' in {tmp_path}",
    ]


def test_a_dockerfile_that_nobody_has_named_need_not_be_there(load):
    assert not load({OWN: ""}).images[0].dockerfile.exists()


def test_a_smoke_is_named_by_its_place_where_it_has_no_name(problems, tmp_path):
    assert problems({OWN: '[[smoke]]\nscript = "a"\n[[smoke]]\ncommand = []\nname = "b/c"'}) == [
        "tfdocker.toml:1: smoke[1]: 'name' is missing",
        f"tfdocker.toml:2: smoke[1].script: no file 'a' in {tmp_path}",
        "tfdocker.toml:4: smoke[b/c].command: is empty",
        "tfdocker.toml:5: smoke[b/c].name: 'b/c' can't be a name: "
        "a name has letters, digits, '_', '.' and '-', at most 128",
    ]


def test_a_mistake_in_what_images_share_is_told_once(problems):
    assert problems({OWN: f"python = 3\n{TWO}"}) == [
        "tfdocker.toml:1: python: expected text, found 3: write '3'"
    ]


def test_nesting_without_end_is_a_problem(problems):
    (problem,) = problems({OWN: "a = " + "[" * 100_000})
    assert problem.startswith("tfdocker.toml: can't be read as TOML: ")


def test_a_number_without_end_is_a_problem(problems):
    (problem,) = problems({OWN: "a = " + "9" * 10_000})
    assert problem.startswith("tfdocker.toml: can't be read as TOML: ")
