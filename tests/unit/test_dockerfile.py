"""The Dockerfile's lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.dockerfile import (
    find_stage,
    match_history,
    needs_buildkit,
    parse,
    resolve_base,
    sources,
    stage_chain,
)
from pytest_tfdocker.dockerfile.stages import surroundings

MULTI_STAGE = """\
# syntax=docker/dockerfile:1
ARG PYTHON=3.11
FROM --platform=$BUILDPLATFORM python:${PYTHON}-slim AS Build
RUN pip install build
FROM python:${PYTHON}-slim AS base
ENV APP=/app
FROM base AS runtime
WORKDIR ${APP}/service
COPY --from=build --chmod=755 /opt/venv /opt/venv
FROM ghcr.io/org/debug:${TAG} AS debug
"""


def test_continuations_are_joined_over_comments_and_empty_lines():
    text = "FROM a\nRUN pip install \\\n  # why\n\n  torch \\   \n  numpy\nCMD x\n"
    run = parse(text).instructions[1]
    assert (run.keyword, run.line, run.end_line) == ("RUN", 2, 6)
    assert run.text.split() == ["pip", "install", "torch", "numpy"]
    assert [run.line_at(run.text.index(word)) for word in ("pip", "torch", "numpy")] == [2, 5, 6]


def test_a_doubled_backslash_is_no_continuation():
    assert [one.keyword for one in parse("RUN echo \\\\\nCMD x").instructions] == ["RUN", "CMD"]


def test_the_escape_directive_changes_the_continuation():
    found = parse("# escape=`\nFROM a\nRUN x `\n  y\nRUN C:\\\nCMD z")
    assert [(one.keyword, one.line) for one in found.instructions] == [
        ("FROM", 2),
        ("RUN", 3),
        ("RUN", 5),
        ("CMD", 6),
    ]


def test_a_directive_below_the_first_comment_is_a_comment():
    assert parse("# a comment\n# escape=`\nFROM a").escape == "\\"


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text():
    found = parse("\ufeffFROM a\r\nRUN x \\\r\n y\r\n")
    assert [one.text for one in found.instructions] == ["a", "x  y"]


def test_flags_stand_apart_from_the_text():
    run = parse('FROM a\nRUN --mount=type=cache,target=/x --network="none" pip -q').instructions[1]
    assert run.flags == (("mount", "type=cache,target=/x"), ("network", "none"))
    assert run.text == "pip -q"
    assert run.flag("link") is None


@pytest.mark.parametrize(
    ("text", "names", "bodies"),
    [
        ("RUN <<EOF\na\nb\nEOF\nCMD x", ["EOF"], ["a\nb"]),
        ("RUN <<-'E' cat\n\ta\n\tE\nCMD x", ["E"], ["a"]),
        ("COPY <<A <<B /x/\n1\nA\n2\nB\nCMD x", ["A", "B"], ["1", "2"]),
        ('RUN echo "<<EOF"\nCMD x', [], []),
        ("RUN cat << EOF\nCMD x", [], []),
        ("RUN <<EOF\nnever ended", ["EOF"], ["never ended"]),
    ],
)
def test_heredocs(text, names, bodies):
    found = parse("FROM a\n" + text)
    heredocs = found.instructions[1].heredocs
    assert [one.name for one in heredocs] == names
    assert [one.text for one in heredocs] == bodies
    assert found.instructions[-1].keyword == ("CMD" if "CMD" in text else "RUN")


def test_a_quoted_heredoc_keeps_its_variables():
    first, second = parse("RUN <<'A' <<B\n$x\nA\n$x\nB\n").instructions[0].heredocs
    assert (first.expand, first.line) == (False, 2)
    assert (second.expand, second.line) == (True, 4)


def test_a_line_that_is_no_instruction_is_kept_without_a_keyword():
    found = parse("FROM a\nINSTALL torch\n&& pip\n")
    assert [(one.keyword, one.line, one.text) for one in found.instructions[1:]] == [
        ("", 2, "INSTALL torch"),
        ("", 3, "&& pip"),
    ]


def test_stages_and_the_arg_before_them():
    found = parse(MULTI_STAGE)
    assert [(s.name, s.base, s.line, s.platform) for s in found.stages] == [
        ("build", "python:${PYTHON}-slim", 3, "$BUILDPLATFORM"),
        ("base", "python:${PYTHON}-slim", 5, None),
        ("runtime", "base", 7, None),
        ("debug", "ghcr.io/org/debug:${TAG}", 10, None),
    ]
    assert [one.line for one in found.global_args] == [2]
    assert found.syntax == "docker/dockerfile:1"


@pytest.mark.parametrize(
    ("target", "args", "base"),
    [
        ("runtime", {}, "python:3.11-slim"),
        ("RUNTIME", {"PYTHON": "3.13"}, "python:3.13-slim"),
        ("0", {}, "python:3.11-slim"),
        (None, {}, None),
        (None, {"TAG": "1"}, None),
        ("no-such-stage", {}, None),
    ],
)
def test_the_base_is_that_of_the_targets_root(target, args, base):
    assert resolve_base(parse(MULTI_STAGE), target, args) == base


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("FROM scratch", "scratch"),
        ("ARG B\nFROM ${B:-python:3.11}", "python:3.11"),
        ("ARG B=a\nARG C=$B:1\nFROM $C", "a:1"),
        ("FROM x-${TARGETARCH}", None),
        ("FROM a\nFROM 0", "a"),
        ("FROM a AS a", "a"),
        ("FROM", None),
        ("", None),
    ],
)
def test_bases(text, base):
    assert resolve_base(parse(text)) == base


def test_platform_arguments_need_no_declaration():
    assert resolve_base(parse("FROM x-$TARGETARCH"), None, {"TARGETARCH": "arm64"}) == "x-arm64"


def test_the_chain_and_the_sources_of_a_target():
    found = parse(MULTI_STAGE)
    assert [one.name for one in stage_chain(found, "runtime")] == ["runtime", "base"]
    assert [one.name for one in sources(found, "runtime")] == ["runtime", "base", "build"]
    assert [one.name for one in sources(found)] == ["debug"]


def test_a_mounted_stage_is_a_source():
    found = parse("FROM a AS w\nFROM b\nRUN --mount=type=bind,from=w,target=/w pip install /w/*")
    assert [one.name for one in sources(found)] == [None, "w"]


def test_a_stage_sees_only_stages_above_it():
    found = parse("FROM later AS first\nFROM x AS later")
    assert resolve_base(found, "first") == "later"


def test_variables_and_folder_of_a_stage_come_from_its_chain():
    text = "FROM a AS one\nARG V=1\nENV E=$V/x OLD=${NO}\nENV word some text\nWORKDIR w\nFROM one\n"
    found = parse(text)
    known = surroundings(found, found.stages[1], {"V": "2"})
    assert {k: v for k, v in known.variables.items() if k != "PATH"} == {
        "V": "2",
        "E": "2/x",
        "word": "some text",
    }
    assert known.absolute("req.txt") == "/w/req.txt"
    assert known.absolute("/tmp/../x") == "/x"


def test_a_variable_that_doubles_itself_is_given_up():
    found = parse("FROM a\nENV A=ab\n" + "ENV A=$A$A\n" * 60 + "FROM 0\n")
    assert "A" not in surroundings(found, found.stages[1], {}).variables


def test_find_stage_takes_the_last_of_a_name():
    found = parse("FROM a AS x\nFROM b AS x\nFROM c")
    assert [find_stage(found, name).index for name in ("x", "0", None)] == [1, 0, 2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("RUN --mount=type=cache,target=/x y", "RUN --mount"),
        ("RUN --network=none y", "RUN --network"),
        ("RUN --security=insecure y", "RUN --security"),
        ("RUN <<EOF\ny\nEOF", "RUN <<EOF"),
        ("COPY <<EOF /x\ny\nEOF", "COPY <<EOF"),
        ("COPY --link a b", "COPY --link"),
        ("COPY --chmod=755 a b", "COPY --chmod"),
        ("COPY --parents a b", "COPY --parents"),
        ("COPY --exclude=*.md a b", "COPY --exclude"),
        ("ADD --checksum=sha256:0 https://x /y", "ADD --checksum"),
        ("ADD --chmod=755 a b", "ADD --chmod"),
    ],
)
def test_what_only_buildkit_builds(line, reason):
    assert needs_buildkit(parse(f"FROM a\nENV X=1\n{line}\n")) == (3, reason)


@pytest.mark.parametrize(
    "line",
    [
        "COPY --from=0 --chown=1:1 a b",
        "RUN echo --mount",
        'RUN echo "<<EOF"',
        "HEALTHCHECK --interval=5s CMD x",
    ],
)
def test_what_the_classic_builder_builds_too(line):
    assert needs_buildkit(parse(f"FROM a\n{line}\n")) is None


TEXT = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [
                "FROM a AS b",
                "FROM b",
                "FROM $X",
                "ARG X=${Y:-${Z}}",
                "ENV A=b C",
                "RUN <<E",
                "E",
                "RUN --mount=from=b x \\",
                "COPY --from=b",
                "COPY --from=0 x /y",
                "WORKDIR ${",
                "# escape=`",
                "ONBUILD RUN x",
            ]
        ),
    ),
    max_size=12,
).map("\n".join)


@given(text=TEXT, history=st.lists(st.text(max_size=20), max_size=4))
def test_any_text_is_taken(text, history):
    found = parse(text)
    lines = text.split("\n")
    for one in found.instructions:
        assert 1 <= one.line <= one.end_line <= len(lines)
    assert len(match_history(found, None, history)) == len(history)
    for target in (None, "b", "0"):
        resolve_base(found, target, {"X": "b"})
        for stage in sources(found, target):
            surroundings(found, stage, {})
    needs_buildkit(found)


@given(text=TEXT)
def test_no_line_is_lost(text):
    found = parse(text)
    covered = {n for one in found.instructions for n in range(one.line, one.end_line + 1)}
    covered |= {line for line, _ in found.comments}
    left = [
        line
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1)
        if number not in covered and line.strip()
    ]
    assert left == []
