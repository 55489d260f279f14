"""What the terminal is told while something takes long."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from typing import Any

import pytest

NO_STEPS = ("[internal]", "building with ")
"""What buildx tells beside the Dockerfile's own: of itself, and of what it sends."""


class Voice:
    """Tells on the terminal what goes on; a worker of xdist has none and says nothing."""

    def __init__(self, config: pytest.Config) -> None:
        """`config`: whose terminal it is."""
        self._config = config

    @contextmanager
    def _progress(self, title: str) -> Iterator[Any]:
        from pytest_tfdocker.report.progress import Progress  # noqa: PLC0415

        plugins = self._config.pluginmanager
        reporter = plugins.get_plugin("terminalreporter")
        if reporter is None or self._config.option.verbose < 0:
            yield None
            return
        capture = plugins.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            reporter.ensure_newline()
            writer = self._config.get_terminal_writer()
            output = getattr(writer, "_file", None) or writer.write
            with Progress(title, output, terminal=None if writer.hasmarkup else False) as progress:
                yield progress

    @contextmanager
    def building(self) -> Iterator[Any]:
        """Gives what takes the steps of a build, say. Nothing is written before the first."""
        with ExitStack() as stack:
            begin = cache(lambda title: stack.enter_context(self._progress(title)))

            def on_step(step: Any) -> None:
                progress = begin(step.part_of)
                if progress is None:
                    return
                if step.state == "log":
                    progress.log(step.line)
                elif step.name and not step.name.startswith(NO_STEPS):
                    state = "running" if step.state == "started" else step.state
                    progress.step(step.name, state)

            yield on_step

    @contextmanager
    def doing(self, what: str) -> Iterator[Callable[[str], None]]:
        """Tells of one thing that takes a while; gives what takes how far it is."""
        title, _, rest = what.partition(" ")
        with self._progress(title) as progress:
            if progress is None:
                yield lambda _: None
                return
            progress.step(rest or title, "running")
            try:
                yield progress.log
            except KeyboardInterrupt:
                # Progress itself tells of it: nothing has failed
                raise
            except BaseException:
                progress.step(rest or title, "failed")
                raise
            progress.step(rest or title, "done")
