"""What a smoke's repeats, environment, files and request may be, and the text where they can't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.settings.json_path import parse_path
from pytest_tfdocker.settings.load import SettingsError

OWN = "tfdocker.toml"


def found(load, line, *, kind="script = 'smoke.py'"):
    """The smoke's settings, or the mistake in its line."""
    try:
        loaded = load(
            {
                OWN: f"[[smoke]]\nname = 's'\n{kind}\n{line}\n",
                "smoke.py": "",
                "tests/helpers.py": "",
            }
        )
    except SettingsError as error:
        (problem,) = error.problems
        return problem.removeprefix(f"{OWN}:4: smoke[s].")
    return loaded.images[0].settings.smoke[0]


def test_a_smoke_has_its_own_environment_files_and_repeats(load):
    smoke = found(load, "env = ['A=1', 'TOKEN']\nfiles = ['tests']\nwarm-up = 1\nrepeat = 5")
    assert (smoke.env, smoke.files) == (["A=1", "TOKEN"], ["tests"])
    assert (smoke.warm_up, smoke.repeat) == (1, 5)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("env = ['=1']", "env[1]: expected 'NAME=value' or 'NAME'"),
        ("env = ['']", "env[1]: expected 'NAME=value' or 'NAME'"),
        (
            "files = ['tests/helpes.py']",
            "no file or folder 'tests/helpes.py' in FOLDER; did you mean",
        ),
        (
            "files = ['smoke.py', '/etc/passwd']",
            "files[2]: '/etc/passwd' is no file or folder below",
        ),
        ("files = ['../up']", "files[1]: '../up' is no file or folder below"),
        ("files = ['']", "files[1]: '' is no file or folder below"),
        ("repeat = 0", "repeat: must be between 1 and 100"),
        ("repeat = 101", "repeat: must be between 1 and 100"),
        ("warm-up = -1", "warm-up: must be between 0 and 100"),
        ("repeat = true", "repeat: expected a whole number, found true"),
    ],
)
def test_what_can_not_be_is_told(load, tmp_path, line, problem):
    assert problem.replace("FOLDER", str(tmp_path)) in found(load, line)


@pytest.mark.parametrize("line", ["repeat = 100", "warm-up = 100", "files = ['.']", "env = ['A=']"])
def test_what_is_just_within_is_taken(load, line):
    assert found(load, line).name == "s"


def request(load, keys, line="repeat = 1"):
    return found(load, line, kind=f"request = {{ path = '/'{keys} }}")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (", concurrency = 0", "concurrency: must be between 1 and 256"),
        (", concurrency = 257", "concurrency: must be between 1 and 256"),
        (", ready = 'health'", "ready: must start with '/'"),
        (", ready = '/a b'", "ready: has a space or a control character: write %20 for a space"),
        (", method = 'GET /'", "method: 'GET /' is no method"),
        (", headers = { 'a:' = 'b' }", "headers.\"a:\": 'a:' can't be the name of a header"),
        (', headers = { a = "b\\r\\nc" }', "headers.a: holds a line break: a header is one line"),
        (
            ", json = 2020-01-01",
            "json: holds what JSON has no word for: a date, a time, nan or inf",
        ),
        (", json = [nan]", "json: holds what JSON has no word for: a date, a time, nan or inf"),
        (
            ", expect = { 'label' = 1 }",
            "expect.label: 'label' is no path: it starts with '$', as $.label or $[0]['score']",
        ),
        (
            ", expect = { '$..a' = 1 }",
            "expect.\"$..a\": '$..a' can't be read from '..a' on: after '$' come .name, "
            "['any name'] and [0]; [-1] is the last",
        ),
        (
            ", expect = { '$.a' = { length = 1.5 } }",
            'expect."$.a".length: expected a whole number from 0 on',
        ),
        (", expect = { '$.a' = { min = 'x' } }", 'expect."$.a".min: expected a number'),
        (
            ", expect = { '$.a' = 07:32:00 }",
            'expect."$.a": is what JSON has no word for: a date, a time, nan or inf',
        ),
    ],
)
def test_what_a_request_can_not_be_is_told(load, keys, problem):
    assert request(load, keys).removeprefix(f"{OWN}:3: smoke[s].") == f"request.{problem}"


