"""What a Dockerfile installs, and which source is taken: a folder of tests/data a case."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.dockerfile import parse
from pytest_tfdocker.locks.discover import read_declared, read_files
from pytest_tfdocker.locks.installs import read_installs
from pytest_tfdocker.settings.schema import Build, Dependencies, Image, ImageSettings

DATA = Path(__file__).parents[2] / "data" / "dockerfiles"


def image(root, **settings):
    return Image(name="default", root=root, settings=ImageSettings(**settings))


def told(declared):
    """Everything declared, as lines."""
    yield f"{declared.reason}: {', '.join(declared.sources)}"
    for one in declared.requirements:
        url = f" @ {one.url}" if one.url else ""
        marker = f" ; {one.marker}" if one.marker else ""
        extras = f"[{','.join(one.extras)}]" if one.extras else ""
        yield f"{one.name}{extras}{one.specifier}{url}{marker} <- {one.source}"
    for one in declared.problems:
        yield f"problem: {one.source} {one.text!r}: {one.reason}"
    for note in declared.notes:
        yield f"note: {note}"


@pytest.mark.parametrize("folder", sorted(DATA.iterdir()), ids=lambda folder: folder.name)
def test_what_a_dockerfile_declares(folder):
    expected = (folder / "expected.txt").read_text().splitlines()
    assert list(told(read_declared(image(folder)))) == expected


FILES = DATA.with_name("declared")
FIRST = (
    *("pylock.toml", "uv.lock", "poetry.lock", "Pipfile.lock", "Pipfile", "requirements.txt"),
    "pyproject.toml",
)


@pytest.mark.parametrize("folder", sorted(FILES.iterdir()), ids=lambda folder: folder.name)
def test_what_a_file_declares(folder):
    name = next(one for one in FIRST if (folder / one).exists())
    expected = (folder / "expected.txt").read_text().splitlines()
    assert list(told(read_files([folder / name], folder))) == expected


def test_build_arguments_win_over_defaults():
    declared = read_declared(
        image(
            DATA / "build-arguments", build=Build(args={"TORCH": "2.13.0", "TOKENIZERS": "0.23.3"})
        )
    )
    found = [one.name + one.specifier for one in declared.requirements]
    assert found[0] == "torch==2.13.0"
    assert [one.reason for one in declared.problems] == [
        "the variable TOKENIZERS is not known here"
    ]


def test_only_the_targets_stages_count():
    declared = read_declared(image(DATA / "builder-with-environment", build=Build(target="tests")))
    assert list(told(declared)) == [
        "the Dockerfile installs it: Dockerfile:7",
        "pytest <- Dockerfile:7",
    ]


def test_files_that_are_set_are_taken_whatever_the_dockerfile_installs():
    root = DATA / "inline-torch-beside-a-file"
    declared = read_declared(image(root, dependencies=Dependencies(files=["requirements.txt"])))
    assert list(told(declared)) == [
        "dependencies.files: requirements.txt",
        "transformers==5.23.0 <- requirements.txt:1",
    ]


def test_a_file_that_is_set_and_not_there_or_not_read_is_a_problem():
    files = ["absent.txt", "uv.lock", "poetry.lock", "pyproject.toml", "absent/pyproject.toml"]
    declared = read_declared(image(DATA / "uv-sync", dependencies=Dependencies(files=files)))
    assert list(told(declared)) == [
        "dependencies.files: absent.txt, uv.lock, poetry.lock, pyproject.toml, "
        "absent/pyproject.toml",
        "filelock==3.20.0 <- uv.lock:6",
        'setuptools==80.9.0 ; python_full_version >= "3.12" <- uv.lock:19',
        "torch==2.9.0 <- uv.lock:24",
        "torch>=2 <- pyproject.toml:4",
        "problem: absent.txt:1 'absent.txt': no such file",
        "problem: poetry.lock:1 'poetry.lock': no such file",
        "problem: absent/pyproject.toml:1 'absent/pyproject.toml': no such file",
    ]


def test_no_files_declare_nothing():
    declared = read_declared(
        image(DATA / "inline-torch-beside-a-file", dependencies=Dependencies(files=[]))
    )
    assert (declared.nothing, declared.reason) == (True, "dependencies.files names no file")


def test_a_file_that_declares_nothing_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\ndynamic = ['dependencies']\n")
    declared = read_declared(image(tmp_path, dependencies=Dependencies(files=["pyproject.toml"])))
    assert (declared.nothing, declared.reason) == (True, "nothing is declared in pyproject.toml")


def test_without_a_dockerfile_nothing_is_declared(tmp_path):
    (tmp_path / "requirements.txt").write_text("torch==2.13.0\n")
    declared = read_declared(image(tmp_path))
    assert declared.nothing
    assert declared.reason == "no Dockerfile and no dependencies.files"


def test_constraints_of_one_file_hold_for_the_others(tmp_path):
    (tmp_path / "a.txt").write_text("torch\n")
    (tmp_path / "b.txt").write_text("-c c.txt\n")
    (tmp_path / "c.txt").write_text("torch==2.13.0\n")
    declared = read_files([tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path)
    assert [one.name + one.specifier for one in declared.requirements] == ["torch==2.13.0"]


@pytest.mark.parametrize("by", ["file", "command"])
def test_constraints_on_what_nobody_asks_for_are_kept_as_such(tmp_path, by):
    (tmp_path / "c.txt").write_text("urllib3==2.2.1\n")
    (tmp_path / "a.txt").write_text("-c c.txt\nrequests\n" if by == "file" else "requests\n")
    option = "" if by == "file" else "-c c.txt "
    (tmp_path / "Dockerfile").write_text(
        f"FROM python\nWORKDIR /app\nCOPY . .\nRUN pip install {option}-r a.txt\n"
    )
    declared = read_declared(image(tmp_path))
    assert [one.name for one in declared.requirements] == ["requests"]
    assert [one.name + one.specifier for one in declared.constraints] == ["urllib3==2.2.1"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[project\n", 1, "Expected ']' at the end of a table declaration (at line 1, column 9)"),
        ("[project]\ndependencies = 'torch'\n", 2, "[project] dependencies is no list"),
        ("project = 1\n", 1, "it is no table"),
    ],
)
def test_a_broken_pyproject_is_one_problem(tmp_path, text, line, reason):
    (tmp_path / "pyproject.toml").write_text(text)
    declared = read_files([tmp_path / "pyproject.toml"], tmp_path)
    assert [(str(one.source), one.reason) for one in declared.problems] == [
        (f"pyproject.toml:{line}", reason)
    ]


def test_a_dockerfile_below_the_root_is_named_by_its_path(tmp_path):
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM a\nRUN pip install torch==2.13.0\n")
    declared = read_declared(image(tmp_path, dockerfile="docker/Dockerfile"))
    assert [str(one.source) for one in declared.requirements] == ["docker/Dockerfile:2"]


def test_what_the_dockerfile_names_itself_is_inline(tmp_path):
    (tmp_path / "r.txt").write_text("torch==2.13.0\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM a\nCOPY r.txt .\nRUN pip install --upgrade pip && pip install -r r.txt\n"
    )
    declared = read_declared(image(tmp_path))
    assert [(one.name, one.inline) for one in declared.requirements] == [
        ("pip", True),
        ("torch", False),
    ]


PIECES = st.lists(
    st.sampled_from(
        [
            "pip",
            "install",
            "-r",
            "-c",
            "x.txt",
            "torch==1",
            "&&",
            "||",
            ";",
            "\\\n",
            "'",
            '"',
            "$A",
            "${A:-b}",
            "$(c)",
            "|",
            "sh",
            "-c",
            "uv",
            "python",
            "-m",
            "wheel",
            "-w",
            "/w",
            "for",
            "do",
            "done",
            "if",
            "fi",
            "xargs",
            ".",
            "-e",
            "git+https://h/a@b",
            "cd",
            "-",
            "source",
            "/v/bin/activate",
            "sync",
            "uninstall",
            "[",
            "/w/*",
            "--target",
            "env",
            "timeout",
            "eval",
            "su",
            "runuser",
            "<(x)",
            "(",
            ")",
            "export PATH=/v/bin:$A",
            "tee",
            "sed -i",
            "> x.txt",
            "make",
            "uv venv",
            "conda run -n x",
            "pip-sync",
            "cp",
            "-o",
            "--user",
            "\0",
        ]
    ),
    max_size=14,
).map(" ".join)
INSTRUCTIONS = st.one_of(
    PIECES.map("RUN {}".format),
    PIECES.map("COPY {}".format),
    PIECES.map("RUN <<E\n{}\nE".format),
    st.sampled_from(
        [
            "FROM a AS b",
            "FROM b",
            "COPY --from=b /w /w",
            "COPY --from=b /v/lib /",
            "COPY <<E <<F /x.txt\ntorch\n-r x.txt\nE\n",
            "WORKDIR /x",
            "USER app",
            "ENV A=1",
            "COPY . .",
        ]
    ),
    st.text(max_size=20),
)


@given(text=st.lists(INSTRUCTIONS, max_size=8).map("\n".join))
def test_any_dockerfile_is_taken(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    found = read_installs(parse(text), name="Dockerfile", context=folder, root=folder)
    count = text.count("\n") + 1
    for one in (*found.requirements, *found.problems):
        assert one.source.file != "Dockerfile" or 1 <= one.source.line <= count
