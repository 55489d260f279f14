"""A user's project with a Dockerfile, judged by a pytest of its own, and what is left of it."""

import json
import os
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.sweep import OWNER_LABEL

OWN_TEST = "def test_own():\n    assert True\n"
CI = ("CI", "BUILD_NUMBER")
OURS = ("COV_", "PYTEST_", "TFDOCKER_")
"""Beginnings of variables that would change what a user's pytest does."""


@dataclass
class Said:
    """What one `pytest --tfdocker` said."""

    image: dict[str, Any]
    """Of the JSON report; {} where none was written."""
    output: str
    """stdout and stderr together."""
    exit_code: int
    tests: dict[str, str]
    """The user's own tests: "passed", "failed", "error" or "skipped"."""
    left: list[str]
    """Ids of containers of that run that are still there."""

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        return {check["id"]: check for check in self.image.get("checks", [])}

    @property
    def outcomes(self) -> dict[str, str]:
        return {one: check["outcome"] for one, check in self.checks.items()}

    @property
    def texts(self) -> dict[str, str]:
        return {one: check["message"] for one, check in self.checks.items()}

    @property
    def headlines(self) -> dict[str, str]:
        return {one: text.partition("\n")[0] for one, text in self.texts.items()}

    @property
    def measured(self) -> dict[str, Any]:
        return {one: check["measured"] for one, check in self.checks.items()}

    @property
    def broken(self) -> set[str]:
        """The ids that failed, or could not be looked at."""
        return {one for one, outcome in self.outcomes.items() if outcome in ("failed", "error")}

    @property
    def skipped(self) -> set[str]:
        return {one for one, outcome in self.outcomes.items() if outcome == "skipped"}


class UserProject:
    """A folder, and the pytest that is run in it. `remove_image` ends it."""

    def __init__(self, folder: Path, client: docker.DockerClient):
        self.folder, self.client = folder, client
        # In CI pytest shortens no line of its summary
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith((*OURS, *CI))}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def tag(self) -> str:
        """Of the image that the project builds."""
        return f"tfdocker/{self.folder.name}:default"

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def judge(self, *arguments: str) -> Said:
        """Runs pytest in the project's folder, in a process of its own."""
        report, junit = self.folder / "report.json", self.folder / "junit.xml"
        for path in (report, junit):
            path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "--tfdocker", f"--tfdocker-json={report}"]
        command += [f"--junitxml={junit}", "-p", "no:randomly", *arguments]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            output = process.communicate(timeout=900)[0].decode()
        finally:
            process.kill()
            process.wait()
        print(output)
        images = json.loads(report.read_text())["images"] if report.exists() else [{}]
        return Said(
            image=images[0],
            output=output,
            exit_code=process.returncode,
            tests=_own_tests(junit),
            left=self._left_by(process.pid),
        )

    def remove_image(self, name: str = "default") -> None:
        """With the tag by which a run that was killed has held it, too."""
        with suppress(docker.errors.ImageNotFound):
            for tag in self.client.images.get(f"tfdocker/{self.folder.name}:{name}").tags:
                Engine(self.client).remove_image(tag)  # which waits for a container that goes

    def _left_by(self, pid: int) -> list[str]:
        """An engine that has promised to remove a container may need a moment for it."""
        until = time.monotonic() + 3
        while (found := self._containers_of(pid)) and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def _containers_of(self, pid: int) -> list[str]:
        owner = f"{socket.gethostname()}/{pid}/"
        found = self.client.api.containers(all=True, filters={"label": OWNER_LABEL})
        return [one["Id"] for one in found if one["Labels"][OWNER_LABEL].startswith(owner)]


def _own_tests(junit: Path) -> dict[str, str]:
    if not junit.exists():
        return {}
    cases = ET.parse(junit).iter("testcase")  # noqa: S314
    return {
        case.attrib["name"]: {"failure": "failed"}.get(case[0].tag, case[0].tag)
        if len(case)
        else "passed"
        for case in cases
        if not case.attrib["classname"].startswith("tfdocker.")
    }
