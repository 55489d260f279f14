"""--tfdocker-image tar:FILE and oci:DIR, on a machine where no engine answers."""

import json
import os
import re

import pytest
from archives import Layout, file, gone, link, tar

NEEDS_A_RUN = "needs a run, and the image is given as a file"
SETTINGS = """
[size]
total = "{total}"
wasted = "1 kB"
[run]
cpus = 1
[[smoke]]
name = "a"
command = ["python", "-V"]
"""
SITE = "usr/lib/python3.11/site-packages"
INFO = f"{SITE}/small-1.0.dist-info"
ODD = "esc\x1b[31m\nnew"
PYTHON = tar(
    file("usr/bin/python3.11", b"\x7fELF\0" + b"3.11.2\0" + b"0" * 100, mode=0o755),
    link("usr/bin/python3", "python3.11"),
    file("usr/lib/python3.11/os.py", b"import sys\n"),
    file("usr/lib/python3.11/site.py", b"import sys\n"),
    file(f"{INFO}/METADATA", b"Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"),
    file(f"{INFO}/RECORD", b"small.py,,\n"),
    file(f"{SITE}/small.py", b"#" * 100),
    file(f"data/{ODD}", b"1" * 5000),
)
LATER = tar(gone(f"data/{ODD}"))
CONFIG = {"Cmd": ["/usr/bin/python3", "-m", "small"], "Env": ["PATH=/usr/bin"]}


def raw_controls(text):
    """Control characters that a terminal would act on; pytester's own runs have no colours."""
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


