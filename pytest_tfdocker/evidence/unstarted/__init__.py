"""What the probe finds out of Python, of an image of which nothing is started."""

from pytest_tfdocker.evidence.unstarted.kept import TEXT_BYTES, Kept
from pytest_tfdocker.evidence.unstarted.report import environ_of, read_unstarted
from pytest_tfdocker.evidence.unstarted.tree import ImageTree

__all__ = ["TEXT_BYTES", "ImageTree", "Kept", "environ_of", "read_unstarted"]