def test_requests_may_be_repeated_more_often_than_programs(load):
    assert request(load, "", "repeat = 100000").repeat == 100_000
    assert request(load, "", "repeat = 100001") == "repeat: must be between 1 and 100000"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("repeat = 60000\nwarm-up = 40001", "repeat"),
        ("repeat = 100000\nwarm-up = 1", "repeat"),
        ("warm-up = 100000", "warm-up"),
    ],
)
def test_requests_are_counted_with_those_of_the_warm_up(load, line, key):
    assert request(load, "", line) == (
        f"{key}: warm-up and repeat are 100001 requests, at most 100000 in all"
    )


@pytest.mark.parametrize("line", ["repeat = 60000\nwarm-up = 40000", "warm-up = 99999"])
def test_as_many_requests_in_all_as_may_be_are_taken(load, line):
    assert request(load, "", line).name == "s"


def test_runs_of_a_program_are_counted_without_the_warm_up(load):
    assert found(load, "warm-up = 100\nrepeat = 100").name == "s"


def test_a_request_needs_its_path_alone(load):
    asked = request(load, "").request
    assert (asked.port, asked.ready, asked.concurrency, asked.expect) == (None, None, 1, {})


def test_a_value_like_a_measure_beside_other_keys_is_a_value(load):
    keys = ", expect = { '$' = { length = 'long', colour = 'red' } }"
    assert request(load, keys).request.expect == {"$": {"length": "long", "colour": "red"}}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", []),
        ("$.a.b[0]['c']", ["a", "b", 0, "c"]),
        ('$["a b"][-1]', ["a b", -1]),
        ("$['it\\'s'][10]", ["it's", 10]),
        ("$['']", [""]),
        ("$.größe._1", ["größe", "_1"]),
    ],
)
def test_a_path_is_read_into_its_steps(text, steps):
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "text",
    ["", "a", "$a", "$.", "$.1", "$.a-b", "$[*]", "$[01]", "$[-0]", "$[1:2]", "$['a]", "$..a"],
)
def test_what_is_no_path_is_told(text):
    with pytest.raises(ValueError, match=r"path|can't be read"):
        parse_path(text)


@given(st.lists(st.one_of(st.text(), st.integers(-(10**8), 10**8))))
def test_a_path_of_any_names_is_read(steps):
    quoted = [
        f"[{step}]"
        if isinstance(step, int)
        else "['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']"
        for step in steps
    ]
    assert parse_path("$" + "".join(quoted)) == steps


@pytest.mark.parametrize(
    ("lines", "port"),
    [
        (['ports: ["8080:80"]'], 80),
        (['ports: ["127.0.0.1:8001:8001", "9"]'], 8001),
        (["ports: [3000]"], 3000),
        (['ports: ["3000-3005"]'], 3000),
        (['ports: ["53:53/udp", "5353:5000/tcp"]'], 5000),
        (['ports: ["${PUBLISHED:?set me}:5000"]'], 5000),
        (["ports: [{ target: 7000, published: '1' }]"], 7000),
        (["ports: [{ target: 53, protocol: udp }]"], None),
        (['expose: ["5000"]'], 5000),
        (['expose: ["5000"]', 'ports: ["6000"]'], 6000),
        (['ports: ["${PORT}"]'], None),
        (["ports: nonsense"], None),
        (['ports: ["70000"]'], None),
        (["expose: []"], None),
    ],
)
def test_the_port_of_a_compose_service_is_a_default(service, lines, port):
    image = service(*lines)
    assert image.settings.run.port == port
    assert image.notes == []


def test_the_settings_port_stands_above_composes(service):
    image = service("ports: [3000]", toml='compose = "compose.yaml"\nrun.port = 5000\n')
    assert image.settings.run.port == 5000


def test_a_port_is_a_port(problems):
    assert problems({OWN: "run.port = 0"}) == [f"{OWN}:1: run.port: must be between 1 and 65535"]
