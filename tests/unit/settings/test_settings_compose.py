"""One service of a Compose file, beneath the settings."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings

COMPOSE = "compose.yaml"
OWN = "tfdocker.toml"
ASKED = 'compose = "compose.yaml"\n'
GIB = 2**30
MIB = 2**20


@pytest.fixture
def service(load):
    """The image's settings that the keys of a service give, each line indented by nothing."""

    def run(*lines, toml=ASKED, **options):
        text = "services:\n  app:\n    build: .\n" + "".join(f"    {line}\n" for line in lines)
        (image,) = load({COMPOSE: text, OWN: toml}, **options).images
        return image

    return run


@pytest.fixture
def refused(problems):
    """The mistakes in the keys of a service; the first of its lines is line 4."""

    def run(*lines, toml=ASKED, **options):
        text = "services:\n  app:\n    build: .\n" + "".join(f"    {line}\n" for line in lines)
        return problems({COMPOSE: text, OWN: toml}, **options)

    return run


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
    (image,) = load({COMPOSE: text, OWN: toml}).images
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
        ("tmpfs: /tmp", "tmpfs", ["/tmp"]),
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
    env_file: .env
    extends: {service: base}
    depends_on: [db]
    x-own: 1
    deploy:
      replicas: 2
      resources:
        reservations:
          devices: [{driver: nvidia, capabilities: [gpu]}]
