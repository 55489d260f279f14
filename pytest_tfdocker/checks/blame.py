"""Whose an image's bytes are, and which line brought them: the rows of `size[total]`."""

import re

import msgspec

from pytest_tfdocker.checks.bloat import LEAST_BYTES, above_base, findings, fix_of, layer_of
from pytest_tfdocker.checks.wording import place
from pytest_tfdocker.evidence.placing import CHANGING
from pytest_tfdocker.evidence.records import (
    HIDDEN_BY_THE_ENGINE_BYTES,
    Absent,
    Base,
    ImageEvidence,
    Layer,
    Waste,
)
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import one_line, table

INSTRUCTION_WIDTH = 48
ROWS = 6
MENDS = 3
PLACED = 0.99
"""Of the bytes, whose layer must be known; else layers are told and not owners."""
HIDDEN = "hidden by a later layer"
BY_ANOTHER_BASE = ("build-tools", "cuda-twice")
"""Causes that another base mends, where they came with it; what else it leaves out isn't known."""
AS_LARGE = 0.98
"""Of the bytes that a layer hides, if it is a copy of them and of nothing else."""
ONE_INSTRUCTION = "delete or change files in the instruction that writes them"
_CUDA_WHEELS = re.compile(r"^nvidia-|^cuda-(toolkit|bindings|pathfinder)$")


class _Row(msgspec.Struct):
    what: str
    layer: int | None
    bytes: int = 0
    count: int = 0


def is_placed(evidence: ImageEvidence) -> bool:
    """Whether it is known of nearly every byte whose it is, and with which layer it came."""
    if isinstance(evidence.files, Absent) or not evidence.layers or evidence.counts_blocks:
        return False
    known = sum(one.bytes for one in evidence.files.owners if one.layer is not None)
    return known > 0 and known >= PLACED * evidence.files.apparent_bytes


def owner_rows(image: Image, evidence: ImageEvidence) -> list[str]:
    """Owners above the base, largest first, with the line that brought each; the base is one."""
    rows, base_bytes = _grouped(evidence)
    shown, rest = rows[:ROWS], rows[ROWS:]
    cells: list[tuple[str, str, str, str]] = []
    told: set[int | None] = set()
    for row in shown:
        layer = evidence.layer_at(row.layer)
        instruction = "" if layer is None or row.layer in told else layer.instruction
        told.add(row.layer)
        cells.append(
            (
                format_size(row.bytes),
                row.what,
                place(image, layer.line if layer else None),
                one_line(instruction, INSTRUCTION_WIDTH),
            )
        )
    if rest:
        cells.append((format_size(sum(row.bytes for row in rest)), f"{len(rest)} more", "", ""))
    if base_bytes:
        cells.append((format_size(base_bytes), _base(evidence, base_bytes), "", ""))
    return table(cells)


def _one_writer(image: Image, evidence: ImageEvidence, hidden: int, size: int) -> str:
    """What keeps the bytes of a layer from standing twice: a later chown copies every file."""
    by = _copied_by(evidence, hidden, size)
    changes = CHANGING.search(by.instruction) if by else None
    if by is None or changes is None:
        return ONE_INSTRUCTION
    at = place(image, by.line) or "a later layer"
    return f"{changes[0]} here, or by COPY --{changes[0]}, not at {at}"


def _copied_by(evidence: ImageEvidence, hidden: int, size: int) -> Layer | None:
    """The layer that has the hidden files once more; told by its size where layers weren't read."""
    if isinstance(evidence.waste, Waste):
        groups = [one for one in evidence.waste.groups if one.layer == hidden]
        largest = max(groups, key=lambda one: one.bytes, default=None)
        is_copied = largest is not None and largest.how == "rewritten"
        return evidence.layer_at(largest.by) if largest and is_copied else None
    for at, layer in enumerate(evidence.layers[hidden + 1 :], hidden + 1):
        # Alone, or with those of the other layers below it
        below = sum(more for one, more in hidden_layers(evidence) if one < at)
        if any(one * AS_LARGE <= layer.bytes <= one / AS_LARGE for one in (size, below)):
            return layer
    return None


def _base(evidence: ImageEvidence, base_bytes: int) -> str:
    files = evidence.files
    owners = [] if isinstance(files, Absent) else files.owners
    layers = [(evidence.layer_at(one.layer), one.bytes) for one in owners]
    hidden = base_bytes - sum(size for layer, size in layers if layer is not None and layer.base)
    told = f", {format_size(hidden)} of it hidden by later layers"
    return _base_name(evidence) + (told if hidden >= LEAST_BYTES else "")


