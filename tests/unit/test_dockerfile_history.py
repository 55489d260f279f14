"""The history of an image against its Dockerfile: lines where it is that one's, and its words."""

import time

import pytest

from pytest_tfdocker.dockerfile import as_written, match_history, parse

IN_HISTORY = parse(
    "FROM python:3.11 AS base\n"
    "ENV A=b C=d\n"
    "WORKDIR app\n"
    "FROM base\n"
    "ARG V=1\n"
    "COPY --chown=1 --from=0 a.txt b.txt ./\n"
    "RUN pip install \\\n"
    '    "torch==2.13.0"\n'
    "USER 1000\n"
    'CMD ["python", "app.py"]\n'
)
BUILDKIT = [
    "/bin/sh -c #(nop) ADD file:1 in /",
    'CMD ["python3"]',
    "ENV A=b C=d",
    "WORKDIR /app",
    "ARG V=1",
    "COPY a.txt b.txt ./ # buildkit",
    'RUN |1 V=1 /bin/sh -c pip install     "torch==2.13.0" # buildkit',
    "USER 1000",
    'CMD ["python" "app.py"]',
]
CLASSIC = [
    "/bin/sh -c #(nop) ADD file:1 in /",
    '/bin/sh -c #(nop)  CMD ["python3"]',
    "/bin/sh -c #(nop)  ENV A=b C=d",
    "/bin/sh -c #(nop) WORKDIR /app",
    "/bin/sh -c #(nop)  ARG V=1",
    "/bin/sh -c #(nop) COPY multi:9 in ./ ",
    '|1 V=1 /bin/sh -c pip install     "torch==2.13.0"',
    "/bin/sh -c #(nop)  USER 1000",
    '/bin/sh -c #(nop)  CMD ["python" "app.py"]',
]
LINES = [None, None, 2, 3, 5, 6, 7, 9, 10]


@pytest.mark.parametrize("history", [BUILDKIT, CLASSIC], ids=["buildkit", "classic"])
def test_history_entries_have_the_lines_of_their_instructions(history):
    assert match_history(IN_HISTORY, None, history) == LINES


def test_history_without_the_arg_still_matches():
    history = [entry for entry in BUILDKIT if not entry.startswith("ARG")]
    assert match_history(IN_HISTORY, None, history) == [None, None, 2, 3, 6, 7, 9, 10]


@pytest.mark.parametrize(
    "change",
    [
        {6: "RUN /bin/sh -c pip install torch # buildkit"},
        {5: "COPY a.txt ./ # buildkit"},
        {7: "USER 1001"},
        {8: "ENTRYPOINT x"},
    ],
)
def test_another_dockerfiles_history_has_no_line(change):
    history = [change.get(at, entry) for at, entry in enumerate(BUILDKIT)]
    assert match_history(IN_HISTORY, None, history) == [None] * 9


def test_a_history_that_is_too_short_has_no_line():
    assert match_history(IN_HISTORY, None, BUILDKIT[3:]) == [None] * 6


@pytest.mark.parametrize(
    ("written", "entry", "is_it"),
    [
        ("./src/", "/app/src", True),
        ("/app//src/.", "/app/src", True),
        ("a/../src", "/app/src", True),
        ("..", "/", True),
        (".", "/app", True),
        ("../lib", "/lib", True),
        ("src", "/app/mysrc", False),
        ("/src", "/app/src", False),
        ("src/", "/app/src/", True),
    ],
)
def test_a_workdir_is_compared_without_its_dots_and_slashes(written, entry, is_it):
    found = match_history(parse(f"FROM a\nWORKDIR {written}\n"), None, [f"WORKDIR {entry}"])
    assert found == [2 if is_it else None]


