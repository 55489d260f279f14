"""What the probe finds out of Python, of an image of which nothing is started."""

from pytest_tfdocker.evidence.unstarted.kept import HEAD_BYTES, Kept
from pytest_tfdocker.evidence.unstarted.report import environ_of, read_unstarted
from pytest_tfdocker.evidence.unstarted.tree import ImageTree

__all__ = ["HEAD_BYTES", "ImageTree", "Kept", "environ_of", "read_unstarted"]
