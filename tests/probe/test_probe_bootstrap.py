"""The first program inside: its version gate, its protocol, its syntax."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from pytest_tfdocker import probe

COOKIE = "<tfdocker fedcba9876543210|"
PROGRAMS = sorted(
    path.stem for path in Path(probe.__file__).parent.glob("*.py") if path.stem != "__init__"
)
MAX_ARGUMENT_BYTES = 128 * 1024


def start(python, payload=b""):
    return subprocess.run(
        probe.command(python, COOKIE), input=payload, capture_output=True, timeout=60, check=False
    )


def answers(output):
    return output.decode().split(COOKIE)[1].split(COOKIE[::-1])[0]


def payload(*parts):
    header = json.dumps([[name, len(data)] for name, data in parts]).encode() + b"\n"
    return header + b"".join(data for _, data in parts)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_in_the_syntax_of_the_oldest_python(name):
    ast.parse(probe.source(name), feature_version=probe.OLDEST_PYTHON)


def test_every_program_compiles(python):
    code = "import json, sys; [compile(t, n, 'exec') for n, t in json.load(sys.stdin)]"
    done = subprocess.run(
        [python, "-W", "error", "-c", code],
        input=json.dumps([[name, probe.source(name)] for name in PROGRAMS]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_import_the_standard_library_and_each_other_alone(name):
    imported = set()
    for node in ast.walk(ast.parse(probe.source(name))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    foreign = {
        module
        for module in imported
        if not module.startswith("tfdocker_") and module not in STANDARD
    }
    assert foreign <= {"torch", "tensorflow", "onnxruntime", "jax", "numpy"}


STANDARD = {
    *("array", "base64", "bisect", "csv", "ctypes", "email.parser", "errno", "functools"),
    *(
        "hashlib",
        "importlib",
        "importlib.machinery",
        "io",
        "json",
        "mmap",
        "logging",
        "marshal",
        "math",
        "os",
        "platform",
        "posixpath",
    ),
    *("re", "resource", "select", "shlex", "signal", "socket", "stat"),
    *("subprocess", "sys", "threading"),
    *("time", "traceback", "types", "warnings", "zipfile", "zlib"),
}


def test_the_bootstrap_stays_far_below_what_an_argument_may_have():
    assert len(probe.source("bootstrap")) < MAX_ARGUMENT_BYTES // 16


def test_python_3_6_says_that_it_is_too_old(old_python):
    done = start(old_python(3, 6))
    assert json.loads(answers(done.stdout))["too_old"].startswith("3.6.")
    assert done.returncode == 0


def test_python_2_7_does_not_know_an_option_and_the_host_knows_its_complaint(old_python):
    done = start(old_python(2, 7))
    assert b"Unknown option: -I" in done.stderr


def test_python_2_7_without_that_option_says_that_it_is_too_old(old_python):
    program = probe.source("bootstrap")
    done = subprocess.run(
        [old_python(2, 7), "-B", "-c", program, COOKIE], capture_output=True, check=False
    )
    assert json.loads(answers(done.stdout))["too_old"].startswith("2.7.")


def test_modules_files_and_plan_arrive_whole(python):
    main = b"import tfdocker_one as one\ndef main(plan, files, report):\n"
    main += b" report([one.VALUE, plan, {name: len(data) for name, data in files.items()}])\n"
    big = bytes(range(256)) * 8192
    sent = payload(
        ("module:one", "VALUE = 'é'".encode()),
        ("module:two", main),
        ("file:big.bin", big),
        ("file:empty", b""),
        ("plan:two", b'{"key": 1}'),
    )
    done = start(python, sent)
    assert json.loads(answers(done.stdout)) == ["é", {"key": 1}, {"big.bin": len(big), "empty": 0}]


def test_a_crash_is_reported_with_its_traceback(python):
    sent = payload(
        ("module:one", b"def main(plan, files, report):\n 1 / 0\n"), ("plan:one", b"null")
    )
    told = json.loads(answers(start(python, sent).stdout))
    assert told["crash"].rstrip().endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize("sent", [b"", b"[[", b'[["plan:one", 100]]\nshort'])
def test_a_stdin_that_ends_too_soon_ends_the_program_without_a_word(end_python, sent):
    done = start(end_python, sent)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")


def test_no_byte_code_is_written(end_python, tmp_path):
    sent = payload(
        ("module:one", b"def main(plan, files, report):\n report(plan)\n"), ("plan:one", b"1")
    )
    command = probe.command(end_python, COOKIE)
    subprocess.run(command, input=sent, cwd=tmp_path, capture_output=True, check=True)
    assert list(tmp_path.iterdir()) == []
