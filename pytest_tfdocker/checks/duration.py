"""`duration[SMOKE]`: the run ends within its time."""

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.checks.run_story import throttled_line
from pytest_tfdocker.checks.verdict import Verdict, failed, passed, skipped
from pytest_tfdocker.checks.wording import unknown
from pytest_tfdocker.evidence.records import Run
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_over, format_seconds
from pytest_tfdocker.text import one_line


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """The smokes that have a `duration`."""
    return [smoke.name for smoke in image.settings.smoke if smoke.duration is not None]


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """The seconds of one smoke's run, which it shares with `peak-memory`, against its budget."""
    if not isinstance(facts.run, Run):
        return unknown(facts.run, "the run")
    smoke = next(one for one in facts.image.settings.smoke if one.name == parameter)
    asked, offered = facts.image.settings.run.cpus, facts.evidence.runs_on.cpus
    if asked is not None and 0 < offered < asked and how_it_broke(facts.run) is None:
        return _fewer_cpus(facts.run, asked, offered)
    return judge_seconds(facts.run, smoke.duration or 0.0)


def judge_seconds(run: Run, budget_seconds: float) -> Verdict:
    """Only a run that ended well has a duration."""
    if how_it_broke(run) is not None:
        return skipped(
            f"the smoke did not end well, see peak-memory[{one_line(run.name, 20)}]",
            measured=run.seconds,
        )
    budget = format_seconds(budget_seconds)
    if run.seconds > budget_seconds:
        return failed(
            format_over(run.seconds, budget_seconds, format_seconds),
            *_phases(run),
            *throttled_line(run),
            *_cpu(run),
            measured=run.seconds,
            budget=budget_seconds,
        )
    left = format_seconds(budget_seconds - run.seconds)
    headline = f"{format_seconds(run.seconds)}, {left} under {budget}"
    return passed(headline, measured=run.seconds, budget=budget_seconds)


def _fewer_cpus(run: Run, asked: float, offered: int) -> Verdict:
    return skipped(
        f"{format_seconds(run.seconds)} on {offered} CPUs, {asked:g} asked for",
        "the engine has no more: a time on fewer CPUs says nothing of production's",
        measured=run.seconds,
    )


def _phases(run: Run) -> list[str]:
    told = [f"{one_line(phase.name, 40)} {format_seconds(phase.seconds)}" for phase in run.phases]
    return [" | ".join(told)] if told else []


def _cpu(run: Run) -> list[str]:
    if run.cpu_seconds is None:
        return []
    return [f"CPU time {format_seconds(run.cpu_seconds)}"]


CHECK = Check(name="duration", needs=("image", "run"), plan=plan, judge=judge)
