"""`assert_smaller` in a user's own tests: two stages of one Dockerfile, and a tag of before."""

import json

import pytest

from pytest_tfdocker.engine.client import Engine

pytestmark = pytest.mark.engine

MB = 10**6
DOCKERFILE = r"""
FROM {base} AS builder
RUN python3 -c "open('/weights.bin', 'wb').write(b'1' * 30_000_000); \
open('/notes', 'wb').write(b'2' * 5_000_000)"
FROM {base} AS runtime
COPY --from=builder /notes /app/
WORKDIR /app
"""
SETTINGS = """
[images.builder]
build = { target = "builder" }
[images.runtime]
build = { target = "runtime" }
"""
IMPORTS = "import pytest\nfrom pytest_tfdocker import assert_smaller\n"


@pytest.fixture
def judged(user_project):
    """Runs these tests alone; gives what pytest says, and what its report does, by image."""

    def judge(tests, *arguments):
        user_project.write("test_own.py", f"{IMPORTS}\n{tests}")
        said = user_project.judge("test_own.py", *arguments)
        assert said.left == []
        report = json.loads((user_project.folder / "report.json").read_text())
        return said, {one["name"]: one for one in report["images"]}

    return judge


@pytest.fixture
def two_stages(user_project, small_image, docker_client):
    """The project has two images, which go with it."""
    user_project.write("Dockerfile", DOCKERFILE.format(base=small_image))
    user_project.write("tfdocker.toml", SETTINGS)
    yield
    for image in docker_client.images.list(f"tfdocker/{user_project.folder.name}"):
        for tag in image.tags:
            Engine(docker_client).remove_image(tag)


@pytest.fixture
def before(user_project, small_image, docker_client):
    """The tag of an image like the small one, and 30 MB more."""
    user_project.write("before/Dockerfile", DOCKERFILE.format(base=small_image))
    tag = f"{user_project.folder.name}:before"
    docker_client.images.build(
        path=str(user_project.folder / "before"), target="builder", tag=tag, rm=True
    )
    yield tag
    Engine(docker_client).remove_image(tag)


def differences(comparison):
    """Bytes over the other image, by kind and name of the owner."""
    return {
        (one["kind"], one["name"]): one["bytes"] - one["than_bytes"] for one in comparison["owners"]
    }


each_way = pytest.mark.parametrize(
    "workers",
    [
        pytest.param([], id="alone"),
        pytest.param(["-n", "2"], id="workers", marks=pytest.mark.slow),
    ],
)


@pytest.mark.usefixtures("two_stages")
@each_way
def test_the_runtime_is_held_against_its_builder(judged, workers):
    tests = """
@pytest.mark.parametrize("tfdocker_image", ["runtime"], indirect=True)
@pytest.mark.parametrize("by", ["30 MB", 30_000_000, "25 %"])
def test_runtime(tfdocker_image, by):
    assert_smaller(tfdocker_image, "builder", by)
"""
    said, images = judged(tests, "-k", "test_own", *workers)
    assert list(said.tests.values()) == ["passed"] * 3
    assert images["builder"]["comparisons"] == []
    [told] = images["runtime"]["comparisons"]
    assert (told["than"], told["than_id"]) == ("builder", images["builder"]["id"])
    totals = [images[name]["size"]["total_bytes"] for name in ("runtime", "builder")]
    assert told["bytes"] == totals[0] - totals[1] == sum(differences(told).values())
    assert differences(told)["weights", "model weights"] == -30 * MB
    assert differences(told)["project", "the project"] == 5 * MB


@pytest.mark.usefixtures("two_stages")
def test_a_like_name_of_the_settings_is_told(judged):
    tests = """
@pytest.mark.parametrize("tfdocker_image", ["runtime"], indirect=True)
def test_runtime(tfdocker_image):
    assert_smaller(tfdocker_image, "bilder", 0)
"""
    said, _ = judged(tests, "-k", "test_own")
    assert list(said.tests.values()) == ["failed"]
    assert "did you mean 'builder', of [tool.tfdocker.images]?" in said.output