REAL = parse(
    """\
FROM base
ARG TOKEN=s3cret
ARG D=/srv/$TOKEN
SHELL ["/bin/sh", "-e", "-c"]
ENV A=1 B="two words" C=$D
ENV OLD value with spaces
WORKDIR $D
WORKDIR sub
COPY --from=b /b $D/
COPY <<EOF <<"two" /x/
 hello $A
EOF
 zz
two
RUN echo $HOME && \\
    # a comment
    echo "quoted   spaces" 'x'
RUN <<EOF
set -e
  echo one   two
EOF
RUN <<PY python3
print("hi   there")
PY
RUN cat <<-E1 > /a && cat <<E2 > /bb
\tx
\tE1
y
E2
RUN <<"A B"
#!/bin/sh
echo
A B
RUN ["python3", "-c", "print('exec   form')"]
RUN --mount=type=cache,target=/c --network=none echo mounted
USER nobody
EXPOSE 80 90/udp
VOLUME ["/v1", "/v2"]
LABEL a=b c="d e"
HEALTHCHECK --interval=5s CMD true
STOPSIGNAL SIGINT
ENTRYPOINT ["python3"]
CMD python -c 1
"""
)
BY_BUILDKIT = [
    "ARG TOKEN=s3cret",
    "ARG D=/srv/tok",
    "SHELL [/bin/sh -e -c]",
    "ENV A=1 B=two words C=/srv/tok",
    "ENV OLD=value with spaces",
    "WORKDIR /srv/tok",
    "WORKDIR /srv/tok/sub",
    "COPY /b /srv/tok/ # buildkit",
    "COPY <<EOF <<two /x/ # buildkit",
    "RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c echo $HOME &&     echo \"quoted   spaces\" 'x'"
    " # buildkit",
    "RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c set -e\n  echo one   two\n # buildkit",
    'RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c <<PY python3\nprint("hi   there")\nPY # buildkit',
    "RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c cat <<-E1 > /a && cat <<E2 > /bb\n\tx\nE1\ny\nE2"
    " # buildkit",
    "RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c /dev/pipes/A B # buildkit",
    "RUN |2 TOKEN=tok D=/srv/tok python3 -c print('exec   form') # buildkit",
    "RUN |2 TOKEN=tok D=/srv/tok /bin/sh -e -c echo mounted # buildkit",
    "USER nobody",
    "EXPOSE map[80/tcp:{} 90/udp:{}]",
    "VOLUME [/v1 /v2]",
    "LABEL a=b c=d e",
    'HEALTHCHECK &{["CMD-SHELL" "true"] "5s" "0s" "0s" "0s" \'\\x00\'}',
    "STOPSIGNAL SIGINT",
    'ENTRYPOINT ["python3"]',
    'CMD ["/bin/sh" "-e" "-c" "python -c 1"]',
]
"""As BuildKit wrote it, TOKEN given as tok."""


def test_each_line_of_a_real_history_is_found():
    lines = [one.line for one in REAL.stages[0].instructions]
    assert match_history(REAL, None, ["", *BY_BUILDKIT]) == [None, *lines]


CLASSIC_TOO = parse(
    """\
FROM base
ARG TOKEN=s3cret
ENV A=1 B="two words" C=$TOKEN
WORKDIR /srv/$TOKEN
COPY Dockerfile app.py /srv/x/
COPY Dockerfile $A
COPY --chown=1:1 Dockerfile ./
RUN echo $HOME && \\
    # a comment
    echo "quoted   spaces" 'x'
SHELL ["/bin/sh", "-e", "-c"]
RUN echo shell
RUN ["python3", "-c", "print('exec   form')"]
USER nobody
EXPOSE 80 90/udp
CMD python -c 1
"""
)
BY_THE_CLASSIC_BUILDER = [
    "/bin/sh -c #(nop)  ARG TOKEN=s3cret",
    "/bin/sh -c #(nop)  ENV A=1 B=two words C=tok",
    "/bin/sh -c #(nop) WORKDIR /srv/tok",
    "/bin/sh -c #(nop) COPY multi:f06843d35e63 in /srv/x/ ",
    "/bin/sh -c #(nop) COPY file:375e0922483a in 1 ",
    "/bin/sh -c #(nop) COPY --chown=1:1 file:375e0922483a in ./ ",
    "|1 TOKEN=tok /bin/sh -c echo $HOME &&     echo \"quoted   spaces\" 'x'",
    "/bin/sh -e -c #(nop)  SHELL [/bin/sh -e -c]",
    "|1 TOKEN=tok /bin/sh -e -c echo shell",
    "|1 TOKEN=tok python3 -c print('exec   form')",
    "/bin/sh -e -c #(nop)  USER nobody",
    "/bin/sh -e -c #(nop)  EXPOSE 80 90/udp",
    '/bin/sh -e -c #(nop)  CMD ["/bin/sh" "-e" "-c" "python -c 1"]',
]


