"""One service of a Compose file, beneath the settings."""

import pytest

COMPOSE = "compose.yaml"
OWN = "tfdocker.toml"
ASKED = 'compose = "compose.yaml"\n'
GIB = 2**30
MIB = 2**20


TUTORIAL = """\
version: '3.8'
services:
  app:
    build: .
    ports:
      - "5000:5000"
    deploy:
      resources:
        limits:
          cpus: '2'
          memory: 4G
"""


def test_the_file_of_every_tutorial_works_as_it_stands(load):
    (image,) = load({COMPOSE: TUTORIAL, OWN: ASKED}).images
    assert (image.settings.run.memory, image.settings.run.cpus) == (4 * GIB, 2.0)
    assert (image.settings.context, image.settings.dockerfile) == (".", "Dockerfile")
    assert image.origins["run.memory"] == "compose.yaml:11"
    assert image.origins["run.cpus"] == "compose.yaml:10"
    assert image.origins["dockerfile"] == "compose.yaml:4"
    assert image.notes == []


def test_no_compose_file_is_looked_for(load):
    (image,) = load({COMPOSE: TUTORIAL}).images
    assert image.settings.run.memory is None


def test_the_settings_win_over_compose_key_by_key(load):
    toml = ASKED + 'dockerfile = "Other"\nrun.memory = "8 GiB"\nbuild.args = { A = "2" }'
    text = TUTORIAL.replace("build: .", "build: {context: ., target: t, args: {A: 1, B: 1}}")
    (image,) = load({COMPOSE: text, OWN: toml, "Other": ""}).images
    assert (image.settings.run.memory, image.settings.run.cpus) == (8 * GIB, 2.0)
    assert (image.settings.dockerfile, image.settings.build.target) == ("Other", "t")
    assert image.settings.build.args == {"A": "2", "B": "1"}
    assert image.origins["run.memory"] == "tfdocker.toml:3"
    assert image.origins["dockerfile"] == "tfdocker.toml:2"
    assert image.origins["build.args.B"] == "compose.yaml:4"


def test_paths_of_the_build_section_are_relative_to_the_compose_file(load, tmp_path):
    text = "services: {app: {build: {context: ../src, dockerfile: docker/Dockerfile}}}"
    (image,) = load({"deploy/compose.yaml": text, OWN: 'compose = "deploy/compose.yaml"'}).images
    assert (image.settings.context, image.settings.dockerfile) == ("src", "src/docker/Dockerfile")
    assert image.dockerfile == tmp_path / "src/docker/Dockerfile"
    assert image.origins["context"] == "deploy/compose.yaml:1"


def test_each_image_may_take_a_service_of_its_own(load):
    text = "services: {a: {build: a, mem_limit: 1g}, b: {build: b, mem_limit: 2g}}"
    toml = f'{ASKED}[images.one]\nservice = "a"\n[images.two]\nservice = "b"'
    one, two = load({COMPOSE: text, OWN: toml}).images
    assert (one.settings.context, one.settings.run.memory) == ("a", GIB)
    assert (two.settings.dockerfile, two.settings.run.memory) == ("b/Dockerfile", 2 * GIB)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("command: python -m 'app x'", "command", ["python", "-m", "app x"]),
        ("command: [python, app.py, 1]", "command", ["python", "app.py", "1"]),
        ("command: []", "command", []),
        ("command:", "command", None),
        ("entrypoint: /entry.sh", "entrypoint", ["/entry.sh"]),
        (
            "environment: {A: 1, B: 1.10, C: on, D: true, E: 0x10, F: }",
            "env",
            ["A=1", "B=1.1", "C=on", "D=true", "E=16", "F"],
        ),
        ("environment: ['A=b=c', B, 'C=']", "env", ["A=b=c", "B", "C="]),
        ("user: 1000:1000", "user", "1000:1000"),
        ("user: 33:33", "user", "33:33"),
        ("user: 1000", "user", "1000"),
        ("read_only: true", "read_only", True),
        ("read_only: 'no'", "read_only", False),
        ("working_dir: /srv", "workdir", "/srv"),
        ("tmpfs: /tmp", "tmpfs", ["/tmp"]),
        (
            "volumes: [{type: tmpfs, target: /x, read_only: true, tmpfs: {size: 1m, mode: 0700}}]",
            "tmpfs",
            ["/x:size=1048576,mode=0700,ro"],
        ),
        ("volumes: [{type: tmpfs, target: /x}]", "tmpfs", ["/x"]),
        ("mem_limit: 6m", "memory", 6 * MIB),
        ("cpus: 0.01", "cpus", 0.01),
        ("tmpfs: [/tmp, '/run:size=1m']", "tmpfs", ["/tmp", "/run:size=1m"]),
        ("shm_size: 64m", "shm_size", 64 * MIB),
        ("mem_limit: 512m", "memory", 512 * MIB),
        ("mem_limit: 1gb", "memory", GIB),
        ("mem_limit: 1073741824", "memory", GIB),
        ("mem_limit: 0", "memory", None),
        ("cpus: 0.5", "cpus", 0.5),
        ("cpus: 0", "cpus", None),
        ("cpus: ${CPUS:-1.5}", "cpus", 1.5),
        ("pids_limit: 100", "pids", 100),
        ("pids_limit: -1", "pids", None),
        ("deploy: {resources: {limits: {pids: 7}}}", "pids", 7),
    ],
)
def test_a_key_of_the_service_is_a_setting_of_the_run(service, line, key, value):
    assert getattr(service(line).settings.run, key) == value


