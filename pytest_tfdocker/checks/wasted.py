"""Which files a later layer hides, and how: the rows of `size[wasted]` once layers were read."""

from collections.abc import Sequence

import msgspec

from pytest_tfdocker.checks.wording import is_copy, place
from pytest_tfdocker.evidence.placing import CHANGING
from pytest_tfdocker.evidence.records import ImageEvidence, Waste, WastedGroup
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import bounded, one_line, printable, table

INSTRUCTION_WIDTH = 48
FILES = 5
TOLD_BYTES = 10**4
"""Of what one layer hides of another: less is not worth a line, where there is more."""
HOW = {
    "deleted": "deleted by",
    "overwritten": "overwritten by",
    "rewritten": "written once more, with the same content, by",
    "moved": "moved by",
}
FIX = {
    "deleted": "delete it in the instruction that writes it; a later one frees nothing",
    "overwritten": "write each file once, in its last version",
    "rewritten": "write each file once: the second time changes nothing",
    "moved": "write it where it belongs: a later mv copies it",
}
ONCE = "copy it once: of one COPY leave it out, by its paths or by .dockerignore"
CHANGED = (
    "set owner and mode where the files are written, or by COPY --chown and --chmod: "
    "a later chown or chmod copies them"
)


def waste_rows(image: Image, evidence: ImageEvidence, waste: Waste) -> list[str]:
    """What stands in which layer and which one hides it, then the largest files, then the fixes."""
    if waste.by_number:
        evidence = msgspec.structs.replace(evidence, layers=[])
    groups = [one for one in waste.groups if one.bytes >= TOLD_BYTES] or waste.groups
    rows = [_group(image, evidence, one) for one in groups]
    fixes = dict.fromkeys(_fix(evidence, one) for one in groups)
    return [
        *bounded(table(rows)),
        *_files(waste, groups),
        *(f"mend: {fix}" for fix in fixes),
    ]


def _fix(evidence: ImageEvidence, group: WastedGroup) -> str:
    """By the instruction that hides: the same content comes by a chmod, or by a second COPY."""
    layer = evidence.layer_at(group.by)
    by = layer.instruction if layer else ""
    if group.how == "rewritten" and is_copy(by):
        return ONCE
    if group.how == "rewritten" and CHANGING.search(by):
        return CHANGED
    return FIX[group.how]


def _group(image: Image, evidence: ImageEvidence, group: WastedGroup) -> tuple[str, ...]:
    files = f", {group.count:,} files" if group.count > 1 else ""
    return (
        format_size(group.bytes),
        f"{printable(group.below)}{files}",
        _layer(image, evidence, group.layer),
        f"{HOW[group.how]} {_layer(image, evidence, group.by)}",
    )


def _layer(image: Image, evidence: ImageEvidence, at: int) -> str:
    """The line of the Dockerfile; without one the instruction, or which layer it is."""
    layer = evidence.layer_at(at)
    if layer is None:
        return f"layer {at + 1}"
    if layer.base:
        return "the base image"
    return place(image, layer.line) or one_line(layer.instruction, INSTRUCTION_WIDTH)


def _files(waste: Waste, groups: Sequence[WastedGroup]) -> list[str]:
    """One by one where the rows above tell of folders."""
    if all(group.count == 1 for group in groups):
        return []
    rows = [(format_size(one.bytes), _path(one.path, one.now)) for one in waste.files[:FILES]]
    more = waste.count - len(rows)
    return [
        "the largest:",
        *(f"  {row}" for row in table(rows)),
        *([f"  … and {more:,} more"] if more > 0 else []),
    ]


def _path(path: str, now: str) -> str:
    return f"{printable(path)}, now {printable(now)}" if now else printable(path)