"""
    files = {COMPOSE: text, OWN: ASKED, "compose.override.yaml": ""}
    (image,) = load(files).images
    assert image.settings.run.memory == GIB
    assert image.notes == [
        "compose.override.yaml is not read",
        "compose.yaml:1: include: not honoured",
        "compose.yaml:6: services.app.memswap_limit: swap without a limit is not honoured; "
        "it stays off",
        "compose.yaml:3: services.app: no build section; the Dockerfile is that of the settings",
        "compose.yaml:7: services.app.volumes: not honoured; "
        "name the engine's volumes in run.volumes",
        "compose.yaml:8: services.app.env_file: not honoured; name the variables in run.env",
        "compose.yaml:9: services.app.extends: not honoured; "
        "what the other service sets is not read",
        "compose.yaml:10: services.app.depends_on: not honoured",
        "compose.yaml:15: services.app.deploy.resources.reservations: not honoured; "
        "gpu.expect says what is judged",
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


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("mem_limit: lots", "mem_limit: expected a byte value such as 4G or 512m, found 'lots'"),
        ("mem_limit: [1]", "mem_limit: expected a byte value such as 4G or 512m, found [1]"),
        ("cpus: 500m", "cpus: expected a number of CPUs such as '0.5', found '500m'"),
        ("cpus: -1", "cpus: expected a number of CPUs such as '0.5', found -1"),
        ("cpus: nan", "cpus: expected a number of CPUs such as '0.5', found 'nan'"),
        ("pids_limit: many", "pids_limit: expected a whole number, found 'many'"),
        ("read_only: maybe", "read_only: expected true or false, found 'maybe'"),
        ("user: [a]", "user: expected text, found a list"),
        ("user: {a: b}", "user: expected text, found a table"),
        ("command: [a, ~]", "command: expected text, found nothing"),
        ('command: "a \'b"', "command: can't be split into words: no closing quotation"),
        ("environment: A=1", "environment: expected a table or a list of 'NAME=value'"),
        ("environment: ['=1']", "environment: expected 'NAME=value' or 'NAME'"),
        (
            "memswap_limit: 1g",
            "memswap_limit: must be at least the memory limit, which must be set",
        ),
        ("user: '${A:?say who}'", "user: A isn't set: say who"),
        ("user: '${A'", "user: '${' isn't closed in '${A'"),
        ("user: '${A!b}'", "user: can't read '${A!b}'"),
        (
            "user: '5 $'",
            "user: can't read '$'; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign",
        ),
        ("mem_limt: 1g", "mem_limt: Compose knows no such key; did you mean 'mem_limit'?"),
        ("zzzz: 1", "zzzz: Compose knows no such key"),
        ("deploy: 3", "deploy: expected a table"),
        ("deploy: {resources: {limits: 3}}", "deploy.resources.limits: expected a table"),
        (
            "deploy: {resources: {limits: {memry: 1g}}}",
            "deploy.resources.limits.memry: Compose knows no such limit; did you mean 'memory'?",
        ),
    ],
)
def test_what_compose_would_refuse_is_refused_with_file_and_line(refused, line, problem):
    assert refused(line) == [f"compose.yaml:4: services.app.{problem}"]


def test_two_limits_that_differ_are_refused(refused, service):
    assert refused("mem_limit: 1g", "deploy: {resources: {limits: {memory: 2g}}}") == [
        "compose.yaml:5: services.app.deploy.resources.limits.memory: "
        "differs from compose.yaml:4, which sets the same"
    ]
    same = service("mem_limit: 1g", "deploy: {resources: {limits: {memory: 1024m}}}")
    assert same.settings.run.memory == GIB


def test_mistakes_of_both_files_are_told_at_once(refused):
    assert refused("cpus: a", "mem_limit: b", toml=ASKED + "zzzz = 1\npython = 3") == [
        "tfdocker.toml:2: zzzz: unknown key; known here: build, checks, compose, context, "
        "dependencies, dockerfile, gpu, images, imports, python, run, service, size, smoke",
        "tfdocker.toml:3: python: expected text, found 3: write '3'",
        "compose.yaml:5: services.app.mem_limit: "
        "expected a byte value such as 4G or 512m, found 'b'",
        "compose.yaml:4: services.app.cpus: expected a number of CPUs such as '0.5', found 'a'",
    ]


@pytest.mark.parametrize(
    ("text", "toml", "problem"),
    [
        (
            "services: {a: {}, b: {}}",
            "",
            "tfdocker.toml:1: compose: 'compose.yaml' has several services; "
            "set 'service' to one of a, b",
        ),
        ("services: {}", "", "tfdocker.toml:1: compose: 'compose.yaml' has no services"),
        (
            "services: {web: {}}",
            "service = 'wep'",
            "tfdocker.toml:2: service: no service 'wep' in 'compose.yaml'; did you mean 'web'?",
        ),
        (
            "services: {web: {}}",
            "service = 'x'",
            "tfdocker.toml:2: service: no service 'x' in 'compose.yaml'; services: web",
        ),
        ("services: {web: }", "", "compose.yaml:1: services.web: expected a table"),
        (
            "services: {web: {build: [a]}}",
            "",
            "compose.yaml:1: services.web.build: expected a folder or a table",
        ),
        ("services: 3", "", "compose.yaml: not a Compose file: it has no table 'services'"),
        ("", "", "compose.yaml: not a Compose file: it has no table 'services'"),
        ("a: b: c", "", "compose.yaml:1: not valid YAML: mapping values are not allowed here"),
        (
            "a: 1\nb: [\n",
            "",
            "compose.yaml:3: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        ("a: 1\na: 2", "", "compose.yaml:2: not valid YAML: two keys are named 'a'"),
        ("a: !reset b", "", "compose.yaml:1: not valid YAML: can't read the tag '!reset'"),
        ("[a]: b", "", "compose.yaml:1: not valid YAML: a key must be text"),
        ("a: !!int b", "", "compose.yaml:1: not valid YAML: can't read 'b'"),
        ("a: &a [*a]", "", "compose.yaml: nested too deeply"),
        (b"\xff", "", "compose.yaml: not UTF-8 at byte 0"),
        (
            "\0",
            "",
            "compose.yaml: not valid YAML: unacceptable character #x0000: "
            "special characters are not allowed",
        ),
    ],
)
def test_a_file_that_does_not_serve_is_named(problems, text, toml, problem):
    assert problems({COMPOSE: text, OWN: ASKED + toml}) == [problem]


def test_aliases_that_multiply_are_refused(problems):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (problem,) = problems({COMPOSE: "\n".join(lines), OWN: ASKED})
    assert problem.endswith("not valid YAML: too many values")


def test_an_image_names_its_own_compose_file(problems, tmp_path):
    toml = '[images.a]\ncompose = "nope.yaml"\n[images.b]\nservice = "x"'
    assert problems({OWN: toml}) == [
        f"tfdocker.toml:2: images.a.compose: no file 'nope.yaml' in {tmp_path}",
        "tfdocker.toml:4: images.b.service: is of no use without 'compose'",
    ]


def outcome(folder, data):
    (folder / OWN).write_text(ASKED)
    (folder / COMPOSE).write_bytes(data)
    try:
        return load_settings(folder, options=Options(), environ={"A": "1"})
    except SettingsError as error:
        return error.problems


words = st.sampled_from(
    [
        *("services:", "app:", "build:", "args:", "environment:", "command:", "deploy:", "limits:"),
        *("resources:", "memory:", "mem_limit:", "memswap_limit:", "cpus:", "pids_limit:", "user:"),
        *(
            "\n",
            "\n  ",
            "\n    ",
            "\n      ",
            " ",
            "- ",
            "&a",
            "*a",
            "<<: ",
            "{",
            "}",
            "[",
            "]",
            ",",
        ),
        *("4G", "2", "'", '"', "$", "${A}", "${A:-", "}", ":", "!", "!!int ", "|", "#", "~", "on"),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words).map("".join).map(str.encode) | st.binary())
def test_any_file_is_a_service_or_problems(tmp_path, data):
    assert outcome(tmp_path, data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        *(
            "build",
            "command",
            "entrypoint",
            "environment",
            "user",
            "read_only",
            "tmpfs",
            "shm_size",
        ),
        *("mem_limit", "memswap_limit", "cpus", "pids_limit", "deploy", "platform", "volumes"),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, values))
def test_any_service_is_settings_or_problems(tmp_path, service):
    import yaml  # noqa: PLC0415 (the room itself imports it late)

    assert outcome(tmp_path, yaml.safe_dump({"services": {"app": service}}).encode())
