"""The hooks of pytest. Imports pytest and the standard library alone: everyone pays for it."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_tfdocker.fixtures import (
    tfdocker_image,
    tfdocker_run,
    tfdocker_service,
    tfdocker_settings,
)
from pytest_tfdocker.keys import SESSION

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_tfdocker.host import Host

__all__ = ["tfdocker_image", "tfdocker_run", "tfdocker_service", "tfdocker_settings"]

OPTIONS = ("tfdocker_image", "tfdocker_json", "tfdocker_keep", "tfdocker_waste", "tfdocker_fit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--tfdocker and the options that go with it."""
    group = parser.getgroup("tfdocker", "judge the container image of an ML service")
    group.addoption(
        "--tfdocker",
        action="store_true",
        help="build the image of ./Dockerfile (or of [tool.tfdocker]) and judge it",
    )
    group.addoption(
        "--tfdocker-image",
        action="append",
        default=[],
        metavar="[NAME=]REF",
        help="judge this image instead of building one: a tag, a digest or an id; "
        "tar:FILE (docker save, OCI archive) or oci:DIR, without an engine",
    )
    group.addoption(
        "--tfdocker-json",
        metavar="FILE",
        help="write every figure and verdict to FILE, as JSON",
    )
    group.addoption(
        "--tfdocker-keep",
        action="store_true",
        help="leave the image and the containers for a look at them",
    )
    group.addoption(
        "--tfdocker-waste",
        action="store_true",
        help="tell which files of which layer a later one hides, also where size[wasted] passes "
        "(slow: reads all layers)",
    )
    group.addoption(
        "--tfdocker-fit",
        action="store_true",
        help="find the smallest memory limit of each smoke whose peak-memory is judged, and say "
        "which limit to set (slow: runs it six to ten times)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reads the settings, where --tfdocker is given; mistakes in them end pytest with exit 4."""
    config.addinivalue_line("markers", "tfdocker: a check of an image, collected by --tfdocker")
    config.addinivalue_line("markers", "tfdocker_run: a test that starts containers of an image")
    if config.option.tfdocker and not config.option.help:
        host = _host_class(config).configure(config)
        config.stash[SESSION] = host.session
        config.pluginmanager.register(host, "tfdocker-host")
        config.pluginmanager.register(Hooks(host), "tfdocker-hooks")
        if config.pluginmanager.hasplugin("xdist"):
            config.pluginmanager.register(XdistHooks(host), "tfdocker-xdist")
        return
    typed = " ".join(map(str, config.invocation_params.args))
    given = [name for name in OPTIONS if getattr(config.option, name)]
    options = ["--" + name.replace("_", "-") for name in given]
    lacking = [option for option in options if option in typed]
    if lacking:
        verb = "needs" if len(lacking) == 1 else "need"
        raise pytest.UsageError(f"{', '.join(lacking)} {verb} --tfdocker")


def _host_class(config: pytest.Config) -> type[Host]:
    """Imports what judges, past pytest's rewriting of asserts, which it does to all of a plugin.

    It would double the time of the import, and where no byte code may be written, in an environment
    that is read-only, it would rewrite 150 modules at each start. To look for garbage among what
    is made once for all would cost a quarter more.
    """
    hook: Any = getattr(config.pluginmanager, "rewrite_hook", None)
    at = sys.meta_path.index(hook) if hook in sys.meta_path else None
    is_collecting = gc.isenabled()
    if at is not None:
        del sys.meta_path[at]
    gc.disable()
    try:
        from pytest_tfdocker.host import Host  # noqa: PLC0415
    finally:
        if is_collecting:
            gc.enable()
        if at is not None:
            sys.meta_path.insert(at, hook)
    return Host


def pytest_itemcollected(item: pytest.Item) -> None:
    """`-m "not tfdocker_run"` leaves out what starts containers, with and without --tfdocker."""
    if {"tfdocker_run", "tfdocker_service"}.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.tfdocker_run)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With several images, `tfdocker_image` comes once for each, by name.

    A test's own mark says which of them it is for: pytest takes no parameter twice.
    """
    session = metafunc.config.stash.get(SESSION, None)
    if session is None or not session.several or _names_images(metafunc.definition):
        return
    if "tfdocker_image" in metafunc.fixturenames:
        names = [image.name for image in session.settings.images]
        metafunc.parametrize("tfdocker_image", names, indirect=True, scope="session")


def _names_images(item: pytest.Item) -> bool:
    marks = item.iter_markers("parametrize")
    named = [mark.args[0] if mark.args else mark.kwargs.get("argnames", "") for mark in marks]
    texts = [one if isinstance(one, str) else ",".join(map(str, one)) for one in named]
    return any("tfdocker_image" in map(str.strip, text.split(",")) for text in texts)


class Hooks:
    """What pytest asks where --tfdocker is given."""

    def __init__(self, host: Host) -> None:
        """`host` does the work; the hooks carry."""
        self.host = host

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> Any:
        """The Dockerfile is a test file."""
        return self.host.collect_file(file_path, parent)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """A test that may be the first to need the image is not timed for the build."""
        self.host.untime(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """`pytest tests --tfdocker` judges the image too."""
        items.extend(self.host.added_items(session, items))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is left of the items tells what will be asked of the engine."""
        self.host.look_ahead(session.items)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """What a fixture has started is of each test that uses the fixture."""
        try:
            return (yield)
        finally:
            self.host.note_fixture(fixturedef)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The verdict travels on the report, from a worker to the controller."""
        report = yield
        self.host.annotate(item, call, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Where the reports are written, every verdict arrives; before JUnit's file has it."""
        self.host.note(report)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The measured figures, and the settings to paste."""
        self.host.write_summary(terminalreporter)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Outermost, so that the line that says what was judged is the last."""
        try:
            result = yield
        finally:
            self.host.finish()
            if self.host.report_is_lost and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    def pytest_unconfigure(self) -> None:
        """Nothing of ours stays open."""
        self.host.close()


class XdistHooks:
    """Registered only where xdist is, whose hooks these are."""

    def __init__(self, host: Host) -> None:
        """`host` of the controller."""
        self.host = host

    def pytest_configure_node(self, node: Any) -> None:
        """The workers share the controller's run."""
        node.workerinput["tfdocker"] = self.host.shared()

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """All workers collect the same."""
        self.host.chosen = frozenset(ids)
