"""What `size[download]` says: how its figure is known, how sure it is, what would mend it."""

from collections.abc import Sequence

import msgspec

from pytest_tfdocker.checks.blame import mend_rows
from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.verdict import Verdict
from pytest_tfdocker.checks.wording import weigh
from pytest_tfdocker.evidence.records import Download, Layer
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import one_line, shorten

REFERENCE_WIDTH = 60
STORE = "as the engine's containerd store holds it, which is what a push sends"
PLAIN = "hardly compressed: what `docker load` took from plain layers stays plain, and is sent so"
MOSTLY_PLAIN = 0.95
"""Of all bytes; weights that hardly compress take 0.9 of theirs."""
_WRITING = ("RUN", "COPY", "ADD", "WORKDIR")
"""Instructions that may bring a layer without a byte; all others bring none."""


def packed_layers(layers: Sequence[Layer], sizes: Sequence[int]) -> list[Layer]:
    """The history with each layer's compressed bytes; [] where they can't be matched."""
    writing = [at for at, one in enumerate(layers) if one.bytes or _may_write(one)]
    filled = [at for at, one in enumerate(layers) if one.bytes]
    places = next((some for some in (filled, writing) if len(some) == len(sizes)), [])
    if not places:
        return []
    packed = dict(zip(places, sizes, strict=True))
    return [msgspec.structs.replace(one, bytes=packed.get(at, 0)) for at, one in enumerate(layers)]


def _may_write(layer: Layer) -> bool:
    return layer.instruction.partition(" ")[0].upper() in _WRITING


def weigh_download(
    facts: Facts, found: Download, budget: int, rows: Sequence[str], line: int | None
) -> Verdict:
    """The figure against its budget; an estimate is named as one in the first line."""
    total = facts.evidence.total_bytes
    details = (*_source(found, budget, total), *rows, *_mends(facts, found))
    verdict = weigh(found.bytes, budget, format_size, *details, line=line)
    if found.source != "estimate":
        return verdict
    return msgspec.structs.replace(verdict, headline=f"about {verdict.headline} (estimate)")


def _source(found: Download, budget: int, total: int | None) -> list[str]:
    match found.source:
        case "manifest":
            name, _, digest = found.reference.partition("@")
            told = f"{shorten(one_line(name), REFERENCE_WIDTH)}@{digest[:19]}"
            return [f"as the registry's manifest tells: {told}"]
        case "archive":
            return ["as the layers stand in the file"]
        case "store":
            is_plain = total is not None and found.bytes > MOSTLY_PLAIN * total
            return [STORE, *([PLAIN] if is_plain else [])]
    sampled, whole = format_size(found.sampled_bytes), format_size(found.archive_bytes)
    error = format_size(found.error_bytes)
    lines = [f"estimate: {sampled} of {whole} compressed as a push would; right within {error}"]
    if abs(found.bytes - budget) <= found.error_bytes:
        lines.append("the budget lies within that: once pushed, the manifest tells to the byte")
    return [*lines, *([one_line(found.note)] if found.note else [])]


def _mends(facts: Facts, found: Download) -> list[str]:
    """What saves most; how well the files in question compress is not known of each."""
    total = facts.evidence.total_bytes
    lines = mend_rows(facts.image, facts.evidence, total) if total else []
    if not lines or not total:
        return []
    share = f"{100 * found.bytes / total:.0f} %"
    return [f"what saves most, uncompressed ({share} of {format_size(total)} is sent):", *lines]
