"""What a user gets wrong: told by the first line, mended by the rest, no harm to their tests."""

import re
import sys

import pytest

pytestmark = pytest.mark.engine

SMOKE = '[[tool.tfdocker.smoke]]\nname = "one"\nscript = "smoke.py"\ntimeout = "60 s"\n'
STARTED = r"  (?:start [\d.]+ MiB in TIME \| )?"
"""A start that takes its time, as on an emulated processor, is a phase of its own."""
ONLY_SMOKE = ("-k", "peak-memory or own")
ONLY_BUILD = ("-k", "build or parity or own")
NO_PYTHON = "the image has no Python: the probe needs one, 3.7 or newer"


@pytest.fixture(autouse=True)
def _nothing_of_ours_is_seen(user_project, monkeypatch):
    """After every run: the user's own test has passed, no traceback of ours, no container."""
    judge = user_project.judge

    def judge_and_look(*arguments):
        said = judge(*arguments)
        assert "pytest_tfdocker/" not in said.output
        assert "INTERNALERROR" not in said.output
        assert said.left == []
        assert said.tests == {"test_own": "passed"} or said.exit_code == 4
        return said

    monkeypatch.setattr(user_project, "judge", judge_and_look)


def build_text(said):
    """The text of a failed build, its time left out. The other checks have nothing to judge."""
    assert said.exit_code == 1
    assert said.broken == {"build"}
    assert {said.headlines[one] for one in said.skipped} == {"not built"}
    assert f"FAILED Dockerfile::build - {said.headlines['build']}"[:75] in said.output
    return re.sub(r", after [\d.]+ m?s$", "", said.texts["build"], flags=re.MULTILINE)


def smoke_text(said, *, outcome="failed"):
    """The text of a failed smoke, times left out."""
    assert said.exit_code == 1
    assert said.outcomes == {"peak-memory[one]": outcome}
    return re.sub(r"\b[\d.]+ m?s\b", "TIME", said.texts["peak-memory[one]"])


# The build


@pytest.mark.usefixtures("each_builder")
def test_a_step_that_fails_is_told_with_its_last_lines(user_project, small_image):
    user_project.write(
        "Dockerfile",
        f"FROM {small_image}\n\nRUN for i in 1 2 3; do echo line $i >&2; done; exit 7\n",
    )
    lines = build_text(user_project.judge()).splitlines()
    assert lines[0] == "exit code 7, Dockerfile:3: RUN for i in 1 2 3; do echo line…"
    assert lines[1] == ("  step [2/2] RUN for i in 1 2 3; do echo line $i >&2; done; exit 7")
    assert lines[-4:] == [
        "  last lines of its output:",
        "    line 1",
        "    line 2",
        "    line 3",
    ]


@pytest.mark.usefixtures("each_builder")
def test_a_step_that_fails_is_told_with_its_line_whatever_the_file_is_called(
    user_project, small_image
):
    user_project.write("tfdocker.toml", 'dockerfile = "docker/app one.build"\n')
    user_project.write("docker/app one.build", f"FROM {small_image}\n\nRUN exit 7\n")
    said = user_project.judge(*ONLY_BUILD)
    assert said.headlines["build"] == "exit code 7, docker/app one.build:3: RUN exit 7"


@pytest.mark.parametrize("cli", [False, True], ids=["no CLI", "CLI without plugins"])
def test_a_dockerfile_that_needs_buildkit_names_the_line_where_there_is_none(
    user_project, small_image, cli, tmp_path, request
):
    path = user_project.environment["PATH"]
    request.getfixturevalue("without_docker_cli")
    what = "no docker CLI is on PATH"
    if cli:
        user_project.environment["PATH"] = str(tmp_path)
        docker = user_project.write("../docker", "#!/bin/sh\necho '[]'\n")
        docker.chmod(0o755)
        what = f"{tmp_path}/docker has no buildx plugin"
    user_project.write("Dockerfile", f"FROM {small_image}\nRUN --mount=type=cache,target=/c true\n")
    assert path != user_project.environment["PATH"]
    assert build_text(user_project.judge()) == (
        "Dockerfile:2 RUN --mount needs buildx, which isn't here\n"
        f"  {what}, and the API's own builder is not BuildKit\n"
        "  install the docker CLI with its buildx plugin (package docker-buildx or "
        "docker-buildx-plugin)"
    )


