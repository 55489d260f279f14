"""PID 1 of a run, in a process namespace of its own, under every interpreter; no control group."""

import json
import shutil
import socket
import subprocess
import time

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

pytestmark = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode != 0,
    reason="a process namespace needs privileges",
)


def children(*argvs, timeout_seconds=20, **changes):
    default = {"timeout_seconds": timeout_seconds}
    return [{"name": f"child-{i}", "argv": a, **default, **changes} for i, a in enumerate(argvs)]


def plan(specs, **changes):
    default = {
        "children": specs,
        "script": False,
        "cold": [],
        "relay": False,
        "interval_seconds": 0.02,
        "weights": None,
        "deadline_seconds": 30,
        "keep_bytes": 65536,
        "grace_seconds": 5.0,
        "stop_signal": 15,
    }
    return {**default, **changes}


def start(python, asked, files=None, *, passed=b"", before=""):
    """`before`: what a shell does first, in the namespace; `passed`: what follows the payload."""
    command = probe.command(python, COOKIE)
    if before:
        command = ["/bin/sh", "-c", f'{before} && exec "$@"', "sh", *command]
    process = subprocess.Popen(
        [*NAMESPACE, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(probe.supervisor_payload(asked, files or {}) + passed)
    process.stdin.flush()
    return process


def reports(output):
    told = [part.split(COOKIE[::-1])[0] for part in output.decode().split(COOKIE)[1:]]
    return [json.loads(text) for text in told]


def run(python, asked, files=None, **changes):
    last = last_report(python, asked, files, **changes)
    assert "crash" not in last, last
    return last["children"]


def last_report(python, asked, files=None, **changes):
    process = start(python, asked, files, **changes)
    with process:
        # stdin stays open: its end is the container's
        output, errors = process.stdout.read(), process.stderr.read()
        process.stdin.close()
    assert errors == b""
    return reports(output)[-1]


def one(python, code, **changes):
    [told] = run(python, plan(children([python, "-c", code], **changes)))
    return told


def test_a_child_runs_to_its_end(python):
    code = "import os, sys; print('out', os.getpid() != 1); print('err', file=sys.stderr); exit(3)"
    told = one(python, code)
    assert (told["exit_code"], told["stdout"], told["stderr"]) == (3, "out True\n", "err\n")
    assert (told["timed_out"], told["stopped"], told["error"]) == (False, False, None)
    assert told["stdout_bytes"] == 9


def test_a_script_runs_from_memory_with_its_source_at_hand(python):
    script = b"import inspect, sys\ndef f():\n    return 42\n"
    script += b"print(inspect.getsource(f).splitlines()[1].strip(), sys.argv[1:], __name__)\n"
    argv = [python, {"file": "smoke.py"}, "@smoke.py", "a b"]
    [told] = run(python, plan(children(argv), script=True), {"smoke.py": script})
    assert told["stderr"] == ""
    assert told["stdout"] == "return 42 ['@smoke.py', 'a b'] __main__\n"


def test_multiprocessing_spawn_works_in_a_script(python):
    script = b"""
import multiprocessing

def double(x):
    return 2 * x

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(double, [1, 2, 3]))
"""
    asked = plan(children([python, {"file": "smoke.py"}]), script=True)
    [told] = run(python, asked, {"smoke.py": script})
    assert (told["stdout"], told["stderr"]) == ("[2, 4, 6]\n", "")


def test_children_run_one_after_the_other(end_python):
    argvs = [[end_python, "-c", f"print({n})"] for n in range(3)]
    told = run(end_python, plan(children(*argvs)))
    assert [one["stdout"] for one in told] == ["0\n", "1\n", "2\n"]
    assert [one["name"] for one in told] == ["child-0", "child-1", "child-2"]


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["/no/such/program"], "/no/such/program: No such file or directory"),
        (["/"], "/: Permission denied"),
        (["nowhere-on-path"], "nowhere-on-path: No such file or directory"),
        (["echo", "a\0b"], "can't be run: embedded null byte"),
        ([], "can't be run: list index out of range"),
    ],
)
def test_a_program_that_can_not_be_started_is_told(end_python, argv, error):
    [told] = run(end_python, plan(children(argv)))
    assert (told["exit_code"], told["error"]) == (127, error)


NO_FORK = """
    import errno
    import tfdocker_supervisor as supervisor
    def fork():
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    os.fork = fork
    told = []
    supervisor.main(plan, {}, told.append)
    return told[1:]
"""


