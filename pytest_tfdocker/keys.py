"""Keys of pytest's stash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_tfdocker.session import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()
