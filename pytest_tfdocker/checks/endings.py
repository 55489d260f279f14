"""What a run said last: the errors that it ended by, else its last lines."""

import re

import msgspec

from pytest_tfdocker.checks.run_story import SIGNAL_BASE
from pytest_tfdocker.evidence.records import Run

_START = re.compile(r"^.*Traceback \(most recent call last\):", re.MULTILINE)
_LINK = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):[\s|]*\Z"
)
_IN_GROUP = re.compile(" +\\|")
"""An exception group's own traceback stands above those of what it holds, which bear a line."""
_SERVER_ERROR = re.compile(r"\bstatus 5\d\d, not ")
_LAST_LINES = 10
"""As many as a retry that is logged may take, an answer of the hub's with its links among them."""


class Ending(msgspec.Struct, frozen=True):
    """What stands at the end of a run's output."""

    text: str
    """The last traceback with those that led to it; else the last lines of stdout and stderr."""
    last: str
    """The last traceback alone; "" where there is none."""


def ending_of(run: Run) -> Ending:
    """What a run ended by, as far as its output shows.

    A traceback in the output of what was stopped, killed, or answered on may have been survived.
    """
    code = run.exit_code or 0
    is_broken = 0 < code <= SIGNAL_BASE or _SERVER_ERROR.search(run.request_error or "")
    if is_broken and not run.timed_out:
        for text in (run.stderr, run.stdout):
            found = _chain(text)
            if found is not None:
                return found
    lines = "\n".join(line for text in (run.stdout, run.stderr) for line in _last_lines(text))
    return Ending(text=lines, last="")


def _chain(text: str) -> Ending | None:
    """The last traceback and, before it, those of which it says that it came of them."""
    starts = [match.start() for match in _START.finditer(text)]
    if not starts:
        return None
    first = last = starts.pop()
    while starts and (_LINK.search(text[:first]) or _IN_GROUP.match(text, first)):
        first = starts.pop()
    return Ending(text=text[first:], last=text[last:])


def _last_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()][-_LAST_LINES:]
