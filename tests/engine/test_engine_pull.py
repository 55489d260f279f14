"""A pull from a registry of the test's own: what is told meanwhile, and that the image is there."""

import pytest

from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.errors import ImageNotFoundError
from pytest_tfdocker.engine.pull import PullProgress, pull


@pytest.mark.engine
def test_a_pull_tells_how_far_it_is(engine, registry):
    reference, told = f"{registry}/app:ci", []
    pull(engine, reference, told.append)
    engine.inspect(reference)
    engine.remove_image(reference)
    assert {(one.part_of, one.name) for one in told} == {("pull", reference)}
    assert [one.state for one in told if one.state != "log"] == ["started", "done"]
    assert [one.line for one in told if one.state == "log"][-1].startswith("2 of 2 layers")


@pytest.mark.engine
def test_a_pull_that_fails_tells_the_registry_s_answer(engine, registry):
    told = []
    with pytest.raises(ImageNotFoundError, match=r"(?s)no image .*/app:none\n.*can't pull it: .*"):
        pull(engine, f"{registry}/app:none", told.append)
    assert told[-1] == StepSeen(name=f"{registry}/app:none", state="failed", part_of="pull")


@pytest.mark.engine
def test_what_was_pulled_for_a_comparison_goes_with_the_run(engine, registry, judged_small_image):
    session, than = judged_small_image.session, f"{registry}/app:ci"
    other = session.other(judged_small_image.settings, than)
    assert (other.reference, engine.inspect(than)["Id"]) == (than, other.id)
    session.let_go()
    with pytest.raises(ImageNotFoundError):
        engine.inspect(other.id)
    assert engine.inspect(judged_small_image.id)


def test_layers_and_bytes_are_those_told_so_far():
    seen, lines = PullProgress(), []
    for event in (
        {"status": "Pulling from team/app", "id": "ci"},
        {"status": "Already exists", "id": "a"},
        {"status": "Pulling fs layer", "id": "b", "progressDetail": {}},
        {"status": "Downloading", "id": "b", "progressDetail": {"current": 3e6, "total": 9e6}},
        {"status": "Download complete", "id": "b", "progressDetail": {}},
        {"status": "Extracting", "id": "b", "progressDetail": {"current": 1, "total": 9e6}},
        {"status": "Pull complete", "id": "b", "progressDetail": {}},
        {"status": "Digest: sha256:0"},
    ):
        seen.take(event)
        lines.append(seen.line)
    assert lines == [
        "",
        "1 of 1 layers",
        "1 of 2 layers",
        "1 of 2 layers, 3 of 9 MB",
        "1 of 2 layers, 9 of 9 MB",
        "1 of 2 layers, 9 of 9 MB",
        "2 of 2 layers, 9 of 9 MB",
        "2 of 2 layers, 9 of 9 MB",
    ]
