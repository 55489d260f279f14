"""`limits`: the limits asked for are those in force inside."""

from math import inf

import msgspec

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.verdict import Verdict, failed, passed, skipped
from pytest_tfdocker.checks.wording import origin, unknown
from pytest_tfdocker.evidence.records import Effective, ImageConfig
from pytest_tfdocker.evidence.records.run import SWAP_ROUNDING_BYTES
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_memory, format_short
from pytest_tfdocker.text import HEADLINE_WIDTH, one_line, shorten

PAGE_BYTES = 65_536
"""The kernel rounds memory limits down to a page; 64 KiB is the largest in use (arm64)."""

OUT_OF_REACH = "in force, but out of reach:"
"""How the one line begins of a check that holds; the summary notes it."""

CPU_TOLERANCE = 0.01
"""The engine turns CPUs into microseconds of a period: finer than this nothing is kept."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit: what was asked for and what is in force, as text, and whether they agree."""

    name: str
    asked: str
    found: str
    holds: bool | None
    """None: it can't be told."""
    note: str = ""


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """One item, where any limit is set."""
    run = image.settings.run
    asked = (run.memory, run.swap, run.cpus, run.pids)
    return [None] if run.non_root or any(limit is not None for limit in asked) else []


def judge(facts: Facts, _parameter: str | None) -> Verdict:
    """Every limit that was asked for against the control group's own figure."""
    if not isinstance(facts.effective, Effective):
        return unknown(facts.effective, "what is in force inside")
    limits = compare(facts.image, facts.effective, engine_cpus=facts.evidence.runs_on.cpus)
    limits += user_limit(facts.image, facts.evidence.config)
    wrong = [limit for limit in limits if limit.holds is False]
    if wrong:
        return _not_in_force(wrong, limits, facts.effective)
    untold = [limit for limit in limits if limit.holds is None]
    if untold:
        return skipped(f"{untold[0].name}: {untold[0].found}", *map(_line, limits))
    headline = ", ".join(f"{limit.name} {limit.found}{limit.note}" for limit in limits)
    verdict = passed(shorten(headline, HEADLINE_WIDTH), measured=len(limits), budget=len(limits))
    return msgspec.structs.replace(verdict, details=_out_of_reach(facts.image, facts.effective))


def compare(image: Image, effective: Effective, *, engine_cpus: int) -> list[Limit]:
    """Each limit that the settings ask for, and swap, which is off where memory is limited."""
    run = image.settings.run
    found = [
        _memory(image, run.memory, effective),
        _swap(image, run.swap, effective, implied=run.memory is not None),
        _cpus(image, run.cpus, effective, engine_cpus),
        _pids(image, run.pids, effective),
    ]
    return [limit for limit in found if limit is not None]


def _out_of_reach(image: Image, effective: Effective) -> tuple[str, ...]:
    """Of a limit that the engine has taken, though its machine has less."""
    asked = image.settings.run.memory
    machine = effective.machine_short_of(asked)
    if asked is None or machine is None:
        return ()
    place = origin(image, "run.memory")
    figure, wanted = format_short(machine, asked, format_memory)
    return (
        f"{OUT_OF_REACH} the engine's machine has {figure}: whether the image needs up to "
        f"{wanted} ({place}) shows on a larger one",
    )


def _short(machine: int, asked: int) -> str:
    return f" (the machine has {format_short(machine, asked, format_memory)[0]})"


def _memory(image: Image, asked: int | None, effective: Effective) -> Limit | None:
    if asked is None:
        return None
    found, machine = effective.memory_bytes, effective.machine_short_of(asked)
    return Limit(
        name="memory",
        asked=f"{format_memory(asked)} ({origin(image, 'run.memory')})",
        found="unlimited" if found is None else format_memory(found),
        holds=found is not None and asked - PAGE_BYTES < found <= asked,
        note="" if machine is None else _short(machine, asked),
    )


def _swap(image: Image, asked: int | None, effective: Effective, *, implied: bool) -> Limit | None:
    if asked is None and not (implied and (effective.swap_known or effective.machine_swap_bytes)):
        return None
    wanted, found = asked or 0, effective.swap_bytes
    none_there = effective.swappable_bytes == wanted == 0
    is_left_on = bool(effective.machine_swap_bytes) and wanted == 0
    place = "off by default" if asked is None else origin(image, "run.swap")
    return Limit(
        name="swap",
        asked=f"{format_memory(wanted)} ({place})",
        found=_swap_text(effective),
        holds=(none_there or (found is not None and abs(found - wanted) < SWAP_ROUNDING_BYTES))
        if effective.swap_known
        else (False if is_left_on else None),
    )


