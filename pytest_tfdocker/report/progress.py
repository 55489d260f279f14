"""Live progress of builds and runs: a status line on a terminal, else a line a step."""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self, cast

from pytest_tfdocker.settings.units import format_seconds
from pytest_tfdocker.text import one_line, shorten

if TYPE_CHECKING:
    from rich.live import Live

State = str
""""started", "running", "done", "cached", "failed", "interrupted", or a word of how it ended."""
Clock = Callable[[], float]

KEPT_STEPS = 1000
"""Names of finished steps that are remembered, so that none is written twice."""

PLAIN_WIDTH = 120
HEARTBEAT_SECONDS = 20.0
"""How long a log of CI stays silent while a step goes on and writes."""
REFRESHES_PER_SECOND = 4


class Output(Protocol):
    """What progress is written to: a text file, such as pytest's terminal writer's own."""

    def write(self, text: str, /) -> object: ...


class Progress:
    """Tells what goes on, `with Progress("build", write): …`; leaves nothing of it behind.

    `output` is a text file or a function that takes text. pytest's capture replaces stdout, so
    pass what the terminal reporter writes to. A status line needs a file that is a terminal.
    """

    def __init__(
        self,
        title: str,
        output: Output | Callable[[str], object],
        *,
        terminal: bool | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._title = title
        self._output = output
        self._clock = clock
        self._terminal = _is_terminal(output) if terminal is None else terminal
        self._told: OrderedDict[str, None] = OrderedDict()
        self._running: dict[str, float] = {}
        self._last_log = ""
        self._written = clock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._terminal and not callable(self._output):
            self._live = _start_live(self._output, self._status)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            for name in list(self._running):
                self.step(name, "interrupted")
        live, self._live = self._live, None
        if live is not None:
            try:
                live.stop()
            finally:
                # A second Ctrl-C may come in the middle of stop().
                live.console.show_cursor(show=True)

    def step(self, name: str, state: State, seconds: float | None = None) -> None:
        """A step has begun, or has ended after `seconds`; told once, however often it is said."""
        if state in {"started", "running"}:
            if name not in self._running:
                self._running[name], self._last_log = self._clock() - (seconds or 0.0), ""
            return
        began = self._running.pop(name, None)
        if seconds is None and began is not None:
            seconds = self._clock() - began
        self._tell_once(name, state, seconds)

    def log(self, line: str) -> None:
        """The last line that the step wrote; without a terminal, one from time to time."""
        self._last_log = line[:1000]
        if self._live is None and self._clock() - self._written >= HEARTBEAT_SECONDS:
            self._write(f"{self._status(PLAIN_WIDTH)}\n")

    def _tell_once(self, name: str, state: State, seconds: float | None) -> None:
        if name in self._told:
            return
        self._told[name] = None
        if len(self._told) > KEPT_STEPS:
            self._told.popitem(last=False)
        if self._live is None:
            self._write(f"{self._line(name, _ending(state, seconds), PLAIN_WIDTH)}\n")

    def _line(self, name: str, ending: str, width: int) -> str:
        head = f"{self._title}: {one_line(name)}"
        return f"{shorten(head, max(20, width - len(ending) - 1))} {ending}"

    def _status(self, width: int) -> str:
        """The status line, and below it the last line of the step's output."""
        if not self._running:
            return f"{self._title}: …"
        name, began = next(reversed(self._running.items()))
        line = self._line(name, format_seconds(self._clock() - began), width)
        return f"{line}\n  {one_line(self._last_log, width - 4)}" if self._last_log else line

    def _write(self, text: str) -> None:
        write = self._output if callable(self._output) else self._output.write
        write(text)
        self._written = self._clock()
        flush = getattr(self._output, "flush", None)
        if flush is not None:
            flush()


def _ending(state: State, seconds: float | None) -> str:
    if state == "cached":
        return state
    took = "" if seconds is None else format_seconds(seconds)
    return took if state == "done" else ", ".join(filter(None, [state, took]))


def _is_terminal(output: object) -> bool:
    isatty = getattr(output, "isatty", None)
    return isatty is not None and isatty() and os.environ.get("TERM") != "dumb"


def _start_live(output: object, status: Callable[[int], str]) -> "Live":
    # rich costs 100 ms to import, and only a terminal has a use for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=cast("IO[str]", output), force_terminal=True)
    live = Live(
        get_renderable=lambda: Text(
            status(console.width), style="dim", no_wrap=True, overflow="ellipsis"
        ),
        console=console,
        transient=True,
        refresh_per_second=REFRESHES_PER_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    live.start()
    return live
