"""PID 1 of a run in an image without Python, under every shell at hand, in a process namespace."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker 00112233445566778899|"
# A container's PID 1 is the leader of its session, too
NAMESPACE = [
    *(shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
    shutil.which("setsid") or "setsid",
]
SHELLS = {
    name: [path, *more]
    for name, more in {"dash": [], "bash": ["--posix"], "busybox": ["sh"]}.items()
    if (path := shutil.which(name))
}

pytestmark = pytest.mark.skipif(
    not SHELLS
    or not all(map(shutil.which, ("unshare", "setsid")))
    or subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode != 0,
    reason="a process namespace needs privileges",
)


def take_default_signals():
    """As an engine starts PID 1; a job of `nohup` has some ignored, which children inherit."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(params=SHELLS)
def shell(request):
    return SHELLS[request.param]


class Held:
    """A shell that is PID 1 and holds a program."""

    def __init__(self, shell, argv, *, deadline_seconds=30, before="", **options):
        _, *arguments = probe.holding_command(argv)
        start = [*NAMESPACE, *shell, *arguments]
        if before:  # as root of the namespace, before the shell is PID 1
            start = [*NAMESPACE, "/bin/sh", "-c", f'{before}\nexec "$@"', "-", *shell, *arguments]
        self.process = subprocess.Popen(
            start,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **{"preexec_fn": take_default_signals, **options},
        )
        self.send(probe.holding_payload(COOKIE, deadline_seconds))

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, word):
        """What came on stdout, up to this word and further."""
        output = b""
        while word not in output:
            piece = self.process.stdout.read1()
            assert piece, output
            output += piece
        return output

    def end(self, before=b""):
        """What it said, once it has ended by itself: its stdin is still open."""
        output, errors = before + self.process.stdout.read(), self.process.stderr.read()
        self.close()
        return Said(output, errors, self.process.returncode)

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait(10)


class Said:
    def __init__(self, output, errors, status):
        self.errors, self.status = errors, status
        self.reports, self.output = {}, b""
        for part in output.split(COOKIE.encode()):
            told, end, rest = part.partition(COOKIE[::-1].encode() + b"\n")
            if end:
                self.reports |= json.loads(told)
            self.output += rest if end else told

    @property
    def exit_code(self):
        assert self.status == 0
        return self.reports["ended"]["exit_code"]

    @property
    def error(self):
        return self.reports["error"]


def held(shell, *argv, **options):
    return Held(shell, argv, **options).end()


def test_a_program_runs_to_its_end(shell):
    said = held(shell, "/bin/sh", "-c", "echo out; echo err >&2; exit 3")
    assert (said.exit_code, said.output, said.errors) == (3, b"out\n", b"err\n")
    assert list(said.reports) == ["limits", "child", "uptime", "ended"]


def test_without_a_program_the_limits_are_told(shell):
    said = held(shell)
    assert (said.status, list(said.reports), said.output, said.errors) == (0, ["limits"], b"", b"")
    assert said.reports["limits"]["/proc/meminfo"].startswith("SwapTotal: ")


def test_words_reach_the_program_as_they_are(shell):
    words = ["a b", "", "*", "$HOME", "`id`", "\\n", "'\"", "line\nline", "-e", "ж", "--"]
    said = held(shell, sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
    assert said.output.decode() == f"{words}\n"


def test_the_environment_and_the_folder_are_those_of_the_shell(shell, tmp_path):
    env = {"PATH": os.environ["PATH"], "A": "x  y\n$z", "tfdocker": "mine", "name": "n", "IFS": "x"}
    code = "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))"
    said = held(shell, sys.executable, "-c", code, env=env, cwd=tmp_path)
    found, folder = json.loads(said.output)
    of_shells = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", "IFS"}
    assert {k: v for k, v in found.items() if k not in of_shells} == {
        k: v for k, v in env.items() if k != "IFS"
    }
    assert folder == str(tmp_path)


IGNORED = """
for line in open("/proc/self/status"):
    if line.startswith("SigIgn"):
        print([n for n in range(1, 32) if int(line.split()[1], 16) >> (n - 1) & 1])
import os
print(sorted(os.listdir("/proc/self/fd")), open("/proc/self/oom_score_adj").read())
"""


def test_a_program_inherits_no_ignored_signal_no_file_and_is_killed_first(shell):
    """Of signals only what Python's own start ignores; a file is the listing itself."""
    said = held(shell, sys.executable, "-c", IGNORED)
    assert said.output == b"[13, 25]\n['0', '1', '2', '3'] 1000\n\n"


def test_its_stdin_is_empty(shell):
    said = held(shell, sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))")
    assert said.output == b"''\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_a_signal_shows_as_shells_show_it(shell, number):
    said = held(shell, sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(number)})")
    assert said.exit_code == 128 + number


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1"])
def test_a_program_that_ends_its_whole_group_ends_as_it_says(shell, name):
    said = held(shell, "/bin/sh", "-c", f"trap '' {name}; kill -{name} 0; exit 5")
    assert (said.exit_code, said.errors) == (5, b"")


