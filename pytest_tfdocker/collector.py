"""The Dockerfile as a test file, and each check of it as a test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_tfdocker.checks.check import Check, check_id
from pytest_tfdocker.checks.registry import CHECKS
from pytest_tfdocker.checks.verdict import Verdict
from pytest_tfdocker.fitted import fit_smoke
from pytest_tfdocker.judging import judge
from pytest_tfdocker.keys import SESSION
from pytest_tfdocker.outcome import Collected, level_of, outcome_at
from pytest_tfdocker.settings.schema import Image

VIRTUAL = "tfdocker"
"""Where the ids begin of checks that hang on no file."""


class CheckFailedError(Exception):
    """Carries the text of a failed verdict."""


class CheckItem(pytest.Item):
    """One check of one image."""

    def __init__(self, *, image: Image, check: Check, parameter: str | None, **kwargs: Any) -> None:
        """`parameter`: what stands in the brackets of the id."""
        super().__init__(**kwargs)
        self.image, self.check, self.parameter = image, check, parameter
        self.level = level_of(image.settings.checks, check.name, parameter)
        self.verdict: Verdict | None = None
        self.add_marker(pytest.mark.tfdocker)
        if self.config.pluginmanager.hasplugin("timeout"):
            # pytest-timeout's default is made for unit tests; builds and runs have limits of ours
            self.add_marker(pytest.mark.timeout(0))

    def setup(self) -> None:
        """Gathers and judges; what can't be looked at is an error here."""
        self.verdict = judge(self.config.stash[SESSION], self.image, self.check, self.parameter)
        if self.verdict.outcome == "error":
            pytest.fail(self.verdict.text, pytrace=False)

    def runtest(self) -> None:
        """Carries the verdict, its level applied."""
        verdict = self.verdict
        assert verdict is not None  # noqa: S101
        outcome = outcome_at(verdict, self.level)
        if outcome == "failed":
            raise CheckFailedError(verdict.text)
        if outcome == "warned":
            pytest.xfail(verdict.text)
        if outcome == "skipped":
            raise pytest.skip.Exception(verdict.headline, _use_item_location=True)

    def teardown(self) -> None:
        """--tfdocker-fit: once the verdict is told, which Ctrl-C in a long search then leaves."""
        session = self.config.stash[SESSION]
        asked = session.settings.fit and self.check.name == "peak-memory"
        # Without a verdict it was broken off, and pytest tears down what is left
        if asked and self.parameter and self.verdict is not None:
            fit_smoke(session, self.image, self.parameter)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict's own text, so that the short summary begins with the figure."""
        if isinstance(excinfo.value, CheckFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def collected(self, report: pytest.TestReport, call: pytest.CallInfo[None]) -> Collected | None:
        """The verdict for the reports; None in a phase that decides nothing."""
        verdict = self.verdict
        if verdict is None or report.when not in ("setup", "call"):
            return None
        if report.when == "setup" and verdict.outcome != "error":
            return None
        interrupted = call.excinfo is not None and call.excinfo.errisinstance(KeyboardInterrupt)
        if interrupted:
            return None
        return Collected(
            image=self.image.name,
            id=check_id(self.check.name, self.parameter),
            outcome=outcome_at(verdict, self.level),
            message=verdict.text,
            measured=verdict.measured,
            budget=verdict.budget,
        )

    def reportinfo(self) -> tuple[Path, int, str]:
        """The Dockerfile, at the line to blame."""
        line = self.verdict.line if self.verdict and self.verdict.line else 1
        path, _, name = self.nodeid.partition("::")
        return self.config.rootpath / path, line - 1, name

    def final_location(self) -> tuple[str, int | None, str]:
        """The location, now that the verdict names a line."""
        path, _, domain = self.location
        return path, self.reportinfo()[1], domain


def tells_of_build(item: pytest.Item, image: str) -> bool:
    """Whether this item is the `build` of that image."""
    return isinstance(item, CheckItem) and (item.image.name, item.check.name) == (image, "build")


def items_of(parent: pytest.Collector, image: Image) -> Iterator[pytest.Item]:
    """The checks of one image, as its settings and its declared requirements ask for them."""
    declared = parent.config.stash[SESSION].declared(image)
    for check in CHECKS:
        for parameter in check.plan(image, declared):
            if level_of(image.settings.checks, check.name, parameter) != "off":
                name = check_id(check.name, parameter)
                yield CheckItem.from_parent(
                    parent,
                    name=name,
                    # As text: else --lf of pytest 9.2 takes the brackets for a part of the name
                    # in the item's id, and for parameters in the id that it has kept.
                    nodeid=f"{parent.nodeid}::{name}",
                    image=image,
                    check=check,
                    parameter=parameter,
                )


class ImageCollector(pytest.Collector):
    """One image of several."""

    def __init__(self, *, image: Image, **kwargs: Any) -> None:
        """`image`: whose checks these are."""
        super().__init__(**kwargs)
        self.image = image

    def collect(self) -> Iterator[pytest.Item]:
        """Its checks."""
        return items_of(self, self.image)


def of_images(parent: pytest.Collector, images: list[Image]) -> Iterator[Any]:
    """The checks themselves where there is one image, else a collector for each."""
    if not parent.config.stash[SESSION].several:
        yield from items_of(parent, images[0])
        return
    for image in images:
        yield ImageCollector.from_parent(parent, name=image.name, image=image)


class DockerfileFile(pytest.File):
    """A Dockerfile that is judged."""

    def collect(self) -> Iterator[Any]:
        """The checks of the images that it builds."""
        images = self.config.stash[SESSION].settings.images
        return of_images(self, [image for image in images if image.dockerfile == self.path])


class VirtualCollector(pytest.Collector):
    """Stands in for the Dockerfile where there is none to collect."""

    def __init__(self, *, images: list[Image], **kwargs: Any) -> None:
        """`images`: those without a Dockerfile."""
        super().__init__(**kwargs)
        self.images = images

    def collect(self) -> Iterator[Any]:
        """Their checks."""
        return of_images(self, self.images)
