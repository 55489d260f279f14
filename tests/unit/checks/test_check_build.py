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
        exit_code=1,
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
        advice="no registry answers, and the engine does not have it",
    )
    assert verdict.text == (
        "python:3.99-slim: not found\n"
        "  step [1/7] FROM python:3.99-slim\n"
        "  no registry answers, and the engine does not have it"
    )


def test_a_long_output_is_bounded():
    verdict = judge_failed_build("failed", exit_code=2, output=[f"line {n}" for n in range(500)])
    assert verdict.details[-11:-9] == ("  … 490 more above", "  line 490")
