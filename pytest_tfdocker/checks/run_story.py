"""How a run is told: phases, limits, the kernel's own figure, its end, its last lines."""

import re
import signal
from math import ceil

from pytest_tfdocker.evidence.records import WHOLE_RUN, Effective, Phase, Run
from pytest_tfdocker.settings.units import (
    format_cpus,
    format_memory,
    format_seconds,
    format_short,
)
from pytest_tfdocker.text import bounded, last_lines, one_line

SIGNAL_BASE = 128
"""A shell's way, and the probe's, to carry a signal in an exit code."""
START = "start"
"""What the supervisor calls the stretch before the first phase; it is told if it lasted 0.5 s."""
UNBUFFERED = "PYTHONUNBUFFERED=1, or flush=True"
FULL = 0.95
"""Of a limit: where a run came so near to it, something had to go."""
OTHERS_BYTES = 16 << 20
"""What else stands within the limit: the supervisor, and some of the kernel's own memory."""


def exit_words(run: Run) -> str:
    """How the user's process ended: "exit code 1", "SIGKILL (exit code 137)"."""
    if run.exit_code is None:
        return "no exit code"
    name = signal_name(run.exit_code)
    return f"{name} (exit code {run.exit_code})" if name else f"exit code {run.exit_code}"


def signal_name(exit_code: int) -> str | None:
    """The signal that an exit code over 128 stands for."""
    try:
        return signal.Signals(exit_code - SIGNAL_BASE).name
    except ValueError:
        return None


def last_phase(run: Run) -> str:
    """`in "load"`, the phase in which the run ended; "" where the program named none."""
    return in_phase(run.phases[-1]) if is_named(run) else ""


def peak_phase(run: Run) -> str:
    """`in "load"`, the phase of the peak; "" where no phase was named, or none was seen to have it.

    A peak between two samples is the kernel's to tell, which knows of no phases.
    """
    told = [phase for phase in run.phases if phase.peak_bytes is not None]
    if not (is_named(run) and told) or run.peak_source == "kernel":
        return ""
    return in_phase(max(told, key=lambda phase: phase.peak_bytes or 0))


def is_named(run: Run) -> bool:
    """Whether phases were told: else there is one, the whole run."""
    return bool(run.phases) and [phase.name for phase in run.phases] != [WHOLE_RUN]


def in_phase(phase: Phase) -> str:
    """`in "load"`, with the name cut to a headline's needs."""
    return f'in "{one_line(phase.name, 16)}"'


def phases_line(run: Run, *, cut_off: bool = False) -> list[str]:
    """One line, "import 412 MiB in 3.1 s | load ≥ 1.5 GiB in 0.4 s"; ≥ where the run broke off."""
    told = [
        phase_words(phase, at_least=cut_off and phase is run.phases[-1]) for phase in run.phases
    ]
    return [*([" | ".join(bounded(told))] if told else []), *left_out_line(run), *untimed_line(run)]


def untimed_line(run: Run) -> list[str]:
    """Of a program whose first phases came together: those of one that does not buffer don't."""
    first = next((phase for phase in run.phases if phase.name != START), None)
    if first is None or first.timed:
        return []
    return [f"its phase lines came all at once: its output is buffered; {UNBUFFERED}"]


def left_out_line(run: Run) -> list[str]:
    """Of a program that named more phases than are kept, as a loop over its items does."""
    if not run.phases_left_out:
        return []
    last = one_line(run.phases[-1].name, 40)
    return [f"more phases were named than are kept: what came after counts in {last}"]


def phase_words(phase: Phase, *, at_least: bool = False) -> str:
    """One phase of that line."""
    peak = "?" if phase.peak_bytes is None else format_memory(phase.peak_bytes)
    more = "≥ " if at_least else ""
    return f"{one_line(phase.name, 40)} {more}{peak} in {phase_seconds(phase)}"


def phase_seconds(phase: Phase) -> str:
    """As "2.9 s"; a question mark where nobody knows when it began."""
    return format_seconds(phase.seconds) if phase.timed else "?"


def largest_line(run: Run) -> list[str]:
    """The largest processes at the moment of the peak, and files in memory that none need map."""
    told = bounded(map(one_line, run.largest_processes), 5)
    shared, peak = run.shared_bytes or 0, run.peak_bytes or 0
    if shared and shared * 10 >= peak:
        words = f"files in memory (tmpfs, /dev/shm, shared): {format_memory(shared)}"
        told.insert(0 if shared * 2 >= peak else len(told), words)
    return [f"largest then: {', '.join(told)}"] if told else []


def limit_line(run: Run, limit_origin: str) -> str:
    """The memory limit, where it is set, whether it is in force, and how swap stands."""
    asked = run.limits.memory_bytes
    if asked is None:
        return "no memory limit is set"
    origin = limit_origin or run.limit_origin
    place = f" from {origin}" if origin else ""
    force = _in_force(run, asked)
    return f"limit {format_memory(asked)}{place}, {force}; page cache not counted{_beyond(run)}"


