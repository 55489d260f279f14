"""The fixtures and assertion functions in a user's own tests, on real containers."""

import pytest

pytestmark = pytest.mark.engine

CODE = """
import pytest
from pytest_tfdocker import (
    assert_dependency_parity, assert_image_size, assert_importable, assert_limits,
    assert_package_size,
    assert_peak_memory, assert_pinned
)
"""
TAKES_200_MIB = "area = bytearray(200 << 20); area[::4096] = b'1' * (200 << 8)"


@pytest.fixture
def outcome(user_project, small_image):
    """What pytest says of a test with this body, which is the only one."""

    def run(body, *arguments, settings=""):
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        fixtures = "tfdocker_image, tfdocker_run, tfdocker_service"
        user_project.write("test_own.py", f"{CODE}\ndef test_own({fixtures}):\n{lines}")
        user_project.write("pyproject.toml", settings)
        given = ["--tfdocker-image", small_image, "test_own.py::test_own", *arguments]
        said = user_project.judge(*given)
        assert said.left == []
        assert "pytest_tfdocker/" not in said.output
        return said

    return run


def _told(said, first):
    """That line of a failure's text, and the one below."""
    lines = said.output.splitlines()
    at = next(at for at, line in enumerate(lines) if line.endswith(first))
    return lines[at : at + 2]


def test_a_service_that_is_oom_killed_at_its_start_says_so(outcome):
    body = f"""
tfdocker_service(
    command=["python3", "-c", "{TAKES_200_MIB}"], ports=[8000], memory="60 MiB"
)
"""
    said = outcome(body)
    assert said.tests == {"test_own": "failed"}
    assert "the service is not ready: OOM-killed at " in said.output
    assert "limit 60 MiB from memory=…, in force" in said.output


def test_a_service_that_crashes_at_its_start_says_how(outcome):
    body = """
code = "import sys; print('no weights', file=sys.stderr); sys.exit(3)"
tfdocker_service(command=["python3", "-c", code], ports=[8000])
"""
    said = outcome(body)
    assert "the service is not ready: exit code 3: no weights" in said.output


def test_a_strategy_does_not_wait_for_a_service_that_has_died(outcome):
    body = """
import time
from testcontainers.core.wait_strategies import HttpWaitStrategy
started = time.monotonic()
with pytest.raises(pytest.fail.Exception, match="exit code 3"):
    tfdocker_service(
        command=["python3", "-c", "raise SystemExit(3)"], ports=[8000], wait=HttpWaitStrategy(8000)
    )
assert time.monotonic() - started < 60
"""
    said = outcome(body, "-W", "error")
    assert (said.tests, said.exit_code) == ({"test_own": "passed"}, 0)


def test_a_strategy_that_is_satisfied_by_what_a_service_said_before_its_end_is_satisfied(outcome):
    body = """
from testcontainers.core.wait_strategies import LogMessageWaitStrategy
service = tfdocker_service(command=["echo", "ready"], wait=LogMessageWaitStrategy("ready"))
assert service.wait() == 0
"""
    assert outcome(body, "-W", "error").tests == {"test_own": "passed"}


@pytest.mark.parametrize(
    ("own", "given", "told"),
    [
        ("", "timeout=1", "within 1.0 seconds"),
        (".with_startup_timeout(50)", "timeout='1 s'", "within 1.0 seconds"),
        (".with_startup_timeout(2)", "", "within 2.0 seconds"),
    ],
)
def test_a_strategy_waits_as_long_as_the_call_says_else_as_it_says_itself(
    outcome, own, given, told
):
    body = f"""
from testcontainers.core.wait_strategies import HttpWaitStrategy
wait = HttpWaitStrategy(8000){own}
tfdocker_service(command=["sleep", "60"], ports=[8000], wait=wait, {given})
"""
    assert f"the service is not ready: HTTP endpoint not ready {told}" in outcome(body).output


def test_the_last_line_of_a_service_that_runs_on_is_seen(outcome):
    body = """
from testcontainers.core.wait_strategies import LogMessageWaitStrategy
code = "import time; print('ready', flush=True); time.sleep(60)"
wait = LogMessageWaitStrategy("ready").with_startup_timeout(20)
with tfdocker_service(command=["python3", "-c", code], wait=wait) as service:
    assert service.get_logs() == (b"ready\\n", b"")
assert service.wait() == 143
"""
    assert outcome(body, "-W", "error").tests == {"test_own": "passed"}


