"""rpm's own database, "ndb": openSUSE's, and SUSE's.

Little-endian, in blocks of 16 bytes. Pages of 4096 bytes hold the slots; the first two blocks of
the first page are the file's head. A slot says where a blob is: a head, a header of rpm, a tail.
"""

import struct
from collections.abc import Iterator

from pytest_tfdocker.evidence.rpm.headers import BrokenError, piece

MAGIC = b"RpmP"
_HEAD = struct.Struct("<4s4I")
"""Magic, version, generation, pages of slots, the next package's number."""
_SLOT = struct.Struct("<4s3I")
"""Magic, number of the package, first block, count of blocks; of an unused one the block is 0."""
_BLOB = struct.Struct("<4s3I")
"""Magic, number of the package, generation, bytes."""
BLOCK_BYTES, PAGE_BYTES = 16, 4096
_HEAD_BLOCKS = 2


def blobs(data: bytes) -> Iterator[bytes]:
    """The header of each package. Raises BrokenError."""
    _, version, _, pages, _ = _HEAD.unpack(piece(data, 0, _HEAD.size))
    if version != 0:
        raise BrokenError(f"has version {version} of its format")
    slots = piece(data, 0, pages * PAGE_BYTES)[_HEAD_BLOCKS * BLOCK_BYTES :]
    for magic, number, block, _ in _SLOT.iter_unpack(slots):
        if magic != b"Slot":
            raise BrokenError("has a damaged list of packages")
        if block:
            yield _blob(data, number, block * BLOCK_BYTES)


def _blob(data: bytes, number: int, start: int) -> bytes:
    magic, owner, _, size = _BLOB.unpack(piece(data, start, _BLOB.size))
    if magic != b"BlbS" or owner != number:
        raise BrokenError("has a package that is not where the list says")
    return piece(data, start + _BLOB.size, size)