def test_swap_is_what_is_over_the_memory(service):
    run = service("mem_limit: 1g", "memswap_limit: 3g").settings.run
    assert (run.memory, run.swap) == (GIB, 2 * GIB)
    assert service("mem_limit: 1g", "memswap_limit: 1g").settings.run.swap == 0
    assert service("mem_limit: 1g", "memswap_limit: 0").settings.run.swap is None


@pytest.mark.parametrize(
    ("line", "expect"),
    [
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", "required"),
        (
            "deploy: {resources: {reservations: {devices: "
            "[{driver: nvidia, count: 1, capabilities: [gpu]}]}}}",
            "required",
        ),
        (
            "deploy: {resources: {reservations: {devices: "
            "[{driver: nvidia, count: 0, capabilities: [gpu]}]}}}",
            "auto",
        ),
        (
            "deploy: {resources: {reservations: {devices: [{driver: tpu, capabilities: [tpu]}]}}}",
            "auto",
        ),
        ("gpus: all", "required"),
        ("gpus: [{count: 2}]", "required"),
        ("gpus: []", "auto"),
        ("deploy: {resources: {reservations: {memory: 1g}}}", "auto"),
    ],
)
def test_a_reserved_gpu_is_one_that_is_required(service, line, expect):
    image = service(line)
    assert image.settings.gpu.expect == expect
    assert image.origins.get("gpu.expect") == ("compose.yaml:4" if expect == "required" else None)


def test_the_settings_say_of_a_gpu_what_they_want(service):
    assert service("gpus: all", toml=f'{ASKED}gpu.expect = "auto"').settings.gpu.expect == "auto"


def test_a_device_that_is_no_gpu_is_noted(service):
    devices = "[{driver: tpu, capabilities: [tpu]}]"
    image = service(f"deploy: {{resources: {{reservations: {{devices: {devices}}}}}}}")
    assert image.notes == [
        "compose.yaml:4: services.app.deploy.resources.reservations.devices[0]: "
        "'tpu tpu' is no GPU of NVIDIA's: not honoured"
    ]