def test_where_no_process_may_stand_beside_it_that_is_told(end_python, ask):
    told = ask(end_python, probe._SUPERVISOR, NO_FORK, data=plan(children(["true"])))
    assert told == [{"crash": "Resource temporarily unavailable", "not_forked": True}]


def test_a_name_that_the_kernel_cuts_within_a_character_ends_no_run(end_python, tmp_path):
    name = tmp_path / ("x" + "сервис" * 2)  # its first 15 bytes are seven characters and a half
    name.write_text(f"#!{end_python}\nimport time\na = b'x' * (1 << 24)\ntime.sleep(0.3)\n")
    name.chmod(0o755)
    [told] = run(end_python, plan(children([str(name)])))
    assert (told["exit_code"], told["error"]) == (0, None)


def test_a_signal_shows_as_shells_show_it(end_python):
    told = one(end_python, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert told["exit_code"] == 128 + 11


def test_a_run_past_its_time_is_ended_by_sigterm(end_python):
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(5)); time.sleep(60)"
    told = one(end_python, code, timeout_seconds=0.7)
    assert (told["timed_out"], told["exit_code"]) == (True, 5)
    assert told["seconds"] < 2


def test_a_run_that_ignores_sigterm_is_killed_after_two_seconds(end_python):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    told = one(end_python, code, timeout_seconds=0.5)
    assert (told["timed_out"], told["exit_code"]) == (True, 128 + 9)
    assert 2.4 < told["seconds"] < 4


def test_phases_are_lines_of_stdout_and_of_stderr(end_python):
    code = """if True:
        import sys, time
        print("tfdocker: phase load", flush=True)
        time.sleep(0.3)
        print("tfdocker: phase  in two words ", file=sys.stderr, flush=True)
        print("a line with tfdocker: phase no", flush=True)
        print("x" * 100_000 + "tfdocker: phase no", flush=True)
        sys.stdout.write("tfdocker: pha"); sys.stdout.flush(); time.sleep(0.1)
        print("se cut\\ntfdocker: phase " + "y" * 200, flush=True)
        sys.stdout.write("tfdocker: phase unfinished")
    """
    told = one(end_python, code)
    names = [phase["name"] for phase in told["phases"]]
    assert names == ["start", "load", "in two words", "cut", "y" * 80]
    assert told["phases"][1]["seconds"] > 0.29
    assert sum(phase["seconds"] for phase in told["phases"]) == pytest.approx(told["seconds"])


PHASE_THAT_RESTS = """
    import sys, tempfile, time
    import tfdocker_passed as passed
    import tfdocker_supervisor as module
    taken, sampled = tempfile.NamedTemporaryFile(), tempfile.NamedTemporaryFile()
    class Counters:
        def sample(self):
            os.write(sampled.fileno(), b"x")
            return (os.fstat(taken.fileno()).st_size << 20) + m.meter.own, 0, 0, 0, 0, 0, 0
        def used(self):
            return 1, 0.0, 0.0
        def oom_kills(self):
            return 0
        def kernel_peak(self):
            return None
        def limits(self):
            return {"memory_bytes": None}
    os.read = lambda fd, count, read=os.read: read(fd, count) if fd else b"\\n"
    class M:
        own = 0
    class Started:
        meter = M
    m = Started
    m = module.Supervisor(plan, Counters(), dict(os.environ), 0, passed.Passed(None), None)
    m.meter = M
    code = "import os, time; time.sleep(1.3); count = os.path.getsize('%s')\\n"
    code += "while os.path.getsize('%s') == count: time.sleep(0.01)\\n"
    code += "print('a line', flush=True); time.sleep(0.01); "
    code += "print('tfdocker: phase load', flush=True); open('%s', 'w').write('x' * 100); "
    code += "time.sleep(0.5)"
    names = (sampled.name, sampled.name, taken.name)
    spec = {"name": "x", "argv": [sys.executable, "-c", code % names], "timeout_seconds": 9}
    return [[one["name"], one["peak_bytes"] >> 20] for one in m.run(spec)["phases"]]
"""


