"""What can go wrong with an engine, each with a text for the user."""


class EngineError(Exception):
    """The engine refused or broke off; the text says what, and what to do about it."""


class EngineUnavailableError(EngineError):
    """No engine answers."""


class ImageNotFoundError(EngineError):
    """The engine has no such image, and could not pull it."""


class CommandNotFoundError(EngineError):
    """The image has no such program."""


class ConnectionLostError(EngineError):
    """The container ended, or the engine went away, before the program inside had reported."""

    def __init__(self, said: str, *, oom_killed: bool = False) -> None:
        """`said`: the last that it wrote; `oom_killed`: whether the engine saw an OOM kill."""
        super().__init__(said)
        self.oom_killed = oom_killed


class BuildFailedError(EngineError):
    """The image could not be built."""

    def __init__(
        self,
        headline: str,
        log: tuple[str, ...] = (),
        step: str | None = None,
        line: int | None = None,
        *,
        details: tuple[str, ...] = (),
    ) -> None:
        """`log`: the last lines of the failing step; `line`: of the Dockerfile, from 1.

        `details`: the builder's own words where the headline is ours, and what to do about it.
        """
        super().__init__(headline)
        self.headline, self.log, self.step, self.line = headline, log, step, line
        self.details = details