def test_files_of_variables_stand_beneath_the_environment_and_show_no_value(load):
    text = """\
services:
  app:
    build: .
    env_file: [a.env, {path: b.env, required: false}, {path: no.env, required: false}]
    environment: {OWN: o, TOKEN: '${TOKEN}', FROM_DOTENV: , BARE: }
"""
    a = "A=file a\nB='1'\nOWN=file\nEXPANDED=${A}/${HOST}\nBARE=of the file\n"
    files = {
        COMPOSE: text,
        OWN: ASKED,
        "a.env": a,
        "b.env": 'B="two\\nlines"\nHOST\nNOT_SET\nPEM="-----\nx\n-----"\n',
        ".env": "FROM_DOTENV=hush\nTOKEN=t0ken",
    }
    (image,) = load(files, environ={"HOST": "here"}).images
    run = image.settings.run
    assert run.env == [
        *("A", "B", "OWN=o", "EXPANDED", "BARE", "HOST", "PEM", "TOKEN", "FROM_DOTENV")
    ]
    assert image.secrets == {
        "A": "file a",
        "B": "two\nlines",
        "EXPANDED": "file a/here",
        "HOST": "here",
        "PEM": "-----\nx\n-----",
        "TOKEN": "t0ken",
        "FROM_DOTENV": "hush",
    }
    left_out = "compose.yaml:5: BARE isn't set in the environment, and is left out"
    assert image.notes == [left_out]
    assert "hush" not in repr(image)
    assert image.origins["run.env"] == "compose.yaml:5"


@pytest.mark.parametrize(
    ("env_file", "note"),
    [
        ("no.env", "no file 'no.env'"),
        ("{path: no.env, required: false}", None),
        ('"a\\0b"', "'a\\x00b' can't be read (embedded null byte)"),
        ("folder", "'folder' can't be read (Is a directory)"),
        ("{path: folder, required: false}", "'folder' can't be read (Is a directory)"),
        ("here.env/no", "'here.env/no' can't be read (Not a directory)"),
    ],
)
def test_a_file_of_variables_that_can_not_be_read_is_noted_with_the_reason(
    service, tmp_path, env_file, note
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "here.env").touch()
    image = service(f"env_file: {env_file}", "environment: {A: b}")
    tail = "what it sets isn't set; name it in run.env"
    noted = [] if note is None else [f"compose.yaml:4: services.app.env_file: {note}: {tail}"]
    assert (image.notes, image.settings.run.env) == (noted, ["A=b"])


def test_variables_of_the_settings_are_added_to_those_of_the_service(service):
    toml = f"{ASKED}run.env = ['B=own', 'TOKEN']"
    image = service("environment: {A: 1, B: 2, TOKEN: x}", toml=toml)
    assert image.settings.run.env == ["A=1", "B=own", "TOKEN"]


def test_a_bare_name_of_the_settings_is_the_environments_before_the_files(load):
    text = "services: {app: {build: ., env_file: a.env}}"
    toml = f"{ASKED}run.env = ['A', 'B']"
    files = {COMPOSE: text, OWN: toml, "a.env": "A=file\nB=file\nC=file"}
    (image,) = load(files, environ={"A": "own"}).images
    assert image.settings.run.env == ["C", "A", "B"]
    assert image.secrets == {"B": "file", "C": "file"}


def test_the_build_section_is_handed_to_the_builder(load):
    text = """\
services:
  app:
    platform: linux/arm64
    build:
      context: .
      target: runtime
      cache_from: [a, b]
      cache_to: [c]
      platforms: [linux/arm64]
      args:
        - A=1
        - FROM_ENV
        - NOT_SET
"""
    (image,) = load({COMPOSE: text, OWN: ASKED}, environ={"FROM_ENV": "x"}).images
    build = image.settings.build
    assert (build.target, build.platform) == ("runtime", "linux/arm64")
    assert (build.cache_from, build.cache_to) == (["a", "b"], ["c"])
    assert build.args == {"A": "1", "FROM_ENV": "x"}
    assert image.notes == [
        "compose.yaml:10: services.app.build.args: NOT_SET isn't set and is left out"
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("$A", "x"),
        ("${A}b", "xb"),
        ("${N:-d}", "d"),
        ("${N-d}", "d"),
        ("${E:-d}", "d"),
        ("${E-d}", ""),
        ("${A:+d}", "d"),
        ("${E:+d}", ""),
        ("${N+d}", ""),
        ("${A:?no}", "x"),
        ("${N:-${A}}", "x"),
        ("$$A", "$A"),
    ],
)
def test_variables_are_interpolated_as_compose_does(service, value, text):
    image = service(f"user: 'u{value}'", environ={"A": "x", "E": ""})
    assert image.settings.run.user == f"u{text}"
    assert image.notes == []