def test_each_line_of_a_real_history_of_the_classic_builder_is_found():
    lines = [one.line for one in CLASSIC_TOO.stages[0].instructions]
    assert match_history(CLASSIC_TOO, None, ["", *BY_THE_CLASSIC_BUILDER]) == [None, *lines]


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("RUN echo $HOME", "RUN /bin/sh -c rm -rf /data # buildkit"),
        ("RUN <<E\npip install x\nE", "RUN /bin/sh -c rm -rf /data # buildkit"),
        ("RUN make", "RUN /bin/sh -c apt-get install gcc && cmake . && make # buildkit"),
        ("RUN make", "RUN |1 V=1 /bin/sh -c cmake . && make # buildkit"),
        ('RUN ["make"]', "RUN |1 V=1 /bin/sh -c cmake . && make # buildkit"),
        ('SHELL ["/bin/bash", "-c"]\nRUN make', "RUN /bin/sh -c make # buildkit"),
        ("COPY . /app", "COPY src/a/b. /app # buildkit"),
        ("COPY $A/x /x", "COPY q /z # buildkit"),
        ("COPY models /models", "/bin/sh -c #(nop) COPY dir:aaa in /srv/etc "),
        ("ENV A=1", "ENV B=2"),
        ("ENV A=1 B=2", "ENV A=1"),
        ("LABEL a=1", "LABEL b=1"),
        ("USER $NAME-x", "USER app"),
        ("CMD python app.py", 'CMD ["/bin/sh" "-c" "python other.py"]'),
        ('ENTRYPOINT ["python", "app.py"]', 'ENTRYPOINT ["python", "other.py"]'),
    ],
)
def test_an_instruction_that_is_like_it_is_another_ones(written, entry):
    assert match_history(parse(f"FROM a\n{written}\n"), None, [entry]) == [None]


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("RUN echo a", "RUN echo a"),
        ("RUN pip list", "RUN conda run -n env /bin/bash -o pipefail -c pip list # buildkit"),
        ("CMD python app.py", 'CMD ["/bin/bash", "-c", "python app.py"]'),
        ('CMD ["echo", "a\\tb"]', 'CMD ["echo" "a\\tb"]'),
        ('COPY ["a b", "/d/"]', "COPY a b /d/ # buildkit"),
        ("COPY --chown=a --from=z /x /y", "COPY --chown=a /x /y # buildkit"),
        ("COPY ./src /app", "COPY src /app # buildkit"),
        ("ENV OLD form of it", "ENV OLD=form of it"),
        ('COPY ["b", "/a folder/"]', "/bin/sh -c #(nop) COPY file:7af5 in /a folder/ "),
    ],
    ids=[
        "kaniko",
        "a shell of the base",
        "buildah",
        "escapes",
        "list",
        "flags",
        "dots",
        "old env",
        "a space",
    ],
)
def test_forms_of_other_builders_are_the_same_instruction(written, entry):
    assert match_history(parse(f"FROM a\n{written}\n"), None, [entry]) == [2]