def _beyond(run: Run) -> str:
    """What the machine has, where that is less than the limit."""
    if not isinstance(run.effective, Effective):
        return ""
    asked = run.limits.memory_bytes or 0
    machine = run.effective.machine_short_of(asked)
    if machine is None:
        return ""
    return f"; the machine has {format_short(machine, asked, format_memory)[0]} alone"


def _in_force(run: Run, asked: int) -> str:
    if not isinstance(run.effective, Effective):
        return f"whether it is in force is not known ({one_line(run.effective.reason)})"
    found = run.effective.memory_bytes
    if found is None or found > asked:
        what = "none is" if found is None else f"{format_memory(found)} is"
        return f"NOT in force: {what}"
    return f"in force, {_swap(run.effective)}"


def _swap(effective: Effective) -> str:
    if not effective.swap_known:
        return "swap not accounted by the kernel"
    if effective.swap_bytes is None:
        return "swap unlimited" if effective.swappable_bytes != 0 else "no swap on this machine"
    return f"swap {format_memory(effective.swap_bytes)}" if effective.swap_bytes else "swap off"


def kernel_line(run: Run) -> list[str]:
    """The kernel's own peak, which is no working memory."""
    if run.kernel_peak_bytes is None:
        return []
    peak = format_memory(run.kernel_peak_bytes)
    return [f"the kernel's own peak, page cache counted: {peak}"]


def thrash_line(run: Run) -> list[str]:
    """A warning where more was evicted and read again than the limit holds: each pass is slow."""
    again, limit = run.refaulted_bytes, run.limits.memory_bytes
    if not again or limit is None or again < limit:
        return []
    faults = f", {run.major_faults:,} major faults" if run.major_faults else ""
    working = "" if run.peak_bytes is None else f" beside {format_memory(run.peak_bytes)}"
    return [
        f"warning: {format_memory(again)} of files was evicted and read again{faults}: the files "
        f"that it maps or reads don't fit{working} under {format_memory(limit)}"
    ]


def swapped_line(run: Run) -> list[str]:
    """How much stood in swap, which is no part of the peak."""
    if not run.swapped_bytes:
        return []
    return [f"swapped out: up to {format_memory(run.swapped_bytes)}, not in the peak"]


def may_be_swapped(run: Run) -> bool:
    """Whether the limit was full, and what did not fit went where nobody counts it as the peak."""
    limit, effective = run.limits.memory_bytes, run.effective
    if limit is None or run.peak_bytes is None or not isinstance(effective, Effective):
        return False
    # Where it is counted, it is known whether any was
    was_none = effective.swap_known and run.swapped_bytes == 0
    is_full = run.peak_bytes + OTHERS_BYTES >= FULL * limit
    return is_full and not was_none and effective.swaps_more_than(run.limits.swap_bytes or 0)


def throttled_words(throttled_seconds: float | None, seconds: float) -> str:
    """As "throttled 2.1 s in 8.0 s", where that is a tenth or more; else "".

    The kernel adds up what each CPU stood still, so it may be more than the time that went by.
    """
    if not throttled_seconds or throttled_seconds * 10 < seconds:
        return ""
    return f"throttled {format_seconds(throttled_seconds)} in {format_seconds(seconds)}"


def throttled_line(run: Run) -> list[str]:
    """How long the CPU limit stood it still, where that was a tenth of the run or more."""
    words, limit = throttled_words(run.throttled_seconds, run.seconds), run.limits.cpus
    if not words or limit is None:
        return [words] if words else []
    advice = f"if frameworks start more threads, OMP_NUM_THREADS={ceil(limit)} holds them"
    return [f"{words} by the limit of {format_cpus(limit)}; {advice}"]


def last_words(run: Run) -> str:
    """What the run said of its end: the error under the last traceback, else stderr's last line.

    Of an error's class the name alone, since a headline has little room.
    """
    lines = [line for line in run.stderr.split("\n") if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("Traceback (most recent")]
    after = lines[starts[-1] + 1 :] if starts else []
    error = next((line for line in after if not line[:1].isspace()), None)
    if error is not None:
        return one_line(re.sub(r"^([A-Za-z_]\w*\.)+(?=\w+(:|$))", "", error))
    return one_line(lines[-1] if lines else "")


def output_lines(run: Run) -> list[str]:
    """The last lines of stderr, else of stdout."""
    for name, text in (("stderr", run.stderr), ("stdout", run.stdout)):
        lines = last_lines(text)
        if lines:
            return [f"last lines of {name}:", *(f"  {line}" for line in lines)]
    return ["it wrote nothing"]
