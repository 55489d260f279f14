"""`size[total]`, `[download]`, `[layer]` and `[wasted]`: bytes of the image against a budget."""

import re
from collections.abc import Sequence

import msgspec

from pytest_tfdocker.checks.blame import (
    ONE_INSTRUCTION,
    hidden_layers,
    is_placed,
    mend_rows,
    owner_rows,
)
from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.download import packed_layers, weigh_download
from pytest_tfdocker.checks.verdict import Verdict, error
from pytest_tfdocker.checks.wasted import waste_rows
from pytest_tfdocker.checks.wording import place, unknown, weigh
from pytest_tfdocker.evidence.records import Absent, Base, Download, ImageEvidence, Layer, Waste
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import bounded, one_line, table

NO_HISTORY = "the image has no history of every layer"
INSTRUCTION_WIDTH = 72
ROWS = 10
_REWRITING = re.compile(
    r"(?<![\w./-])(rm|chown|chmod|mv|apt(-get)? (-\S+ )*(auto)?(remove|purge)|pip3? uninstall) "
)
"""Commands that leave the bytes of an earlier layer behind, or copy them up into their own."""
_INSTALLING = re.compile(r"(?<![\w./-])(pip3? (-\S+ )*install|uv sync|(conda|mamba) install) ")
"""The second of these may replace what the first has brought."""


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """The figures that have a budget."""
    budgets = image.settings.size
    return [
        name
        for name in ("total", "download", "layer", "wasted")
        if getattr(budgets, name) is not None
    ]


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """One figure against its budget."""
    match parameter:
        case "total":
            return _judge_total(facts)
        case "download":
            return _judge_download(facts)
        case "layer":
            return _judge_layer(facts)
        case _:
            return _judge_wasted(facts)


def above_base(evidence: ImageEvidence) -> list[Layer]:
    """Layers that are not known to be the base's, largest first, empty ones left out."""
    own = [layer for layer in evidence.layers if layer.base is not True and layer.bytes]
    return sorted(own, key=lambda layer: -layer.bytes)


def layer_rows(image: Image, layers: Sequence[Layer]) -> list[tuple[str, str, str]]:
    """Bytes, place in the Dockerfile and instruction of each, as cells of a table."""
    return [
        (
            format_size(layer.bytes),
            place(image, layer.line),
            one_line(layer.instruction, INSTRUCTION_WIDTH),
        )
        for layer in layers
    ]


def _judge_total(facts: Facts) -> Verdict:
    evidence, budget = facts.evidence, facts.image.settings.size.total or 0
    total = evidence.total_bytes
    if total is None:
        return unknown(evidence.files, "the file system")
    own = above_base(evidence)
    details = (
        *_composition(facts.image, evidence),
        *mend_rows(facts.image, evidence, total),
        *_notes(evidence),
    )
    return weigh(total, budget, format_size, *details, line=own[0].line if own else None)


def _judge_download(facts: Facts) -> Verdict:
    found, budget = facts.download, facts.image.settings.size.download or 0
    if not isinstance(found, Download):
        return unknown(found, "what a registry sends")
    image, evidence = facts.image, facts.evidence
    layers = packed_layers(evidence.layers, found.layers)
    if layers:
        evidence = msgspec.structs.replace(evidence, layers=layers)
        rows = _largest_layers(image, evidence)
    else:
        rows = ["uncompressed:", *_composition(image, evidence)]
    own = above_base(evidence)
    return weigh_download(facts, found, budget, rows, own[0].line if own else None)


def _judge_layer(facts: Facts) -> Verdict:
    evidence, budget = facts.evidence, facts.image.settings.size.layer or 0
    if not evidence.layers:
        return error(NO_HISTORY, "its layers can't be told apart, so the largest isn't known")
    own = above_base(evidence)
    largest = own[0] if own else None
    rows = bounded(table(layer_rows(facts.image, own)))
    details = (*rows, *_notes(evidence))
    figure = largest.bytes if largest else 0
    return weigh(figure, budget, format_size, *details, line=largest.line if largest else None)


def _wants_waste(parameter: str | None, verdict: Verdict) -> bool:
    """Reading all layers is slow: only where something is to be mended, or nothing else tells."""
    return parameter == "wasted" and verdict.outcome in ("failed", "error")