def test_a_program_that_kills_its_whole_group_is_told_as_killed(shell):
    assert held(shell, "/bin/sh", "-c", "kill -9 0").exit_code == 128 + 9


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("/no/such/program", "No such file or directory"),
        ("nowhere-on-path", "No such file or directory"),
        ("true ; false", "No such file or directory"),
        ("", "No such file or directory"),
        ("/", "Permission denied"),
        ("/etc/passwd", "Permission denied"),
    ],
)
def test_a_program_that_can_not_be_started_is_told(shell, name, error):
    said = held(shell, name)
    assert (said.error, said.exit_code, said.output, said.errors) == (error, 127, b"", b"")
    assert "child" not in said.reports


def program(path, text):
    path.write_bytes(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("text", [b"exit 0\n", b"\n#!/bin/sh\n", b" #!/bin/sh\n", b""])
def test_a_text_that_no_kernel_starts_is_not_started_by_the_shell(shell, tmp_path, text):
    assert held(shell, program(tmp_path / "entry", text)).error == "Exec format error"


@pytest.mark.parametrize("text", [b"#!/bin/sh\nexit 6", b"#! /bin/sh -e\nexit 6\n"])
def test_a_script_is_started_by_its_interpreter(shell, tmp_path, text):
    assert held(shell, program(tmp_path / "entry", text)).exit_code == 6


def test_what_the_kernel_refuses_is_told_by_the_shell_in_its_own_name(shell, tmp_path):
    said = held(shell, program(tmp_path / "entry", b"#!/no/such/shell\n"))
    assert said.exit_code in (126, 127)
    assert said.errors.startswith(b"tfdocker: ")


def test_a_name_is_looked_up_on_path_past_what_can_not_be_started(shell, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "prog").mkdir()
    (tmp_path / "b" / "prog").write_text("no program")
    program(tmp_path / "c" / "prog", b"#!/bin/sh\necho $0\n")
    path = f"{tmp_path}/none:{tmp_path}/a:{tmp_path}/b:{tmp_path}/c"
    said = held(shell, "prog", env={"PATH": path})
    assert said.output.decode() == f"{tmp_path}/c/prog\n"


def test_a_name_is_never_one_of_the_shell_s_own_commands(shell, tmp_path):
    assert held(shell, "echo", "x", env={"PATH": str(tmp_path)}).error.startswith("No such file")


def test_what_the_program_prints_does_not_break_a_report(shell):
    """Without an end of line, of many kilobytes, with every byte there is."""
    code = "import os; os.write(1, bytes(range(256)) * 1000); os.write(2, b'\\x1b[2J\\0')"
    said = held(shell, sys.executable, "-c", code)
    assert (said.exit_code, said.output, said.errors) == (0, bytes(range(256)) * 1000, b"\x1b[2J\0")


def test_the_cookie_stands_in_no_process_s_arguments(shell):
    code = (
        "import glob; print(b''.join(open(p, 'rb').read() for p in glob.glob('/proc/*/cmdline')))"
    )
    said = held(shell, sys.executable, "-c", code)
    assert b"read_files" in said.output
    assert COOKIE.encode()[10:] not in said.output


def test_a_signal_is_sent_to_the_program_by_a_line(shell):
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(5)); "
    code += "print('ready', flush=True); time.sleep(60)"
    one = Held(shell, [sys.executable, "-c", code])
    output = one.until(b"ready")
    pid = Said(output, b"", 0).reports["child"]
    one.send(b"nonsense\nTERM 999999\n\nTERM %d\n" % pid)
    assert one.end(output).exit_code == 5


def test_the_end_of_stdin_ends_it_all(shell):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); "
    one = Held(shell, [sys.executable, "-c", code + "time.sleep(60)"])
    one.until(b"ready")
    time.sleep(0.2)
    assert one.process.poll() is None
    begun = time.monotonic()
    one.process.stdin.close()
    one.process.wait(10)
    assert time.monotonic() - begun < 2
    one.close()


def test_the_end_of_stdin_ends_a_program_of_another_user(shell):
    """Whom a shell that is not root can't kill: PID 1 ends, and the kernel ends the rest."""
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("no setpriv here")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        su = Path(folder) / "su"
        shutil.copyfile(setpriv, su)
        su.chmod(0o4755)
        become = "--clear-groups", "--regid"
        root = [str(su), "--reuid", "0", *become, "0", "/bin/sh", "-c", "echo ready; sleep 60; :"]
        one = Held([setpriv, "--reuid", "65534", *become, "65534", *shell], root)
        one.until(b"ready")
        one.process.stdin.close()
        one.process.wait(10)
        one.close()