@pytest.mark.parametrize(
    ("written", "entries"),
    [
        ("ARG A\nARG B\nRUN x", ["ARG A", "ARG A B", "|2 A=1 B=2 /bin/sh -c x"]),
        ("ARG A\nCOPY a /\nRUN x", ["ARG A", "COPY file:abc in / ", "|1 A=1 /bin/sh -c x"]),
        (
            "RUN --mount=type=cache,target=/c pip x",
            ["/bin/sh -c --mount=type=cache,target=/c pip x"],
        ),
        ('SHELL ["/bin/bash", "-c"]\nRUN pip x', ["SHELL [/bin/bash -c]", "/bin/sh -c pip x"]),
        ("RUN <<EOF\nset -e\necho a\nEOF", ["/bin/sh -c <<EOF\nset -e\necho a"]),
        ("RUN python3 <<EOF\nprint(1)\nEOF", ["/bin/sh -c python3 <<EOF\nprint(1)"]),
    ],
)
def test_each_line_is_found_of_what_buildah_has_written(written, entries):
    """It names all arguments so far, and leaves flags and texts as they stand."""
    is_run = [entry.startswith(("|", "/bin/sh -c ")) for entry in entries]
    history = [
        entry if run else f"/bin/sh -c #(nop) {entry}"
        for entry, run in zip(entries, is_run, strict=True)
    ]
    dockerfile = parse(f"FROM a\n{written}\n")
    lines = [one.line for one in dockerfile.stages[0].instructions]
    assert match_history(dockerfile, None, history) == lines


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("ARG UID GID", "ARG UID=1000 GID=1000"),
        ("COPY <<-EOF /x\nq\nEOF", "COPY <<EOF /x # buildkit"),
        ("COPY <<EOF a.txt /x/\nq\nEOF", "COPY a.txt <<EOF /x/ # buildkit"),
        ("LABEL $K=1 b=2", "LABEL k=1 b=2"),
        ("ENV A_$B=1 C=2", "ENV A_x=1 C=2"),
        ("COPY ${A:-${B}}/x /y", "COPY q/x /y # buildkit"),
    ],
)
def test_forms_of_buildkit_are_the_same_instruction(written, entry):
    assert match_history(parse(f"FROM a\n{written}\n"), None, [entry]) == [2]


@pytest.mark.parametrize("arguments", ["", "|1 A=b "])
@pytest.mark.parametrize("shell", ["/usr/bin/env bash -c", "/bin/bash -o errexit -o pipefail -c"])
def test_a_shell_with_options_is_known_from_the_images_config(shell, arguments):
    entry = f"RUN {arguments}{shell} x # buildkit"
    assert match_history(parse("FROM a\nRUN x\n"), None, [entry], shell=shell.split()) == [2]


def test_the_shell_of_a_base_is_that_of_the_images_config():
    """micromamba's takes the command as it is, without -c."""
    shell = ["/usr/local/bin/_dockerfile_shell.sh"]
    entry = f"RUN {shell[0]} pip list # buildkit"
    dockerfile = parse("FROM a\nRUN pip list\n")
    assert match_history(dockerfile, None, [entry], shell=shell) == [2]
    assert match_history(dockerfile, None, [entry]) == [None]


def test_a_long_entry_is_no_long_wait():
    long = " ".join(["/a/b -x"] * 4000)
    many = "COPY " + "$A " * 8 + "/z"
    start = time.perf_counter()
    match_history(parse("FROM a\nRUN make\n"), None, [f"RUN |1 A=b {long} make # buildkit"])
    match_history(parse(f"FROM a\n{many}\n"), None, [f"COPY {'--x=y ' * 500}a b /y # buildkit"])
    assert time.perf_counter() - start < 1


def test_an_argument_that_left_no_entry_takes_none_of_the_base():
    history = ["ARG OF_THE_BASE=1", "RUN /bin/sh -c x # buildkit"]
    assert match_history(parse("FROM a\nARG V\nRUN x\n"), None, history) == [None, 3]


@pytest.mark.parametrize(
    ("entry", "written"),
    [
        ("RUN |1 T=s3cret /bin/bash -o pipefail -c pip install x # buildkit", "RUN pip install x"),
        ("|2 T=s3 cret B=c /bin/bash -c pip install x", "RUN pip install x"),
        ("RUN |1 T=s3cret python -m x # buildkit", "RUN …"),
        ("RUN |1 T=s3cret /bin/sh -c a && /bin/sh -c b", "RUN a && /bin/sh -c b"),
        ("/bin/bash -e -c #(nop)  USER nobody", "USER nobody"),
        ("RUN /bin/sh -c echo '#(nop) x'", "RUN echo '#(nop) x'"),
    ],
)
def test_no_value_of_a_build_argument_is_told(entry, written):
    assert as_written(entry) == written
