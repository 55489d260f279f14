"""The image as users' own tests see it."""

from typing import Self

import pytest

from pytest_tfdocker.checks.build import NOT_BUILT
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import ImageEvidence
from pytest_tfdocker.images import NotThereError
from pytest_tfdocker.judging import NOT_RUN, failed_build
from pytest_tfdocker.session import Session


class JudgedImage:
    """An image that is there, built or given."""

    def __init__(self, session: Session, name: str, reference: str, image_id: str) -> None:
        """Use `of`."""
        self.session, self.name = session, name
        self.settings = session.image(name)
        self.reference = reference
        """The tag, digest or id that an engine takes."""
        self.id = image_id
        """sha256:…, of the image's config or manifest."""

    @classmethod
    def of(cls, session: Session, name: str, *, told: bool) -> Self:
        """The image of that name, built if need be; the test is told why where there is none.

        `told`: whether a check of this run tells of a failed build, so that tests may skip.
        """
        image = session.image(name)
        try:
            found = session.prepared(image)
        except NotThereError as missing:
            cause = missing.cause
        else:
            return cls(session, name, found.reference, found.id)
        if not cause.failed_build:
            pytest.fail(cause.reason, pytrace=False)
        if told:
            raise pytest.skip.Exception(NOT_BUILT, _use_item_location=True)
        pytest.fail(failed_build(image, cause).text, pytrace=False)

    @property
    def evidence(self) -> ImageEvidence:
        """All that is known without running its program, collected on first use, once a run."""
        try:
            return self.session.evidence(self.settings)
        except (EngineError, NotThereError) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    def must_run(self) -> None:
        """Skips the test where the image is a file, of which nothing can be run."""
        __tracebackhide__ = True
        if self.settings.is_file:
            raise pytest.skip.Exception(NOT_RUN, _use_item_location=True)

    def __repr__(self) -> str:
        """For pytest's own texts."""
        return f"<JudgedImage {self.reference} {self.id[:19]}>"
