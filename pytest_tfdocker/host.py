"""Between pytest and the run object: where settings come from, where reports go."""

import os
import shutil
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from pytest_tfdocker.collector import VIRTUAL, CheckItem, DockerfileFile, VirtualCollector
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.fixtures import SERVICES
from pytest_tfdocker.junit import name_junit_class
from pytest_tfdocker.outcome import Collected
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options, read_json_path
from pytest_tfdocker.settings.load import load_settings
from pytest_tfdocker.settings.source import SettingsError, has_settings, is_file
from pytest_tfdocker.voice import Voice

IMAGE = "tfdocker_image"
"""The attribute of a report that carries the image's name; xdist sends all that is plain."""
DOCKERFILE = "Dockerfile"
"""The file that is judged where no settings name another."""
VERDICT = "tfdocker"
"""The attribute that carries the verdict."""
PHASES = ("setup", "call", "teardown")
"""Of a test that is run; a report of xdist's on a worker that is gone has none of them."""


class Host:
    """What the hooks ask. One a process; the controller's writes the reports."""

    def __init__(self, config: pytest.Config, session: Session, *, is_worker: bool) -> None:
        """Use `configure`."""
        self.config, self.session, self.is_worker = config, session, is_worker
        self.results: dict[str, Collected] = {}
        self.chosen: frozenset[str] = frozenset()
        """Node ids of the tests that are to run; workers of xdist tell theirs."""
        self.reached: set[str] = set()
        """Those of which anything was reported."""
        self._finished = False
        self.report_is_lost = False

    @classmethod
    def configure(cls, config: pytest.Config) -> Self:
        """Reads the settings.

        Raises pytest.UsageError with every mistake at once.
        """
        given = getattr(config, "workerinput", {}).get("tfdocker")
        options = Options(
            images=list(config.option.tfdocker_image),
            json_path=config.option.tfdocker_json,
            keep=config.option.tfdocker_keep,
            waste=config.option.tfdocker_waste,
            fit=config.option.tfdocker_fit,
        )
        try:
            settings = load_settings(_start(config), options=options, environ=os.environ)
        except SettingsError as error:
            _remove_old_report(options)
            raise pytest.UsageError("\n".join(["tfdocker:", *error.problems])) from None
        run_id = given["id"] if given else uuid.uuid4().hex
        kept = _kept_folder(config)
        folder = Path(given["folder"] if given else tempfile.mkdtemp(prefix="tfdocker-run-"))
        voice = Voice(config)
        session = Session(
            settings,
            Store(folder, kept),
            run_id,
            building=voice.building,
            doing=voice.doing,
        )
        return cls(config, session, is_worker=given is not None)

    def shared(self) -> dict[str, str]:
        """What a worker needs to take part in this run."""
        return {"id": self.session.run_id, "folder": str(self.session.store.run_folder)}

    def collect_file(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """The collector of a Dockerfile that is to be judged; None for any other file."""
        if not any(image.dockerfile == path for image in self.session.settings.images):
            return None
        # Outside of the root folder pytest would leave the path out of the ids.
        nodeid = os.path.relpath(path, self.config.rootpath)
        collector: pytest.Collector = DockerfileFile.from_parent(parent, path=path, nodeid=nodeid)
        return collector

    def added_items(self, session: pytest.Session, items: list[pytest.Item]) -> list[pytest.Item]:
        """The checks that no argument has led to; none where a node id was given.

        Not by an argument of our own: pytest drops those that lie in the folder of another,
        and then never visits a Dockerfile in a folder of `norecursedirs`, such as "build".
        """
        if any("::" in str(argument) for argument in self.config.args):
            return []
        images = self.session.settings.images
        collected = {item.path for item in items if isinstance(item, CheckItem)}
        paths = dict.fromkeys(one.dockerfile for one in images if is_file(one.dockerfile))
        collectors = [
            self.collect_file(path, session)
            for path in paths
            if path not in collected and not self._is_ignored(path)
        ]
        without = [image for image in images if not is_file(image.dockerfile)]
        if without:
            virtual = VirtualCollector.from_parent(
                session, name=VIRTUAL, nodeid=VIRTUAL, images=without
            )
            collectors.append(virtual)
        return [item for one in collectors if one is not None for item in session.genitems(one)]

    def look_ahead(self, items: list[pytest.Item]) -> None:
        """Says which parts will be needed; a worker of xdist runs some of its items alone."""
        if not self.config.option.collectonly:
            self.chosen = frozenset(item.nodeid for item in items)
        for item in items if not self.is_worker else ():
            if isinstance(item, CheckItem) and "effective" in item.check.needs:
                self.session.await_limits(item.image)

    def _is_ignored(self, path: Path) -> bool:
        """Whether --ignore or a conftest names this file."""
        hook = self.config.hook
        return bool(hook.pytest_ignore_collect(collection_path=path, config=self.config))

    def untime(self, item: pytest.Item) -> None:
        """Lifts pytest-timeout's default, which is made for unit tests, from tests of the image.

        Builds and runs have limits of their own. A test's own mark holds.
        """
        if (
            "tfdocker_image" in getattr(item, "fixturenames", ())
            and self.config.pluginmanager.hasplugin("timeout")
            and item.get_closest_marker("timeout") is None
        ):
            item.add_marker(pytest.mark.timeout(0))

    def note_fixture(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Services that it has started, and that live on, are of the tests that use it."""
        factory = self.config.stash.get(SERVICES, None)
        if factory is not None and fixturedef.scope != "function":
            factory.claim(fixturedef.argname)

    def annotate(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Puts image, verdict and line on the report; on a failed test's, its service's output."""
        factory = self.config.stash.get(SERVICES, None)
        if factory is not None:
            fixtures = getattr(item, "fixturenames", ())
            if report.failed and "tfdocker_service" in fixtures:
                report.sections += factory.sections(fixtures)
            if report.when == "teardown":
                factory.end_test()
        if isinstance(item, CheckItem):
            report.location = item.final_location()
            setattr(report, IMAGE, item.image.name)
            collected = item.collected(report, call)
            if collected is None:
                return
            setattr(report, VERDICT, collected.to_dict())
            if report.when == "setup":
                # repr_failure is not asked there, and pytest's own text starts with "Failed: ".
                report.longrepr = collected.message

    def note(self, report: pytest.TestReport) -> None:
        """Keeps a verdict; of a test that is run again, the last."""
        if report.when in PHASES:
            self.reached.add(report.nodeid)
        name_junit_class(self.config, report, getattr(report, IMAGE, None))
        told = getattr(report, VERDICT, None)
        if told is not None and not self.is_worker:
            self.results[report.nodeid] = Collected.from_dict(told)

    def write_summary(self, reporter: Any) -> None:
        """The figures and the settings to paste, as a section of the terminal."""
        from pytest_tfdocker.report.summary import render_figures  # noqa: PLC0415
        from pytest_tfdocker.reports import image_reports, read_layers  # noqa: PLC0415

        if self.is_worker or not self.results:
            return
        if self.session.settings.waste:
            read_layers(self.session)
        reports = image_reports(self.session, self.results.values(), self.chosen - self.reached)
        lines = render_figures(reports, self.config.get_terminal_writer().fullwidth)
        if lines:
            reporter.write_sep("=", "tfdocker")
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

        reports = image_reports(self.session, self.results.values(), self.chosen - self.reached)
        lines = [last_line(report) for report in reports]
        path = self.session.settings.json_path
        if path is not None:
            try:
                write_json(path, reports)
            except OSError as error:
                lines.insert(0, f"tfdocker: {path} can't be written: {error.strerror}")
                self.report_is_lost = True
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and not self.config.option.collectonly:
            for line in lines:
                reporter.write_line(line)
        self.session.let_go()

    def close(self) -> None:
        """Ends connections; the controller removes the run's folder."""
        self.session.close()
        if not self.is_worker:
            shutil.rmtree(self.session.store.run_folder, ignore_errors=True)


def _start(config: pytest.Config) -> Path:
    """Where the search for settings begins.

    A Dockerfile that is named; else the nearest settings, seen from the arguments first, then from
    the current folder, up to pytest's root; else ./Dockerfile; else the nearest one. Arguments
    outside of the current folder are as good as that.
    """
    here, root = config.invocation_params.dir, config.rootpath
    named = [Path(os.path.normpath(here / str(one).partition("::")[0])) for one in config.args]
    for path in named:
        if path.name == DOCKERFILE and is_file(path):
            return path.parent
    given = [path if path.is_dir() else path.parent for path in named]
    near = [folder for start in given for folder in _upwards(start, here, root)] + [here]
    for folder in near:
        if has_settings(folder) or (here not in folder.parents and is_file(folder / DOCKERFILE)):
            return folder
    for folder in (*given, *near, *_upwards(here, here, root)):
        if is_file(folder / DOCKERFILE):
            return folder
    return root if root.is_relative_to(here) else here


def _upwards(start: Path, here: Path, root: Path) -> list[Path]:
    """A folder and those above it: to the current one where it lies in that, else to the root."""
    end = here if here in start.parents else root
    return [start, *(folder for folder in start.parents if folder.is_relative_to(end))]


def _remove_old_report(options: Options) -> None:
    """A report of an earlier run would pass for that of a run that does not begin."""
    path = read_json_path(options, os.environ, [])
    with suppress(OSError, ValueError):  # a folder, or no name of a file, is told as a mistake
        if path is not None:
            path.unlink()


def _kept_folder(config: pytest.Config) -> Path | None:
    cache = getattr(config, "cache", None)
    try:
        return Path(cache.mkdir("tfdocker")) if cache is not None else None
    except OSError:
        # pytest's own plugins warn of a cache that can't be written.
        return None
