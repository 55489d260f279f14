"""Whose each file is: a distribution's, an OS package's, a model's, the project's, or nobody's."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.records import ImageConfig, Owner
from pytest_tfdocker.evidence.rpm.headers import Package
from pytest_tfdocker.text import encodable

WEIGHTS = re.compile(
    r"(?i)\.(safetensors|gguf|ggml|onnx|pt|pth|ckpt|h5|msgpack|tflite|bin)$"
    r"|/models--[^/]+/blobs/[^/]+$|\.onnx_data$"
)
WEIGHTS_BYTES = 1 << 20
"""Smaller files of these names are seldom weights."""
MOST_WEIGHTS = 1000
OS_INSTALLERS = ("dpkg", "apk", "rpm")
SHARED = ("usr", "opt", "var", "home", "root", "srv", "mnt", "data")
"""Folders that say little of what is in them."""
OS_FOLDERS = tuple(
    f"{above}/{name}/"
    for above in ("", "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include")
)
"""Where packages of the OS put what they have; /usr/local is not theirs."""
UNCLAIMED = ("weights", "project", "nobody")
NAMES = {"weights": "model weights", "project": "the project", "nobody": "nobody"}


class Owners(msgspec.Struct, frozen=True, kw_only=True):
    """Owners, and which of them each row of the listing belongs to."""

    table: list[tuple[str, str, str]]
    """Kind, name, version."""
    of_row: list[int]
    sites: list[str]
    """The folder that each distribution is installed into, "" where none tells; they are the first
    of the table."""
    compiled: frozenset[int] = frozenset()
    """Rows of byte code that a RECORD lists: an installer has made it, and no import."""
    lists: int = 0
    """Packages of the OS whose files are listed."""

    def kind(self, row: int) -> str:
        """Of the owner of a row: "distribution", "os-package", "weights", "project", "nobody"."""
        return self.table[self.of_row[row]][0]

    def name(self, row: int) -> str:
        """Of the owner of a row."""
        return self.table[self.of_row[row]][1]


def find_owners(
    listing: Listing,
    distributions: Sequence[tuple[str, str, str | None]],
    owned: dict[str, Any],
    config: ImageConfig,
    rpm: Sequence[Package] = (),
) -> Owners:
    """One owner each file; of those that claim it the first distribution, then the OS's package.

    `distributions`: name, version and installer of each, in the order of `owned["distributions"]`,
    which has what their RECORDs list. `rpm`: what it has installed. Moves the bytes of hard links
    to a name that has an owner.
    """
    table = [
        ("os-package" if installer in OS_INSTALLERS else "distribution", name, version)
        for name, version, installer in distributions
    ]
    claims = claims_of(owned["distributions"])
    packages = [*_os_packages(owned), *rpm]
    for package in packages:
        index = len(table)
        table.append(("os-package", package.name, package.version))
        for path in package.paths:
            claims.setdefault(path, index)
    rest = len(table)
    table += [(kind, NAMES[kind], "") for kind in UNCLAIMED]
    of_row = _owners_by_path(listing, claims, rest, posixpath.normpath(config.workdir))
    _settle_links(listing, of_row)
    lists = sum(bool(package.paths) for package in packages)
    sites = [_site(record) for record in owned["distributions"]]
    compiled = frozenset(_compiled(listing, claims))
    return Owners(table=table, of_row=of_row, sites=sites, compiled=compiled, lists=lists)


def _compiled(listing: Listing, claims: dict[str, int]) -> Iterator[int]:
    for folder, rows in listing.rows_by_folder():
        if folder.endswith("/__pycache__"):
            yield from (row for row in rows if listing.paths[row] in claims)


def _site(record: tuple[str, str] | None) -> str:
    # installed-files.txt is relative to the .egg-info that it stands in
    folder = "" if record is None else record[0]
    return posixpath.dirname(folder) if folder.endswith(".egg-info") else folder


def claims_of(records: list[tuple[str, str] | None]) -> dict[str, int]:
    """Path → index of the first RECORD that lists it."""
    claims: dict[str, int] = {}
    for index, record in reversed(list(enumerate(records))):
        if record is not None:
            folder, lines = record
            claims.update(dict.fromkeys(_absolute(folder, _lines(lines)), index))
    return claims


def _absolute(folder: str, lines: list[str]) -> list[str]:
    joined = [line if line[0] == "/" else f"{folder}/{line}" for line in lines]
    return [posixpath.normpath(path) if "./" in path or "//" in path else path for path in joined]


def _lines(text: str) -> list[str]:
    """Not by splitlines(), which ends them at characters that names of files may have, too."""
    return list(filter(None, text.replace("\r\n", "\n").split("\n")))


def _os_packages(owned: dict[str, Any]) -> Iterator[Package]:
    for name, text in (owned["dpkg"] or {}).items():
        yield Package(name.partition(":")[0], "", _lines(text))
    yield from _apk_packages(owned["apk"] or "")


def _apk_packages(text: str) -> Iterator[Package]:
    """Of /lib/apk/db/installed: P: a package, F: a folder, R: a file in it."""
    for block in text.split("\n\n"):
        name, folder, paths = "", "", []
        for line in block.split("\n"):
            key, _, value = line.partition(":")
            if key == "P":
                name = encodable(value)
            elif key == "F":
                folder = value
            elif key == "R":
                paths.append(f"/{folder}/{value}".replace("//", "/"))
        if name:
            yield Package(name, "", paths)


def _owners_by_path(listing: Listing, claims: dict[str, int], rest: int, workdir: str) -> list[int]:
    """The owner of each row. `rest`: where UNCLAIMED begins."""
    weights, project, nobody = range(rest, rest + len(UNCLAIMED))
    of_row: list[int] = []
    for folder, rows in listing.rows_by_folder():
        is_project = workdir != "/" and f"{folder}/".startswith(f"{workdir}/")
        paths = listing.paths[rows.start : rows.stop]
        of_row += _claimed(claims, folder, paths, project if is_project else nobody)
    for row, size in enumerate(listing.sizes):
        if size >= WEIGHTS_BYTES and of_row[row] >= rest and WEIGHTS.search(listing.paths[row]):
            of_row[row] = weights
    return of_row


def _claimed(claims: dict[str, int], folder: str, paths: list[str], otherwise: int) -> list[int]:
    """The owner of each file of a folder, by its path or by another that stands for it."""
    others = paths
    if folder.endswith("/__pycache__"):
        # a/__pycache__/b.cpython-311.opt-1.pyc: pip lists the .pyc that it writes, others don't
        above = folder.removesuffix("__pycache__")
        names = [path[len(folder) + 1 :] for path in paths]
        others = [f"{above}{name.partition('.')[0]}.py" for name in names]
    elif f"{folder}/".startswith("/usr/"):
        # Where /bin leads to /usr/bin, packages list what they hold by either name
        others = [path.removeprefix("/usr") for path in paths]
    return [
        claims.get(other, otherwise) if owner is None else owner
        for owner, other in zip(map(claims.get, paths), others, strict=True)
    ]


def _settle_links(listing: Listing, of_row: list[int]) -> None:
    """What has several names belongs to the first owner that lists one of them."""
    for rows in listing.inodes.values():
        best = min(rows, key=lambda row: of_row[row])
        owner = of_row[best]
        if best != rows[0]:
            size = listing.sizes[rows[0]]
            listing.sizes[rows[0]], listing.sizes[best] = 0, size
        for row in rows:
            of_row[row] = owner


def unlisted_bytes(listing: Listing, owners: Owners) -> int:
    """Nobody's bytes in folders of the OS, where nothing at all lists what its packages have."""
    if owners.lists:
        return 0
    nobody = len(owners.table) - 1
    return sum(
        size
        for path, size, owner in zip(listing.paths, listing.sizes, owners.of_row, strict=True)
        if owner == nobody and size and path.startswith(OS_FOLDERS)
    )


