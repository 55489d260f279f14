"""Production's files: collected with no engine, mistakes in them end pytest with exit 4."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DOCKER_CONFIG = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
"""The docker CLI's plugins; pytester moves HOME."""
MANIFEST = """\
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            limits:
              memory: 4Gi
"""
COMPOSE = "services:\n  app:\n    build: .\n    mem_limit: 4g\n"
SHOW = """
def test_show(tfdocker_settings):
    (image,) = tfdocker_settings.images
    print("memory", image.settings.run.memory, image.origins["run.memory"], image.secrets)
"""


@pytest.fixture
def compose(monkeypatch):
    """The docker CLI's compose plugin."""
    monkeypatch.setenv("DOCKER_CONFIG", DOCKER_CONFIG)
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "compose", "version"], check=False)
    if not asked or asked.returncode:
        pytest.skip("the docker CLI has no compose plugin here")


def shown(project, *arguments):
    project.write("Dockerfile", "FROM scratch\n")
    project.write("test_show.py", SHOW)
    result = project.run("-rP", "--tfdocker", "test_show.py::test_show", *arguments)
    assert result.ret == 0, result.outlines
    return [line for line in result.outlines if line.startswith("memory")]


def test_a_manifest_sets_a_limit_and_collects_its_check(project, workers):
    project.write("deploy/app.yaml", MANIFEST)
    project.write("tfdocker.toml", 'kubernetes = "deploy/app.yaml"\n')
    memory = f"memory {4 * 2**30} deploy/app.yaml:9 <values of nothing>"
    assert shown(project, *workers) == [memory]
    assert "Dockerfile::limits" in project.ids("--tfdocker")


@pytest.mark.usefixtures("compose")
def test_several_compose_files_are_put_together_with_no_engine(project, workers):
    project.write("compose.yaml", COMPOSE)
    project.write("prod.yaml", "services:\n  app:\n    mem_limit: 2g\n    env_file: a.env\n")
    project.write("a.env", "TOKEN=hush\n")
    project.write("tfdocker.toml", 'compose = ["compose.yaml", "prod.yaml"]\n')
    memory = f"memory {2 * 2**30} prod.yaml:3 <values of TOKEN>"
    assert shown(project, *workers) == [memory]
    assert "Dockerfile::limits" in project.ids("--tfdocker")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (
            'kubernetes = "app.yaml"\n',
            "app.yaml:9: spec.template.spec.containers[0].resources.limits.memory: '512m' is "
            "0.512 B: m is a thousandth in Kubernetes; write 512Mi or 512M",
        ),
        (
            'kubernetes = "app.yaml#web"\n',
            "tfdocker.toml:1: kubernetes: no container 'web' in 'app.yaml'; containers: app",
        ),
        (
            'kubernetes = "app.yaml"\ncompose = "compose.yaml"\n',
            "tfdocker.toml:1: kubernetes: stands beside 'compose' (tfdocker.toml:2), and one "
            "file says how production runs it: name one",
        ),
        (
            'compose = "compose.yaml"\nservice = "web"\n',
            "tfdocker.toml:2: service: no service 'web' in 'compose.yaml'; services: app",
        ),
    ],
)
def test_mistakes_end_pytest_before_any_test_runs(project, toml, told):
    project.write("test_own.py", "def test_own():\n    pass\n")
    project.write("app.yaml", MANIFEST.replace("4Gi", "512m"))
    project.write("compose.yaml", COMPOSE)
    project.write("tfdocker.toml", toml)
    result = project.run("--tfdocker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[:2] == ["ERROR: tfdocker:", told]
    assert project.run().ret == 0