CLOSES_WHAT_IT_WRITES_TO = """
    import sys
    import tfdocker_passed as passed
    import tfdocker_supervisor as module
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    m = module.Supervisor(plan, None, dict(os.environ), 0, passed.Passed(None), None)
    turns, wait = [], m.waiting.wait
    m.waiting.wait = lambda *told: turns.append(1) or wait(*told)
    code = "import os, time; time.sleep(0.3); CLOSE; time.sleep(0.5)"
    spec = {"name": "x", "argv": [sys.executable, "-c", code], "timeout_seconds": 9}
    return [m.run(spec)["exit_code"], len(turns)]
"""


@pytest.mark.parametrize("close", ["os.close(1); os.close(2)", "os.dup2(1, 2)"])
def test_a_program_that_closes_its_streams_and_lives_on_is_waited_for(close, ask, end_python):
    code = CLOSES_WHAT_IT_WRITES_TO.replace("CLOSE", close)
    exit_code, turns = ask(end_python, probe._SUPERVISOR, code, data=plan([]))
    assert exit_code == 0
    assert turns < 20  # one each 0.2 s, and what happens


def test_what_is_taken_after_the_line_of_a_phase_is_not_the_phase_befores(ask, end_python):
    # The line before it has had the stream rest until the next sample, which is far away
    modules = probe._SUPERVISOR
    told = ask(end_python, modules, PHASE_THAT_RESTS, data=plan([], interval_seconds=0.3))
    assert told == [["start", 0], ["load", 100]]


def test_a_loop_that_names_a_phase_for_each_item_is_told_of_with_a_hundred(end_python):
    code = "for n in range(300_000): print('tfdocker: phase step', n)"
    told = one(end_python, code)
    assert [phase["name"] for phase in told["phases"][-2:]] == ["step 97", "step 98"]
    assert (len(told["phases"]), told["phases_left_out"]) == (100, True)


def test_output_is_bounded_and_its_length_known(end_python):
    code = "for n in range(200_000): print('line', n)"
    told = one(end_python, code)
    assert told["stdout"].endswith("line 199999\n")
    assert len(told["stdout"]) == 65536
    assert told["stdout_bytes"] == sum(len(f"line {n}\n") for n in range(200_000))


def test_binary_output_is_kept_readable(end_python):
    told = one(end_python, "import os; os.write(1, bytes(range(256)))")
    assert told["stdout"].startswith("\x00\x01")
    assert told["stdout"].endswith("\ufffd")


def test_what_the_child_leaves_behind_is_ended(end_python):
    code = """if True:
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            os.write(1, b"daemon\\n")
            time.sleep(60)
        time.sleep(0.3)
    """
    started = time.monotonic()
    first, second = run(
        end_python,
        plan(children([end_python, "-c", code], ["/bin/sh", "-c", "ps -e | grep -c python; :"])),
    )
    assert time.monotonic() - started < 10
    assert (first["exit_code"], first["stdout"]) == (0, "daemon\n")
    assert second["stdout"].strip() == "1"


def test_os_exit_and_a_closed_stdin_are_ends_like_others(end_python):
    told = one(end_python, "import os; print('x', flush=True); os.close(0); os._exit(7)")
    assert (told["exit_code"], told["stdout"]) == (7, "x\n")


def test_the_end_of_stdin_ends_it_all(python):
    process = start(python, plan(children(["/bin/sleep", "60"])))
    time.sleep(0.5)
    assert process.poll() is None
    started = time.monotonic()
    process.stdin.close()
    assert process.wait(10) == 3
    assert time.monotonic() - started < 2
    process.stdout.close()
    process.stderr.close()


def test_its_own_deadline_ends_it_where_no_end_of_stdin_comes(end_python):
    process = start(end_python, plan(children(["/bin/sleep", "60"]), deadline_seconds=1))
    assert process.wait(10) == 4
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def test_commands_on_stdin_report_and_stop(end_python):
    code = "import signal, sys, time; signal.signal(10, lambda *_: sys.exit(0))\n"
    code += "print('ready', flush=True); time.sleep(60)"
    asked = plan(children([end_python, "-c", code], timeout_seconds=0), relay=True, stop_signal=10)
    process = start(end_python, asked)
    with process:
        output = b""
        while b"ready\n" not in output:
            output += process.stdout.read1()
        process.stdin.write(b"repo")
        process.stdin.flush()
        process.stdin.write(b"rt\nlistens 1\nstop\n")
        process.stdin.flush()
        output += process.stdout.read()
        process.stdin.close()
    _limits, snapshot, listens, last = reports(output)
    assert snapshot["snapshot"]["exit_code"] is None
    assert snapshot["snapshot"]["stdout"] == "ready\n"
    assert listens == {"listens": False}
    [told] = last["children"]
    assert (told["exit_code"], told["stopped"], told["timed_out"]) == (0, True, False)