@pytest.mark.usefixtures("each_builder")
def test_a_base_that_cannot_be_pulled_is_named_with_its_line(user_project):
    user_project.write("Dockerfile", "# The team's\nFROM registry.invalid/team/base:1.2\n")
    lines = build_text(user_project.judge()).splitlines()
    assert lines[0] == "Dockerfile:2: can't pull registry.invalid/team/base:1.2"
    assert "registry.invalid" in lines[-2]
    assert lines[-1] == (
        "  `docker pull registry.invalid/team/base:1.2` must work here: check the name, `docker "
        "login` for a private registry, and the network; or name a base that the engine has"
    )


@pytest.mark.usefixtures("each_builder")
def test_an_instruction_that_does_not_exist_is_told_with_its_line(user_project, small_image):
    user_project.write("Dockerfile", f"FROM {small_image}\nRUNN true\n")
    assert build_text(user_project.judge()) == (
        "Dockerfile:2: unknown instruction: RUNN (did you mean RUN?)"
    )


@pytest.mark.parametrize(
    ("each_builder", "ignoring"),
    [
        ("buildx", ".dockerignore"),
        ("classic", ".dockerignore"),
        ("buildx", "Dockerfile.dockerignore"),
    ],
    indirect=["each_builder"],
)
@pytest.mark.usefixtures("each_builder")
def test_a_dockerignore_that_hides_the_requirements_is_blamed(user_project, small_image, ignoring):
    user_project.write("Dockerfile", f"FROM {small_image}\nCOPY requirements.txt /\n")
    user_project.write("requirements.txt", "requests==2.31.0\n")
    user_project.write(ignoring, "*.txt\n")
    lines = build_text(user_project.judge(*ONLY_BUILD)).splitlines()
    assert lines[0] == "Dockerfile:2: requirements.txt isn't in the build context"
    assert lines[1] == "  step [2/2] COPY requirements.txt /"
    assert lines[-1] == (f"  it is in {user_project.folder}, so a line of {ignoring} leaves it out")


@pytest.mark.usefixtures("each_builder")
def test_a_target_that_is_no_stage_is_told_with_those_that_are(user_project, small_image):
    lines = f"FROM {small_image} AS builder\nFROM {small_image}\n"
    user_project.write("Dockerfile", lines)
    user_project.write("pyproject.toml", '[tool.tfdocker.build]\ntarget = "runtime"\n')
    text = build_text(user_project.judge(*ONLY_BUILD))
    assert text.startswith("no stage is named runtime\n")
    assert text.endswith(
        "\n  `target` in [tool.tfdocker.build] asks for it; the stages are builder, 1"
    )


@pytest.mark.usefixtures("each_builder")
def test_a_file_that_is_not_there_is_not_blamed_on_dockerignore(user_project, small_image):
    user_project.write("Dockerfile", f"FROM {small_image}\nCOPY requirements.txt /\n")
    lines = build_text(user_project.judge(*ONLY_BUILD)).splitlines()
    assert lines[0] == "Dockerfile:2: requirements.txt isn't in the build context"
    assert lines[-1] == (
        f"  nor is it in {user_project.folder}; `context` in [tool.tfdocker] names another folder"
    )


@pytest.mark.usefixtures("each_builder")
def test_a_file_that_another_stage_lacks_is_told_with_the_stage(user_project, small_image):
    user_project.write(
        "Dockerfile",
        f"FROM {small_image} AS models\nFROM {small_image}\nCOPY --from=models /model.bin /\n",
    )
    assert build_text(user_project.judge(*ONLY_BUILD)).splitlines()[0] == (
        "Dockerfile:3: models has no /model.bin"
    )


def test_a_dockerfile_that_is_not_there_is_an_error_once(user_project):
    said = user_project.judge()
    assert said.exit_code == 1
    assert said.broken == {"build"}
    assert said.outcomes["build"] == "error"
    assert said.texts["build"] == (
        "there is no Dockerfile\n"
        f"  looked in {user_project.folder}\n"
        "  set `dockerfile` in [tool.tfdocker], or judge an image that is built already:\n"
        "  pytest --tfdocker --tfdocker-image REFERENCE"
    )
    assert {said.headlines[one] for one in said.skipped} == {said.headlines["build"]}