@pytest.fixture(
    params=[(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["alone", "-n 2"]
)
def workers(request):
    return request.param


@pytest.fixture
def judged(project, image):  # noqa: ARG001
    """Runs a project with an image in a file; whatever is printed has no control character."""

    def run(given, *arguments, total="1 MB"):
        project.write("tfdocker.toml", SETTINGS.format(total=total))
        project.write("test_plain.py", "def test_plain(): pass\n")
        result = project.run_apart(
            "--tfdocker", f"--tfdocker-image={given}", "--tfdocker-json=out.json", *arguments
        )
        assert raw_controls(result.stdout.str() + result.stderr.str()) == []
        assert "Traceback" not in result.stdout.str() + result.stderr.str()
        return result

    return run


@pytest.fixture
def image(project):
    """An image in a tar, with a Python and a file that a later layer deletes."""
    layout = Layout().add([PYTHON, LATER], name="docker.io/library/app:ci", config=CONFIG)
    (project.folder / "image.tar").write_bytes(layout.tar())
    layout.write(project.folder / "layout")
    return layout


def seldom(*values):
    """What tests/unit/archive holds already, and is run whole by all tests alone."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize("given", ["tar:image.tar:app:ci", *seldom("oci:layout")])
def test_a_file_is_judged_without_an_engine(project, judged, workers, given):
    result = judged(given, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = project.report()
    assert (report["engine"], report["platform"]) == (None, "linux/amd64")
    assert report["interpreter"]["version"] == "3.11.2"
    assert [one["name"] for one in report["size"]["distributions"]] == ["small"]
    outcomes, messages = project.outcomes(), project.messages()
    assert outcomes["size[total]"] == outcomes["conflicts"] == "passed"
    assert messages["size[wasted]"] == (
        "5.0 kB, 4.0 kB over 1.0 kB\n"
        "  5.0 kB  /data/esc\\x1b[31m\\nnew  COPY 0 /  deleted by COPY 1 /\n"
        "  mend: delete it in the instruction that writes it; a later one frees nothing\n"
        "  which layers are the base's can't be told: all are counted"
    )
    skipped = {one for one, text in messages.items() if text == NEEDS_A_RUN}
    assert skipped == {
        *("import[undeclared]", "gpu-visible", "limits", "threads", "peak-memory[a]")
    }
    assert result.parseoutcomes()["passed"] >= 3


TESTS = """
import pytest
from pytest_tfdocker import (
    assert_image_size, assert_importable, assert_no_conflicts, assert_package_size
)

def test_there(tfdocker_image):
    assert tfdocker_image.evidence.engine is None
    assert_image_size(tfdocker_image, "1 MB", layer="1 MB", wasted="10 kB")
    assert_package_size(tfdocker_image, "small", "1 MB")
    assert_no_conflicts(tfdocker_image)

def test_too_large(tfdocker_image):
    with pytest.raises(pytest.fail.Exception, match="kB over 1.0 kB"):
        assert_image_size(tfdocker_image, "1 kB")

def test_import(tfdocker_image):
    assert_importable(tfdocker_image, "small")

def test_run(tfdocker_run):
    tfdocker_run(["python", "-V"])

def test_service(tfdocker_service):
    tfdocker_service(ports=[80])
"""


def test_fixtures_and_asserts_do_what_needs_no_run(project, judged, workers):
    project.write("test_own.py", TESTS)
    result = judged("tar:image.tar", "-rs", *workers, "-k", "test_own")
    result.assert_outcomes(passed=2, skipped=3)
    assert result.stdout.str().count(NEEDS_A_RUN) >= 1
    result.stdout.fnmatch_lines([f"SKIPPED *: {NEEDS_A_RUN}"])


COUNTING = """
import pytest_tfdocker.evidence.archived as archived
real = archived.read_archived
def read(*arguments, **more):
    with open("read.log", "a") as log:
        log.write("once\\n")
    return real(*arguments, **more)
archived.read_archived = read
"""


@pytest.mark.slow
def test_the_file_is_read_once_a_run_and_not_again_in_the_next(project, judged, workers):
    project.write("conftest.py", COUNTING)
    project.write("test_own.py", TESTS)
    for _ in range(2):
        judged("tar:image.tar", *workers)
    assert project.read("read.log") == "once\n"
    layout = Layout().add([PYTHON, LATER, LATER], config=CONFIG)
    (project.folder / "image.tar").write_bytes(layout.tar())
    judged("tar:image.tar", *workers)
    assert project.read("read.log") == "once\nonce\n"


def broken(image, name):
    """Files that can't be judged, and what is said of them, behind the file's name."""
    whole = image.tar()
    header = whole.index(b"ustar", 2000) - 257
    missing = dict(image.all())
    layer = next(key for key, data in missing.items() if data == LATER)
    del missing[layer]
    escape = [{"Config": "\x1b[31mred", "Layers": []}]
    return {
        "cut": (whole[:5000], "it is cut off or broken: unexpected end of data"),
        "header": (
            whole[:header] + b"\xff" + whole[header + 1 :],
            "it is cut off or broken: bad checksum",
        ),
        "empty": (b"", "it is cut off or broken: it lacks its end"),
        "text": (b"hello\n" * 500, "it is cut off or broken: invalid header"),
        "xz": (b"\xfd7zXZ\0" * 99, "it is packed with xz, which is not read: unpack it first"),
        "missing": (
            tar(*(file(key, data) for key, data in missing.items())),
            f"layer 2 of 2 is missing in it: {layer}",
        ),
        "no image": (
            tar(file("a", b"1")),
            "no image is in it: neither manifest.json nor index.json",
        ),
        "escapes": (
            tar(file("manifest.json", json.dumps(escape).encode())),
            "\\x1b[31mred is missing in it",
        ),
    }[name]


@pytest.mark.parametrize(
    "name", ["cut", *seldom("escapes", "header", "empty", "text", "xz", "missing", "no image")]
)
def test_a_file_that_is_broken_is_one_error(project, image, judged, name):
    data, text = broken(image, name)
    (project.folder / "bad.tar").write_bytes(data)
    result = judged("tar:bad.tar")
    assert_one_error(project, result, f"bad.tar can't be judged: {text}")
    assert f"\n  {project.folder / 'bad.tar'}" in project.messages()["size[total]"]


def assert_one_error(project, result, text):
    outcomes, messages = project.outcomes(), project.messages()
    errors = [one for one, outcome in outcomes.items() if outcome == "error"]
    assert len(errors) == 1
    others = {outcome for one, outcome in outcomes.items() if one not in errors}
    assert others == {"skipped"}
    lines = [line.strip() for line in messages[errors[0]].split("\n")]
    assert text in lines
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1, skipped=len(outcomes) - 1, passed=1)


@pytest.mark.slow
def test_one_error_under_workers_and_tests_of_its_own_are_told(project, judged):
    (project.folder / "bad.tar").write_bytes(b"")
    project.write("test_own.py", "def test_own(tfdocker_image): pass\n")
    result = judged("tar:bad.tar", "-n", "2")
    errors = [one for one, outcome in project.outcomes().items() if outcome == "error"]
    assert len(errors) == 1
    result.assert_outcomes(errors=2, skipped=len(project.outcomes()) - 1, passed=1)
    result.stdout.fnmatch_lines(["bad.tar can't be judged: it is cut off or broken: it lacks*"])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("tar:no\x1b[31m.tar", "there is no {folder}/no\\x1b[31m.tar"),
        pytest.param("oci:nowhere", "there is no {folder}/nowhere", marks=pytest.mark.slow),
        ("tar:image.tar:other", "image.tar can't be judged: no image in it is named other"),
        pytest.param(
            f"tar:{'n' * 300}", "there is no {folder}/" + "n" * 300, marks=pytest.mark.slow
        ),
    ],
)
def test_a_file_or_a_name_that_is_nowhere_is_one_error(project, judged, given, text):
    result = judged(given)
    assert_one_error(project, result, text.replace("{folder}", str(project.folder)))


@pytest.mark.slow
def test_a_file_that_may_not_be_read_is_told(project, judged):
    if os.geteuid() == 0:
        (project.folder / "image.tar").unlink()
        (project.folder / "image.tar").symlink_to("/proc/self/mem")
        text = "image.tar can't be read: Input/output error"
    else:
        (project.folder / "image.tar").chmod(0)
        text = "image.tar can't be read: Permission denied"
    assert_one_error(project, judged("tar:image.tar"), text)


def test_what_an_image_says_of_itself_is_printed_without_control_characters(project, judged):
    red = "\x1b[31mred"
    layout = Layout().add(
        [PYTHON, LATER],
        name=f"app:{red}",
        os=f"linux{red}",
        config={"Cmd": [red], "Env": ["PATH=/usr/bin"], "WorkingDir": f"/{red}"},
        history=[{"created_by": f"COPY {red}"}, {"created_by": f"RUN {red}"}],
    )
    (project.folder / f"im{red}.tar").write_bytes(layout.tar())
    result = judged(f"tar:im{red}.tar")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["tfdocker: tar:*/im\\x1b[[]31mred.tar sha256:*"])


def test_a_limit_is_looked_for_on_an_engine_alone(project, judged, workers):
    result = judged("tar:image.tar", "--tfdocker-fit", "-k", "peak-memory", *workers)
    assert result.ret == 0
    reason = "needs an engine, and the image is given as a file"
    assert f"  a: no limit found: {reason}" in result.outlines
    assert project.report()["runs"] == []
