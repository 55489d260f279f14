"""The databases that the probe has sent: which format each has, and what is in it."""

import base64
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pytest_tfdocker.evidence.rpm import berkeley, ndb, sqlite
from pytest_tfdocker.evidence.rpm.headers import BrokenError, Package, read_header

MOST_BYTES = 128 << 20
"""Of one file, as the probe has it too: what an image has packed may be any size unpacked."""
MOST_PATH_BYTES = 512 << 20


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What rpm has installed, as far as it can be told."""

    packages: list[Package] = []
    problem: str | None = None
    """Which database can't be read, and why; then no package of it is here."""


def read_databases(sent: Sequence[dict[str, Any]]) -> Installed:
    """Of what the probe's `rpm_data.databases` gave."""
    packages: list[Package] = []
    problems = []
    for one in sent:
        try:
            packages += _packages(one)
        except BrokenError as error:
            problems.append(f"{one['path']} {error}")
    return Installed(packages=packages, problem="; ".join(problems) or None)


def read_database(data: bytes, journal: bytes = b"") -> list[Package]:
    """Every package of a database. Raises BrokenError.

    `journal`: the write-ahead log that stands beside SQLite's.
    """
    found, read_bytes, path_bytes = [], 0, 0
    for blob in _blobs(data, journal):
        read_bytes += len(blob)
        if read_bytes > len(data) + len(journal):
            raise BrokenError("has packages that stand in each other")
        found.append(read_header(blob))
        path_bytes += sum(map(len, found[-1].paths))
        if path_bytes > MOST_PATH_BYTES:
            raise BrokenError("lists more files than an image has")
    return found


def _packages(sent: dict[str, Any]) -> list[Package]:
    if "problem" in sent:
        raise BrokenError(sent["problem"])
    journal = _bytes(sent["journal"]) if "journal" in sent else b""
    return read_database(_bytes(sent["data"]), journal)


def _bytes(packed: Sequence[str]) -> bytes:
    kind, text = packed
    data = base64.b64decode(text)
    if kind != "zlib":
        return data
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, MOST_BYTES)
    if unpacker.unconsumed_tail:
        raise BrokenError(f"is larger than {MOST_BYTES >> 20} MiB")
    return found


def _blobs(data: bytes, journal: bytes) -> Iterable[bytes]:
    if data.startswith(sqlite.MAGIC):
        return sqlite.blobs(data, journal)
    if data.startswith(ndb.MAGIC):
        return ndb.blobs(data)
    if berkeley.is_one(data):
        return berkeley.blobs(data)
    raise BrokenError("has a format that is not known" if data else "is empty")


def mark_owned(distributions: Sequence[dict[str, Any]], packages: Sequence[Package]) -> None:
    """Names rpm as installer of those whose metadata it owns: a folder, or what stands in it."""
    wanted = {one["path"]: one for one in distributions}
    for package in packages:
        for path in package.paths:
            metadata = path.removesuffix("/METADATA").removesuffix("/PKG-INFO")
            if metadata in wanted:
                wanted[metadata]["installer"] = "rpm"
