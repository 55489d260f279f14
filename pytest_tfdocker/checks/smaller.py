"""`assert_smaller`: whether one image is smaller than another, and by enough."""

import math
from decimal import Decimal
from fractions import Fraction

import msgspec

from pytest_tfdocker.checks.comparison import called, compare, difference_rows
from pytest_tfdocker.checks.verdict import Verdict, error, failed
from pytest_tfdocker.checks.wording import unknown
from pytest_tfdocker.evidence.records import Absent, ImageEvidence
from pytest_tfdocker.settings.units import format_share, format_short, format_size
from pytest_tfdocker.text import HEADLINE_WIDTH, one_line, shorten

NAME_WIDTH = 8
"""Of the other image's name, at the least, where the first line is full."""


class By(msgspec.Struct, frozen=True, kw_only=True):
    """How much smaller an image is to be."""

    bytes: int = 0
    percent: Decimal | None = None
    """Of the larger image, in place of bytes."""

    def of(self, larger: int) -> int:
        """In bytes, where the larger image has so many."""
        if self.percent is None:
            return self.bytes
        return math.ceil(Fraction(self.percent) * larger / 100)


def judge(evidence: ImageEvidence, other: ImageEvidence, than: str, by: By) -> Verdict:
    """`than`: what people call the other image."""
    if evidence.id == other.id:
        return error("the same image twice", f"{one_line(than)} is {other.id}, as this one is")
    total, than_total = evidence.total_bytes, other.total_bytes
    if total is None:
        return unknown(evidence.files, "the file system")
    if than_total is None:
        return unknown(other.files, "the file system", f"of {called(than)}")
    least = by.of(max(total, than_total))
    saved = than_total - total
    if saved >= least:
        headline, _ = _named(f"{format_size(total)}, {_saved(saved)}", than)
        return Verdict(outcome="passed", headline=headline, measured=saved, budget=least)
    headline, whole = _named(*_shortfall(total, than_total, least, by, than))
    details = (*whole, *difference_rows(compare(evidence, other, than)), *_notes(evidence, other))
    return failed(headline, *details, measured=saved, budget=least)


def _shortfall(total: int, than_total: int, least: int, by: By, than: str) -> tuple[str, str, str]:
    """What stands before the other image's name, the name, and what stands behind."""
    saved = than_total - total
    if saved < 0:
        return f"{format_size(total)}, {format_size(-saved)} larger than", than, ""
    figure, wanted = format_short(saved, least, format_size)
    if by.percent is not None:
        share = format_share(100 * saved / than_total, by.percent)
        figure, wanted = share or figure, f"{by.percent} %"
    if not saved:
        return f"{format_size(total)}, as large as", than, f", not {wanted} smaller"
    return f"{format_size(total)}, only {figure} smaller than", than, f", not {wanted}"


def _saved(saved: int) -> str:
    return f"{format_size(saved)} smaller than" if saved else "as large as"


def _named(before: str, than: str, behind: str = "") -> tuple[str, list[str]]:
    """The first line, in which a long name is cut; and the whole of it where it was."""
    name = called(than)
    whole = f"{before} {name}{behind}"
    over = len(whole) - HEADLINE_WIDTH
    if over > 0:
        kept = max(len(name) - over, NAME_WIDTH) - 1
        name = name if kept >= len(name) else f"…{name[-kept:]}"
    headline = shorten(f"{before} {name}{behind}", HEADLINE_WIDTH)
    return headline, [] if headline == whole else [whole]


def _notes(evidence: ImageEvidence, other: ImageEvidence) -> list[str]:
    notes = []
    for one in (evidence, other):
        if isinstance(one.files, Absent):
            reason, _, _ = one.files.reason.partition("\n")
            notes.append(
                f"whose bytes {one_line(one.reference)} holds can't be told: {one_line(reason)}"
            )
    if evidence.platform != other.platform:
        notes.append(one_line(f"{evidence.platform} is compared with {other.platform}"))
    return notes
