"""Smokes of the three kinds in real containers: scripts, commands, services and their requests."""

import io
import re

import pytest

from pytest_tfdocker.evidence.passed_files import PassedFile, PassedFiles
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.running import changed

pytestmark = pytest.mark.engine

MIB = 1 << 20


@pytest.fixture
def judge(user_project, small_image):
    """Judges smokes, name → its lines of TOML; nothing of ours is seen, no container is left."""

    def run(smokes, settings="", *, image=small_image):
        tables = [
            f'[[tool.tfdocker.smoke]]\nname = "{name}"\n{keys}' for name, keys in smokes.items()
        ]
        user_project.write("pyproject.toml", settings + "\n".join(tables))
        said = user_project.judge(f"--tfdocker-image={image}", "-k", "peak-memory or own")
        assert "pytest_tfdocker/" not in said.output
        assert "INTERNALERROR" not in said.output
        assert said.left == []
        assert said.tests == {"test_own": "passed"}
        assert {one for one in said.output if not one.isprintable()} <= {"\n"}
        return said

    return run


def text_of(said, name):
    """The text of one smoke, times left out."""
    return re.sub(r"\b[\d.]+ m?s\b", "TIME", said.texts[f"peak-memory[{name}]"])


def run_of(said, name):
    (found,) = [one for one in said.image["runs"] if one["name"] == name]
    return found


def script(project, name, text):
    project.write(f"{name}.py", text)
    return f'script = "{name}.py"\ntimeout = "60 s"\n'


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    taken = b"x" * (60 << 20)
    time.sleep(300)
time.sleep(1.5)
print("left a daemon")
"""
SPAWN = """
import multiprocessing, time

def take(mib):
    taken = b"x" * (mib << 20)
    time.sleep(1)
    return len(taken) >> 20

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(take, [20, 20]))
"""
ODD = r"""
import os, sys
os.close(0)
sys.stdout.buffer.write(b"\x1b[2J\x1b]0;title\x07 \xff\xfe\x00 end\n")
sys.stdout.flush()
os._exit(7)
"""


def test_scripts_that_do_what_scripts_do(judge, user_project):
    long = "x = [\n" + "    'a line of a long table',\n" * 8000 + "]\nprint(len(x))\n"
    assert len(long) > 128 << 10
    said = judge(
        {
            "long": script(user_project, "long", long),
            "spawn": script(user_project, "spawn", SPAWN),
            "daemon": script(user_project, "daemon", DAEMON),
            "odd": script(user_project, "odd", ODD),
            "shell": script(user_project, "shell", "#!/bin/sh\necho it starts\n"),
            "bytes": script(user_project, "bytes", b"x = 1\n\x80\x81\n"),
            "empty": script(user_project, "empty", ""),
        },
        '[tool.tfdocker.run]\nmemory = "512 MiB"\n',
    )
    passed = {"long", "spawn", "daemon", "empty"}
    assert {one for one, how in said.outcomes.items() if how == "passed"} == {
        f"peak-memory[{name}]" for name in passed
    }
    assert run_of(said, "spawn")["peak_bytes"] > 40 * MIB
    assert run_of(said, "daemon")["peak_bytes"] > 60 * MIB
    assert run_of(said, "daemon")["seconds"] < 10

    lines = text_of(said, "odd").splitlines()
    assert lines[:2] == ["exit code 7", "  after TIME: /usr/bin/python3 odd.py"]
    assert lines[-2:] == [
        "  last lines of stdout:",
        r"    \x1b[2J\x1b]0;title\x07 �� \x00 end".replace("�� \\x00", "��\\x00"),
    ]

    assert text_of(said, "shell").splitlines() == [
        "shell.py:2: SyntaxError: invalid syntax",
        "  Python 3.11.2 of the image reads it",
        '    File "shell.py", line 2',
        "      echo it starts",
        "           ^^",
        "  command: /usr/bin/python3 shell.py",
    ]
    lines = text_of(said, "bytes").splitlines()
    assert lines[0].startswith("bytes.py:2: SyntaxError: Non-UTF-8 code")
    assert run_of(said, "bytes")["exit_code"] == 1


SERVICE = """
import http.server, json, os, sys, time
HOW, ASKED = os.environ["HOW"], [0]

class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self):
        is_ready = self.path == "/health" and time.monotonic() > READY
        self.answer(200 if is_ready else 503, b"")

    def do_POST(self):
        ASKED[0] += 1
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["texts"]
        if HOW == "answers 500" or HOW == "third" and ASKED[0] == 3:
            self.answer(500, b"\\x1b[31mno weights")
        elif HOW == "hangs":
            time.sleep(300)
        else:
            self.answer(200, json.dumps({"vectors": [[0.5] * 8 for _ in texts]}).encode())
        if HOW == "dies":
            print("bad luck", file=sys.stderr, flush=True)
            os._exit(9)

    def log_message(self, *_):
        pass