def _swap_text(effective: Effective) -> str:
    if not effective.swap_known:
        machine = effective.machine_swap_bytes
        there = f"not accounted, {format_memory(machine)} there" if machine else ""
        return there or "the kernel accounts none"
    if effective.swap_bytes is None:
        return "unlimited" if effective.swappable_bytes != 0 else "none on this machine"
    return format_memory(effective.swap_bytes) if effective.swap_bytes else "off"


def _cpus(
    image: Image, asked: float | None, effective: Effective, engine_cpus: int
) -> Limit | None:
    if asked is None:
        return None
    wanted, found = min(asked, engine_cpus or asked), effective.cpus
    lowered = f" of {asked:g} asked, all that the engine has" if wanted < asked else ""
    return Limit(
        name="cpus",
        asked=f"{asked:g} ({origin(image, 'run.cpus')})",
        found=_or_unlimited("cpus", found, effective),
        holds=_unless_unknown("cpus", effective, abs((found or inf) - wanted) <= CPU_TOLERANCE),
        note=lowered,
    )


def _pids(image: Image, asked: int | None, effective: Effective) -> Limit | None:
    if asked is None:
        return None
    found = effective.pids
    return Limit(
        name="pids",
        asked=f"{asked} ({origin(image, 'run.pids')})",
        found=_or_unlimited("pids", found, effective),
        holds=_unless_unknown("pids", effective, found == asked),
    )


def user_limit(image: Image, config: ImageConfig) -> list[Limit]:
    """Whether the user is one that runAsNonRoot lets start, where it was asked for.

    The kubelet looks at the number alone: a name could be anybody's.
    """
    run = image.settings.run
    if not run.non_root:
        return []
    user = (config.user if run.user is None else run.user).partition(":")[0] or "root"
    named = not user.isdecimal()
    found = f"{one_line(user)}, a name" if named and user != "root" else one_line(user)
    return [
        Limit(
            name="user",
            asked=f"not root ({origin(image, 'run.non-root')})",
            found=found,
            holds=not named and int(user) != 0,
        )
    ]


def _or_unlimited(name: str, found: float | None, effective: Effective) -> str:
    if name in effective.unknown:
        return "its controller can't be read"
    return "unlimited" if found is None else f"{found:g}"


def _unless_unknown(name: str, effective: Effective, holds: bool) -> bool | None:  # noqa: FBT001
    return None if name in effective.unknown else holds


def _not_in_force(wrong: list[Limit], limits: list[Limit], effective: Effective) -> Verdict:
    first = wrong[0]
    asked = first.asked.partition(" (")[0]
    return failed(
        shorten(f"{first.name} {first.found}, {asked} asked for", HEADLINE_WIDTH),
        *map(_line, limits),
        *_why_not([limit.name for limit in wrong], effective),
        measured=len(limits) - len(wrong),
        budget=len(limits),
    )


def _why_not(names: list[str], effective: Effective) -> list[str]:
    lines = []
    if names != ["user"]:
        lines += [
            f"read from cgroup v{effective.cgroup_version.removeprefix('v')} inside the container",
            "rootless engines without cgroup delegation and kernels without the controller take a "
            "limit and drop it: see `docker info`",
        ]
    if "swap" in names and "memory" not in names:
        lines.append(
            "what does not fit is swapped out here and OOM-killed where swap is off: `swapoff -a` "
            "on the engine's machine, or the kernel parameter swapaccount=1 for cgroup v1; "
            "run.swap where production has swap"
        )
    if "user" in names:
        lines.append(
            "Kubernetes starts no such container (runAsNonRoot): write a number other than 0 in "
            "the image's USER, or set runAsUser"
        )
    return lines


def _line(limit: Limit) -> str:
    verdict = {True: "in force", False: "NOT in force", None: "can't be told"}[limit.holds]
    return f"{limit.name}: asked {limit.asked}, found {limit.found}{limit.note}: {verdict}"


CHECK = Check(name="limits", needs=("image", "effective"), plan=plan, judge=judge)