@pytest.mark.parametrize("command", [["-c", "raise SystemExit(4)"], '-c "raise SystemExit(4)"'])
def test_the_command_of_a_service_stands_behind_the_entrypoint(user_project, small_image, command):
    user_project.write("Dockerfile", f'FROM {small_image}\nENTRYPOINT ["python3"]\nCMD ["-V"]\n')
    call = f"tfdocker_service(command={command!r}, wait=lambda _: None)"
    user_project.write(
        "test_own.py", f"def test_own(tfdocker_service):\n    assert {call}.wait() == 4\n"
    )
    assert user_project.judge("test_own.py::test_own").tests == {"test_own": "passed"}


def test_a_service_logs_in_nowhere(outcome, user_project):
    login = '{"auths": {"registry.invalid": {"auth": "dTpw"}}}'
    user_project.environment["DOCKER_AUTH_CONFIG"] = login
    body = "tfdocker_service(command=['sleep', '60'], wait=lambda _: None)"
    assert outcome(body).tests == {"test_own": "passed"}


def test_an_image_that_starts_nothing_is_told_as_such(user_project, small_image):
    user_project.write("Dockerfile", f"FROM {small_image}\nCMD []\n")
    user_project.write("test_own.py", "def test_own(tfdocker_service):\n    tfdocker_service()\n")
    said = user_project.judge("test_own.py::test_own")
    told = "the image has neither ENTRYPOINT nor CMD, and the settings name no command"
    assert told in said.output.splitlines()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("tfdocker_run([])", "ValueError: [] is no command"),
        ("tfdocker_run('')", "ValueError: '' is no command"),
        ('tfdocker_run("echo \'a")', "can't be split into words: No closing quotation"),
        ("tfdocker_service(command='')", "ValueError: '' is no command"),
        ("tfdocker_run('true > x')", "ValueError: '>' is for a shell, and none reads 'true > x'"),
    ],
)
def test_what_is_no_command_is_told_at_the_users_line(outcome, call, told):
    said = outcome(call)
    assert said.tests == {"test_own": "failed"}
    assert f">       {call}\n" in said.output
    assert told in said.output


@pytest.mark.parametrize(
    ("given", "origin"), [("", "pyproject.toml:2"), (", memory='60 MiB'", "memory=…")]
)
def test_the_origin_of_a_limit_is_told_by_the_assertion(outcome, given, origin):
    body = f"assert_peak_memory(tfdocker_run(['sleep', '0.2']{given}), 1)"
    said = outcome(body, settings='[tool.tfdocker.run]\nmemory = "60 MiB"\n')
    assert f"limit 60 MiB from {origin}, in force" in said.output


def test_the_origin_of_a_limit_is_told_of_a_service(outcome):
    body = """
service = tfdocker_service(command=["sleep", "60"], wait=lambda _: None)
assert_peak_memory(service.run, 1)
"""
    said = outcome(body, settings='[tool.tfdocker.run]\nmemory = "60 MiB"\n')
    assert "limit 60 MiB from pyproject.toml:2, in force" in said.output


def test_none_is_a_run_without_the_limit_of_the_settings(outcome):
    body = """
assert tfdocker_run("true").limits.memory_bytes == 60 << 20
run = tfdocker_run("true", memory=None)
assert run.limits.memory_bytes is run.effective.memory_bytes is None
"""
    assert outcome(body, settings='[tool.tfdocker.run]\nmemory = "60 MiB"\n').exit_code == 0


def test_a_long_program_as_text_is_run(outcome):
    code = "import sys; sys.exit(len(sys.argv[1]) != 400)"
    outcome(f"assert tfdocker_run('python3 -c \"{code}\" {'x' * 400}').exit_code == 0")


def test_a_service_that_ends_well_before_it_is_ready_says_so(outcome):
    said = outcome("tfdocker_service(command=['true'], ports=[8000])")
    told = "the service is not ready: it ended before it was ready, with exit code 0"
    assert told in said.output


