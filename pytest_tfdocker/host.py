"""Between pytest and the run object: where settings come from, where progress and reports go."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

import pytest

from pytest_tfdocker.collector import CheckItem, DockerfileFile, VirtualCollector
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.outcome import Collected
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings
from pytest_tfdocker.settings.source import SettingsError

VERDICT = "tfdocker"
"""The attribute of a report that carries the verdict; xdist sends all that is plain."""


class Host:
    """What the hooks ask. One a process; the controller's writes the reports."""

    def __init__(self, config: pytest.Config, session: Session, *, is_worker: bool) -> None:
        """Use `configure`."""
        self.config, self.session, self.is_worker = config, session, is_worker
        self.results: dict[str, Collected] = {}
        self._finished = False

    @classmethod
    def configure(cls, config: pytest.Config) -> Self:
        """Reads the settings and adds the Dockerfiles to what is collected.

        Raises pytest.UsageError with every mistake at once.
        """
        given = getattr(config, "workerinput", {}).get("tfdocker")
        options = Options(
            images=list(config.option.tfdocker_image),
            json_path=config.option.tfdocker_json,
            keep=config.option.tfdocker_keep,
        )
        try:
            settings = load_settings(_start(config), options=options, environ=os.environ)
        except SettingsError as error:
            raise pytest.UsageError("\n".join(["tfdocker:", *error.problems])) from None
        run_id = given["id"] if given else uuid.uuid4().hex
        folder = Path(given["folder"] if given else tempfile.mkdtemp(prefix="tfdocker-run-"))
        voice = _Voice(config)
        session = Session(
            settings,
            Store(folder, _kept_folder(config)),
            run_id,
            building=voice.building,
            doing=voice.doing,
        )
        host = cls(config, session, is_worker=given is not None)
        host._add_arguments()
        return host

    def shared(self) -> dict[str, str]:
        """What a worker needs to take part in this run."""
        return {"id": self.session.run_id, "folder": str(self.session.store.run_folder)}

    def collect_file(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """The collector of a Dockerfile that is to be judged; None for any other file."""
        if not any(image.dockerfile == path for image in self.session.settings.images):
            return None
        collector: pytest.Collector = DockerfileFile.from_parent(parent, path=path)
        return collector

    def virtual_items(self, session: pytest.Session) -> list[pytest.Item]:
        """Items of the images that have no file to collect; none where a node id was given."""
        images = [i for i in self.session.settings.images if not i.dockerfile.is_file()]
        if not images or self._has_node_id:
            return []
        collector = VirtualCollector.from_parent(session, name="tfdocker", images=images)
        return list(session.genitems(collector))

    def annotate(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Puts verdict and line on the report; what the user's runs printed goes on a failure."""
        if isinstance(item, CheckItem):
            report.location = item.final_location()
            collected = item.collected(report, call)
            if collected is not None:
                setattr(report, VERDICT, collected.to_dict())

    def note(self, report: pytest.TestReport) -> None:
        """Keeps a verdict; of a test that is run again, the last."""
        told = getattr(report, VERDICT, None)
        if told is not None and not self.is_worker:
            self.results[report.nodeid] = Collected.from_dict(told)

    def write_summary(self, reporter: Any) -> None:
        """The figures and the settings to paste, as a section of the terminal."""
        from pytest_tfdocker.report.summary import render_figures  # noqa: PLC0415
        from pytest_tfdocker.reports import image_reports  # noqa: PLC0415

        if self.is_worker or not self.results:
            return
        reports = image_reports(self.session, self.results.values())
        lines = render_figures(reports, self.config.get_terminal_writer().fullwidth)
        if lines:
            reporter.section("tfdocker", sep="=")
            for line in lines:
                reporter.write_line(line)

    def finish(self) -> None:
        """Writes the last line and the JSON report, once, and removes what the run has pulled."""
        if self.is_worker or self._finished:
            return
        self._finished = True
        from pytest_tfdocker.report.json_report import write_json  # noqa: PLC0415
        from pytest_tfdocker.report.summary import last_line  # noqa: PLC0415
        from pytest_tfdocker.reports import image_reports  # noqa: PLC0415

        reports = image_reports(self.session, self.results.values())
        lines = [last_line(report) for report in reports]
        path = self.session.settings.json_path
        if path is not None:
            try:
                write_json(path, reports)
            except OSError as error:
                lines.insert(0, f"tfdocker: {path} can't be written: {error.strerror}")
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self.config.option.collectonly:
            for line in lines:
                reporter.write_line(line)
        self.session.remove_pulled()

    def close(self) -> None:
        """Ends connections; the controller removes the run's folder."""
        self.session.close()
        if not self.is_worker:
            shutil.rmtree(self.session.store.run_folder, ignore_errors=True)

    @property
    def _has_node_id(self) -> bool:
        return any("::" in str(argument) for argument in self.config.args)

    def _add_arguments(self) -> None:
        """Adds each Dockerfile that no argument covers."""
        if self._has_node_id:
            return
        for image in self.session.settings.images:
            path = image.dockerfile
            if path.is_file() and not self._is_covered(path):
                self.config.args.append(str(path))

    def _is_covered(self, path: Path) -> bool:
        folders = [self.config.invocation_params.dir / arg for arg in self.config.args]
        return any(path == folder or path.is_relative_to(folder) for folder in folders)


class _Voice:
    """Tells on the terminal what goes on; a worker of xdist has none and says nothing."""

    def __init__(self, config: pytest.Config) -> None:
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
        """Gives what takes the steps of a build."""
        with self._progress("build") as progress:

            def on_step(step: Any) -> None:
                if progress is None:
                    return
                if step.state == "log":
                    progress.log(step.line)
                elif step.name and not step.name.startswith("[internal]"):
                    state = "running" if step.state == "started" else step.state
                    progress.step(step.name, state)

            yield on_step

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Tells of one thing that takes a while."""
        title, _, rest = what.partition(" ")
        with self._progress(title) as progress:
            if progress is None:
                yield
                return
            progress.step(rest or title, "running")
            try:
                yield
            except BaseException:
                progress.step(rest or title, "failed")
                raise
            progress.step(rest or title, "done")


def _start(config: pytest.Config) -> Path:
    """Where the search for settings begins: an argument's folder that has them, else here."""
    here = config.invocation_params.dir
    for argument in config.args:
        path = here / str(argument).partition("::")[0]
        folder = path if path.is_dir() else path.parent
        if any((folder / name).is_file() for name in ("tfdocker.toml", "Dockerfile")):
            return folder
    return here


def _kept_folder(config: pytest.Config) -> Path | None:
    cache = getattr(config, "cache", None)
    return Path(cache.mkdir("tfdocker")) if cache is not None else None
