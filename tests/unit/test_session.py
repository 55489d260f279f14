"""The run object where no engine answers any more."""

from contextlib import nullcontext

import pytest

from pytest_tfdocker.evidence.prepare import Prepared, Unprepared
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    (tmp_path / "run").mkdir()
    made = Session(
        load_settings(tmp_path, options=Options(images=["app:ci"]), environ={}),
        Store(tmp_path / "run", None),
        "test",
        building=lambda: nullcontext(lambda _: None),
        doing=lambda _: nullcontext(),
    )
    yield made
    made.close()


def test_an_image_that_was_pulled_stays_where_the_engine_is_gone(session):
    pulled = Prepared(reference="app:ci", id="sha256:1", pulled=True)
    session.store.once("prepared default", Prepared | Unprepared, lambda: pulled)
    session.let_go()
