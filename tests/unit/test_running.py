"""What a test may change of [run] for one call: no more than the settings file may say."""

import pytest

from pytest_tfdocker.running import changed
from pytest_tfdocker.settings.schema import Run


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"network": "host"}, "network: 'host' is never used: it leaves the container"),
        (
            {"network": "container:db"},
            "network: 'container:db' is never used: it leaves the container",
        ),
        (
            {"volumes": ["data:/data", "/var/run/docker.sock:/docker.sock"]},
            "volumes: '/var/run/docker.sock:/docker.sock' is a path of the host; "
            "only the engine's volumes are mounted",
        ),
        ({"memory": 0}, "memory: must be more than 0"),
        ({"shm_size": 0, "pids": -1}, "pids: must be more than 0; shm_size: must be more than 0"),
    ],
)
def test_a_call_is_refused_what_the_settings_are_refused(given, text):
    with pytest.raises(ValueError) as refused:
        changed(Run(), **given)
    assert str(refused.value) == text


def test_what_is_given_replaces_and_the_rest_stays():
    run = changed(Run(user="1", pids=5), memory="1 MiB", cpus=2, user=None, shm_size=None)
    assert run == Run(pids=5, memory=1 << 20, cpus=2.0)


def test_sizes_are_bytes_or_text_with_a_unit():
    run = changed(Run(), memory="1 GiB", swap="2 MiB", shm_size=1024)
    assert run == Run(memory=1 << 30, swap=2 << 20, shm_size=1024)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"tmpfs": "/tmp"}, "tmpfs: expected `array`, got `str`"),
        ({"read_only": "yes"}, "read_only: expected `bool`, got `str`"),
        ({"read_olny": True}, "no setting of a run: read_olny; did you mean read_only?"),
        ({"gpus": 1}, "no setting of a run: gpus"),
    ],
)
def test_a_keyword_that_is_none_or_of_another_type_is_named(given, text):
    with pytest.raises(TypeError) as refused:
        changed(Run(), **given)
    assert str(refused.value).startswith(text)
