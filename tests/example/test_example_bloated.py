"""The Dockerfile of every tutorial: each cause is named, what mends it saves what was said."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import docker
import pytest
from user_project import Said, UserProject

ROOT = Path(__file__).parents[2]
BLOATED, SLIM = ROOT / "examples/bloated", ROOT / "examples/slim"
MB, TOLERANCE = 10**6, 0.02
CAUSES = ("pip-cache", "build-tools", "git", "archives", "byte-code", "tests")

IN_TWO_STAGES = """\
FROM python:3.11 AS builder
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt

FROM python:3.11-slim
COPY --from=builder /usr/local /usr/local
WORKDIR /app
COPY . .
EXPOSE 5000
CMD ["flask", "run", "--host=0.0.0.0"]
"""
"""The fix of `build-tools`, and nothing else: a line a step is changed below."""

built = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("example")]


def budgets(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["tfdocker"]


def test_it_is_the_same_program_held_to_the_same_budgets():
    assert (BLOATED / "app.py").read_bytes() == (SLIM / "app.py").read_bytes()
    before, after = budgets(BLOATED), budgets(SLIM)
    assert before["size"] == after["images"]["multi-stage"]["size"]
    assert (before["smoke"], before["imports"]) == (after["smoke"], after["imports"])
    assert set(before["size"]["bloat"]) == set(CAUSES)


def test_what_the_one_declares_the_other_pins():
    loose, exact = ((folder / "requirements.txt").read_text() for folder in (BLOATED, SLIM))
    pins = re.findall(r"^([\w-]+)==[\d.]+$", exact, re.MULTILINE)
    names = re.findall(r"^[\w-]+", loose, re.MULTILINE)
    assert set(names) < set(pins)
    assert "==" not in loose


class Judged:
    """A copy of an example in a folder of its own, what was said of it, and its images."""

    def __init__(self, project: UserProject, cache: Path):
        self.project, self.cache = project, cache
        self.said = self.judge()

    def judge(self, *arguments: str) -> Said:
        """The cache lies elsewhere: `COPY . .` would take it along."""
        return self.project.judge("-o", f"cache_dir={self.cache}", *arguments)

    @property
    def images(self):
        """Of the JSON report, by name."""
        report = json.loads((self.project.folder / "report.json").read_text())
        return {image["name"]: image for image in report["images"]}

    def total(self) -> int:
        """Bytes of the image of the Dockerfile as it is now."""
        said = self.judge("-k", "build or size")
        assert said.outcomes["build"] == "passed", said.output
        return said.image["size"]["total_bytes"]


@pytest.fixture(scope="module")
def client(docker_client):
    """Of an engine that has the base images."""
    for tag, tool in (("python:3.11", " --full"), ("python:3.11-slim", "")):
        try:
            docker_client.images.get(tag)
        except docker.errors.ImageNotFound:
            pytest.skip(f"no image {tag}; `tools/base-image{tool}` makes it")
    return docker_client


@pytest.fixture(scope="module")
def bloated(client, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bloated") / f"bloated-{os.getpid()}"
    subprocess.run([sys.executable, BLOATED / "prepare.py", folder], check=True)
    project = UserProject(folder, client)
    yield Judged(project, tmp_path_factory.mktemp("cache"))
    project.remove_image()


@pytest.fixture(scope="module")
def slim(client, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slim") / f"slim-{os.getpid()}"
    leave_out = shutil.ignore_patterns(".pytest_cache", "__pycache__")
    shutil.copytree(SLIM, folder, ignore=leave_out)
    project = UserProject(folder, client)
    yield Judged(project, tmp_path_factory.mktemp("cache"))
    for name in ("single", "multi-stage"):
        project.remove_image(name)


def shapes(text):
    """Lines without figures, versions, digests and where the base has its Python, unaligned."""
    text = re.sub(r" in [\d.]+s( \([\d:]+\))?|(?<=, )python /\S+ \S+", "", text)
    text = re.sub(r"sha256:\w+|\d[\w.,]*( ([kMG]i?)?B\b)?", "#", text)
    return [re.sub(r"[=_ ]{2,}", " ", line).strip() for line in text.splitlines()]


def shown(number):
    """The lines of that block of README's section; "…" stands for what is left out."""
    section = (ROOT / "README.md").read_text().partition("\n## The Dockerfile of every tutorial")[2]
    block = re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[number]
    return [line for line in shapes(block) if line and line != "…" and not line.startswith("$")]


