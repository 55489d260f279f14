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
        "deadline_seconds": 30,
        "keep_bytes": 65536,
        "grace_seconds": 5.0,
        "stop_signal": 15,
    }
    return {**default, **changes}


def start(python, asked, files=None):
    process = subprocess.Popen(
        [*NAMESPACE, *probe.command(python, COOKIE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(probe.supervisor_payload(asked, files or {}))
    process.stdin.flush()
    return process


def reports(output):
    told = [part.split(COOKIE[::-1])[0] for part in output.decode().split(COOKIE)[1:]]
    return [json.loads(text) for text in told]


def run(python, asked, files=None):
    process = start(python, asked, files)
    with process:
        # stdin stays open: its end is the container's
        output, errors = process.stdout.read(), process.stderr.read()
        process.stdin.close()
    assert errors == b""
    *_, last = reports(output)
    assert "crash" not in last, last
    return last["children"]


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
    names = [name for name, _, _ in told["phases"]]
    assert names == ["start", "load", "in two words", "cut", "y" * 80]
    assert told["phases"][1][1] > 0.29
    assert sum(seconds for _, seconds, _ in told["phases"]) == pytest.approx(told["seconds"])


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


def test_the_time_of_a_request_ends_with_its_answer(end_python):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    request = {"path": "/", "port": port, "method": "GET", "headers": {}, "body": None}
    request |= {"json": None, "status": 200}
    began = time.monotonic()
    told = one(end_python, SLOW_TO_END.replace("PORT", str(port)), request=request)
    assert told["request"] == {"port": port, "error": None, "answered": True, "sent": True}
    assert told["seconds"] < time.monotonic() - began - 1.5


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


def test_a_service_that_closes_its_connections_and_dies_is_told_by_its_end(end_python):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    request = {"path": "/", "port": port, "method": "GET", "headers": {}, "body": None}
    told = one(
        end_python,
        DYING.replace("PORT", str(port)),
        request={**request, "json": None, "status": 200},
    )
    assert (told["exit_code"], told["stopped"]) == (3, False)
    assert "closed without an answer" in told["request"]["error"]


def test_without_counters_nothing_is_measured_and_nothing_is_zero(end_python):
    modules = ("lifeline", "cgroup", "meter", "child", "request", "supervisor", "asking")
    program = "def main(plan, files, report):\n"
    program += " import tfdocker_meter as s\n report(s.Meter(None, 0.02, 0).figures())\n"
    sources = [probe.source(name).encode() for name in modules[:-1]] + [program.encode()]
    parts = [(f"module:{name}", text) for name, text in zip(modules, sources, strict=True)]
    parts += [("plan:asking", b"null")]
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
    assert told["phases"][0][2] is None
