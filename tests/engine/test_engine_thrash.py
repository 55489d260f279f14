"""Weights that don't fit under the limit beside the rest: read again and again from the disk."""

import re

import pytest

pytestmark = pytest.mark.engine

MIB = 1 << 20
DOCKERFILE = "FROM {image}\nRUN head -c 300M /dev/urandom > /model.safetensors\n"
SMOKE = """
import mmap
with open("/model.safetensors", "rb") as file:
    weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
for _ in range(3):
    sum(weights[page] for page in range(0, len(weights), 4096))
"""
SETTINGS = """
[tool.tfdocker.run]
memory = "{limit} MiB"
[[tool.tfdocker.smoke]]
name = "read"
script = "smoke.py"
timeout = "120 s"
"""


@pytest.mark.parametrize(("limit_mib", "thrashes"), [(128, True), (512, False)])
def test_weights_in_the_page_cache_of_another_are_read_anew(
    user_project, small_image, docker_client, limit_mib, thrashes
):
    user_project.write("Dockerfile", DOCKERFILE.format(image=small_image))
    user_project.write("smoke.py", SMOKE)
    user_project.write("pyproject.toml", SETTINGS.format(limit=limit_mib))
    chosen = ("-k", "build or peak-memory")
    user_project.judge(*chosen)
    read = ["sh", "-c", "cat /model.safetensors > /dev/null"]
    docker_client.containers.run(user_project.tag, read, remove=True)
    said = user_project.judge(*chosen)
    assert said.outcomes["peak-memory[read]"] == "passed"
    [run] = said.image["runs"]
    assert (run["refaulted_bytes"] > 128 * MIB) == thrashes
    warning = r"peak-memory\[read\]: warning: \d+ MiB of files was evicted and read again"
    assert bool(re.search(warning, said.output)) == thrashes
