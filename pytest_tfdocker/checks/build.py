"""`build`: the image builds."""

import re
from collections.abc import Sequence

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.verdict import Verdict, failed, passed
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_seconds
from pytest_tfdocker.text import HEADLINE_WIDTH, last_lines, one_line, shorten

_EXIT_CODE = re.compile(r"exit code: (\d+)|non-zero code: (\d+)")
"""BuildKit's and the classic builder's."""

NOT_BUILT = "not built"
"""What every other check skips with after a failed build."""


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """One item, unless the image was built by somebody else."""
    return [] if image.given else [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Where there is evidence there is an image: says by what, and in what time."""
    build = facts.evidence.build
    if build is None:
        return passed("the image is there")
    how = "up to date" if build.cached else "built"
    headline = f"{format_seconds(build.seconds)}, {how}, {build.builder}"
    return passed(headline, measured=build.seconds)


def judge_failed_build(
    reason: str,
    *,
    step: str | None = None,
    dockerfile: str = "Dockerfile",
    line: int | None = None,
    details: Sequence[str] = (),
    output: Sequence[str] = (),
    seconds: float | None = None,
) -> Verdict:
    """A build that failed: `reason` is the builder's word, `step` is "[3/7] RUN pip install …".

    `details` say more of the reason; `output` is the step's own.
    """
    blame = "" if line is None else f"{dockerfile}:{line}"
    after = "" if seconds is None else f", after {format_seconds(seconds)}"
    headline = _headline(reason, step, blame)
    return failed(
        headline,
        *([f"step {one_line(step, 160)}{after}"] if step else []),
        *([] if headline.endswith(one_line(reason)) else [one_line(reason)]),
        *map(one_line, details),
        *_output(output, of_step=step is not None),
        measured=seconds,
        line=line,
    )


def _headline(reason: str, step: str | None, blame: str) -> str:
    """The exit code, the line and the instruction, where a step ran; else the builder's word."""
    code = _EXIT_CODE.search(reason)
    if code is None:
        return shorten(": ".join(filter(None, [blame, one_line(reason)])), HEADLINE_WIDTH)
    instruction = one_line((step or "").rpartition("] ")[2])
    where = ", ".join(filter(None, [f"exit code {code[1] or code[2]}", blame]))
    return shorten(": ".join(filter(None, [where, instruction])), HEADLINE_WIDTH)


def _output(output: Sequence[str], *, of_step: bool) -> list[str]:
    lines = last_lines("\n".join(output))
    if not (lines and of_step):
        return lines
    return ["last lines of its output:", *(f"  {line}" for line in lines)]


CHECK = Check(name="build", needs=("image",), plan=plan, judge=judge)
