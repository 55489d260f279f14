"""What a framework says of the GPU, asked of stand-ins that answer as the real ones do."""

import json
import os
import subprocess

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"
BLIND_JAX = """
__version__ = "0.5.0"
def devices(kind):
    raise RuntimeError("Unable to initialize backend 'cuda'")
"""


@pytest.fixture
def ask_jax(end_python, tmp_path):
    def ask(*distributions):
        (tmp_path / "jax.py").write_text(BLIND_JAX)
        for name, version in distributions:
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        done = subprocess.run(
            [end_python, "-c", probe.source("ask_gpu"), COOKIE, "jax"],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.split(COOKIE)[1].split(COOKIE[::-1])[0])

    if "3.7" in subprocess.check_output([end_python, "--version"], text=True):
        pytest.skip("no jax runs there")
    return ask


@pytest.mark.parametrize(
    ("installed", "cuda"),
    [
        ([("jaxlib", "0.5.0")], None),
        ([("jaxlib", "0.5.0"), ("jax_cuda12_plugin", "0.5.0")], "12"),
        ([("jax-cuda13-plugin", "0.8.0")], "13"),
        ([("jaxlib", "0.4.20+cuda12.cudnn89")], "12"),
    ],
)
def test_a_build_of_jax_for_cuda_is_told_by_its_plugin(ask_jax, installed, cuda):
    told = ask_jax(*installed)
    assert (told["cuda"], told["sees"], told["kernel_ran"]) == (cuda, False, False)
    assert told["error"] == "RuntimeError: Unable to initialize backend 'cuda'"
