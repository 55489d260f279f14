"""docs/settings.md says what is so."""

import re
from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker.settings.schema import ImageSettings, Request, Smoke, Table

PAGE = (Path(__file__).parents[3] / "docs/settings.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_loads(load, text):
    loaded = load({"pyproject.toml": text})
    assert loaded.images[0].origins


def keys(shape):
    for field in msgspec.structs.fields(shape):
        yield field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, Table):
            yield from keys(field.type)


@pytest.mark.parametrize("key", sorted({*keys(ImageSettings), *keys(Smoke), *keys(Request)}))
def test_each_key_is_on_the_page(key):
    assert re.search(rf"`[\[\w.]*\b{re.escape(key)}\]*`", PAGE)


@pytest.mark.parametrize("name", ["IMAGE", "JSON", "KEEP"])
def test_each_variable_and_option_is_on_the_page(name):
    assert f"`TFDOCKER_{name}" in PAGE
    assert f"`--tfdocker-{name.lower()}" in PAGE
