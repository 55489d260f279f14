"""`peak-memory[SMOKE]`: the run ends well, in time, unkilled, within its memory."""

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.endings import Ending, ending_of
from pytest_tfdocker.checks.import_errors import LOOKED_UP, meaning_in_run
from pytest_tfdocker.checks.look_ups import with_look_ups
from pytest_tfdocker.checks.oom_kill import NOTHING_TOLD, Held, judge_oom_kill
from pytest_tfdocker.checks.repeated import notes, repeats_line, requests_line
from pytest_tfdocker.checks.run_story import (
    exit_words,
    kernel_line,
    largest_line,
    last_phase,
    last_words,
    limit_line,
    may_be_swapped,
    output_lines,
    peak_phase,
    phases_line,
    signal_name,
    swapped_line,
    thrash_line,
    throttled_line,
)
from pytest_tfdocker.checks.user_errors import run_meaning
from pytest_tfdocker.checks.verdict import Verdict, error, failed, skipped
from pytest_tfdocker.checks.wording import origin, split, unknown, weigh
from pytest_tfdocker.evidence.records import Absent, Run
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import ONLY, Image
from pytest_tfdocker.settings.units import format_memory, format_seconds
from pytest_tfdocker.text import HEADLINE_WIDTH, one_line, shorten


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """Every smoke: each can fail by its exit code, its time or an OOM kill."""
    return [smoke.name for smoke in image.settings.smoke]


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """The run of one smoke against its own budget, else against the memory limit."""
    if not isinstance(facts.run, Run):
        return unknown(facts.run, "the run")
    smoke = next(one for one in facts.image.settings.smoke if one.name == parameter)
    held = Held(
        limit_origin=origin(facts.image, "run.memory"),
        timeout_seconds=smoke.timeout,
        chosen_by=_chosen_by(facts.image, smoke.name),
    )
    return judge_run(facts.run, smoke.peak_memory, held)


def _chosen_by(image: Image, smoke: str) -> str:
    """What `-k` takes, which looks for parts of names: the brackets make it the whole one."""
    own = f"peak-memory[{smoke}]"
    return own if image.name == ONLY else f"{image.name} and {own}"


def judge_run(run: Run, budget_bytes: int | None = None, held: Held = NOTHING_TOLD) -> Verdict:
    """How the run ended comes first: the peak of a run that broke off says nothing."""
    return how_it_broke(run, held) or _judge_peak(run, budget_bytes, held)


def how_it_broke(run: Run, held: Held = NOTHING_TOLD) -> Verdict | None:
    """The failure of a run that did not end well; None where it did."""
    if run.error is not None:
        meaning = run_meaning(run)
        return failed(
            *split(run.error),
            *([meaning] if meaning else []),
            *notes(run),
            f"command: {one_line(' '.join(run.command), 160)}",
        )
    # A parent may wait for ever for a worker that was killed
    if run.oom_killed:
        return judge_oom_kill(run, held)
    if run.timed_out:
        return _timed_out(run, held)
    if run.exit_code:
        return _exited(run, held)
    if run.request_error is not None:
        return _failed(run, *split(run.request_error), *_of_answer(run), *output_lines(run))
    return None


def _of_answer(run: Run) -> list[str]:
    """What the traceback means that a service has written with its answer."""
    ending = ending_of(run)
    meaning = run_meaning(_with_its_end(run, ending)) if ending.last else None
    return with_look_ups(run, ending, [meaning] if meaning else [])


def _with_its_end(run: Run, ending: Ending) -> Run:
    """With no other errors than those that it ended by, where there are such."""
    return msgspec.structs.replace(run, stderr=ending.text) if ending.last else run


def _timed_out(run: Run, held: Held) -> Verdict:
    after = format_seconds(held.timeout_seconds or run.seconds)
    headline = f"{after} are over, stopped {last_phase(run)}".rstrip()
    if run.request_error is not None:
        headline = f"{after} are over: {run.request_error}"
    return _failed(
        run,
        shorten(headline, HEADLINE_WIDTH),
        *phases_line(run, cut_off=True),
        *throttled_line(run),
        *thrash_line(run),
        limit_line(run, held.limit_origin),
        *with_look_ups(run, ending_of(run), [], _wait_advice(run)),
        *output_lines(run),
    )


