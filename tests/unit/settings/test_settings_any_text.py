"""Any text is settings or problems, never another exception."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_tfdocker.settings.load import Options, SettingsError, load_settings
from pytest_tfdocker.settings.toml_lines import find_lines

OWN = "tfdocker.toml"


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fragments.map(str.encode) | st.binary())
def test_any_file_is_settings_or_problems(tmp_path, data):
    assert outcome(tmp_path, data, {"A": "1"})


@given(st.dictionaries(names, tables))
def test_every_key_is_found_in_its_line(table):
    statements = [f"{as_toml(key)} = {as_toml(value)}" for key, value in table.items()]
    lines = find_lines("\n\n".join(statements))
    assert [lines[key,] for key in table] == [1 + 2 * row for row in range(len(table))]
