"""PyPI's own torch, built for CUDA: gigabytes of wheels, on a machine that may have no GPU."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DOCKERFILE = Path(__file__).parents[1] / "data" / "cuda.Dockerfile"
GB = 10**9


def test_an_image_with_cuda_wheels_is_judged_whole(user_project, docker_client, slim_image):
    assert slim_image in DOCKERFILE.read_text()
    user_project.write("Dockerfile", DOCKERFILE.read_text())
    user_project.write(
        "pyproject.toml",
        '[tool.tfdocker.size]\ntotal = "2 GB"\nwasted = "50 MB"\npackages = { torch = "1 GB" }\n'
        'download = "1 GB"\nbloat = { cuda-libraries = "0 B" }\n'
        '[tool.tfdocker.gpu]\nexpect = "none"\n'
        '[tool.tfdocker.run]\nmemory = "4 GiB"\n',
    )
    said = user_project.judge()
    assert said.tests == {"test_own": "passed"}
    passed = {"build", "pinned", "parity", "conflicts", "size[wasted]", "limits", "import[torch]"}
    assert {name for name in passed if said.outcomes[name] != "passed"} == set()
    big = {"size[total]", "package-size[torch]", "size[download]", "bloat[cuda-libraries]"}
    assert big <= said.broken
    if docker_client.info()["Driver"] == "overlay2":
        size = docker_client.api.inspect_image(user_project.tag)["Size"]
        assert said.measured["size[total]"] == size
    assert said.measured["size[total]"] > 4 * GB
    assert "RUN pip install" in said.texts["size[total]"]
    assert "nvidia-* CUDA wheels, " in said.texts["size[total]"]
    assert "install the CPU build of the framework; saves " in said.texts["size[total]"]
    assert said.headlines["size[download]"].endswith("over 1.0 GB (estimate)")

    user_project.write("pyproject.toml", '[tool.tfdocker.size]\ntotal = "2 GB"\nwasted = "50 MB"\n')
    layers = user_project.judge("-k", "size", "--tfdocker-waste").image["size"]
    assert layers["waste"]["bytes"] == layers["wasted_bytes"] == 0
    assert_file_tells_the_same(user_project, docker_client, layers)


def assert_file_tells_the_same(user_project, docker_client, by_engine):
    saved = user_project.folder / "image.tar"
    with saved.open("wb") as file:
        for piece in docker_client.images.get(user_project.tag).save(chunk_size=1 << 20):
            file.write(piece)
    by_file = user_project.judge("-k", "size", f"--tfdocker-image=tar:{saved}").image["size"]
    saved.unlink()
    for key in ("total_bytes", "wasted_bytes", "layers", "distributions", "bloat"):
        assert by_file[key] == by_engine[key]
