"""What a test may change of [run] for one call: no more than the settings file may say."""

import pytest

from pytest_tfdocker.running import changed, seconds_of, split_words
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
            "volumes[1]: '/var/run/docker.sock:/docker.sock' is a path of the host; "
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
    run = changed(Run(user="1", pids=5), memory="6 MiB", cpus=2, user=None, shm_size=None)
    assert run == Run(pids=5, memory=6 << 20, cpus=2.0)


def test_none_lifts_the_limits_of_the_settings():
    limited = Run(memory=6 << 20, swap=2 << 20, cpus=2.0, pids=5)
    assert changed(limited) == limited
    assert changed(limited, memory=None, cpus=None) == Run(swap=2 << 20, pids=5)


def test_sizes_are_bytes_or_text_with_a_unit():
    run = changed(Run(), memory="1 GiB", swap="2 MiB", shm_size=1024)
    assert run == Run(memory=1 << 30, swap=2 << 20, shm_size=1024)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"tmpfs": "/tmp"}, "tmpfs: expected a list, found '/tmp'"),
        ({"read_only": "yes"}, "read_only: expected true or false, found 'yes'"),
        ({"env": ["A=b", 1]}, "env[1]: expected text, found 1: write '1'"),
        ({"network": None}, "network: expected text, found None"),
        ({"cpus": "two"}, "cpus: expected a number, found 'two'"),
        ({"memory": 1.5}, "memory: a size needs a unit: write '1.5 B', or MB, GB, MiB, GiB"),
        ({"shm_size": True}, "shm_size: expected a size such as '4 GiB' or '2 GB', found True"),
        (
            {"memory": "4G"},
            "memory: 4G is 4 GiB (Compose) or 4 GB = 4·10⁹ (Kubernetes): write 4 GiB or 4 GB",
        ),
        (
            {"pids": "5", "command": "ls"},
            "pids: expected a whole number, found '5'; command: expected a list, found 'ls'",
        ),
    ],
)
def test_a_keyword_is_read_as_the_settings_file_is(given, text):
    with pytest.raises(ValueError) as refused:
        changed(Run(), **given)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"read_olny": True}, "no setting of a run: read_olny; did you mean read_only?"),
        ({"gpus": 1}, "no setting of a run: gpus; did you mean cpus?"),
        ({"zzz": 1}, "no setting of a run: zzz"),
    ],
)
def test_a_keyword_that_is_none_is_named(given, text):
    with pytest.raises(TypeError) as refused:
        changed(Run(), **given)
    assert str(refused.value) == text


def test_text_of_a_call_is_no_template():
    run = changed(Run(), env=["A=${HOME}", "B=$$"], tmpfs=("/tmp",))
    assert run == Run(env=["A=${HOME}", "B=$$"], tmpfs=["/tmp"])


@pytest.mark.parametrize(("given", "seconds"), [(5, 5.0), (0.5, 0.5), ("2 min", 120.0)])
def test_a_timeout_is_seconds_or_text_with_a_unit(given, seconds):
    assert seconds_of("timeout", given) == seconds


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("5", "timeout: a time needs a unit: write '5 s' or '5 min'"),
        (None, "timeout: expected a time such as '30 s' or '5 min', found None"),
        (True, "timeout: expected a time such as '30 s' or '5 min', found True"),
        (0, "timeout: must be more than 0"),
        (float("nan"), "timeout: must be more than 0"),
    ],
)
def test_a_timeout_that_is_none_is_named(given, text):
    with pytest.raises(ValueError) as refused:
        seconds_of("timeout", given)
    assert str(refused.value) == text


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("python -V > /tmp/x && cat /tmp/x && exit 3", ">"),
        ("python -V >/tmp/x", ">/tmp/x"),
        ("python -V >> x", ">>"),
        ("python app.py 2>&1", "2>&1"),
        ("wc -l < x", "<"),
        ("cat x | wc", "|"),
        ("false || true", "||"),
        ("true && false", "&&"),
        ("cd /app; ls", "/app;"),
        ("cd /app ; ls", ";"),
        ("sleep 5 &", "&"),
        ("echo 'a' \">\" > b", ">"),
    ],
)
def test_a_text_that_needs_a_shell_is_refused(command, word):
    with pytest.raises(ValueError) as refused:
        split_words(command)
    assert str(refused.value) == (
        f"{word!r} is for a shell, and none reads {command!r}: give a list, or "
        f"['sh', '-c', {command!r}], or quote it"
    )


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo '>' \"|\" \\; '&& x'", ["echo", ">", "|", ";", "&& x"]),
        ("get http://host/?a=1&b=2", ["get", "http://host/?a=1&b=2"]),
        ("python -c 'import a; print(1 > 2)'", ["python", "-c", "import a; print(1 > 2)"]),
        (r'echo "a\"; b >" c', ["echo", 'a"; b >', "c"]),
        (["sh", "-c", "a > b"], ["sh", "-c", "a > b"]),
        ([">"], [">"]),
    ],
)
def test_quoted_operators_and_those_within_a_word_reach_the_program(command, words):
    assert split_words(command) == words
