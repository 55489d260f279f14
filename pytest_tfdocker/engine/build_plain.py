"""The steps of a build, read from BuildKit's plain progress; for people, never for results."""

import re
from collections import deque

import msgspec

LOG_LINES = 30
_STEP = re.compile(r"^#(\d+) (\[.+?\] .+|.+)$")
_LOG = re.compile(r"^#(\d+) (\d+\.\d+) (.*)$")
_DONE = re.compile(r"^#(\d+) (DONE|CACHED|ERROR:?|CANCELED)\b ?(.*)$")
_PLACE = re.compile(r"^(.+):(\d+)$")


class StepSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A step that began, ended, or said a line."""

    name: str
    state: str
    """"started", "done", "cached", "failed" or "log"; of a "fit" also how a run ended."""
    line: str = ""
    """What it said, of a "log"."""
    part_of: str = "build"
    """Or "pull", or "fit SMOKE"."""


class PlainProgress:
    """Takes the lines of `--progress=plain` one by one."""

    def __init__(self, file_name: str) -> None:
        """`file_name`: of the Dockerfile, by which BuildKit tells its lines."""
        self._file_name = file_name
        self.names: dict[str, str] = {}
        self.logs: dict[str, deque[str]] = {}
        self.failed: str | None = None
        self.line: int | None = None
        self.errors: deque[str] = deque(maxlen=LOG_LINES)

    def take(self, line: str) -> StepSeen | None:
        """What the line tells, if it tells anything of a step."""
        line = line.rstrip()
        if found := _LOG.match(line):
            return self._log(found[1], found[3])
        if found := _DONE.match(line):
            return self._done(found[1], found[2].rstrip(":"), found[3])
        if found := _STEP.match(line):
            return self._step(found[1], found[2])
        found = _PLACE.match(line)
        if found and found[1] == self._file_name:
            self.line = int(found[2])
        elif line.startswith(("ERROR:", "error:")):
            self.errors.append(line.partition(":")[2].strip())
        return None

    def failing_log(self) -> tuple[str, ...]:
        """The last lines of the step that failed."""
        return tuple(self.logs.get(self.failed or "", ()))

    @property
    def failing_step(self) -> str | None:
        """The name of the step that failed: "[builder 3/5] RUN pip install …"."""
        return self.names.get(self.failed) if self.failed else None

    def _log(self, number: str, text: str) -> StepSeen:
        self.logs.setdefault(number, deque(maxlen=LOG_LINES)).append(text)
        return StepSeen(name=self.names.get(number, ""), state="log", line=text)

    def _done(self, number: str, state: str, text: str) -> StepSeen:
        states = {"DONE": "done", "CACHED": "cached", "ERROR": "failed", "CANCELED": "failed"}
        if state == "ERROR":
            self.failed = number
            self.errors.append(text)
        return StepSeen(name=self.names.get(number, ""), state=states[state])

    def _step(self, number: str, name: str) -> StepSeen | None:
        if number in self.names:
            return None
        self.names[number] = name
        return StepSeen(name=name, state="started")