UNREADABLE = {"Is a directory": lambda path: path.mkdir()}
if sys.platform == "linux":
    # That can't be read from its beginning, not even by root
    UNREADABLE["Input/output error"] = lambda path: path.symlink_to("/proc/self/mem")


@pytest.mark.parametrize(("reason", "make"), UNREADABLE.items(), ids=UNREADABLE)
def test_a_dockerfile_that_cannot_be_read_is_an_error_once(user_project, reason, make):
    make(user_project.folder / "Dockerfile")
    said = user_project.judge()
    assert said.exit_code == 1
    assert said.broken == {"build"}
    assert said.texts["build"] == (
        f"Dockerfile can't be read: {reason}\n  {user_project.folder}/Dockerfile"
    )


def test_a_dockerfile_that_is_not_utf_8_is_built(user_project, small_image):
    text = f"# caf\xe9\nFROM {small_image}\nLABEL a=caf\xe9\n".encode("latin-1")
    user_project.write("Dockerfile", text)
    assert user_project.judge(*ONLY_BUILD).outcomes["build"] == "passed"


# The image


def test_a_reference_that_nobody_has_is_told_with_the_registrys_answer(user_project):
    said = user_project.judge("--tfdocker-image=registry.invalid/team/app:ci")
    assert (said.exit_code, len(said.broken)) == (1, 1)
    first, answer, advice = said.texts["pinned"].splitlines()
    assert first == "no image registry.invalid/team/app:ci"
    assert answer.startswith("  the engine has none of that name, and can't pull it: ")
    assert advice == "  build or load it first, or mend the name: a tag, a digest or an id"


def test_an_id_that_the_engine_has_not_is_not_asked_of_a_registry(user_project):
    unknown = f"sha256:{'0' * 64}"
    said = user_project.judge(f"--tfdocker-image={unknown}")
    assert (said.exit_code, len(said.broken)) == (1, 1)
    assert said.texts["pinned"] == (
        "no image sha256:0000000000000000000000000000000000000000000…\n"
        f"  no image {unknown}\n"
        "  the engine has none of that id: build or load it first, or name a tag"
    )


def test_a_reference_that_is_none_is_a_usage_error(user_project):
    said = user_project.judge("--tfdocker-image=Not A Name")
    assert said.exit_code == 4
    assert said.output.splitlines()[:2] == [
        "ERROR: tfdocker:",
        "--tfdocker-image: expected a tag, a digest or an id, "
        "tar:FILE or oci:DIR, found 'Not A Name'",
    ]


def test_an_image_without_python_is_built_and_its_size_is_known(user_project):
    user_project.write("Dockerfile", "FROM scratch\nCOPY hello.txt /\n")
    user_project.write("hello.txt", "hello")
    user_project.write("pyproject.toml", '[tool.tfdocker.size]\ntotal = "1 MB"\n')
    said = user_project.judge()
    assert said.exit_code == 1
    assert said.broken == {"conflicts", "import[undeclared]"}
    text = (
        f"{NO_PYTHON}\n"
        "  no Python: the image has no ENTRYPOINT or CMD\n"
        "  `python` in [tool.tfdocker] names one that stands elsewhere\n"
        '  where none is meant to be there: conflicts = "off", import = "off" in '
        "[tool.tfdocker.checks]"
    )
    assert {said.texts[one] for one in said.broken} == {text}
    assert said.outcomes["size[total]"] == "passed"
    assert said.measured["size[total]"] == 5

    given = user_project.judge(f"--tfdocker-image={user_project.tag}")
    assert given.exit_code == 1
    assert {given.texts[one] for one in given.broken} == {text}


ANSWERS_AS_36 = """#!/bin/sh
# Any Python 3 can say so: the bootstrap is in its syntax, and gives the cookie and its reverse
exec /usr/bin/real-python3 -c '
import sys
cookie = sys.argv[1]
print(cookie + "{\\"too_old\\": \\"3.6.15\\"}" + cookie[::-1])
' "$6"
"""
ANSWERS_AS_27 = "#!/bin/sh\necho 'Unknown option: -I' >&2\nexit 2\n"