def _base_name(evidence: ImageEvidence) -> str:
    name = evidence.base.reference if isinstance(evidence.base, Base) else ""
    return f"base {name}".rstrip()


def _grouped(evidence: ImageEvidence) -> tuple[list[_Row], int]:
    rows: dict[tuple[str, int | None], _Row] = {}
    base_bytes = sum(layer.bytes for layer in evidence.layers if layer.base)
    owners = [] if isinstance(evidence.files, Absent) else evidence.files.owners
    for owner in owners:
        layer = evidence.layer_at(owner.layer)
        if layer is not None and layer.base:
            continue
        what = group(owner.kind, owner.name, owner.version)
        row = rows.setdefault((what, owner.layer), _Row(what=what, layer=owner.layer))
        row.bytes += owner.bytes
        row.count += 1
    for row in rows.values():
        if row.what in COUNTED:
            row.what = f"{row.what}, {row.count}"
    more = [_Row(what=HIDDEN, layer=at, bytes=size) for at, size in hidden_layers(evidence)]
    # /etc/mtab and its like are made at a container's start, and come with no layer
    least = HIDDEN_BY_THE_ENGINE_BYTES
    own = [row for row in rows.values() if row.layer is not None or row.bytes > least]
    return sorted([*own, *more], key=lambda row: (-row.bytes, row.what)), base_bytes


def hidden_layers(evidence: ImageEvidence) -> list[tuple[int, int]]:
    """Layers above the base of which a later one hides files, and how many bytes of them."""
    if not is_placed(evidence) or isinstance(evidence.files, Absent):
        return []
    hidden = {at: one.bytes for at, one in enumerate(evidence.layers) if not one.base}
    for owner in evidence.files.owners:
        if owner.layer in hidden:
            hidden[owner.layer] -= owner.bytes
    found = [(at, size) for at, size in hidden.items() if size > HIDDEN_BY_THE_ENGINE_BYTES]
    # More than is wasted: of some layer files are there whose layer can't be told
    most = (evidence.wasted_bytes or 0) + HIDDEN_BY_THE_ENGINE_BYTES
    is_too_much = sum(size for _, size in found) > most
    return [] if is_too_much else found


COUNTED = ("nvidia-* CUDA wheels", "OS packages")
"""Groups that are named with how many they are."""


def group(kind: str, name: str, version: str) -> str:
    """What a row calls an owner, alone or with others of its kind."""
    if kind == "distribution" and _CUDA_WHEELS.search(name):
        return "nvidia-* CUDA wheels"
    if kind == "os-package":
        return "OS packages"
    return one_line(f"{name} {version}")


def mend_rows(image: Image, evidence: ImageEvidence, total: int) -> list[str]:
    """What saves most, a line a cause, and what would be left."""
    if isinstance(evidence.files, Absent):
        return []
    savings = [
        (
            size,
            place(image, evidence.layers[at].line),
            _one_writer(image, evidence, at, size),
            False,
        )
        for at, size in hidden_layers(evidence)
    ]
    for found in findings(image, evidence.files.bloat):
        size, layer = above_base(evidence, found)
        if size >= LEAST_BYTES:
            where, fix = place(image, layer.line if layer else None), fix_of(evidence, found, layer)
            # Some of what compilers have brought is not told from what a program may load
            savings.append((size, where, fix, found.cause == "build-tools"))
        if found.cause in BY_ANOTHER_BASE and found.bytes - size >= LEAST_BYTES:
            fix = fix_of(evidence, found, layer_of(evidence, found))
            savings.append((found.bytes - size, _base_name(evidence), fix, True))
    wasted = evidence.wasted_bytes or 0
    lines = []
    if wasted >= LEAST_BYTES and not is_placed(evidence):
        lines.append(f"mend: {ONE_INSTRUCTION}; saves up to {format_size(wasted)}")
        total -= wasted
    at_least = False
    for size, where, fix, is_least in sorted(savings, reverse=True)[:MENDS]:
        total -= size
        at_least |= is_least
        more, most = " or more" if is_least else "", "at most " if at_least else ""
        saved = f"saves {format_size(size)}{more}, leaving {most}{format_size(total)}"
        lines.append(f"{f'mend {where}'.rstrip()}: {fix}; {saved}")
    return lines
