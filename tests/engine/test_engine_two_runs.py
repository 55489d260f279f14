"""Two runs of one project on one engine: neither takes the other's image away."""

import os
import subprocess
import sys
from contextlib import nullcontext

import pytest

from pytest_tfdocker.engine import buildx
from pytest_tfdocker.engine.client import LABEL
from pytest_tfdocker.engine.errors import ImageNotFoundError
from pytest_tfdocker.engine.sweep import HOLDING, new_tag, sweep
from pytest_tfdocker.evidence.prepare import find
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings

pytestmark = pytest.mark.engine


@pytest.fixture(params=["buildx", "classic"])
def each_builder(request, monkeypatch):
    if request.param == "classic":
        monkeypatch.setattr("pytest_tfdocker.engine.build.find_buildx", lambda: None)
    elif buildx.find_buildx() is None:
        pytest.skip("the docker CLI has no buildx")


@pytest.fixture
def begin(user_project, small_image, tmp_path):
    """Begins a run of the project, whose image is another one for each text; gives it built."""
    sessions = []

    def start(text, *, keep=False):
        own = f"{user_project.folder.name}-{text}"  # else other tests' images have the same id
        user_project.write("Dockerfile", f"FROM {small_image}\nLABEL {LABEL}.test={own}\n")
        folder = tmp_path / f"run-{len(sessions)}"
        folder.mkdir()
        session = Session(
            load_settings(user_project.folder, options=Options(keep=keep), environ={}),
            Store(folder, None),
            f"test{os.getpid()}",
            building=lambda: nullcontext(lambda _: None),
            doing=lambda _: nullcontext(),
        )
        sessions.append(session)
        return session, session.prepared(session.settings.images[0])

    yield start
    for session in sessions:
        session.let_go()
        session.close()


def is_there(engine, image_id):
    try:
        engine.inspect(image_id)
    except ImageNotFoundError:
        return False
    return True


@pytest.mark.usefixtures("each_builder")
@pytest.mark.parametrize("keep", [False, True], ids=["", "keep"])
def test_an_image_stays_until_the_run_that_built_it_ends(begin, engine, keep):
    one, ours = begin("one", keep=keep)
    other, theirs = begin("two", keep=keep)
    assert ours.id != theirs.id
    assert is_there(engine, ours.id)
    assert one.evidence(one.settings.images[0]).id == ours.id
    one.let_go()
    assert not is_there(engine, ours.id)
    other.let_go()
    assert engine.inspect(theirs.id)["RepoTags"] == [theirs.reference]


@pytest.mark.usefixtures("each_builder")
def test_an_image_that_another_run_builds_anew_stays(begin, engine):
    _, first = begin("one")
    _, second = begin("two")
    third, same = begin("one")
    assert first.id == same.id
    third.let_go()
    assert is_there(engine, first.id)
    assert is_there(engine, second.id)


@pytest.mark.skipif(sys.platform != "linux", reason="owners are told by /proc")
def test_the_tag_of_a_dead_run_is_swept_up_and_that_of_one_that_lives_is_not(engine, small_image):
    tell = "from pytest_tfdocker.engine.sweep import new_tag; print(new_tag())"
    told = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True)
    elsewhere = f"{HOLDING}:{'0' * 16}-1-1-{os.urandom(4).hex()}"
    dead, alive = told.stdout.strip(), new_tag()
    try:
        for tag in (dead, alive, elsewhere):
            engine.tag(small_image, tag)
        sweep(engine)
        left = {*engine.inspect(small_image)["RepoTags"]}
        assert left & {dead, alive, elsewhere} == {alive, elsewhere}
    finally:
        for tag in (dead, alive, elsewhere):
            engine.remove_image(tag)


def test_what_another_run_holds_is_held_too_and_what_is_the_users_is_not(engine, small_image):
    tag = f"tfdocker-test/given:{os.urandom(4).hex()}"
    engine.tag(small_image, tag)
    try:
        assert find(engine, tag, lambda _: None).run_tag is None
        theirs = new_tag()
        engine.tag(small_image, theirs)
        ours = find(engine, tag, lambda _: None).run_tag
        assert ours in engine.inspect(small_image)["RepoTags"]
        engine.remove_image(theirs)
        engine.remove_image(ours)
    finally:
        engine.remove_image(tag)
    assert not [one for one in engine.inspect(small_image)["RepoTags"] if HOLDING in one]
