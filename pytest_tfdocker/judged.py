"""The image as users' own tests see it."""

from typing import Self

import pytest

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.records import ImageEvidence
from pytest_tfdocker.session import NotThereError, Session


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
    def of(cls, session: Session, name: str) -> Self:
        """The image of that name, built if need be; the test is told why where there is none."""
        try:
            found = session.prepared(session.image(name))
        except NotThereError as missing:
            if missing.cause.failed_build:
                raise pytest.skip.Exception("not built", _use_item_location=True) from None
            pytest.fail(missing.cause.reason, pytrace=False)
        return cls(session, name, found.reference, found.id)

    @property
    def evidence(self) -> ImageEvidence:
        """All that is known without running its program, collected on first use, once a run."""
        try:
            return self.session.evidence(self.settings)
        except EngineError as error:
            pytest.fail(str(error), pytrace=False)

    def __repr__(self) -> str:
        """For pytest's own texts."""
        return f"<JudgedImage {self.reference} {self.id[:19]}>"
