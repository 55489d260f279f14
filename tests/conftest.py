"""Where the tests find an engine and an image, and what they do where there is none."""

import os

import pytest
from hypothesis import settings

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineUnavailableError, ImageNotFoundError

# Each run tries other examples: few of them, often, find what there is
settings.register_profile("quick", max_examples=25, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")

OURS = ("TFDOCKER_IMAGE", "TFDOCKER_JSON", "TFDOCKER_KEEP", "TFDOCKER_REQUIRED")
# Many tests start a pytest of their own: without byte code each would compile all of it anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
NO_ENGINE = 'no container engine answers; `eval "$(tools/engine up)"` gives one'


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What asks for an engine by a fixture is marked so, too: -m tells them apart."""
    for item in items:
        if "_answering_engine" in getattr(item, "fixturenames", ()):
            item.add_marker("engine")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in OURS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _engine_where_marked(request):
    if request.node.get_closest_marker("engine") is not None:
        request.getfixturevalue("_answering_engine")


@pytest.fixture(scope="session")
def _answering_engine():
    try:
        found = Engine.connect()
    except EngineUnavailableError:
        pytest.skip(NO_ENGINE)
    with found:
        yield found


@pytest.fixture
def engine(_answering_engine):
    """The engine that answers; the test skips where none does."""
    return _answering_engine


@pytest.fixture(scope="session")
def small_image(_answering_engine):
    """The tag of a small image with Python in it."""
    tag = os.environ.get("TFDOCKER_TEST_IMAGE", "tfdocker-test/python:small")
    try:
        _answering_engine.inspect(tag)
    except ImageNotFoundError:
        pytest.skip(f"no image {tag}; `tools/base-image --small` makes it")
    return tag