@pytest.mark.parametrize("sent", [b"", b"<tfd", COOKIE.encode() + b"\n"])
def test_an_end_of_stdin_before_the_start_ends_it(shell, sent):
    one = subprocess.run(
        [*NAMESPACE, *shell, *probe.holding_command(["/bin/sleep", "60"])[1:]],
        input=sent,
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (one.returncode, one.stdout) == (3, b"")


def test_its_own_deadline_ends_it_where_no_end_of_stdin_comes(shell):
    begun = time.monotonic()
    one = Held(shell, ["/bin/sleep", "60"], deadline_seconds=1)
    assert one.end().exit_code == 128 + 9
    assert 0.9 < time.monotonic() - begun < 10


def test_no_other_program_is_needed(shell, tmp_path):
    """PATH leads nowhere: commands that are no built-ins would not be found."""
    said = held(shell, "/bin/sh", "-c", "exit 4", env={"PATH": str(tmp_path)})
    assert (said.exit_code, said.errors) == (4, b"")


def test_zombies_that_the_program_leaves_are_reaped_and_change_nothing(shell):
    code = """if True:
        import os, time
        for _ in range(3):
            if os.fork() == 0:
                if os.fork() == 0:
                    time.sleep(0.1); os._exit(9)
                os._exit(0)
            os.wait()
        time.sleep(0.5)
        print(sum(open(f"/proc/{pid}/stat").read().split(") ")[1][0] == "Z"
              for pid in os.listdir("/proc") if pid.isdigit()))
        raise SystemExit(7)
    """
    said = held(shell, sys.executable, "-c", code)
    assert (said.exit_code, said.output) == (7, b"0\n")


# The control group, made of files


FILES_1 = {
    "memory/memory.limit_in_bytes": "67108864\n",
    "memory/memory.memsw.limit_in_bytes": "67108864\n",
    "memory/memory.max_usage_in_bytes": "1000\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    "cpu/cpu.cfs_quota_us": "50000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpu/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n",
    "cpuacct/cpuacct.usage": "5000000\n",
    "pids/pids.max": "77\n",
}
FILES_2 = {
    "memory.max": "67108864\n",
    "memory.swap.max": "0\n",
    "memory.peak": "1000\n",
    "memory.events": "low 0\noom_kill 0\n",
    "cpu.max": "50000 100000\n",
    "cpu.stat": "usage_usec 5000\nthrottled_usec 0\n",
    "pids.max": "max\n",
}
OWN_1 = "4:memory:{own}\n3:cpu,cpuacct:{own}\n2:pids:{own}\n1:name=systemd:{own}\n0::/\n"


@pytest.fixture
def control_group(tmp_path):
    """A shell line that lays these files over the control group of PID 1."""

    def lay(files, own, below=""):
        for name, text in files.items():
            controller, _, file = name.rpartition("/")
            path = tmp_path / "tree" / controller / below / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "own").write_text(own)
        return (
            f"mount --bind {tmp_path}/tree /sys/fs/cgroup && "
            f"mount --bind {tmp_path}/own /proc/1/cgroup"
        )

    return lay


@pytest.mark.parametrize("below", ["", "docker/0123"])
def test_version_1_is_read_from_its_own_group(shell, control_group, below):
    own = "/" + (below or "docker/0123")  # a container sees its own as the root, and its real name
    said = held(shell, before=control_group(FILES_1, OWN_1.format(own=own), below))
    found = said.reports["limits"]
    assert found.pop("/proc/meminfo").startswith("SwapTotal: ")
    assert found == FILES_1


@pytest.mark.parametrize(("own", "below"), [("/", ""), ("/a.slice/b", "a.slice/b")])
def test_version_2_is_read_from_its_own_group(shell, control_group, own, below):
    said = held(shell, before=control_group(FILES_2, f"0::{own}\n", below))
    found = said.reports["limits"]
    found.pop("/proc/meminfo")
    assert found == {f"./{name}": text for name, text in FILES_2.items()}


def test_counters_are_read_again_at_the_end(shell, control_group):
    before = control_group(FILES_2, "0::/\n")
    code = "printf 'oom_kill 2\\n' >/sys/fs/cgroup/memory.events"
    said = held(shell, "/bin/sh", "-c", code, before=before)
    assert said.reports["limits"]["./memory.events"] == "low 0\noom_kill 0\n"
    assert said.reports["ended"]["files"] == {
        "./memory.peak": "1000\n",
        "./memory.events": "oom_kill 2\n",
        "./cpu.stat": FILES_2["cpu.stat"],
    }


def test_what_can_not_be_read_is_left_out(shell, control_group):
    files = {"memory.max": "max\n"}
    said = held(shell, "/bin/sh", "-c", "exit 2", before=control_group(files, "0::/\n"))
    found = said.reports["limits"]
    found.pop("/proc/meminfo")
    assert found == {"./memory.max": "max\n"}
    assert (said.exit_code, said.reports["ended"]["files"]) == (2, {})