def test_a_variable_that_is_not_set_reads_as_empty_and_is_noted(service):
    image = service("user: 'u$NOPE'")
    assert image.settings.run.user == "u"
    assert image.notes == ["compose.yaml:4: services.app.user: NOPE isn't set and reads as empty"]


def test_the_env_file_beside_it_gives_variables_beneath_the_environment(load):
    dotenv = """
        # a comment
        A=file
        export B = "quoted # no comment"
        C='$A'
        D=plain # comment
        E=${A}/x
        not a line
    """
    text = "services: {app: {build: ., user: '$A|$B|$C|$D|$E'}}"
    (image,) = load({COMPOSE: text, OWN: ASKED, ".env": dotenv}, environ={"A": "env"}).images
    assert image.settings.run.user == "env|quoted # no comment|$A|plain|env/x"


def test_a_secret_handed_through_stays_a_bare_name(service):
    environ = {"TOKEN": "hush", "B": "b"}
    mapping = service("environment: {TOKEN: '${TOKEN}', B: '${B}c', N: '${N:-}'}", environ=environ)
    assert mapping.settings.run.env == ["TOKEN", "B=bc", "N="]
    listed = service("environment: ['TOKEN=$TOKEN', 'OTHER=$B']", environ=environ)
    assert listed.settings.run.env == ["TOKEN", "OTHER=b"]
    unset = service("environment: {NOPE: '${NOPE}'}", environ=environ)
    assert unset.settings.run.env == ["NOPE="]


def test_anchors_and_merges_are_followed(load):
    text = """\
x-base: &base
  mem_limit: 1g
  user: a
services:
  one: &one
    <<: *base
    user: b
    build: .
  two: *one
  app:
    <<: *one
    cpus: 1
"""
    (image,) = load({COMPOSE: text, OWN: ASKED + 'service = "app"'}).images
    run = image.settings.run
    assert (run.memory, run.user, run.cpus) == (GIB, "b", 1.0)
    assert image.settings.context == "."


def test_what_is_not_honoured_is_noted_and_the_rest_works(load):
    text = """\
include: [other.yaml]
services:
  app:
    image: app
    mem_limit: 1g
    memswap_limit: -1
    volumes: [./models:/models]
    env_file: no.env
    depends_on: [db]
    x-own: 1
    deploy:
      replicas: 2
      resources:
        reservations:
          memory: 1g
          generic_resources: [a]
"""
    files = {COMPOSE: text, OWN: f'{ASKED}service = "app"', "compose.override.yaml": ""}
    (image,) = load(files).images
    assert image.settings.run.memory == GIB
    assert image.notes == [
        "compose.override.yaml is not read",
        "compose.yaml:6: services.app.memswap_limit: swap without a limit is not honoured; "
        "it stays off",
        "compose.yaml:8: services.app.env_file: no file 'no.env': what it sets isn't set; "
        "name it in run.env",
        "compose.yaml:7: services.app.volumes[0]: './models:/models' is not mounted; "
        "name the engine's volumes in run.volumes",
        "compose.yaml:16: services.app.deploy.resources.reservations.generic_resources: "
        "not honoured",
        "compose.yaml:3: services.app: no build section; the Dockerfile is that of the settings",
        "compose.yaml:9: services.app.depends_on: not honoured",
    ]


def test_what_the_build_section_asks_beyond_is_noted(load):
    text = """\
services:
  app:
    build:
      context: https://example.com/app.git
      platforms: [linux/amd64, linux/arm64]
      secrets: [token]
"""
    (image,) = load({COMPOSE: text, OWN: ASKED}).images
    assert image.settings.context == "."
    assert image.notes == [
        "compose.yaml:4: services.app.build.context: not honoured; "
        "'https://example.com/app.git' is no folder",
        "compose.yaml:5: services.app.build.platforms: not honoured; "
        "set build.platform to one of them",
        "compose.yaml:6: services.app.build.secrets: not honoured",
    ]