def _judge_wasted(facts: Facts) -> Verdict:
    evidence, budget = facts.evidence, facts.image.settings.size.wasted or 0
    if isinstance(facts.waste, Waste):
        wasted = facts.waste.bytes if evidence.wasted_bytes is None else evidence.wasted_bytes
        rows = waste_rows(facts.image, evidence, facts.waste)
        return weigh(wasted, budget, format_size, *rows, *_notes(evidence))
    told = _judge_by_sums(facts, evidence, budget)
    if isinstance(facts.waste, Absent):
        why = facts.waste.reason.split("\n")
        return msgspec.structs.replace(told, details=(*told.details, *why))
    return told


def _judge_by_sums(facts: Facts, evidence: ImageEvidence, budget: int) -> Verdict:
    if not evidence.layers:
        return error(
            NO_HISTORY,
            "what a later layer overwrites or deletes is told by the history's sizes;",
            "squashed, imported, kaniko's and Bazel's images have none",
        )
    if evidence.falls_short:
        return error(
            "the history tells of fewer bytes than the files hold",
            "what stands in no entry of it can't be told from what a later layer hides",
        )
    unlisted = 0 if isinstance(evidence.files, Absent) else evidence.files.unreadable
    if unlisted:
        return error(
            f"{unlisted} folders could not be listed",
            "what is in them can't be told from what a later layer hides",
        )
    wasted = evidence.wasted_bytes
    if wasted is None:
        return unknown(evidence.files, "the file system")
    if not wasted:
        return weigh(wasted, budget, format_size)
    details = (
        *_written_by(facts.image, evidence),
        *_suspects(facts.image, evidence),
        *_notes(evidence),
    )
    return weigh(wasted, budget, format_size, *details)


def _composition(image: Image, evidence: ImageEvidence) -> list[str]:
    if not evidence.layers:
        return [f"{NO_HISTORY}: which instruction brought what can't be told"]
    if is_placed(evidence):
        return owner_rows(image, evidence)
    return [*_largest_layers(image, evidence), *_wasted_line(evidence)]


def _largest_layers(image: Image, evidence: ImageEvidence) -> list[str]:
    rows = layer_rows(image, above_base(evidence))
    more = len(rows) - ROWS
    lines = table([*rows[:ROWS], *_base_row(evidence)])
    return [*lines, f"… and {more} more"] if more > 0 else lines


def _base_row(evidence: ImageEvidence) -> list[tuple[str, str, str]]:
    base_bytes = sum(layer.bytes for layer in evidence.layers if layer.base)
    name = evidence.base.reference if isinstance(evidence.base, Base) else ""
    return [(format_size(base_bytes), "", f"base {name}".rstrip())] if base_bytes else []


def _wasted_line(evidence: ImageEvidence) -> list[str]:
    if not evidence.wasted_bytes:
        return []
    wasted = format_size(evidence.wasted_bytes)
    return [f"{wasted} of it is overwritten or deleted by a later layer, which frees nothing"]


def _written_by(image: Image, evidence: ImageEvidence) -> list[str]:
    hidden = sorted(hidden_layers(evidence), key=lambda one: -one[1])
    layers = [msgspec.structs.replace(evidence.layers[at], bytes=size) for at, size in hidden]
    return bounded(table(layer_rows(image, layers)))


def _suspects(image: Image, evidence: ImageEvidence) -> list[str]:
    layers = [layer for layer in evidence.layers if layer.base is not True]
    again = [layer for layer in layers if _INSTALLING.search(f"{layer.instruction} ")][1:]
    rewriting = [
        layer for layer in layers if _REWRITING.search(layer.instruction) or layer in again
    ]
    if not rewriting:
        return ["files of one layer stand again in a later one: write each file once"]
    rows = [row[1:] for row in layer_rows(image, rewriting)]
    lines = [": ".join(cell for cell in row if cell) for row in rows]
    return [
        "overwritten or deleted by a later layer, as these may do:",
        *bounded(lines),
        f"{ONE_INSTRUCTION}; a later one frees nothing",
    ]


def _notes(evidence: ImageEvidence) -> list[str]:
    notes = []
    if any(layer.base is None for layer in evidence.layers):
        notes.append("which layers are the base's can't be told: all are counted")
    if not isinstance(evidence.files, Absent) and evidence.files.unreadable:
        notes.append(f"{evidence.files.unreadable} folders could not be listed")
    if evidence.layers and evidence.counts_blocks:
        notes.append("layers are counted in disk blocks, as this engine's image store has them")
    return notes


CHECK = Check(
    name="size",
    needs=("image", "base", "download"),
    plan=plan,
    judge=judge,
    wants_waste=_wants_waste,
)
