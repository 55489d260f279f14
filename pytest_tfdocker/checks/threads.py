"""`threads`: frameworks start no more threads than the CPU limit allows."""

from collections.abc import Sequence
from math import ceil

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.run_story import throttled_words
from pytest_tfdocker.checks.threads_mend import in_code, is_held, mending, why_so_many
from pytest_tfdocker.checks.verdict import Verdict, failed, passed, skipped
from pytest_tfdocker.checks.wording import origin, unknown
from pytest_tfdocker.evidence.records import Absent, FrameworkThreads, Threads
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_cpus
from pytest_tfdocker.text import HEADLINE_WIDTH, last_lines, one_line, shorten

NO_FRAMEWORK = "no framework that is asked for threads is installed"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The frameworks that don't simply hold, by what can be said of them."""

    over: list[FrameworkThreads]
    """Start more threads than the limit allows, and a variable would hold them."""
    left_to_code: list[FrameworkThreads]
    """So do these, and no variable would: the service's own code may do it."""
    silent: list[FrameworkThreads]
    """Could not be counted."""
    following: list[FrameworkThreads]
    """Take all the cores of a machine that has no more of them than the limit allows."""


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """One item, where a CPU limit is set."""
    return [] if image.settings.run.cpus is None else [None]


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """The threads of each framework against the limit, rounded up to whole CPUs."""
    if isinstance(facts.evidence.distributions, Absent):
        return unknown(facts.evidence.distributions, "what is installed")
    if not isinstance(facts.threads, Threads):
        return unknown(facts.threads, "how many threads are started")
    if not facts.threads.frameworks:
        return skipped(NO_FRAMEWORK)
    limit = facts.image.settings.run.cpus or 0.0
    found = sort(facts.threads, ceil(limit))
    if found.over:
        return _over(facts, found, facts.threads, limit)
    return _untold(facts.image, found, facts.threads, limit) or _within(facts.threads, limit)


def sort(threads: Threads, allowed: int) -> Found:
    """Each framework under one head at most; those that hold stand under none."""
    many = [one for one in threads.frameworks if (one.threads or 0) > allowed]
    rest = [one for one in threads.frameworks if one not in many]
    cores = threads.cores or 0
    return Found(
        over=[one for one in many if one.reads],
        left_to_code=[one for one in many if not one.reads],
        silent=[one for one in rest if one.threads is None],
        # Where a machine has more cores, who takes fewer reads the limit, or needs no more
        following=[
            one
            for one in rest
            if cores <= allowed and (one.threads or 0) >= cores and not is_held(one)
        ],
    )


def _over(facts: Facts, found: Found, threads: Threads, limit: float) -> Verdict:
    many = _largest_first([*found.over, *found.left_to_code])
    first = max(found.over, key=_count)
    return failed(
        shorten(_starts(first, limit), HEADLINE_WIDTH),
        _limit_line(facts.image, threads, limit),
        *map(_row, many),
        *_throttled(facts, first),
        *mending(facts.image, found.over, ceil(limit)),
        *in_code(found.left_to_code, ceil(limit)),
        measured=first.threads,
        budget=ceil(limit),
    )


def _untold(image: Image, found: Found, threads: Threads, limit: float) -> Verdict | None:
    if found.left_to_code:
        return _left_to_code(image, found.left_to_code, threads, limit)
    if found.silent:
        return _silent(found.silent)
    return _following(image, found.following, threads, limit) if found.following else None


def _within(threads: Threads, limit: float) -> Verdict:
    told = ", ".join(f"{one.name} {one.threads}" for one in threads.frameworks)
    headline = shorten(f"{told}: within {format_cpus(limit)}", HEADLINE_WIDTH)
    return passed(headline, measured=_most(threads.frameworks), budget=ceil(limit))


def _left_to_code(
    image: Image, many: list[FrameworkThreads], threads: Threads, limit: float
) -> Verdict:
    first = _largest_first(many)[0]
    return skipped(
        f"{first.name} starts {first.threads} threads unless the code says",
        _limit_line(image, threads, limit),
        *map(_row, many),
        *in_code(many, ceil(limit)),
        measured=first.threads,
    )


def _silent(silent: list[FrameworkThreads]) -> Verdict:
    reason, _, written = (silent[0].error or "no reason was told").partition("\n")
    headline = shorten(f"{silent[0].name} gave no answer: {one_line(reason)}", HEADLINE_WIDTH)
    return skipped(headline, *last_lines(written, 5))


def _following(
    image: Image, following: list[FrameworkThreads], threads: Threads, limit: float
) -> Verdict:
    return skipped(
        f"the engine has {_machine(threads)}, no more than the limit",
        _limit_line(image, threads, limit),
        *map(_row, following),
        "their threads follow the CPUs of the machine: on a larger one they are too many",
        *mending(image, [one for one in following if one.reads], ceil(limit)),
        "to see it on this engine: set run.cpus below what it has",
        measured=_most(following),
    )


def _starts(one: FrameworkThreads, limit: float) -> str:
    return f"{one.name} starts {one.threads} threads, the limit is {format_cpus(limit)}"


def _limit_line(image: Image, threads: Threads, limit: float) -> str:
    place = origin(image, "run.cpus")
    return f"limit {format_cpus(limit)} ({place}); the container sees {_machine(threads)}"


def _row(one: FrameworkThreads) -> str:
    library = f" ({one.library})" if one.library else ""
    inter_op = "" if one.inter_op is None else f", inter-op {one.inter_op}"
    return (
        f"{one.name} {one_line(one.version, 30)}{library}: {one.threads} threads{inter_op}; "
        f"{why_so_many(one)}"
    )


def _throttled(facts: Facts, first: FrameworkThreads) -> list[str]:
    """What it costs, as far as it was seen: here, and in smokes that have run before."""
    own = throttled_words(first.throttled_seconds, first.seconds)
    told = [f"{own} while {first.name} was imported and asked"] if own else []
    for run in facts.runs:
        words = throttled_words(run.throttled_seconds, run.seconds)
        told += [f"{words} in the smoke {one_line(run.name, 40)}"] if words else []
    return told


def _machine(threads: Threads) -> str:
    cpus, cores = threads.cpus or 0, threads.cores or 0
    shown = format_cpus(cpus)
    return shown if cores == cpus else f"{shown} on {cores} cores"


def _largest_first(frameworks: Sequence[FrameworkThreads]) -> list[FrameworkThreads]:
    return sorted(frameworks, key=_count, reverse=True)


def _most(frameworks: Sequence[FrameworkThreads]) -> int:
    return max(map(_count, frameworks))


def _count(one: FrameworkThreads) -> int:
    return one.threads or 0


CHECK = Check(name="threads", needs=("image", "threads"), plan=plan, judge=judge)
