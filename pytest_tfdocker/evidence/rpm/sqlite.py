"""rpm's database in SQLite, of rpm 4.16 and newer: Fedora, RHEL 9, Amazon Linux 2023."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_tfdocker.evidence.rpm.headers import BrokenError

MAGIC = b"SQLite format 3\0"
STEP, MOST_STEPS = 1000, 100_000
"""Instructions of SQLite's machine: a schema that comes with an image may loop."""


def blobs(data: bytes, journal: bytes) -> list[bytes]:
    """The header of each package. Raises BrokenError.

    By files: SQLite takes no database in memory that has, or may have, a write-ahead log.
    """
    try:
        import sqlite3  # noqa: PLC0415 - an interpreter may be built without
    except ImportError as error:
        raise BrokenError("is SQLite's, which this Python was built without") from error
    try:
        with tempfile.TemporaryDirectory(prefix="tfdocker-") as folder:
            path = Path(folder) / "rpmdb.sqlite"
            path.write_bytes(data)
            if journal:
                path.with_name(f"{path.name}-wal").write_bytes(journal)
            connection = sqlite3.connect(path)
            try:
                return list(_rows(connection, len(data) + len(journal)))
            finally:
                connection.close()
    except (sqlite3.Error, ValueError, OverflowError, OSError) as error:
        raise BrokenError(f"can't be read by SQLite: {error}") from error


def _rows(connection: Any, most_bytes: int) -> Iterator[bytes]:
    import sqlite3  # noqa: PLC0415

    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
    steps = iter(range(MOST_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, STEP)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    for (blob,) in connection.execute("SELECT blob FROM Packages"):
        if not isinstance(blob, bytes):
            raise BrokenError("has a package that is no blob")
        most_bytes -= len(blob)
        if most_bytes < 0:  # of a view, or of a damaged list of pages
            raise BrokenError("has packages that stand in each other")
        yield blob
