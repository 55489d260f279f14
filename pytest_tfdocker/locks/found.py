"""What a file of the container turns out to be, besides a file of the build context."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec


class Inline(msgspec.Struct, frozen=True, kw_only=True):
    """A file that stands in the Dockerfile: `COPY <<EOF /tmp/requirements.txt`."""

    text: str
    line: int
    """The Dockerfile's, of the text's first line."""


class Changed(msgspec.Struct, frozen=True):
    """A file of the build context that the build writes before it is read."""

    line: int
    """The Dockerfile's, of the command that writes it."""
    path: Path | None = None
    """In the build context."""


class Made(msgspec.Struct, frozen=True):
    """A file that the build writes from a lock: `poetry export -o requirements.txt`."""

    line: int
    """The Dockerfile's, of the command that writes it."""
    read: Callable[[str], Any]
    """Its Contents, by what installs them, "Dockerfile:9 pip install -r"."""


Found = Path | Inline | Changed | Made | None
"""None: not copied."""