@pytest.mark.parametrize("asked", ["service.wait()", "service.run"])
def test_a_service_that_ended_by_itself_has_its_record_and_leaves_no_socket(outcome, asked):
    body = f"""
import time
service = tfdocker_service(
    command=["python3", "-c", "import time; time.sleep(1); raise SystemExit(4)"],
    wait=lambda service: None,
)
time.sleep(2.5)
{asked}
assert service.run.exit_code == 4
with pytest.raises(pytest.fail.Exception, match="exit code 4"):
    assert_peak_memory(service.run)
"""
    said = outcome(body, "-W", "error")
    assert (said.tests, said.exit_code) == ({"test_own": "passed"}, 0)


def test_a_service_that_ended_can_be_waited_for_again(outcome):
    body = """
service = tfdocker_service(command=["python3", "-c", "raise SystemExit(4)"], wait=lambda _: None)
assert service.wait() == 4
assert service.wait() == service.run.exit_code == 4
"""
    said = outcome(body, "-W", "error")
    assert said.tests == {"test_own": "passed"}


def test_a_wait_that_finds_no_container_any_more_says_how_the_service_ended(outcome):
    body = """
import time
def wait(service):
    for _ in range(600):
        time.sleep(0.1)
        service.get_wrapped_container().reload()
tfdocker_service(command=["echo", "bye"], wait=wait)
"""
    said = outcome(body)
    told = "the service is not ready: it ended before it was ready, with exit code 0"
    assert [told, "bye"] == [line.removeprefix("E   ").strip() for line in _told(said, told)]


def test_the_record_of_a_service_that_another_has_removed_is_lost(outcome):
    body = """
service = tfdocker_service(command=["sleep", "60"], wait=lambda _: None)
service.get_wrapped_container().remove(force=True)
service.run
"""
    said = outcome(body)
    assert "ConnectionLostError: the supervisor of the service ended, or went silent" in said.output


def test_a_service_of_which_the_kernel_left_nothing_is_told_as_killed(outcome):
    said = outcome("tfdocker_service(command=['sleep', '60'], memory='6 MiB')")
    assert "the service is not ready: OOM-killed at 6.0 MiB, SIGKILL (exit code 137)" in said.output
    assert "limit 6.0 MiB from memory=…" in said.output


def test_a_secret_in_the_text_of_a_wait_is_masked(outcome, user_project):
    user_project.environment["HF_TOKEN"] = "hf_secret"  # noqa: S105
    body = """
import os
def wait(service):
    raise TimeoutError("logs so far: " + os.environ["HF_TOKEN"])
tfdocker_service(command=["sleep", "60"], wait=wait)
"""
    said = outcome(body, settings='[tool.tfdocker.run]\nenv = ["HF_TOKEN"]\n')
    assert "the service is not ready: logs so far: ***" in said.output
    assert "hf_secret" not in said.output


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("tfdocker_run(['true'], tmpfs='/tmp')", "ValueError: tmpfs: expected a list"),
        ("tfdocker_run(['true'], timeout='5')", "ValueError: timeout: a time needs a unit"),
        ("tfdocker_service(memory='4G')", "ValueError: memory: 4G is 4 GiB (Compose) or"),
        ("tfdocker_service(timeout='5')", "ValueError: timeout: a time needs a unit"),
        ("tfdocker_service(ports=8000)", "TypeError: ports: expected a list such as [8000]"),
        ("tfdocker_service(env=['A=b'])", "TypeError: env: expected a table such as {'NAME'"),
    ],
)
def test_a_wrong_keyword_is_told_at_the_users_line(outcome, call, told):
    said = outcome(call)
    assert said.tests == {"test_own": "failed"}
    assert f">       {call}\n" in said.output
    assert told in said.output


def test_secrets_of_the_environment_are_told_nowhere(outcome, user_project):
    user_project.environment["HF_TOKEN"] = 'hf_"secret"'  # noqa: S105
    code = "import os; raise SystemExit(repr(os.environ['HF_TOKEN']) + os.environ['HF_TOKEN'])"
    body = f"""
run = tfdocker_run(["python3", "-c", {code!r}])
assert run.exit_code == 1
tfdocker_service(command=["python3", "-c", {code!r}], ports=[8000])
"""
    said = outcome(body, settings='[tool.tfdocker.run]\nenv = ["HF_TOKEN"]\n')
    assert "the service is not ready: exit code 1" in said.output
    assert "***" in said.output
    assert "secret" not in said.output.replace("test_secrets", "")
    assert "secret" not in str(said.image)