@pytest.mark.usefixtures("two_stages")
def test_images_of_one_run_are_compared_with_the_first_without_a_test_of_it(judged):
    said, images = judged("", "Dockerfile")
    assert said.exit_code == 0
    [told] = images["runtime"]["comparisons"]
    assert told["than"] == "builder"
    assert "  30 MB smaller than builder" in said.output.splitlines()


@each_way
def test_a_tag_is_named_with_what_it_has_and_lacks(judged, small_image, before, workers):
    tests = f"""
def test_now(tfdocker_image):
    assert_smaller(tfdocker_image, {before!r}, "40 MB")

def test_again(tfdocker_image):
    assert_smaller(tfdocker_image, {before!r}, "30 MB")
"""
    said, images = judged(tests, "--tfdocker-image", small_image, "-k", "test_own", *workers)
    assert said.tests == {"test_now": "failed", "test_again": "passed"}
    lines = [line.removeprefix("E").strip() for line in said.output.splitlines()]
    at = next(
        at
        for at, line in enumerate(lines)
        if line.endswith("MB smaller than " + before + ", not 40 MB")
    )
    assert lines[at + 1 : at + 3] == ["-30 MB  model weights", "-5.0 MB  /notes"]
    assert "-35 MB  in all" in lines[at + 3 : at + 6]  # below what Python has compiled
    [told] = images["default"]["comparisons"]
    assert told["than"] == before
    assert sum(differences(told).values()) == told["bytes"]


def test_an_image_is_named_by_its_id_too(judged, small_image, before, docker_client):
    than = docker_client.images.get(before).id
    body = f"def test_own(tfdocker_image):\n    assert_smaller(tfdocker_image, {than!r}, 0)\n"
    said, images = judged(body, "--tfdocker-image", small_image, "-k", "test_own")
    assert said.tests == {"test_own": "passed"}
    [told] = images["default"]["comparisons"]
    assert (told["than"], told["than_id"]) == (than, than)


WRONG = {
    "assert_smaller(tfdocker_image, {small!r}, 0)": "the same image twice",
    "assert_smaller(tfdocker_image, tfdocker_image, 0)": "the same image twice",
    "assert_smaller(tfdocker_image, None, 0)": "TypeError: than: give an image, or a tag, a digest",
    "assert_smaller(tfdocker_image, '', 0)": "ValueError: than: expected a tag, a digest or an id",
    "assert_smaller(tfdocker_image, 'a b', 0)": "ValueError: than: expected a tag, a digest or an",
    "assert_smaller('app:ci', 'app:before', 0)": "TypeError: give an image, which is what",
    "assert_smaller(tfdocker_image, 'app', '30')": "ValueError: by: a size needs a unit",
    "assert_smaller(tfdocker_image, 'app', -1)": "ValueError: by: -1 is negative",
    "assert_smaller(tfdocker_image, 'app', None)": "ValueError: by: expected a size",
    "assert_smaller(tfdocker_image, 'app', '100 %')": "ValueError: by: '100 %' leaves nothing",
}


def test_what_can_not_be_compared_is_told_at_the_users_line(judged, small_image):
    calls = {call.format(small=small_image): told for call, told in WRONG.items()}
    absent = "assert_smaller(tfdocker_image, 'sha256:1234', 0)"
    bodies = [
        f"def test_{number}(tfdocker_image):\n    {call}\n"
        for number, call in enumerate([*calls, absent])
    ]
    said, images = judged("\n".join(bodies), "--tfdocker-image", small_image, "-k", "test_own")
    assert list(said.tests.values()) == ["failed"] * len(bodies)
    _, *sections = said.output.split("\n________")
    for section, (call, told) in zip(sections, calls.items(), strict=False):
        assert f">       {call}\n" in section
        assert told in section
    assert "no image sha256:1234" in sections[-1]
    assert "pytest_tfdocker/" not in said.output
    assert images["default"]["comparisons"] == []
