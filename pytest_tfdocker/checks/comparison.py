"""Two images side by side: what one has over the other, by owner."""

from collections.abc import Iterable
from itertools import chain

import msgspec

from pytest_tfdocker.checks.blame import COUNTED, HIDDEN, group
from pytest_tfdocker.evidence.records import Absent, ImageEvidence
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import one_line, table

ID_WIDTH = len("sha256:") + 12
ROWS = 10
LARGE_BYTES = 10_000_000
"""An OS package that makes this much of a difference has a row of its own."""
ENGINE = "counted by the engine alone"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One owner's bytes in both images."""

    kind: str
    """As in `Owner.kind`; or "hidden": by a later layer; or "engine": what the total has beyond
    the files that are seen, or lacks of them."""
    name: str
    version: str | None
    """None: it isn't there; "": it has none. Several copies: "1.0, 2.0"."""
    than_version: str | None
    bytes: int
    than_bytes: int

    @property
    def over(self) -> int:
        """Bytes that this image has over the other."""
        return self.bytes - self.than_bytes


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One image against another."""

    than: str
    """The other, as people call it: its name in the settings, else its reference."""
    than_id: str
    bytes: int | None
    """This image's total less the other's; None where one of them isn't known."""
    owners: tuple[Difference, ...] | None
    """Those that differ, largest first; `over` adds up to `bytes`. None: they can't be told."""


class _Owned(msgspec.Struct):
    bytes: int = 0
    versions: set[str] = msgspec.field(default_factory=set)

    @property
    def version(self) -> str:
        return ", ".join(sorted(self.versions))


_Owners = dict[tuple[str, str], _Owned]


def compare(evidence: ImageEvidence, other: ImageEvidence, than: str) -> Comparison:
    """What an image has over another, which people call `than`."""
    total, than_total = evidence.total_bytes, other.total_bytes
    difference = None if total is None or than_total is None else total - than_total
    here, there = _owned(evidence), _owned(other)
    return Comparison(
        than=than,
        than_id=other.id,
        bytes=difference,
        owners=None if here is None or there is None else _differences(here, there),
    )


def called(than: str) -> str:
    """An image's name or reference for people: of an id, its beginning."""
    return one_line(than[:ID_WIDTH] if than.startswith("sha256:") else than)


def difference(comparison: Comparison) -> str | None:
    """In one line: "1.0 GB smaller than builder"; None where it isn't known."""
    if comparison.bytes is None:
        return None
    name = called(comparison.than)
    if not comparison.bytes:
        return f"as large as {name}"
    side = "smaller" if comparison.bytes < 0 else "larger"
    return f"{format_size(abs(comparison.bytes))} {side} than {name}"


def difference_rows(comparison: Comparison) -> list[str]:
    """Bytes over and under by owner, largest first, what the further ones come to, and the sum."""
    if comparison.owners is None or comparison.bytes is None:
        return []
    rows = _grouped(comparison.owners)
    shown, rest = rows[:ROWS], rows[ROWS:]
    cells = [(_signed(size), what) for what, size in shown]
    if rest:
        cells.append((_signed(sum(size for _, size in rest)), f"… and {len(rest)} more"))
    return table([*cells, (_signed(comparison.bytes), "in all")])


def _owned(evidence: ImageEvidence) -> _Owners | None:
    """Bytes and versions by kind and name, which add up to the total; None without a total."""
    total = evidence.total_bytes
    if total is None or isinstance(evidence.files, Absent):
        return None
    found: _Owners = {}
    for owner in evidence.files.owners:
        own = found.setdefault((owner.kind, owner.name), _Owned())
        own.bytes += owner.bytes
        own.versions.add(owner.version)
    hidden = evidence.wasted_bytes or 0
    beyond = total - hidden - sum(own.bytes for own in found.values())
    found["hidden", HIDDEN] = _Owned(hidden, {""})
    found["engine", ENGINE] = _Owned(beyond, {""})
    return found


def _differences(here: _Owners, there: _Owners) -> tuple[Difference, ...]:
    nothing = _Owned()
    found = []
    for key in dict.fromkeys(chain(here, there)):
        own, other = here.get(key), there.get(key)
        if own != other:
            found.append(
                Difference(
                    kind=key[0],
                    name=key[1],
                    version=own.version if own else None,
                    than_version=other.version if other else None,
                    bytes=(own or nothing).bytes,
                    than_bytes=(other or nothing).bytes,
                )
            )
    return tuple(sorted(found, key=lambda one: (-abs(one.over), one.kind, one.name)))


def _grouped(owners: Iterable[Difference]) -> list[tuple[str, int]]:
    """What differs as people call it, and by how many bytes."""
    sums: dict[str, int] = {}
    counts: dict[str, int] = {}
    for one in owners:
        what = _called(one)
        sums[what] = sums.get(what, 0) + one.over
        counts[what] = counts.get(what, 0) + 1
    found = [
        (f"{what}, {counts[what]}" if what in COUNTED else what, size)
        for what, size in sums.items()
        if size
    ]
    return sorted(found, key=lambda row: (-abs(row[1]), row[0]))


def _called(one: Difference) -> str:
    if one.kind == "os-package" and abs(one.over) >= LARGE_BYTES:
        return one_line(f"OS package {one.name}")
    told = one.than_version if one.version is None else one.version
    what = group(one.kind, one.name, told or "")
    if what in COUNTED or not one.version or not one.than_version:
        return what
    changed = one.version != one.than_version
    return f"{what} against {one_line(one.than_version)}" if changed else what


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else '+'}{format_size(abs(size))}"
