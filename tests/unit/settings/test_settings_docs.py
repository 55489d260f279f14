"""docs/settings.md says what is so."""

import inspect
import re
from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker import plugin
from pytest_tfdocker.settings import given
from pytest_tfdocker.settings.schema import ImageSettings, Request, Smoke, Table

PAGE = (Path(__file__).parents[3] / "docs/settings.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OPTIONS = [f"--{name.replace('_', '-')}" for name in plugin.OPTIONS]
VARIABLES = sorted(set(re.findall(r'"(TFDOCKER_[A-Z]+)"', inspect.getsource(given))))
COMPOSE, MANIFEST = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_loads(load, text):
    files = {"deploy/app.yaml": MANIFEST, "docker/Dockerfile": ""}
    loaded = load({"pyproject.toml": text, **files})
    assert loaded.images[0].origins


def test_the_compose_file_on_the_page_means_what_it_says(load):
    (image,) = load({"compose.yaml": COMPOSE, "tfdocker.toml": 'compose = "compose.yaml"'}).images
    assert (image.settings.run.memory, image.settings.run.cpus) == (4 * 2**30, 2.0)
    assert image.notes == []


def test_the_manifest_on_the_page_means_what_the_table_says(load):
    files = {"deploy/app.yaml": MANIFEST, "pyproject.toml": EXAMPLES[-1]}
    (image,) = load(files, environ={"HF_TOKEN": "x"}).images
    run = image.settings.run
    assert (run.memory, run.cpus, run.user) == (4 * 2**30, 2.0, "1000")
    assert (run.non_root, run.read_only) == (True, True)
    assert (run.entrypoint, run.command) == (None, ["app.py", "--port=5000"])
    assert run.env == ["PORT=5000", "HF_TOKEN"]
    assert (run.shm_size, run.tmpfs) == (2**30, [f"/tmp:exec,size={256 * 2**20}"])
    assert [note.rpartition(": ")[2] for note in image.notes] == [
        "what is written there counts to the limit"
    ] * 2


def keys(shape):
    for field in msgspec.structs.fields(shape):
        yield field.encode_name
        if isinstance(field.type, type) and issubclass(field.type, Table):
            yield from keys(field.type)


@pytest.mark.parametrize("key", sorted({*keys(ImageSettings), *keys(Smoke), *keys(Request)}))
def test_each_key_is_on_the_page(key):
    assert re.search(rf"`[\[\w.]*\b{re.escape(key)}\]*`", PAGE)


def section(title):
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_variables_are_found_in_the_code():
    assert {"TFDOCKER_IMAGE", "TFDOCKER_JSON", "TFDOCKER_WASTE"} <= set(VARIABLES)


@pytest.mark.parametrize("title", ["What wins", "Command line and environment"])
@pytest.mark.parametrize("name", [*OPTIONS, *VARIABLES])
def test_each_option_and_variable_is_on_the_page(name, title):
    assert re.search(rf"`{name}(?![\w-])", section(title))