def test_a_module_that_tells_a_secret_is_masked(user_project, small_image):
    user_project.environment["HF_TOKEN"] = "hf_secret"  # noqa: S105
    user_project.write("teller.py", "import os\nraise RuntimeError(os.environ['HF_TOKEN'])\n")
    user_project.write(
        "Dockerfile", f"FROM {small_image}\nENV PYTHONPATH=/own\nCOPY teller.py /own/\n"
    )
    user_project.write(
        "tfdocker.toml", '[run]\nenv = ["HF_TOKEN"]\n[imports]\nmodules = ["teller"]\n'
    )
    said = user_project.judge("-k", "import")
    assert said.headlines["import[teller]"] == "RuntimeError: ***"
    assert "hf_secret" not in said.output + str(said.image)


def test_a_value_that_is_a_word_of_the_answer_spoils_no_import(user_project, small_image):
    user_project.environment.update(FLAG="true", BACKEND="json")
    user_project.write(
        "tfdocker.toml", '[run]\nenv = ["FLAG", "BACKEND"]\n[imports]\nmodules = ["json"]\n'
    )
    said = user_project.judge("--tfdocker-image", small_image, "-k", "import")
    assert said.outcomes["import[json]"] == "passed"


def test_control_characters_of_a_program_do_not_reach_the_terminal(outcome):
    code = r"print('\\033]0;owned\\007\\033[2J')"
    body = f"""
tfdocker_run(["python3", "-c", "{code}"])
raise AssertionError
"""
    said = outcome(body)
    assert r"\x1b]0;owned\x07\x1b[2J" in said.output
    assert "\033" not in said.output


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("assert_dependency_parity(tfdocker_image, 'requirments.txt')", "no file requirments.txt"),
        ("assert_pinned('requirments.txt')", "no file requirments.txt in "),
        ("assert_pinned('pyproject.toml')", "nothing is declared in pyproject.toml"),
        ("assert_importable(tfdocker_image)", "TypeError: give the modules to import"),
        ("assert_pinned(tfdocker_image)", "TypeError: give the image as image=…, behind the"),
        ("assert_limits(tfdocker_run)", "TypeError: give an image, which is what tfdocker_image"),
        ("assert_pinned()", "TypeError: give a file of requirements, or an image"),
        ("assert_image_size(tfdocker_image, '3G')", "ValueError: total: 3G is 3 GiB (Compose)"),
        ("assert_image_size(tfdocker_image, layer=True)", "ValueError: layer: expected a size"),
        ("assert_package_size(tfdocker_image, 'x', -1)", "ValueError: budget: -1 is negative"),
        ("assert_peak_memory(tfdocker_service)", "TypeError: give a run: of tfdocker_run, or a"),
    ],
)
def test_an_assertion_about_nothing_is_red_at_the_users_line(outcome, call, told):
    said = outcome(call)
    assert said.tests == {"test_own": "failed"}
    assert f">       {call}\n" in said.output
    assert told in said.output


def test_a_skip_of_an_assertion_names_the_users_test(outcome):
    said = outcome("assert_dependency_parity(tfdocker_image)", "-rs")
    assert said.tests == {"test_own": "skipped"}
    assert "SKIPPED [1] test_own.py:" in said.output


def test_what_a_service_wrote_is_shown_with_the_test_that_failed_beside_it(
    user_project, small_image
):
    user_project.write(
        "test_own.py",
        """
import pytest

@pytest.fixture(scope="module")
def service(tfdocker_service):
    code = "import sys, time; sys.stdout.write('said' + chr(27) + '[31m'); sys.stdout.flush()"
    code += "; sys.stderr.write('cried'); sys.stderr.flush(); time.sleep(60)"
    def until_said(service):
        while b"said" not in service.get_logs()[0] or b"cried" not in service.get_logs()[1]:
            pass
    return tfdocker_service(command=["python3", "-c", code], wait=until_said)

def test_well(service):
    pass

def test_ill(service):
    assert False
""",
    )
    said = user_project.judge("--tfdocker-image", small_image, "test_own.py")
    assert said.tests == {"test_well": "passed", "test_ill": "failed"}
    assert said.output.count("tfdocker service stdout") == 1
    assert said.output.count("tfdocker service stderr") == 1
    assert "said\\x1b[31m" in said.output
    assert "cried" in said.output
    assert said.left == []


