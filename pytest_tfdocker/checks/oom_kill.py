"""What a failure says of a run that the kernel killed, in part or whole, for its memory."""

import msgspec

from pytest_tfdocker.checks.run_story import (
    exit_words,
    in_phase,
    is_named,
    kernel_line,
    largest_line,
    left_out_line,
    limit_line,
    output_lines,
    phase_words,
    untimed_line,
)
from pytest_tfdocker.checks.verdict import Verdict, failed
from pytest_tfdocker.evidence.records import Phase, Run
from pytest_tfdocker.settings.units import format_memory, format_seconds
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, one_line, shorten


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was held to, for the texts of its failures."""

    limit_origin: str = ""
    """Where the memory limit is set: "compose.yaml:9"."""
    timeout_seconds: float | None = None
    chosen_by: str | None = None
    """The `-k` of its check, where it is a smoke of the settings: `--tfdocker-fit` takes those."""


NOTHING_TOLD = Held()


def judge_oom_kill(run: Run, held: Held) -> Verdict:
    """A failure, also where the exit code is 0: the phase, the peak, the limit, who was killed."""
    at = run.peak_bytes if run.peak_bytes is not None else run.limits.memory_bytes
    where = _killed_in(run)
    figure = [] if at is None else [f"at {format_memory(at)}"]
    headline = " ".join(["OOM-killed", *([in_phase(where)] if where else []), *figure])
    after = format_seconds(held.timeout_seconds or run.seconds)
    ending = f"stopped after {after}" if run.timed_out else exit_words(run)
    return failed(
        shorten(f"{headline}, {ending}", HEADLINE_WIDTH),
        *_phases(run, where),
        *_who(run),
        *largest_line(run),
        limit_line(run, held.limit_origin),
        *kernel_line(run),
        _advice(run, held.chosen_by),
        *output_lines(run),
        measured=run.peak_bytes,
    )


def _killed_in(run: Run) -> Phase | None:
    """The phase of the kill; None where none was told, or it could not be seen which it was."""
    if not is_named(run) or run.killed_in is None:
        return None
    named = [phase for phase in run.phases if phase.name == run.killed_in]
    return named[-1] if named else None


def _phases(run: Run, killed_in: Phase | None) -> list[str]:
    told = [
        phase_words(phase, at_least=phase is (killed_in or run.phases[-1])) for phase in run.phases
    ]
    return [*([" | ".join(bounded(told))] if told else []), *left_out_line(run), *untimed_line(run)]


def _who(run: Run) -> list[str]:
    """Who was killed, who lived on, and what Kubernetes would have made of it."""
    went_on = run.exit_code == 0 or run.timed_out
    killed = ", ".join(map(one_line, run.killed))
    lived = ", ".join(map(one_line, run.survivors)) if went_on else ""
    words = [f"{killed} killed"] if killed else ["a child was killed"] if went_on else []
    words += [f"{lived} lived"] if lived else ["the run went on"] if went_on else []
    if not words:
        return []
    kubernetes = "; Kubernetes would kill all of it" if went_on else ""
    return [f"{', '.join(words)}{kubernetes}"]


def _advice(run: Run, chosen_by: str | None) -> str:
    if chosen_by is not None:
        return f'find the limit: pytest --tfdocker --tfdocker-fit -k "{chosen_by}"'
    limit = run.limits.memory_bytes
    higher = "one" if limit is None else format_memory(2 * limit)
    return f"to find what it needs: give it a memory limit of {higher}, and read its peak"
