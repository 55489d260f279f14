"""The service as its clients meet it, in the image that goes to production."""

import json
import urllib.error
import urllib.request

import pytest
from testcontainers.core.wait_strategies import HttpWaitStrategy

from pytest_tfdocker import assert_peak_memory

PORT = 5000


@pytest.fixture(scope="module")
def service(tfdocker_service):
    return tfdocker_service(wait=HttpWaitStrategy(PORT, "/healthz"), ports=[PORT])


def post(service, body):
    """The status and the JSON of a POST to /embed."""
    url = f"http://{service.get_container_host_ip()}:{service.get_exposed_port(PORT)}/embed"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_every_text_gets_its_vector_at_length_one(service):
    status, answer = post(service, {"texts": ["a cat", "an invoice"]})
    assert status == 200
    assert [len(vector) for vector in answer["embeddings"]] == [384, 384]
    lengths = [sum(x * x for x in vector) for vector in answer["embeddings"]]
    assert lengths == pytest.approx([1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize("body", [[], {}, {"texts": []}, {"texts": ["fine", 7]}])
def test_a_bad_body_is_the_clients_mistake(service, body):
    status, answer = post(service, body)
    assert status == 400
    assert "want" in answer["error"]


def test_the_largest_request_fits_in_memory(service):
    status, answer = post(service, {"texts": ["word " * 300] * 64})
    assert status == 200
    assert len(answer["embeddings"]) == 64
    assert_peak_memory(service.run, "900 MiB")


def test_the_model_loads_in_half_the_memory_of_production(tfdocker_run):
    run = tfdocker_run("tests/smoke.py", memory="2 GiB")
    assert run.exit_code == 0
