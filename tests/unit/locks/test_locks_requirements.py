"""requirements.txt: what is declared, and where."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.locks.constraints import constrain
from pytest_tfdocker.locks.declared import Requirement, Source
from pytest_tfdocker.locks.lines import requirement
from pytest_tfdocker.locks.requirements import (
    LARGEST_FILE_BYTES,
    LONGEST_LINE,
    MOST_LINES,
    read_requirements,
)

DATA = Path(__file__).parents[2] / "data" / "requirements"


def told(contents):
    """Requirements and problems as a user would be told of them."""
    found = [
        (one.source.line, one.name + one.specifier, *(x for x in (one.url, one.marker) if x))
        for one in contents.requirements
    ]
    problems = [(str(one.source), one.text, one.reason) for one in contents.problems]
    return found, problems


def read(name, **keywords):
    return read_requirements(DATA / name, DATA, **keywords)


def written(tmp_path, text, **keywords):
    path = tmp_path / "requirements.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_requirements(path, tmp_path, **keywords)


def test_local_versions_are_kept():
    found, problems = told(read("classic.txt"))
    assert found == [(1, "transformers==4.18.0"), (2, "torch==1.11.0+cu113"), (3, "numpy==1.22.3")]
    assert problems == []


def test_a_circle_of_includes_is_read_once():
    contents = read("circle-a.txt")
    assert [str(one.source) for one in contents.requirements] == [
        "circle-a.txt:2",
        "circle-b.txt:2",
    ]
    assert contents.problems == ()


def test_a_missing_nested_file_is_the_including_lines_problem():
    found, problems = told(read("nested-file-missing.txt"))
    assert found == [(2, "torch==2.13.0")]
    assert problems == [
        ("nested-file-missing.txt:1", "not-there.txt", "no such file"),
        ("nested-file-missing.txt:3", "not-there-either.txt", "no such file"),
    ]


def test_a_file_on_the_network_is_not_read():
    found, problems = told(read("included-from-the-network.txt"))
    assert found == [(2, "torch==2.13.0")]
    assert problems == [
        (
            "included-from-the-network.txt:1",
            "-r https://example.org/base.txt",
            "stands on the network, and is not read",
        )
    ]


def test_options_behind_a_pin_lose_no_pin():
    contents = read("options-behind-a-pin.txt")
    found, problems = told(contents)
    assert found == [
        (1, "bitsandbytes==0.48.1"),
        (2, "flash-attn==2.8.3"),
        (3, "xformers==0.0.33"),
        (6, "apex==0.1"),
    ]
    assert problems == []
    assert [len(one.hashes) for one in contents.requirements] == [1, 0, 2, 0]
    assert contents.requirements[0].hashes == ("sha256:" + "a" * 64,)


def test_known_variables_are_expanded_and_unknown_ones_reported():
    found, problems = told(read("variables.txt", variables={"TORCH_VERSION": "2.13.0"}))
    assert found == [
        (2, "torch==2.13.0"),
        (4, "private==1.0", "https://****@example.org/private-1.0-py3-none-any.whl"),
    ]
    assert problems[0] == (
        "variables.txt:3",
        "numpy==${NUMPY_VERSION}",
        "the variable NUMPY_VERSION is not known here",
    )
    assert problems[1][:2] == ("variables.txt:5", "$NOT_FOR_PIP==1")


def test_direct_references_keep_name_marker_and_no_secret():
    contents = read("direct-references.txt")
    found, problems = told(contents)
    assert problems == []
    assert found == [
        (
            1,
            "transformers",
            "git+https://github.com/huggingface/transformers.git@v4.57.1",
            'python_version < "4"',
        ),
        (
            2,
            "clip",
            "git+https://****@github.com/openai/CLIP.git@dcba3cb2e2827b402d2701e7e1c7d9fed8a20ef1",
        ),
        (3, "peft", "git+ssh://git@github.com/huggingface/peft.git@main"),
        (
            4,
            "torch==2.9.0+cpu",
            "https://download.pytorch.org/whl/cpu/torch-2.9.0%2Bcpu-cp311-cp311-linux_x86_64.whl",
        ),
        (5, "some-thing", "https://example.org/Some.Thing-1.2.tar.gz#sha256=0123456789abcdef"),
        (6, "part", "git+https://github.com/org/mono.git@main#subdirectory=python/part"),
        (7, "tool", "git+https://github.com/org/tool.git@v1#egg=tool[fast]"),
        (8, "local-thing==3.0", "./wheels/local_thing-3.0-py3-none-any.whl"),
        (9, "uvicorn==0.38.0", 'sys_platform != "win32"'),
    ]
    by_name = {one.name: one for one in contents.requirements}
    assert by_name["tool"].extras == ("fast",)
    assert by_name["tool"].editable
    assert by_name["uvicorn"].extras == ("standard",)
    assert by_name["some-thing"].hashes == ("sha256:0123456789abcdef",)


@pytest.mark.parametrize(
    ("text", "extras", "specifier", "marker"),
    [
        ("./app-1.0-py3-none-any.whl[serve]", ("serve",), "==1.0", None),
        ("dist/app-1.0-py3-none-any.whl[B, a] ; extra == 'x'", ("a", "b"), "==1.0", 'extra == "x"'),
        ("./app-1.0-py3-none-any.whl;python_version>'3'", (), "==1.0", 'python_version > "3"'),
        ("./app-1.0.tar.gz[serve]", ("serve",), "", None),
    ],
)
def test_extras_and_marker_behind_an_archive_are_no_part_of_its_name(
    text, extras, specifier, marker
):
    found = requirement(text, Source("r.txt", 1))
    assert found == Requirement(
        name="app",
        source=Source("r.txt", 1),
        specifier=specifier,
        extras=extras,
        marker=marker,
        url=text.partition("[")[0].partition(";")[0],
    )


def test_a_hash_on_a_line_of_its_own_is_a_problem():
    assert told(read("hash-without-continuation.txt"))[1] == [
        (
            "hash-without-continuation.txt:2",
            "--hash=sha256:aaaa",
            "a hash without a requirement: is the line above continued?",
        )
    ]


def test_the_projects_own_folders_declare_nothing():
    contents = read("own-project.txt")
    assert told(contents) == ([(5, "torch==2.13.0")], [])
    assert contents.notes == ()


def test_each_broken_line_is_a_problem_with_its_number():
    found, problems = told(read("broken-lines.txt"))
    assert found == [(1, "torch==2.13.0"), (11, "safetensors==0.8.0")]
    assert [where for where, _, _ in problems] == [
        f"broken-lines.txt:{line}" for line in (3, 4, 5, 7, 8, 9, 10)
    ]
    assert problems[1] == (
        "broken-lines.txt:4",
        "--no-such-option",
        "no such option: --no-such-option",
    )


def test_a_joined_line_has_the_number_of_its_first():
    found, problems = told(read("continued.txt"))
    assert found == [(1, "torch==2.13.0"), (4, "numpy==2.4.6"), (6, "rich==15.0.0")]
    assert [(where, text) for where, text, _ in problems] == [
        ("continued.txt:7", "packaging==26.3#not-a-comment")
    ]


def test_lines_are_counted_as_an_editor_counts_them():
    found, problems = told(read("line-ends.txt"))
    assert found == [
        (1, "torch==2.13.0"),
        (2, "numpy==2.4.6"),
        (3, "rich==15.0.0"),
        (4, "typer==0.29.2"),
    ]
    assert [where for where, _, _ in problems] == ["line-ends.txt:5"]


@pytest.mark.parametrize(
    "name",
    [
        "utf8-with-bom.txt",
        "utf16-from-powershell.txt",
        "latin1-comment.txt",
        "cp1252-by-coding-line.txt",
    ],
)
def test_encodings_are_read_as_pip_reads_them(name):
    contents = read(name)
    assert "torch==2.13.0" in [one.name + one.specifier for one in contents.requirements]
    assert contents.problems == ()


def test_a_nul_byte_costs_its_own_line_only():
    found, problems = told(read("nul-bytes.txt"))
    assert found == [(1, "torch==2.13.0"), (3, "rich==15.0.0")]
    assert problems == [("nul-bytes.txt:2", "num\0py==1", "holds a NUL byte: this is no text file")]


def test_a_constraints_pin_pins_what_is_asked_for():
    contents = read("constrained.txt")
    pinned = constrain(contents.requirements, contents.constraints)
    assert [(one.source.line, one.name + one.specifier, one.marker) for one in pinned] == [
        (1, "torch==2.13.0", None),
        (2, "numpy>=2", None),
        (2, "numpy==2.4.6,>=2", '(python_version >= "3.11")'),
        (3, "rich==15.0.0", None),
        (4, "filelock<4", None),
    ]


def test_both_markers_hold_where_a_constraint_and_its_requirement_have_one(tmp_path):
    (tmp_path / "c.txt").write_text('torch==2.13.0 ; os_name == "posix"\n')
    contents = written(tmp_path, '-c c.txt\ntorch ; python_version > "3"\n')
    markers = [one.marker for one in constrain(contents.requirements, contents.constraints)]
    assert markers == ['python_version > "3"', '(python_version > "3") and (os_name == "posix")']


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "not a regular file"),
        (
            lambda path: os.truncate(
                os.open(path, os.O_CREAT | os.O_WRONLY), LARGEST_FILE_BYTES + 1
            ),
            f"{LARGEST_FILE_BYTES + 1} bytes: too large for a requirements file",
        ),
    ],
)
def test_what_is_no_readable_file_is_one_problem(tmp_path, make, reason):
    path = tmp_path / "requirements.txt"
    make(path)
    contents = read_requirements(path, tmp_path, asked_by=Source("Dockerfile", 7))
    assert [(str(one.source), one.text, one.reason) for one in contents.problems] == [
        ("Dockerfile:7", "requirements.txt", reason)
    ]
    assert contents.sources == ("requirements.txt",)


def test_the_instruction_that_installs_a_file_stands_behind_its_lines(tmp_path):
    contents = written(tmp_path, "torch==1\n", installed_by="Dockerfile:7 pip install -r")
    assert (
        str(contents.requirements[0].source) == "requirements.txt:1 (Dockerfile:7 pip install -r)"
    )


@pytest.mark.parametrize(("lines", "problems"), [(MOST_LINES, 0), (MOST_LINES + 1, 1)])
def test_lines_beyond_the_limit_are_said_not_to_be_read(tmp_path, lines, problems):
    contents = written(tmp_path, "torch==2.13.0\n" * lines)
    assert len(contents.requirements) == MOST_LINES
    assert [str(one.source) for one in contents.problems] == [
        f"requirements.txt:{MOST_LINES + 1}"
    ] * problems


@pytest.mark.parametrize(("length", "problems"), [(LONGEST_LINE, 0), (LONGEST_LINE + 1, 1)])
def test_a_line_beyond_the_limit_is_a_problem(tmp_path, length, problems):
    contents = written(tmp_path, "a" * length)
    assert len(contents.problems) == problems


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["a" + " " * 250_000 + "x", "a " + "-x " * 80_000, "a ; " + "(" * 100_000]
)
def test_a_hostile_line_is_a_problem_soon(tmp_path, text):
    assert len(written(tmp_path, text).problems) == 1


def test_a_url_that_names_nothing_is_said(tmp_path):
    contents = written(tmp_path, "https://user:secret@example.org/\nfile:///srv/project\n")
    assert (contents.requirements, contents.problems) == ((), ())
    assert contents.notes == (
        "requirements.txt:1 https://****@example.org/: its name can't be told",
    )


def test_ten_thousand_different_lines_are_all_read(tmp_path):
    contents = written(tmp_path, "".join(f"name-{n}==1.{n}\n" for n in range(10_000)))
    assert len(contents.requirements) == 10_000
    assert contents.requirements[-1].source.line == 10_000


def test_a_long_chain_of_includes_is_followed_to_its_end(tmp_path):
    for number in range(2_000):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    (tmp_path / "2000.txt").write_text("torch==2.13.0\n")
    contents = read_requirements(tmp_path / "0.txt", tmp_path)
    assert [one.source.file for one in contents.requirements] == ["2000.txt"]


LINE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["torch==2.13.0", "-r other.txt", "-c other.txt", "-e .", "--hash=sha256:aa"]),
    st.from_regex(
        r"[a-z]{1,5}(\[[a-z]\])?(==|>=|@|~=)[0-9.*+]{1,5}( ?; ?[a-z_]+ ?< ?'3')?( -[a-zC] x)?"
    ),
)


@given(lines=st.lists(LINE, max_size=8))
def test_any_text_gives_requirements_or_problems_on_its_own_lines(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("any")
    contents = written(folder, "\n".join(lines).encode("utf-8", "replace"))
    count = "\n".join(lines).count("\n") + "\n".join(lines).count("\r") + 1
    for one in (*contents.requirements, *contents.problems):
        assert 1 <= one.source.line <= count


@given(data=st.binary(max_size=300))
def test_any_bytes_are_taken(tmp_path_factory, data):
    written(tmp_path_factory.mktemp("any"), data)


@given(
    texts=st.lists(
        st.sampled_from(["torch==1", "bad line", "x==${V}", "# nothing", "", "--weird", "-e ."]),
        max_size=12,
    )
)
def test_no_line_is_lost(tmp_path_factory, texts):
    contents = written(tmp_path_factory.mktemp("any"), "\n".join(texts))
    pins = [at for at, text in enumerate(texts, 1) if text == "torch==1"]
    bad = [at for at, text in enumerate(texts, 1) if text in {"bad line", "x==${V}", "--weird"}]
    assert [one.source.line for one in contents.requirements] == pins
    assert [one.source.line for one in contents.problems] == bad
