"""`duration[SMOKE]`: the run, and each of its phases that has a budget, ends within its time."""

from collections.abc import Mapping
from difflib import get_close_matches

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.peak_memory import how_it_broke
from pytest_tfdocker.checks.phase_times import PhaseTime, phase_times
from pytest_tfdocker.checks.repeated import repeats_line, requests_line
from pytest_tfdocker.checks.run_story import (
    START,
    UNBUFFERED,
    phase_seconds,
    throttled_line,
    throttled_words,
    untimed_line,
)
from pytest_tfdocker.checks.verdict import Verdict, error, failed, passed, skipped
from pytest_tfdocker.checks.wording import unknown
from pytest_tfdocker.evidence.records import Run
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_over, format_seconds
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, one_line, shorten

Budgeted = tuple[PhaseTime, float]
"""A phase, and its budget in seconds."""


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """The smokes that have a `duration` or a `phase-duration`."""
    smokes = image.settings.smoke
    return [one.name for one in smokes if one.duration is not None or one.phase_duration]


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """The seconds of one smoke's run, which it shares with `peak-memory`, against its budgets."""
    if not isinstance(facts.run, Run):
        return unknown(facts.run, "the run")
    smoke = next(one for one in facts.image.settings.smoke if one.name == parameter)
    asked, offered = facts.image.settings.run.cpus, facts.evidence.runs_on.cpus
    if asked is not None and 0 < offered < asked and how_it_broke(facts.run) is None:
        return _fewer_cpus(facts.run, asked, offered)
    return judge_seconds(facts.run, smoke.duration, smoke.phase_duration)


def judge_seconds(
    run: Run, budget_seconds: float | None, phase_budgets: Mapping[str, float]
) -> Verdict:
    """Only a run that ended well has a duration."""
    if how_it_broke(run) is not None:
        return skipped(
            f"the smoke did not end well, see peak-memory[{one_line(run.name, 20)}]",
            measured=run.seconds,
        )
    if phase_budgets and not run.phases:
        return _without_phases(run, budget_seconds)
    times = phase_times(run)
    wanted = _told(phase_budgets, times) if run.phases_named else dict(phase_budgets)
    if any(name not in times for name in wanted):
        return _no_phase(run, next(name for name in wanted if name not in times), [*times])
    held = [(times[name], budget) for name, budget in wanted.items()]
    untimed = [time.name for time, _ in held if not time.timed]
    over = sorted((one for one in held if _is_over(one)), key=_excess, reverse=True)
    if budget_seconds is not None and run.seconds > budget_seconds:
        headline = format_over(run.seconds, budget_seconds, format_seconds)
        return _over(run, headline, over, run.seconds, budget_seconds)
    if over:
        time, budget = over[0]
        headline = shorten(f"{_figure(over[0])} {_in(time.name)}", HEADLINE_WIDTH)
        return _over(run, headline, over, time.seconds, budget)
    return _not_timed(run, untimed[0]) if untimed else _within(run, budget_seconds, held)


def _told(budgets: Mapping[str, float], times: Mapping[str, PhaseTime]) -> dict[str, float]:
    """The budgets without that of a start that was too short to be told."""
    untold = bool(times) and START not in times
    return {name: budget for name, budget in budgets.items() if not (untold and name == START)}


def _over(run: Run, headline: str, over: list[Budgeted], seconds: float, budget: float) -> Verdict:
    return failed(
        headline,
        *_phases(run),
        *map(_story, over),
        *repeats_line(run),
        *requests_line(run),
        *throttled_line(run),
        *_cpu(run),
        measured=seconds,
        budget=budget,
    )


def _within(run: Run, budget_seconds: float | None, held: list[Budgeted]) -> Verdict:
    """What is left of the whole; where that has no budget, of the phase that has least left."""
    seconds, budget, where = run.seconds, budget_seconds, ""
    if budget is None and held:
        time, budget = max(held, key=_excess)
        seconds, where = time.seconds, f" {_in(time.name)}"
    if budget is None:
        return passed(format_seconds(seconds), measured=seconds)
    left = format_seconds(budget - seconds)
    headline = f"{format_seconds(seconds)}, {left} under {format_seconds(budget)}{where}"
    return passed(shorten(headline, HEADLINE_WIDTH), measured=seconds, budget=budget)


def _without_phases(run: Run, budget_seconds: float | None) -> Verdict:
    """Of an image without Python the whole is known, and of its phases nothing."""
    if budget_seconds is not None and run.seconds > budget_seconds:
        headline = format_over(run.seconds, budget_seconds, format_seconds)
        return _over(run, headline, [], run.seconds, budget_seconds)
    return skipped("phases are read by the image's Python, and it has none", measured=run.seconds)


def _fewer_cpus(run: Run, asked: float, offered: int) -> Verdict:
    return skipped(
        f"{format_seconds(run.seconds)} on {offered} CPUs, {asked:g} asked for",
        "the engine has no more: a time on fewer CPUs says nothing of production's",
        measured=run.seconds,
    )


def _no_phase(run: Run, missing: str, named: list[str]) -> Verdict:
    """A budget for what never was holds nothing: it is a mistake, and not a pass."""
    name, near = one_line(missing, 30), get_close_matches(missing, named, 1)
    there = ", ".join(bounded(one_line(one, 40) for one in named))
    seen = f"there were {there}" if named else "it named none, and none was seen"
    advice = (
        f"did you mean {one_line(near[0], 30)!r}?"
        if near
        else f"a line `tfdocker: phase {name}` begins one"
    )
    return failed(f'no phase "{name}" in the run', f"{seen}; {advice}", measured=run.seconds)


def _not_timed(run: Run, name: str) -> Verdict:
    """When it began is not known, so that no figure of it is within any budget."""
    return error(
        f"{_in(name).removeprefix('in ')} could not be timed",
        "its phase lines came all at once: its output is buffered, or phases are shorter than "
        "20 ms",
        f"mend: {UNBUFFERED}",
        *_phase_line(run),
    )


def _is_over(held: Budgeted) -> bool:
    time, budget = held
    return time.timed and time.seconds > budget


def _excess(held: Budgeted) -> float:
    time, budget = held
    return time.seconds - budget


def _figure(held: Budgeted) -> str:
    time, budget = held
    return format_over(time.seconds, budget, format_seconds)


def _in(name: str) -> str:
    return f'in "{one_line(name, 16)}"'


def _story(held: Budgeted) -> str:
    """What one phase had: "load: 12.3 s, 2.3 s over 10.0 s; CPU time 9.5 s"."""
    time, _ = held
    cpu = [] if time.cpu_seconds is None else [f"CPU time {format_seconds(time.cpu_seconds)}"]
    throttled = throttled_words(time.throttled_seconds, time.seconds)
    told = [_figure(held), *cpu, *([throttled] if throttled else [])]
    return f"{one_line(time.name, 40)}: {'; '.join(told)}"


def _phases(run: Run) -> list[str]:
    return [*_phase_line(run), *untimed_line(run)]


def _phase_line(run: Run) -> list[str]:
    told = [f"{one_line(phase.name, 40)} {phase_seconds(phase)}" for phase in run.phases]
    return [" | ".join(told)] if told else []


def _cpu(run: Run) -> list[str]:
    if run.cpu_seconds is None:
        return []
    return [f"CPU time {format_seconds(run.cpu_seconds)}"]


CHECK = Check(name="duration", needs=("image", "run"), plan=plan, judge=judge)
