"""Several Compose files, `extends` and `include`: Compose puts them together, we find the lines."""

import os
import shutil
import subprocess

import pytest

OWN = "tfdocker.toml"
SEVERAL = 'compose = ["compose.yaml", "prod.yaml"]\nservice = "app"\n'
ONE = 'compose = "compose.yaml"\nservice = "app"\n'
GIB = 2**30

BASE = """\
services:
  app:
    build: .
    profiles: [prod]
    user: "1000"
    tmpfs: /tmp
    environment:
      TOKEN: ${TOKEN}
      DOLLAR: a$$b
    mem_limit: 4g
    cpus: ${CPUS:-2}
"""
PROD = """\
services:
  app:
    mem_limit: 2g
    tmpfs: !override [/run]
    read_only: true
    env_file: secrets.env
"""
NEEDS = (
    "needs the docker CLI with its compose plugin (package docker-compose or "
    "docker-compose-plugin), which isn't here; without it name one file without extends, include, "
    "!reset and !override"
)


@pytest.fixture
def environ():
    """The environment of a machine whose docker CLI has Compose, and where no engine answers."""
    found = {**os.environ, "DOCKER_HOST": "unix:///nothing.sock"}
    docker = shutil.which("docker")
    asked = docker and subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False
    )
    if not asked or asked.returncode:
        pytest.skip("the docker CLI has no compose plugin here")
    return found


def test_a_later_file_wins_and_each_value_has_its_own_place(load, environ):
    files = {"compose.yaml": BASE, "prod.yaml": PROD, OWN: SEVERAL, "secrets.env": "KEY=hush"}
    (image,) = load(files, environ={**environ, "TOKEN": "t0ken"}).images
    run = image.settings.run
    assert (run.memory, run.cpus, run.user) == (2 * GIB, 2.0, "1000")
    assert (run.read_only, run.tmpfs) == (True, ["/run"])
    assert run.env == ["KEY", "DOLLAR=a$b", "TOKEN"]
    assert image.secrets == {"KEY": "hush"}
    assert (image.settings.context, image.settings.dockerfile) == (".", "Dockerfile")
    assert image.notes == []
    assert {key: image.origins[f"run.{key}"] for key in ("memory", "cpus", "user", "tmpfs")} == {
        "memory": "prod.yaml:3",
        "cpus": "compose.yaml:11",
        "user": "compose.yaml:5",
        "tmpfs": "prod.yaml:4",
    }


def test_mistakes_are_told_where_the_last_file_makes_them(problems, environ):
    files = {
        "compose.yaml": BASE,
        "prod.yaml": "services: {app: {mem_limit: 4Q, user: '${WHO:?say who}'}}",
        OWN: SEVERAL,
    }
    assert problems(files, environ=environ) == [
        "prod.yaml:1: services.app.user: WHO isn't set: say who",
        "prod.yaml:1: services.app.mem_limit: expected a byte value such as 4G or 512m, found '4Q'",
    ]


def test_what_a_service_extends_is_read_with_its_places(load, environ):
    text = "services:\n  app:\n    extends: {file: shared/base.yaml, service: base}\n    cpus: 1\n"
    base = """\
services:
  root: {read_only: true}
  base:
    extends: root
    build: ../src
    mem_limit: 1g
    cpus: 2
    env_file: base.env
"""
    files = {
        "compose.yaml": text,
        "shared/base.yaml": base,
        "shared/base.env": "A=of a file",
        OWN: ONE,
    }
    (image,) = load(files, environ=environ).images
    run = image.settings.run
    assert (run.memory, run.cpus, run.read_only, run.env) == (GIB, 1.0, True, ["A"])
    assert (image.settings.context, image.secrets) == ("src", {"A": "of a file"})
    assert image.origins["run.memory"] == "shared/base.yaml:6"
    assert image.origins["run.cpus"] == "compose.yaml:4"
    assert image.origins["run.read-only"] == "shared/base.yaml:2"


def test_a_service_may_stand_in_a_file_that_is_included(load, environ):
    files = {
        "compose.yaml": "include: [more/app.yaml]\nservices: {db: {image: db}}\n",
        "more/app.yaml": "services:\n  app:\n    build: .\n    mem_limit: 1g\n",
        OWN: ONE,
    }
    (image,) = load(files, environ=environ).images
    assert (image.settings.run.memory, image.settings.context) == (GIB, "more")
    assert image.origins["run.memory"] == "more/app.yaml:4"


def test_a_file_may_hold_nothing_but_what_it_includes(load, environ):
    files = {
        "compose.yaml": "include: [more/app.yaml]\n",
        "more/app.yaml": "services:\n  app:\n    build: .\n    mem_limit: 1g\n",
        OWN: 'compose = "compose.yaml"',
    }
    (image,) = load(files, environ=environ).images
    assert (image.settings.run.memory, image.settings.context) == (GIB, "more")
    assert image.origins["run.memory"] == "more/app.yaml:4"