@pytest.fixture
def with_python(user_project, small_image):
    """The small image with another program in the place of its Python."""

    def make(program, *more):
        user_project.write("python", program).chmod(0o755)
        lines = [
            f"FROM {small_image}",
            "RUN mv /usr/bin/python3.11 /usr/bin/real-python3 && rm /usr/bin/python*",
            "COPY python /usr/bin/python3",
            *more,
        ]
        user_project.write("Dockerfile", "\n".join(lines))

    return make


@pytest.mark.parametrize(
    ("program", "version"), [(ANSWERS_AS_36, "3.6.15"), (ANSWERS_AS_27, "2")], ids=["3.6", "2.7"]
)
def test_a_python_that_is_too_old_is_named(user_project, with_python, program, version):
    with_python(program)
    said = user_project.judge()
    assert said.exit_code == 1
    assert said.outcomes["build"] == "passed"
    assert {said.texts[one] for one in said.broken} == {
        f"the image's Python is {version}: the probe needs 3.7 or newer\n"
        "  /usr/bin/python3 is a script: only a run tells which Python it starts\n"
        "  `python` in [tool.tfdocker] names a newer one, where the image has one elsewhere"
    }


@pytest.mark.parametrize("program", [ANSWERS_AS_36, ANSWERS_AS_27], ids=["3.6", "2.7"])
def test_a_newer_python_behind_one_that_is_too_old_serves_the_probe(
    user_project, with_python, program
):
    with_python(program, "RUN ln -s real-python3 /usr/bin/python")
    user_project.write("pyproject.toml", '[tool.tfdocker.size]\nwasted = "50 MB"\n')
    said = user_project.judge()
    assert said.outcomes["size[wasted]"] == "passed"


def test_a_python_for_another_processor_is_told_as_such(user_project, with_python):
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00\x01\x00\x00\x00" + bytes(100)
    with_python(header)
    said = user_project.judge()
    assert said.exit_code == 1
    assert {said.texts[one] for one in said.broken} == {
        "no inventory: exec format error, python3 doesn't run here\n"
        "  the image is built for another processor: set `platform` in [tool.tfdocker.build], or "
        "teach the engine's host to emulate it (binfmt)"
    }


RUNS_OUT_OF_MEMORY = """#!/bin/sh
# Runs the probe that it is given; one of its functions fails as it would in want of memory
exec /usr/bin/real-python3 -B -I -S -c '
import builtins, sys
real = builtins.compile
def compile(text, name, *more, **how):
    if name == "<tfdocker MODULE>":
        text += "\\ndef fails(*_): raise MemoryError()\\nFUNCTION = fails"
    return real(text, name, *more, **how)
builtins.compile = compile
bootstrap = sys.argv.pop()
exec(bootstrap)
' "$6" "$5"
"""


@pytest.mark.parametrize(
    ("module", "function"),
    [("files", "Walk.run"), ("distributions", "everything"), ("identical", "compare")],
)
def test_a_probe_that_fails_is_told_whichever_of_its_reports_it_was_at(
    user_project, with_python, module, function
):
    with_python(RUNS_OUT_OF_MEMORY.replace("MODULE", module).replace("FUNCTION", function))
    said = user_project.judge()
    assert said.exit_code == 1
    (text,) = {said.texts[one] for one in said.broken}
    first, second, third, *_, last = text.splitlines()
    assert first == "the probe failed inside the image: MemoryError"
    assert second == "  a defect of pytest-tfdocker: please report it, with this:"
    assert (third, last) == ("  Traceback (most recent call last):", "  MemoryError")
    assert said.left == []


# The smoke run


@pytest.fixture
def smoke(user_project, small_image):
    """Judges the small image by a smoke script."""

    def judge(script, settings="", timeout="60 s"):
        user_project.write("pyproject.toml", settings + SMOKE.replace("60 s", timeout))
        user_project.write("smoke.py", script)
        return user_project.judge(f"--tfdocker-image={small_image}", *ONLY_SMOKE)

    return judge