def add_up(
    listing: Listing, owners: Owners, layers: Sequence[int | None], distributions: int
) -> tuple[list[Owner], list[int]]:
    """Bytes by owner and layer, largest first, and those of the first so many owners, in order.

    What is nobody's is told by folder.
    """
    sums: dict[tuple[int, int | None, str], int] = {}
    nobody = len(owners.table) - 1
    for row, (owner, layer, size) in enumerate(
        zip(owners.of_row, layers, listing.sizes, strict=True)
    ):
        key = (owner, layer, _folder(listing.paths[row]) if owner == nobody and size else "")
        sums[key] = sums.get(key, 0) + size
    first = [0] * distributions
    found = []
    for (owner, layer, folder), size in sums.items():
        if not size:
            continue
        kind, name, version = owners.table[owner]
        if owner < distributions:
            first[owner] += size
        found.append(
            Owner(kind=kind, name=folder or name, version=version, layer=layer, bytes=size)
        )
    return sorted(found, key=lambda one: (-one.bytes, one.name)), first


def _folder(path: str) -> str:
    """As `Owner.name` has it."""
    first, *more = path.encode("utf-8", "backslashreplace").decode("utf-8")[1:].split("/", 2)
    if not more:
        return f"/{first}"
    return f"/{first}/{more[0]}/" if len(more) > 1 and first in SHARED else f"/{first}/"


def paths_of_weights(listing: Listing) -> list[str]:
    """Whoever owns them, the largest first."""
    rows = [
        row
        for row, size in enumerate(listing.sizes)
        if size >= WEIGHTS_BYTES and WEIGHTS.search(listing.paths[row])
    ]
    rows.sort(key=lambda row: listing.sizes[row], reverse=True)
    return [listing.paths[row] for row in rows[:MOST_WEIGHTS]]