def _wait_advice(run: Run) -> list[str]:
    if run.request_error is not None:
        return [f"{_to_see(run.request_error)}, or raise the smoke's `timeout`"]
    return [
        "mend what waits, or raise the smoke's `timeout`; no network is there unless run.network "
        "is set"
    ]


def _to_see(error: str) -> str:
    """Where to look, by what a service has answered when its time was over."""
    if error.startswith("no answer"):
        return "the service listens: see what its handler of this request waits for"
    if error.startswith("not ready: ") and error.endswith("no answer"):
        return "the service listens: see what its handler of `ready` waits for"
    if error.startswith("not ready: "):
        return "the service listens: see the path that `ready` names, which has to answer 2xx"
    if error.endswith("not at 127.0.0.1"):
        return "let the service listen at 0.0.0.0: it is asked over loopback"
    return "see the service's port and its start below"


def _exited(run: Run, held: Held) -> Verdict:
    code = run.exit_code or 0
    name = signal_name(code)
    last = last_words(run)
    said = f"{exit_words(run)} {last_phase(run)}".rstrip() + (f": {last}" if last else "")
    ending = ending_of(run)
    meaning = run_meaning(_with_its_end(run, ending)) or meaning_in_run(last)
    told = [meaning] if meaning else []
    # Which host it was says more, where that is known
    known = ([], told) if meaning == LOOKED_UP else (told, [])
    note = [_who_killed(run)] if name == "SIGKILL" else []
    return _failed(
        run,
        shorten(said, HEADLINE_WIDTH),
        f"after {format_seconds(run.seconds)}: {one_line(' '.join(run.command), 120)}",
        *with_look_ups(run, ending, *known),
        *note,
        *phases_line(run, cut_off=True),
        limit_line(run, held.limit_origin),
        *output_lines(run),
    )


def _who_killed(run: Run) -> str:
    if run.oom_killed is None:
        return "no counter of OOM kills can be read here: it may have been one"
    return "the kernel counted no OOM kill: something else sent it"


def _judge_peak(run: Run, budget_bytes: int | None, held: Held) -> Verdict:
    budget = budget_bytes if budget_bytes is not None else run.limits.memory_bytes
    if run.peak_bytes is None:
        return _no_peak(run, budget)
    details = [
        *phases_line(run),
        *repeats_line(run),
        *requests_line(run),
        limit_line(run, held.limit_origin),
        *swapped_line(run),
        *thrash_line(run),
        *kernel_line(run),
    ]
    if budget is None:
        figure = f"{format_memory(run.peak_bytes)}, with neither budget nor limit"
        return skipped(figure, *details, measured=run.peak_bytes)
    if run.peak_bytes <= budget:
        if may_be_swapped(run):
            figure = f"≥ {format_memory(run.peak_bytes)}: what did not fit could be swapped out"
            return error(figure, *details, "mend: turn swap off, see the check `limits`")
        return weigh(run.peak_bytes, budget, format_memory, *details)
    over = weigh(run.peak_bytes, budget, format_memory, *largest_line(run), *details)
    headline = shorten(f"{over.headline} {peak_phase(run)}".rstrip(), HEADLINE_WIDTH)
    return msgspec.structs.replace(over, headline=headline)


def _no_peak(run: Run, budget: int | None) -> Verdict:
    reason, *more = split(run.peak_error or "no working memory could be read")
    why = [one_line(run.effective.reason)] if isinstance(run.effective, Absent) else []
    seen = [*more, *why, *kernel_line(run)]
    return skipped(reason, *seen) if budget is None else error(reason, *seen)


def _failed(run: Run, headline: str, *details: str) -> Verdict:
    return failed(headline, *notes(run), *details, measured=run.peak_bytes)


CHECK = Check(name="peak-memory", needs=("image", "run"), plan=plan, judge=judge)