def test_a_smoke_that_ends_badly_shows_its_last_lines(smoke):
    script = "import sys\nfor n in range(12): print('row', n, file=sys.stderr)\nsys.exit(3)\n"
    lines = smoke_text(smoke(script)).splitlines()
    assert lines[:2] == ["exit code 3: row 11", "  after TIME: /usr/bin/python3 smoke.py"]
    assert re.fullmatch(r"  run ≥ [\d.]+ [KM]iB in TIME", lines[2])
    assert lines[3:] == [
        "  no memory limit is set",
        "  last lines of stderr:",
        "    … 2 more above",
        *(f"    row {n}" for n in range(2, 12)),
    ]


def test_an_exception_in_a_smoke_names_the_line_of_the_script(smoke):
    lines = smoke_text(smoke("def load():\n    raise ValueError('no weights')\nload()\n"))
    assert lines.splitlines()[0] == "exit code 1: ValueError: no weights"
    assert '      File "smoke.py", line 2, in load\n' in lines


def test_a_smoke_that_hangs_is_stopped_and_told_with_its_phase(smoke):
    script = "import time\nprint('tfdocker: phase load', flush=True)\ntime.sleep(90)\n"
    lines = smoke_text(smoke(script, timeout="5 s")).splitlines()
    assert lines[0] == 'TIME are over, stopped in "load"'
    assert re.fullmatch(STARTED + r"load ≥ [\d.]+ MiB in TIME", lines[1])
    assert lines[2:] == [
        "  no memory limit is set",
        "  mend what waits, or raise the smoke's `timeout`; no network is there unless run.network "
        "is set",
        "  last lines of stdout:",
        "    tfdocker: phase load",
    ]


OOM = """
import time
print("tfdocker: phase import", flush=True)
time.sleep(0.1)
print("tfdocker: phase load", flush=True)
taken = []
while True:
    taken.append(b"x" * (1 << 20))
    time.sleep(0.002)
"""


def test_a_smoke_that_is_oom_killed_tells_phase_peak_limit_and_what_to_do(smoke):
    said = smoke(OOM, '[tool.tfdocker.run]\nmemory = "64 MiB"\n')
    lines = smoke_text(said).splitlines()
    peak = re.fullmatch(
        r'OOM-killed in "load" at ([\d.]+) MiB, SIGKILL \(exit code 137\)', lines[0]
    )
    assert peak
    assert 50 <= float(peak[1]) <= 64
    phases = STARTED + r"import [\d.]+ MiB in TIME \| load ≥ [\d.]+ MiB in TIME"
    assert re.fullmatch(phases, lines[1])
    assert re.fullmatch(r"  python3 \(pid \d+\) killed", lines[2])
    largest = re.fullmatch(r"  largest then: python3 \(pid \d+\) (\d+) MiB", lines[3])
    assert largest
    assert 30 <= int(largest[1]) <= 64
    limit = r"  limit 64 MiB from pyproject.toml:2, in force, (swap off|no swap on this machine)"
    assert re.fullmatch(limit + "; page cache not counted", lines[4])
    assert lines[5:] == [
        "  the kernel's own peak, page cache counted: 64 MiB",
        '  find the limit: pytest --tfdocker --tfdocker-fit -k "peak-memory[one]"',
        "  last lines of stdout:",
        "    tfdocker: phase import",
        "    tfdocker: phase load",
    ]
    (run,) = said.image["runs"]
    assert (run["oom_killed"], run["exit_code"]) == (True, 137)


def test_what_a_terminal_would_act_on_is_escaped(smoke):
    written = rb"\x1b[31mred\x1b[0m \xff\xfe bad\x07 \x00 nul\r\xe2\x80\xae rtl\n"
    said = smoke(f"import sys\nsys.stderr.buffer.write(b'{written.decode()}')\nsys.exit(2)\n")
    lines = smoke_text(said).splitlines()
    assert lines[0] == r"exit code 2: \x1b[31mred\x1b[0m �� bad\x07 \x00 nul \u202e…"
    assert lines[-1] == r"    \x1b[31mred\x1b[0m �� bad\x07 \x00 nul\r\u202e rtl"
    assert {letter for letter in said.output if not letter.isprintable()} == {"\n"}