READY = time.monotonic() + 1.5 * (HOW == "unready")
if HOW == "never":
    time.sleep(300)
if HOW == "ends":
    sys.exit(0)
if HOW == "late":
    time.sleep(1.5)
port = 8001 if HOW == "elsewhere" else 8000
http.server.ThreadingHTTPServer(("0.0.0.0", port), Answers).serve_forever()
"""


def service(how, keys="", *, request="", timeout="20 s"):
    asked = "request = { method = 'POST', path = '/embed', json = { texts = ['a', 'b'] }"
    return f"{asked}{request} }}\nenv = ['HOW={how}']\ntimeout = '{timeout}'\n{keys}\n"


RUN = f"[tool.tfdocker.run]\nport = 8000\nentrypoint = ['python3', '-c', '''{SERVICE}''']\n"
EXPECT = ", expect = { '$.vectors' = { length = 2 }, '$.vectors[-1][0]' = 0.5 }"


def test_services_that_answer(judge):
    said = judge(
        {
            "once": service("answers", request=EXPECT),
            "often": service(
                "answers", "warm-up = 5\nrepeat = 40", request=f"{EXPECT}, concurrency = 4"
            ),
            "late": service("late"),
            "unready": service("unready", request=", ready = '/health'"),
        },
        RUN + "memory = '256 MiB'\n",
    )
    assert set(said.outcomes.values()) == {"passed"}, said.texts
    often = run_of(said, "often")
    found = often["requests"]
    assert {name: found[name] for name in ("count", "answered", "warm_up", "concurrency")} == {
        "count": 40,
        "answered": 40,
        "warm_up": 5,
        "concurrency": 4,
    }
    assert 0 < found["min_seconds"] <= found["median_seconds"] <= found["p95_seconds"]
    assert found["p95_seconds"] <= found["max_seconds"] < often["seconds"]
    assert [one["name"] for one in often["phases"]] == ["start", "warm-up", "request"]
    for name in ("late", "unready"):
        start, request = run_of(said, name)["phases"]
        assert (start["name"], request["name"]) == ("start", "request")
        assert start["seconds"] > 1.4
        assert request["seconds"] < 1
    assert all(run_of(said, name)["exit_code"] is None for name in said.measured if name == "once")


def test_services_that_do_not_answer_as_they_should(judge):
    said = judge(
        {
            "never": service("never", timeout="4 s"),
            "elsewhere": service("elsewhere", timeout="5 s"),
            "unready": service("unready", request=", ready = '/healthz'", timeout="5 s"),
            "dies": service("dies", "repeat = 5"),
            "ends": service("ends"),
            "answers-500": service("answers 500"),
            "third": service("third", "repeat = 5"),
            "hangs": service("hangs", "repeat = 5", timeout="5 s"),
            "other": service("answers", request=", expect = { '$.vectors' = { length = 3 } }"),
            "missing": service("answers", request=", expect = { '$.labels[0]' = 'a' }"),
        },
        RUN,
    )
    headlines = {
        re.search(r"\[(.*)\]", name)[1]: re.sub(r"\b[\d.]+ m?s\b", "TIME", line)
        for name, line in said.headlines.items()
    }
    assert headlines == {
        "never": "TIME are over: nothing listened on port 8000",
        "elsewhere": "TIME are over: nothing listened on port 8000, but on 8001",
        "unready": "TIME are over: not ready: GET /healthz gave status 503",
        "dies": 'exit code 9 in "request": bad luck',
        "ends": "the service ended with exit code 0 before it was ready",
        "answers-500": "status 500, not 200: POST /embed",
        "third": "request 3 of 5: status 500, not 200: POST /embed",
        "hangs": "TIME are over: no answer to request 1 of 5",
        "other": "$.vectors has length 2, not 3: POST /embed",
        "missing": "$.labels[0] is not in the answer: POST /embed",
    }
    assert r"  \x1b[31mno weights" in text_of(said, "third").splitlines()
    assert run_of(said, "third")["requests"]["answered"] == 2
    assert run_of(said, "dies")["requests"]["answered"] == 1


def test_without_a_port_there_is_nobody_to_ask(judge):
    said = judge({"one": service("answers")}, RUN.replace("port = 8000\n", ""))
    assert said.texts["peak-memory[one]"] == (
        "no port to ask: the image EXPOSEs none\n"
        "  set `port` in the smoke's `request`, or in [tool.tfdocker.run]"
    )


COUNTING = """
import os, sys, time
from pathlib import Path
count = Path("/tmp/count")
count.write_text(count.read_text() + "x" if count.exists() else "x")
number = len(count.read_text())
print("tfdocker: phase work", flush=True)
taken = b"x" * ((30 if number == 1 else 10) << 20)
time.sleep(0.2 if number == 2 else 0.6)
if number == int(os.environ.get("BREAKS", 0)):
    sys.exit("no luck")