SLOW_TO_END = """
import http.server, signal, sys, time

def end(*_):
    time.sleep(1.5)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
http.server.HTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def request(port, **changes):
    default = {"path": "/", "port": port, "method": "GET", "headers": {}, "body": None}
    default |= {"json": None, "status": 200, "expect": [], "ready": None}
    return {**default, "concurrency": 1, "warm_up": 0, "repeat": 1, **changes}


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_the_time_of_a_request_ends_with_its_answer(end_python, port):
    began = time.monotonic()
    told = one(end_python, SLOW_TO_END.replace("PORT", str(port)), request=request(port))
    asked = told["request"]
    assert (asked["done"], asked["error"], asked["answered"]) == (True, None, 1)
    assert told["seconds"] < time.monotonic() - began - 1.5


SERVICE = """if True:
    import http.server, json, time
    class Answers(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            print("tfdocker: phase answer", flush=True)
            answer = json.dumps({"length": len(body), "vector": [0.5, 1]}).encode()
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (answer[:5], answer[5:], b""):
                self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part))
        def log_message(self, *_):
            pass
    print("tfdocker: phase load", flush=True)
    time.sleep(0.5)
    http.server.HTTPServer(("127.0.0.1", PORT), Answers).serve_forever()
"""


def test_a_service_is_asked_by_every_interpreter_and_its_phases_stand_beside_ours(python, port):
    expect = [["$.length", ["length"], 7], ["$.vector[-1]", ["vector", -1], 1]]
    asked = request(port, method="POST", body="seven b", expect=expect, warm_up=1, repeat=2)
    told = one(python, SERVICE.replace("PORT", str(port)), request=asked)
    found = told["request"]
    assert (found["error"], found["answered"], found["count"]) == (None, 3, 2)
    names = [phase["name"] for phase in told["phases"]]
    assert [name for name in names if name != "answer"] == ["start", "load", "warm-up", "request"]
    assert 0 < found["seconds"]["min"] <= found["seconds"]["p95"] < told["seconds"]
    assert 0 < told["warm_up"][0] < told["seconds"] - 0.5


def test_what_listens_is_told_where_the_port_does_not(end_python, port):
    code = SERVICE.replace("PORT", str(port))
    told = one(end_python, code, timeout_seconds=2, request=request(1))
    assert told["timed_out"]
    found = told["request"]
    assert (found["is_ready"], found["done"], found["error"]) == (False, False, None)
    assert port in found["listening"]


DYING = """if True:
    import socket, sys, time
    listening = socket.socket()
    listening.bind(("127.0.0.1", PORT))
    listening.listen(5)
    asked, _ = listening.accept()
    asked.recv(1)
    asked.close()
    time.sleep(0.2)
    sys.exit(3)