def test_a_command_that_the_image_lacks_is_named(user_project, small_image):
    user_project.write(
        "pyproject.toml",
        '[[tool.tfdocker.smoke]]\nname = "one"\ncommand = ["uvicorn", "app:app"]\n',
    )
    said = user_project.judge(f"--tfdocker-image={small_image}", *ONLY_SMOKE)
    assert smoke_text(said) == ("uvicorn: No such file or directory\n  command: uvicorn app:app")
    assert said.image["runs"][0]["peak_bytes"] is None


def test_a_smoke_in_an_image_without_python_is_an_error(user_project):
    user_project.write("Dockerfile", "FROM scratch\nCOPY smoke.py /\n")
    user_project.write("smoke.py", "")
    user_project.write("pyproject.toml", SMOKE)
    said = user_project.judge(*ONLY_SMOKE)
    assert smoke_text(said, outcome="error").splitlines()[0] == NO_PYTHON


# The files


def judged_files(user_project, small_image, *arguments):
    user_project.write("Dockerfile", f"FROM {small_image}\n")
    return user_project.judge("-k", "pinned or parity or own", *arguments)


def test_a_requirements_file_that_is_not_there_is_named(user_project, small_image):
    user_project.write("pyproject.toml", '[tool.tfdocker.dependencies]\nfiles = ["req/prod.txt"]\n')
    user_project.write("req/production.txt", "")
    said = judged_files(user_project, small_image)
    assert said.exit_code == 4
    assert (
        "pyproject.toml:2: tool.tfdocker.dependencies.files[1]: "
        f"no file 'req/prod.txt' in {user_project.folder}; did you mean 'req/production.txt'?"
    ) in said.output


def test_lines_of_requirements_that_cannot_be_read_are_told_each(user_project, small_image):
    user_project.write(
        "requirements.txt",
        b"requests==2.31.0\nthis is ??? no == line\n\xff\xfe==1\n-r missing.txt\n",
    )
    said = judged_files(user_project, small_image)
    assert said.exit_code == 1
    lines = said.texts["pinned"].splitlines()
    assert lines[0] == "3 lines can't be read: requirements.txt:2, requirements.txt…"
    assert [line.partition(": ")[0] for line in lines[1:4]] == [
        "  requirements.txt:2 'this is ??? no == line'",
        "  requirements.txt:3 'ÿþ==1'",
        "  requirements.txt:4 'missing.txt'",
    ]
    assert lines[3].endswith(": no such file")
    assert said.headlines["parity"] == "1 of 1 is missing: requests 2.31.0"


@pytest.mark.parametrize(
    ("compose", "text"),
    [
        (
            "services:\n  app:\n    image: [\n",
            "compose.yaml:4: not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "services:\n  app:\n    build: .\n    mem_limit: lots\n",
            "compose.yaml:4: services.app.mem_limit: expected a byte value such as 4G or 512m, "
            "found 'lots'",
        ),
        (b"services:\n  app: \xff\n", "compose.yaml: not UTF-8 at byte 17"),
        (
            None,
            "pyproject.toml:2: tool.tfdocker.compose: no file 'compose.yaml' in FOLDER",
        ),
    ],
    ids=["no YAML", "no size", "no text", "no file"],
)
def test_a_compose_file_that_is_broken_is_a_usage_error(user_project, small_image, compose, text):
    user_project.write("Dockerfile", f"FROM {small_image}\n")
    user_project.write("pyproject.toml", '[tool.tfdocker]\ncompose = "compose.yaml"\n')
    if compose is not None:
        user_project.write("compose.yaml", compose)
    said = user_project.judge()
    assert said.exit_code == 4
    assert said.output.splitlines()[:2] == [
        "ERROR: tfdocker:",
        text.replace("FOLDER", str(user_project.folder)),
    ]
    # Nothing has run, and the user's tests run as ever without the option
    assert said.tests == {}


def test_a_smoke_script_that_is_not_there_is_a_usage_error(user_project, small_image):
    user_project.write("Dockerfile", f"FROM {small_image}\n")
    user_project.write("pyproject.toml", SMOKE)
    said = user_project.judge()
    assert said.exit_code == 4
    assert said.output.splitlines()[1] == (
        "pyproject.toml:3: tool.tfdocker.smoke[one].script: no file 'smoke.py' in "
        f"{user_project.folder}"
    )