def test_a_service_that_was_oom_killed_says_so_in_each_test_that_it_fails(
    engine, user_project, small_image
):
    if engine.remote:
        pytest.skip("the service is asked at its port, which a firewall may keep from us")
    user_project.write("pyproject.toml", '[tool.tfdocker.run]\nmemory = "60 MiB"\n')
    user_project.write(
        "serve.py",
        f"""
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        {TAKES_200_MIB}

HTTPServer(("", 8000), Handler).serve_forever()
""",
    )
    user_project.write(
        "test_own.py",
        """
import http.client
from pathlib import Path

import pytest

@pytest.fixture(scope="module")
def service(tfdocker_service):
    code = Path("serve.py").read_text()
    return tfdocker_service(command=["python3", "-c", code], ports=[8000])

def ask(service):
    connection = http.client.HTTPConnection("127.0.0.1", service.get_exposed_port(8000))
    connection.request("GET", "/")
    connection.getresponse()

def test_first(service):
    ask(service)

def test_second(service):
    ask(service)
""",
    )
    said = user_project.judge("--tfdocker-image", small_image, "test_own.py")
    assert said.tests == {"test_first": "failed", "test_second": "failed"}
    assert said.output.count("the service ended: OOM-killed at ") == 2
    assert said.output.count("limit 60 MiB from pyproject.toml:2, in force") == 2
    assert "EngineError: the service has ended: OOM-killed at " in said.output
    assert "is not published" not in said.output
    assert said.left == []


def test_a_service_that_lives_on_when_a_child_was_oom_killed_says_so(outcome):
    body = f"""
code = "import os, time; pid = os.fork()\\nif not pid:\\n    {TAKES_200_MIB}\\n"
code += "os.waitpid(pid, 0); print('alone', flush=True); time.sleep(60)"
def until_alone(service):
    while b"alone" not in service.get_logs()[0]:
        pass
tfdocker_service(command=["python3", "-c", code], wait=until_alone, memory="60 MiB")
assert False
"""
    said = outcome(body)
    assert "OOM-killed: python3 (pid " in said.output
    assert "; the service lives on\n  limit 60 MiB from memory=…, in force" in said.output


def test_services_of_other_tests_are_not_shown(user_project, small_image):
    user_project.write(
        "test_own.py",
        """
import pytest

def started(tfdocker_service, word):
    def until_said(service):
        while word not in service.get_logs()[0].decode():
            pass
    code = f"import time; print('{word}', flush=True); time.sleep(60)"
    return tfdocker_service(command=["python3", "-c", code], wait=until_said)

@pytest.fixture(scope="module")
def address(tfdocker_service):
    return f"http://{started(tfdocker_service, 'module')}"

@pytest.fixture
def own(tfdocker_service):
    return started(tfdocker_service, "function")

def test_starts(tfdocker_service):
    started(tfdocker_service, "first").stop()
    started(tfdocker_service, "second")

def test_starts_nothing(tfdocker_service):
    tfdocker_service(ports=8000)

def test_has_a_fixture_of_its_own(own):
    assert False

def test_uses_the_module_s(address):
    assert False

def test_uses_it_again(address, tfdocker_service):
    started(tfdocker_service, "third").stop()
    assert False
""",
    )
    said = user_project.judge("--tfdocker-image", small_image, "-p", "no:randomly", "test_own.py")
    headings = [line.strip("- ") for line in said.output.splitlines() if "- tfdocker serv" in line]
    assert [line[: len("tfdocker service N")] for line in headings] == [
        "tfdocker service 3",
        "tfdocker service 4",
        "tfdocker service 4",
        "tfdocker service 5",
    ]
    assert headings[0] == "tfdocker service 3 (python3 -c import time; print('function…) stdout"
    assert said.left == []
