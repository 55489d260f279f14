"""PyPI's own torch, built for CUDA: gigabytes of wheels, on a machine that may have no GPU."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DOCKERFILE = Path(__file__).parents[1] / "data" / "cuda.Dockerfile"
BASE = "python:3.11-slim"
GB = 10**9


def test_an_image_with_cuda_wheels_is_judged_whole(user_project, docker_client):
    if not docker_client.images.list(BASE):
        pytest.skip(f"no image {BASE}; `tools/base-image` makes it")
    user_project.write("Dockerfile", DOCKERFILE.read_text())
    user_project.write(
        "pyproject.toml",
        '[tool.tfdocker.size]\ntotal = "2 GB"\nwasted = "50 MB"\npackages = { torch = "1 GB" }\n'
        '[tool.tfdocker.run]\nmemory = "4 GiB"\n',
    )
    said = user_project.judge()
    assert said.tests == {"test_own": "passed"}
    passed = {"build", "pinned", "parity", "conflicts", "size[wasted]", "limits", "import[torch]"}
    assert {name for name in passed if said.outcomes[name] != "passed"} == set()
    assert {"size[total]", "package-size[torch]"} <= said.broken
    if docker_client.info()["Driver"] == "overlay2":
        size = docker_client.api.inspect_image(user_project.tag)["Size"]
        assert said.measured["size[total]"] == size
    assert said.measured["size[total]"] > 4 * GB
    assert "RUN pip install" in said.texts["size[total]"]
    if said.image["engine"]["name"] and not said.image["gpu"]:
        assert said.headlines["gpu-visible"] == "the engine offers no GPU"
