"""Which inventories later runs may take for theirs."""

import msgspec
import pytest

from pytest_tfdocker.evidence.inventory import _is_whole
from pytest_tfdocker.evidence.records import Absent, Files, Inventory, Waste

ABSENT = Absent(reason="the image has no Python")
FILES = Files(count=1, apparent_bytes=5, block_bytes=8, unreadable=0, seconds=0.1)
READ = Waste(bytes=0, count=0, groups=[], files=[])


@pytest.mark.parametrize(
    ("files", "waste", "kept"),
    [(FILES, None, False), (FILES, READ, True), (ABSENT, None, False)],
    ids=["a start that may have failed", "layers that were read", "nothing"],
)
def test_what_is_missing_is_looked_for_again_but_not_where_layers_were_read(files, waste, kept):
    found = Inventory(files=files, interpreter=ABSENT, distributions=ABSENT)
    assert _is_whole(msgspec.structs.replace(found, waste=waste)) == kept