"""


def test_programs_that_are_run_again(judge, user_project):
    again = "warm-up = 1\nrepeat = 3\n"
    said = judge(
        {
            "again": script(user_project, "again", COUNTING) + again,
            "breaks": script(user_project, "breaks", COUNTING) + again + "env = ['BREAKS=3']\n",
            "command": "command = 'sleep 0.3; echo done'\nrepeat = 2\n",
        },
        "[tool.tfdocker.run]\nmemory = '256 MiB'\n",
    )
    found = run_of(said, "again")
    assert said.outcomes["peak-memory[again]"] == "passed"
    assert found["peak_bytes"] > 30 * MIB
    assert len(found["repeats"]["seconds"]) == len(found["repeats"]["peak_bytes"]) == 4
    assert found["seconds"] == sorted(found["repeats"]["seconds"][1:])[1]
    assert found["phases"][-1]["name"] == "work"
    assert found["phases"][-1]["peak_bytes"] == found["peak_bytes"]
    assert found["repeats"]["peak_bytes"][3] < 20 * MIB

    lines = text_of(said, "breaks").splitlines()
    assert lines[:2] == ['exit code 1 in "work": no luck', "  in run 2 of 3"]
    assert len(run_of(said, "breaks")["repeats"]["seconds"]) == 3
    assert run_of(said, "command")["seconds"] > 0.29


# Files of the repo

WITH_FILES = """
import os, sys
from pathlib import Path

import helpers
from pack.inner import word

here = Path(__file__).parent
assert here == Path(os.environ["TFDOCKER_FILES"]) / "tests", here
assert helpers.TEXT == (here / "data/text.txt").read_text() == word == "passed"
(here / "mine").write_text("may be written")
assert os.getuid() == int(os.environ["UID"]), os.getuid()
assert os.access(here / "data/tool", os.X_OK)
print("all is there")
"""


@pytest.fixture
def repo(user_project):
    """A script with its neighbours, a data folder, a link and a tool."""
    user_project.write("tests/smoke.py", WITH_FILES)
    user_project.write("tests/helpers.py", "TEXT = 'passed'\n")
    user_project.write("tests/pack/__init__.py", "")
    user_project.write("words.py", "word = 'passed'\n")
    (user_project.folder / "tests/pack/inner.py").symlink_to("../../words.py")
    user_project.write("tests/data/text.txt", "passed")
    user_project.write("tests/data/tool", "#!/bin/sh\necho tool\n").chmod(0o755)
    return user_project


@pytest.fixture
def nobodys_image(engine, small_image, user_project):
    """The small image with a user that is not root, in a folder that is not theirs."""
    text = f"FROM {small_image}\nWORKDIR /srv\nUSER 65534\nEXPOSE 9000 8000/udp 8080\n"
    tag = f"{user_project.folder.name}:nobody"
    list(engine.api.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True, decode=True))
    yield tag
    engine.remove_image(tag)


PASSED = 'script = "tests/smoke.py"\nfiles = ["tests"]\n'


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("read_only", [False, True], ids=["", "read-only"])
def test_files_of_the_repo_are_there_whoever_the_user_is(judge, nobodys_image, read_only):
    settings = f"[tool.tfdocker.run]\nread-only = {str(read_only).lower()}\nmemory = '256 MiB'\n"
    said = judge(
        {
            "script": PASSED + "env = ['UID=65534']\n",
            "again": PASSED + "env = ['UID=65534']\nrepeat = 2\n",
            "command": "command = '$TFDOCKER_FILES/tests/data/tool && test -z \"$UID\"'\n"
            "files = ['tests/data/tool']\n",
            "alone": 'script = "tests/smoke.py"\nenv = ["UID=65534"]\n',
        },
        settings,
        image=nobodys_image,
    )
    assert {
        name: said.outcomes[f"peak-memory[{name}]"] for name in ("script", "again", "command")
    } == {
        "script": "passed",
        "again": "passed",
        "command": "passed",
    }, said.texts
    lines = text_of(said, "alone").splitlines()
    assert lines[:2] == [
        "exit code 1: ModuleNotFoundError: No module named 'helpers'",
        "  tests/helpers.py of the repo is not in the image: pass it in by "
        '`files = ["tests/helpers.py"]`, beside `script`',
    ]


def test_a_traceback_of_what_was_passed_in_names_the_repos_files(judge, repo):
    repo.write("tests/helpers.py", "TEXT = 'passed'\nraise ValueError('helpers are wrong')\n")
    said = judge({"one": PASSED})
    assert said.headlines["peak-memory[one]"] == "exit code 1: ValueError: helpers are wrong"
    assert '      File "tests/smoke.py", line 5, in <module>' in text_of(said, "one").splitlines()
    assert '      File "tests/helpers.py", line 2, in <module>' in text_of(said, "one").splitlines()


SIZED = """
import os, sys, time
folder = os.environ["TFDOCKER_FILES"] + "/data"
assert len(os.listdir(folder)) == 3
if "deletes" in sys.argv:
    for name in os.listdir(folder):
        os.unlink(folder + "/" + name)
    time.sleep(0.3)
