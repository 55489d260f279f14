"""`build`: what a failed build says."""

from pathlib import Path

import msgspec

from pytest_tfdocker.checks.build import CHECK, judge_failed_build


def test_an_image_that_was_given_is_not_built(image, declared):
    given = msgspec.structs.replace(image(), given="app:ci", root=Path("/"))
    assert CHECK.plan(given, declared()) == []
    assert CHECK.plan(image(), declared()) == [None]


def test_a_built_image_tells_by_what_and_in_what_time(facts, evidence):
    assert CHECK.judge(facts(), None).text == "12.3 s, built, buildx"
    again = msgspec.structs.replace(evidence().build, seconds=0.2, cached=True)
    verdict = CHECK.judge(facts(evidence=evidence(build=again)), None)
    assert verdict.text == "200 ms, up to date, buildx"


def test_a_failed_step_tells_code_line_and_last_lines():
    verdict = judge_failed_build(
        "process did not complete successfully: exit code: 1",
        step="[builder 3/7] RUN pip install -r requirements.txt",
        line=9,
        output=["Collecting torch==9.9", "\x1b[31mERROR\x1b[0m: No matching distribution"],
        seconds=12.3,
    )
    assert (verdict.outcome, verdict.line, verdict.measured) == ("failed", 9, 12.3)
    assert verdict.text == (
        "exit code 1, Dockerfile:9: RUN pip install -r requirements.…\n"
        "  step [builder 3/7] RUN pip install -r requirements.txt, after 12.3 s\n"
        "  process did not complete successfully: exit code: 1\n"
        "  last lines of its output:\n"
        "    Collecting torch==9.9\n"
        "    \\x1b[31mERROR\\x1b[0m: No matching distribution"
    )


def test_a_build_that_never_ran_a_step_tells_its_reason():
    verdict = judge_failed_build(
        "python:3.99-slim: not found",
        step="[1/7] FROM python:3.99-slim",
        line=1,
        output=["ERROR: python:3.99-slim: not found"],
    )
    assert verdict.text == (
        "Dockerfile:1: python:3.99-slim: not found\n"
        "  step [1/7] FROM python:3.99-slim\n"
        "  last lines of its output:\n"
        "    ERROR: python:3.99-slim: not found"
    )


def test_a_long_output_is_bounded():
    verdict = judge_failed_build(
        "failed", step="RUN make", output=[f"line {n}" for n in range(500)]
    )
    assert verdict.details[-11:-9] == ("  … 490 more above", "  line 490")


def test_a_classic_builders_word_gives_the_exit_code_too():
    verdict = judge_failed_build(
        "The command '/bin/sh -c false' returned a non-zero code: 7", step="[2/2] RUN false"
    )
    assert verdict.headline == "exit code 7: RUN false"


def test_a_builder_that_is_not_there_is_told_with_what_to_do():
    verdict = judge_failed_build(
        "Dockerfile:7 RUN --mount needs buildx, which isn't here",
        details=["/usr/bin/docker has no buildx plugin", "install the docker CLI with it"],
    )
    assert verdict.text == (
        "Dockerfile:7 RUN --mount needs buildx, which isn't here\n"
        "  /usr/bin/docker has no buildx plugin\n"
        "  install the docker CLI with it"
    )


def test_a_reason_that_is_cut_stands_below_in_full():
    reason = "a-model-with-a-long-name.safetensors isn't in the build context"
    verdict = judge_failed_build(reason, step="[2/2] COPY . /", line=2, details=["COPY failed"])
    assert verdict.text == (
        "Dockerfile:2: a-model-with-a-long-name.safetensors isn't in…\n"
        "  step [2/2] COPY . /\n"
        "  a-model-with-a-long-name.safetensors isn't in the build context\n"
        "  COPY failed"
    )