"""


def test_a_service_that_closes_its_connections_and_dies_is_told_by_its_end(end_python, port):
    told = one(end_python, DYING.replace("PORT", str(port)), request=request(port))
    assert (told["exit_code"], told["stopped"]) == (3, False)
    assert "closed without an answer" in told["request"]["error"]


def test_what_is_run_again_ends_at_the_first_failure(end_python, tmp_path):
    counter = tmp_path / "runs"
    code = f"open({str(counter)!r}, 'a').write('x'); exit(len(open({str(counter)!r}).read()) == 3)"
    specs = children(*[[end_python, "-c", code]] * 5)
    told = run(end_python, plan(specs, until_failure=True))
    assert [one["exit_code"] for one in told] == [0, 0, 1]
    assert counter.read_text() == "xxx"
    assert len(run(end_python, plan(specs))) == 5


def passing(folder, *files):
    """The plan of files, (name, content, executable), and their bytes."""
    told = [[name, len(data), executable] for name, data, executable in files]
    return {"folder": str(folder), "files": told}, b"".join(data for _, data, _ in files)


def test_files_are_passed_in_where_their_script_finds_them(python, tmp_path):
    script = b"import helper, os, sys; print(helper.word, open(__file__).read(6), sys.path[0])\n"
    script += b"print(os.environ['TFDOCKER_FILES'], os.stat(__file__).st_mode & 0o777)\n"
    script += b"print(os.access(os.path.dirname(__file__) + '/../bin/tool', os.X_OK))\n"
    files, data = passing(
        tmp_path,
        ("tests/smoke.py", script, False),
        ("tests/helper.py", b"word = 'helped'\n", False),
        ("bin/tool", b"#!/bin/sh\n", True),
        ("empty", b"", False),
        ("gr\u00f6\udcff", b"x" * 3_000_000, False),
    )
    asked = plan(children([python, f"{tmp_path}/tests/smoke.py"]), script=True, passed=files)
    [told] = run(python, asked, passed=data, before=f"mount -t tmpfs none {tmp_path}")
    assert (told["stderr"], told["exit_code"]) == ("", 0)
    assert told["stdout"] == f"helped import {tmp_path}/tests\n{tmp_path} 420\nTrue\n"
    assert list(tmp_path.iterdir()) == []  # the tmpfs was the namespace's


def test_files_are_written_into_a_tmpfs_alone(end_python, tmp_path):
    files, data = passing(tmp_path, ("a", b"abc", False))
    told = last_report(end_python, plan([], passed=files), passed=data)
    assert told["crash"] == (
        f"the files can't be passed in, at {tmp_path}: the engine has mounted no tmpfs there"
    )
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_fit_are_told(end_python, tmp_path):
    files, data = passing(tmp_path, ("a", b"x" * 100_000, False))
    mount = f"mount -t tmpfs -o size=8k none {tmp_path}"
    told = last_report(end_python, plan([], passed=files), passed=data, before=mount)
    assert told == {
        "crash": f"the files can't be passed in, at {tmp_path}: No space left on device"
    }


def test_without_counters_nothing_is_measured_and_nothing_is_zero(end_python):
    modules = ("processes", "weights", "phases", "meter", "question")
    program = "def main(plan, files, report):\n"
    program += " import tfdocker_meter as s\n report(s.Meter(None, 0.02, 0).figures())\n"
    sources = [probe.source(name).encode() for name in modules[:-1]] + [program.encode()]
    parts = [(f"module:{name}", text) for name, text in zip(modules, sources, strict=True)]
    parts += [("plan:question", b"null")]
    header = json.dumps([[name, len(data)] for name, data in parts]).encode() + b"\n"
    done = subprocess.run(
        probe.command(end_python, COOKIE),
        input=header + b"".join(data for _, data in parts),
        capture_output=True,
        check=True,
    )
    [told] = reports(done.stdout)
    assert told["measured"] is False
    assert "working_bytes" not in told
    assert told["phases"][0]["peak_bytes"] is None


KEPT_BACK = b"""
import time
time.sleep(0.6)
print("tfdocker: phase load")
time.sleep(0.5)
"""


def test_the_phases_of_a_script_that_flushes_nothing_are_read_when_it_writes_them(
    end_python, monkeypatch
):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    asked = plan(children([end_python, {"file": "smoke.py"}]), script=True)
    [told] = run(end_python, asked, {"smoke.py": KEPT_BACK})
    _, load = told["phases"]
    assert (load["name"], load["timed"]) == ("load", True)
    assert load["seconds"] > 0.5


@pytest.mark.parametrize("is_script", [True, False])
def test_a_phase_whose_line_was_kept_back_to_the_end_is_not_timed(
    end_python, monkeypatch, is_script
):
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    asked = plan(children([end_python, {"file": "smoke.py"}]), script=is_script)
    for code in (KEPT_BACK, KEPT_BACK + KEPT_BACK.replace(b"load", b"inference")):
        [told] = run(end_python, asked, {"smoke.py": code})
        assert [one["timed"] for one in told["phases"]][:2] == [True, False]
        assert told["phases"][-1]["timed"] is False


def test_a_line_of_a_phase_whose_end_is_written_apart_is_read_at_once(end_python):
    code = "import os, time; time.sleep(0.3); os.write(1, b'tfdocker: phase load'); "
    code += "time.sleep(0.001); os.write(1, b'\\n'); t = time.monotonic(); time.sleep(0.5); "
    code += "os.write(2, b'%f' % (time.monotonic() - t))"
    told = run(end_python, plan(children([end_python, "-c", code]), interval_seconds=5.0))[0]
    assert told["phases"][1]["seconds"] >= float(told["stderr"]) - 0.2  # else only at the end