taken = b"x" * (50 << 20)
time.sleep(0.3)
"""


@pytest.mark.parametrize("command", ["", "deletes"])
def test_the_bytes_of_files_are_none_of_the_programs(judged_small_image, bare_peak, command):
    session, image = judged_small_image.session, judged_small_image.settings
    files = [PassedFile(f"data/{n}", b"x" * (20 << 20)) for n in range(3)]
    with session.measuring("a test's run"):
        found = collect_run(
            session.supervised_as(image, changed(image.settings.run, memory="512 MiB")),
            "test",
            timeout_seconds=60,
            command=["python3", "-c", SIZED, command],
            passed=PassedFiles(files),
        )
    assert found.exit_code == 0, found.stderr
    assert abs(found.peak_bytes - 50 * MIB - bare_peak) < 4 * MIB, found.peak_bytes / MIB


def test_files_that_are_too_large_or_have_gone_are_told(judge, user_project):
    (user_project.folder / "weights.bin").write_bytes(b"")
    with (user_project.folder / "weights.bin").open("r+b") as file:
        file.truncate(65 << 20)
    (user_project.folder / "data").mkdir()
    (user_project.folder / "data/gone").symlink_to("nowhere")
    said = judge(
        {
            "large": "command = 'true'\nfiles = ['weights.bin']\n",
            "link": "command = 'true'\nfiles = ['data']\n",
        }
    )
    assert said.outcomes == {"peak-memory[large]": "error", "peak-memory[link]": "error"}
    assert said.texts == {
        "peak-memory[large]": "files: more than 64 MiB to pass in\n"
        "  weights.bin has 65 MiB, for which 64 MiB are left; weights belong into the image or a "
        "volume",
        "peak-memory[link]": "files: data/gone is a link to nothing",
    }


def test_a_test_of_the_users_own_passes_files_in(user_project, small_image):
    user_project.write("tests/data/text.txt", "passed")
    user_project.write("tests/read.py", "import pathlib\nprint(pathlib.Path(__file__).parent)\n")
    user_project.write(
        "test_own.py",
        """
from pathlib import Path

def test_own(tfdocker_run):
    run = tfdocker_run("sh -c 'cat $TFDOCKER_FILES/tests/data/text.txt'", files=["tests/data"])
    assert (run.stdout, run.exit_code) == ("passed", 0)
    run = tfdocker_run(Path("tests/read.py"), files=[Path("tests/data").absolute()], env=["A=1"])
    assert run.stdout == "/run/tfdocker/tests\\n"

def test_wrong(tfdocker_run):
    tfdocker_run(["true"], files=["nowhere"])
""",
    )
    said = user_project.judge(f"--tfdocker-image={small_image}", "-k", "own or wrong")
    assert said.tests == {"test_own": "passed", "test_wrong": "failed"}, said.output
    assert f"ValueError: files: no file or folder 'nowhere' in {user_project.folder}" in said.output


def test_what_a_smoke_takes_from_the_environment_is_not_shown(judge, user_project):
    user_project.environment["SMOKE_NOTE"] = "not-to-be-shown"
    said = judge(
        {"one": "command = 'echo token is $SMOKE_NOTE >&2; exit 3'\nenv = ['SMOKE_NOTE']\n"}
    )
    assert said.headlines["peak-memory[one]"] == "exit code 3: token is ***"
    assert "not-to-be" not in said.output


def test_the_port_is_the_lowest_that_the_image_exposes(judge, nobodys_image):
    entry = SERVICE.replace("8001 if HOW", "9000 if HOW").replace("else 8000", "else 8080")
    settings = f"[tool.tfdocker.run]\nentrypoint = ['python3', '-c', '''{entry}''']\n"
    said = judge(
        {"one": service("answers")}, settings + "memory = '256 MiB'\n", image=nobodys_image
    )
    assert said.outcomes == {"peak-memory[one]": "passed"}, said.texts