class TestBuilt:
    pytestmark = built

    def test_the_bloated_one_fails_with_each_cause_named(self, bloated):
        said = bloated.said
        assert said.exit_code == 1
        assert said.broken == {"pinned", "size[total]", *(f"bloat[{one}]" for one in CAUSES)}
        assert not said.skipped
        assert {"build", "parity", "conflicts", "import[sklearn]"} < set(said.outcomes)
        places = {
            "pip-cache": "Dockerfile:4  RUN pip install -r requirements.txt",
            "build-tools": "most of it came with the base image, python:3.11",
            "git": "Dockerfile:5  COPY . .",
            "archives": "Dockerfile:5  COPY . .",
            "byte-code": "Dockerfile:4  RUN pip install -r requirements.txt",
            "tests": "Dockerfile:4  RUN pip install -r requirements.txt",
        }
        for cause, place in places.items():
            assert f"\n  {place}\n" in said.texts[f"bloat[{cause}]"]
        mends = [line for line in said.texts["size[total]"].split("\n") if "mend " in line]
        assert [line.partition(":")[0].strip() for line in mends[1:]] == ["mend Dockerfile"] * 2
        assert mends[0].startswith("  mend base python:3.11: compile in a stage of its own")

    def test_the_slim_one_passes_and_two_stages_make_less(self, slim):
        assert slim.said.exit_code == 0, slim.said.output
        images = slim.images
        assert set(images) == {"single", "multi-stage"}
        outcomes = {c["outcome"] for image in images.values() for c in image["checks"]}
        assert outcomes == {"passed"}
        totals = {name: image["size"]["total_bytes"] for name, image in images.items()}
        assert totals["multi-stage"] < totals["single"] - 100 * MB

    @pytest.mark.parametrize("number", [0, 1], ids=["bloated", "slim"])
    def test_readme_shows_what_is_said(self, number, request):
        name = ["bloated", "slim"][number]
        judged = request.getfixturevalue(name)
        output = judged.said.output.replace(judged.project.folder.name, name)
        assert len(shown(number)) > 7
        assert set(shown(number)) <= set(shapes(output))

    def test_what_each_mend_promises_comes_true(self, bloated):
        """One after the other, as `size[total]` tells what each leaves."""
        promised = {one["cause"]: one["bytes"] for one in bloated.said.image["size"]["bloat"]}
        project, install = bloated.project, "pip install -r requirements.txt"
        compiled_no_more = install.replace("install", "install --no-compile")
        without_tests = (
            r"find /usr/local/lib -path '*/numpy/_core/tests' -prune -o "
            r"-type d \( -name test -o -name tests \) -prune -exec rm -r {} +"
        )
        staged = IN_TWO_STAGES.replace(install, compiled_no_more)
        steps = {
            "build-tools": ("Dockerfile", IN_TWO_STAGES),
            "byte-code": ("Dockerfile", staged),
            "tests": (
                "Dockerfile",
                staged.replace(compiled_no_more, f"{compiled_no_more}\nRUN {without_tests}"),
            ),
            "archives": (".dockerignore", "wheels\n"),
            "git": (".dockerignore", "wheels\n.git\n"),
        }
        before = bloated.said.image["size"]["total_bytes"]
        saved = {}
        for cause, (name, text) in steps.items():
            project.write(name, text)
            after = bloated.total()
            saved[cause], before = before - after, after
        print({one: (promised[one], size) for one, size in saved.items()}, before)
        assert saved.pop("build-tools") > promised["build-tools"]
        for cause, size in saved.items():
            assert abs(size - promised[cause]) <= max(MB, TOLERANCE * promised[cause]), cause