def test_tags_for_merging_mean_in_one_file_what_compose_says(load, environ):
    text = BASE.replace("tmpfs: /tmp", "tmpfs: !override [/run]").replace("cpus: ", "cpus: !reset ")
    (image,) = load({"compose.yaml": text, OWN: ONE}, environ={**environ, "TOKEN": "x"}).images
    run = image.settings.run
    assert (run.memory, run.cpus, run.tmpfs) == (4 * GIB, None, ["/run"])
    assert image.origins["run.tmpfs"] == "compose.yaml:6"


def test_a_folder_that_a_variable_gives_may_be_anywhere(load, environ, tmp_path):
    text = "services: {app: {build: '${SRC}'}}"
    files = {"compose.yaml": text, "prod.yaml": "services: {app: {cpus: 1}}", OWN: SEVERAL}
    (image,) = load(files, environ={**environ, "SRC": "a"}).images
    assert image.settings.context == "a"
    (image,) = load(environ={**environ, "SRC": str(tmp_path / "b")}).images
    assert image.settings.context == "b"


def test_files_that_go_round_are_refused_by_compose(problems, environ):
    text = "services: {app: {extends: {file: compose.yaml, service: app}, build: .}}"
    (problem,) = problems({"compose.yaml": text, OWN: ONE}, environ=environ)
    assert problem.startswith("compose.yaml: `docker compose config` refuses it: ")
    assert "ircular" in problem


def test_what_compose_refuses_is_told_in_its_words(problems, environ):
    text = "services: {app: {extends: {file: nope.yaml, service: base}}}"
    (problem,) = problems({"compose.yaml": text, OWN: ONE}, environ=environ)
    assert problem.startswith("compose.yaml: `docker compose config` refuses it: ")
    assert "nope.yaml" in problem


@pytest.mark.parametrize(
    ("text", "toml"),
    [
        (BASE, SEVERAL),
        ("services: {app: {extends: {service: base}}, base: {build: .}}", ONE),
        ("include: [more.yaml]\nservices: {}", ONE),
        ("include: [more.yaml]", ONE),
        ("services: {app: {build: ., user: !reset '1'}}", ONE),
    ],
)
def test_without_compose_it_is_said_once_what_is_missing(problems, tmp_path, text, toml):
    files = {"compose.yaml": text, "prod.yaml": PROD, OWN: toml, "more.yaml": "services: {}"}
    names = "compose.yaml and prod.yaml" if toml == SEVERAL else "compose.yaml"
    (tmp_path / "empty").mkdir()
    nowhere = {"PATH": str(tmp_path / "empty")}
    assert problems(files, environ=nowhere) == [f"{names}: {NEEDS}"]


def test_a_docker_cli_without_the_plugin_is_as_good_as_none(problems, tmp_path):
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker CLI is here")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").symlink_to(docker)
    empty = str(tmp_path / "empty")
    bare = {"PATH": str(tmp_path / "bin"), "HOME": empty, "DOCKER_CONFIG": empty}
    asked = subprocess.run(
        [docker, "compose", "version"], env=bare, capture_output=True, check=False
    )
    if asked.returncode == 0:
        pytest.skip("this machine's docker CLI has the plugin for everybody")
    files = {"compose.yaml": BASE, "prod.yaml": PROD, OWN: SEVERAL}
    assert problems(files, environ=bare) == [f"compose.yaml and prod.yaml: {NEEDS}"]


def test_one_file_in_a_list_is_one_plain_file(load, tmp_path):
    files = {"compose.yaml": BASE, OWN: 'compose = ["compose.yaml"]'}
    (image,) = load(files, environ={"PATH": str(tmp_path)}).images
    assert image.settings.run.memory == 4 * GIB


@pytest.mark.parametrize(
    ("toml", "files", "problem"),
    [
        ("compose = []", {}, "tfdocker.toml:1: compose: is empty"),
        (
            SEVERAL,
            {"compose.yaml": BASE},
            "tfdocker.toml:1: compose: no file 'prod.yaml' in {root}",
        ),
        (
            SEVERAL,
            {"compose.yaml": BASE, "prod.yaml": "a: [b"},
            "prod.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'",
        ),
        (
            ONE,
            {"compose.yaml": f"{BASE}---\na: b"},
            "compose.yaml:13: a second document; make it a file of its own, and name both in "
            "'compose'",
        ),
        (
            "compose = ['a', 3]",
            {},
            "tfdocker.toml:1: compose[2]: expected text, found 3: write '3'",
        ),
    ],
)
def test_files_that_do_not_serve_are_named(problems, tmp_path, toml, files, problem):
    assert problems({OWN: toml, **files}) == [problem.format(root=tmp_path)]
