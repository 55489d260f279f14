"""What a Compose file can't mean, by file and line."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings

COMPOSE = "compose.yaml"
OWN = "tfdocker.toml"
ASKED = 'compose = "compose.yaml"\n'
GIB = 2**30


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
        ("environment: ['=1']", "environment[0]: expected 'NAME=value' or 'NAME'"),
        ("environment: {=A: 1}", "environment.=A: expected 'NAME=value' or 'NAME'"),
        ("environment: {A: 1, B: [c]}", "environment.B: expected text, found a list"),
        ("environment: {A: 1, B: '${C:?no}'}", "environment.B: C isn't set: no"),
        ("environment: [A=1, 'B=${C']", "environment[1]: '${' isn't closed in '${C'"),
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
        ("mem_limit: 4", "mem_limit: 4 B is below the engine's minimum, 6.0 MiB"),
        (
            f"mem_limit: {6 * 2**20 - 1}",
            "mem_limit: 6,291,455 B is below the engine's minimum, 6.0 MiB",
        ),
        ("mem_limit: 4Q", "mem_limit: expected a byte value such as 4G or 512m, found '4Q'"),
        ("cpus: 0.001", "cpus: 0.001 is below the engine's minimum, 0.01"),
        ("tmpfs: tmp", "tmpfs: 'tmp' is no absolute path in the container"),
        (
            "tmpfs: ['/tmp', '/tmp:size=64Q']",
            "tmpfs[1]: size: expected a number such as 64m, with k, m or g, found '64Q'",
        ),
        ("tmpfs: /tmp:mode=9", "tmpfs: mode: expected permissions such as 1777, found '9'"),
        ("working_dir: app", "working_dir: 'app' is no absolute path in the container"),
        ("volumes: 3", "volumes: expected a list"),
        (
            "volumes: [{type: tmpfs, target: /x, tmpfs: {size: 4Q}}]",
            "volumes[0]: expected a byte value such as 4G or 512m, found '4Q'",
        ),
        (
            "volumes: [{type: tmpfs, target: /x, tmpfs: {mode: 9999}}]",
            "volumes[0]: expected permissions such as 0700, found 9999",
        ),
        (
            "volumes: [{type: tmpfs, target: /a}, {type: tmpfs, target: b}]",
            "volumes[1]: 'b' is no absolute path in the container",
        ),
        ("volumes: [{type: tmpfs}]", "volumes[0]: expected text, found nothing"),
        ("gpus: 1", "gpus: expected a list or 'all'"),
        ("gpus: [1]", "gpus[0]: expected a table"),
        (
            "deploy: {resources: {reservations: {devices: {}}}}",
            "deploy.resources.reservations.devices: expected a list",
        ),
        (
            "deploy: {resources: {reservations: {device: []}}}",
            "deploy.resources.reservations.device: Compose knows no such reservation",
        ),
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


def test_each_variable_has_a_line_of_its_own(refused):
    assert refused("environment:", "  A: {}", "  B: b", "  C: '${D:?}'") == [
        "compose.yaml:5: services.app.environment.A: expected text, found a table",
        "compose.yaml:7: services.app.environment.C: D isn't set: it is required",
    ]
    assert refused("env_file: []", "environment:", "  - A", "  - [b]", "  - '=c'") == [
        "compose.yaml:7: services.app.environment[1]: expected text, found a list",
        "compose.yaml:8: services.app.environment[2]: expected 'NAME=value' or 'NAME'",
    ]


def test_each_argument_of_the_build_has_a_line_of_its_own(problems):
    text = "services:\n  app:\n    build:\n      args:\n        A: [b]\n        C: '$'\n"
    assert problems({COMPOSE: text, OWN: ASKED}) == [
        "compose.yaml:5: services.app.build.args.A: expected text, found a list",
        "compose.yaml:6: services.app.build.args.C: can't read '$'; write ${NAME} or "
        "${NAME:-default}, and $$ for a dollar sign",
    ]


def test_each_item_of_a_list_has_a_place_of_its_own(refused):
    assert refused(
        "volumes:",
        "  - {type: tmpfs, target: /a}",
        "  - type: tmpfs",
        "    target: b",
        "tmpfs:",
        "  - /c",
        "  - d",
    ) == [
        "compose.yaml:10: services.app.tmpfs[1]: 'd' is no absolute path in the container",
        "compose.yaml:6: services.app.volumes[1]: 'b' is no absolute path in the container",
    ]


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
        "dependencies, dockerfile, gpu, images, imports, kubernetes, python, run, service, size, "
        "smoke",
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
        ("a: !rest b", "", "compose.yaml:1: not valid YAML: can't read the tag '!rest'"),
        ("a: !reset b", "", "compose.yaml: not a Compose file: it has no table 'services'"),
        ("include: []", "", "compose.yaml: not a Compose file: it has no table 'services'"),
        (
            "include: [a.yaml]\nservices: 3",
            "",
            "compose.yaml: not a Compose file: it has no table 'services'",
        ),
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
    assert problem == "compose.yaml:1: more than 100,000 values in one document: split the file"


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000])
def test_a_number_that_python_can_not_write_is_cut(refused, number):
    (problem,) = refused(f"expose: [{number}]")
    assert problem == f"compose.yaml:4: not valid YAML: can't read '{number[:36]}..."


def test_a_long_value_is_cut(refused):
    assert refused(f"pids_limit: {'9' * 4000}x") == [
        f"compose.yaml:4: services.app.pids_limit: expected a whole number, found '{'9' * 36}..."
    ]


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, values))
def test_any_service_is_settings_or_problems(tmp_path, service):
    assert outcome(tmp_path, yaml.safe_dump({"services": {"app": service}}).encode())
