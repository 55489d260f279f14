"""`bloat[CAUSE]`: the bytes of one cause of the catalogue against its budget."""

import re
from collections.abc import Sequence

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.verdict import Verdict, error, skipped
from pytest_tfdocker.checks.wording import (
    is_copy,
    is_run,
    place,
    stage_in,
    unknown,
    weigh,
)
from pytest_tfdocker.evidence.bloat import CACHES, CAUSES, REWRITTEN, cache_folder
from pytest_tfdocker.evidence.placing import CHANGING
from pytest_tfdocker.evidence.records import (
    Absent,
    Base,
    Bloat,
    Files,
    ImageEvidence,
    Layer,
    Waste,
    WastedFile,
    WastedGroup,
)
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import bounded, one_line, printable, table

INSTRUCTION_WIDTH = 72
UNREAD = "the files of the OS's packages are unknown"
REASON_WIDTH = 200
BY_OS_PACKAGE = ("build-tools", "cuda-twice")
"""Causes that are found by whose files they are, of the OS's packages."""
LEAST_BYTES = 10**6
"""Of a finding that is told without a budget, the sum of its files however small these are."""
FIX = {cause.name: cause.fix for cause in CAUSES}
"""Where nothing is known of what has brought it; `fix_of` knows better."""
FIX_OF_RUN = {cause.name: cause.fix_of_run for cause in CAUSES if cause.fix_of_run}
FIX_OF_BASE = {cause.name: cause.fix_of_base for cause in CAUSES if cause.fix_of_base}
WHAT = {cause.name: cause.what for cause in CAUSES}
PATHS = 10
COPIED = "a chown or chmod writes a file once more: an instruction above may have brought it"
MOVING = re.compile(r"(?<![\w./-])mv(?= )")
PACKAGES = re.compile(
    r"(?<![\w./-])(apt(-get)?|dpkg|apk|(micro)?dnf|yum|zypper|pip3?|conda|mamba) "
)
"""Package managers write files of their own anew, as they always do."""
WHY = {"time": "not read in time", "unreadable": "can't be read"}


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """Every cause that has a budget."""
    return list(image.settings.size.bloat)


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """What is found of one cause; nothing found is 0 bytes, where every file was seen."""
    files, name = facts.evidence.files, parameter or ""
    if name == REWRITTEN:
        return _judge_rewritten(facts)
    if isinstance(files, Absent):
        return unknown(files, "the file system")
    if files.unreadable:
        return error(
            f"{files.unreadable} folders could not be listed", "what is in them is unknown"
        )
    found = next((one for one in files.bloat if one.cause == name), None)
    budget = facts.image.settings.size.bloat[name]
    unsure = _unsure(files, name, found.bytes if found else 0, budget)
    if unsure is not None:
        return unsure
    return _weighed(facts, name, found)


def wants_waste(parameter: str | None, verdict: Verdict) -> bool:
    """Only the layers tell what stands twice for a chmod's sake, and reading them is slow."""
    return parameter == REWRITTEN and verdict.outcome == "skipped"


def rewritten(waste: Waste, layers: Sequence[Layer]) -> Bloat | None:
    """What a later chown, chmod or mv has written once more, or moved, as it was.

    Not what is copied twice, nor what a package manager writes anew. What a script does, or a layer
    that no history tells of, can't be seen: that counts.
    """
    if waste.by_number:
        layers = ()

    def is_doubled(one: WastedGroup | WastedFile) -> bool:
        by = layers[one.by].instruction if one.by < len(layers) else ""
        is_own = CHANGING.search(by) or MOVING.search(by) or not PACKAGES.search(by)
        return one.how in ("rewritten", "moved") and not is_copy(by) and bool(is_own)

    groups = [one for one in waste.groups if is_doubled(one)]
    files = [one for one in waste.files if is_doubled(one)][:PATHS]
    by_layer: dict[int | None, int] = {}
    for group in groups:
        by = None if waste.by_number else group.by
        by_layer[by] = by_layer.get(by, 0) + group.bytes
    return (
        Bloat(
            cause=REWRITTEN,
            bytes=sum(one.bytes for one in groups),
            paths=[one.path for one in files],
            path_bytes=[one.bytes for one in files],
            count=sum(one.count for one in groups),
            by_layer=sorted(by_layer.items(), key=lambda item: -item[1]),
        )
        if groups
        else None
    )


def _judge_rewritten(facts: Facts) -> Verdict:
    if facts.waste is None:
        return skipped("the layers were not read")
    if isinstance(facts.waste, Absent):
        return unknown(facts.waste, "what layers hide")
    return _weighed(facts, REWRITTEN, rewritten(facts.waste, facts.evidence.layers))


def _weighed(facts: Facts, name: str, found: Bloat | None) -> Verdict:
    budget = facts.image.settings.size.bloat[name]
    if found is None:
        return weigh(0, budget, format_size)
    if not _counts(facts.image, name):
        expect = facts.image.settings.gpu.expect
        figure = f'{format_size(found.bytes)}, and gpu.expect = "{expect}"'
        return skipped(figure, "it is bloat where no GPU is asked for", measured=found.bytes)
    layer = layer_of(facts.evidence, found)
    mend = fix_of(facts.evidence, found, layer)
    details = (*_where(facts, found, layer), *paths(found), f"mend: {mend}")
    return weigh(
        found.bytes, budget, format_size, *details, line=None if layer is None else layer.line
    )


def unread_packages(files: Files) -> list[str]:
    """Why the OS's packages are unknown; [] where they are known."""
    if files.unread_packages is not None:
        return [f"{UNREAD}: {one_line(files.unread_packages, REASON_WIDTH)}"]
    return [f"{UNREAD}: {_unlisted(files)}"] if files.unlisted_bytes >= LEAST_BYTES else []


def _unlisted(files: Files) -> str:
    size = format_size(files.unlisted_bytes)
    return f"nothing of dpkg, apk or rpm lists them, and {size} in /usr, /lib and /bin are nobody's"


def _unsure(files: Files, name: str, found_bytes: int, budget: int) -> Verdict | None:
    """Where more is not known that could bring what was found over the budget."""
    if name in BY_OS_PACKAGE and files.unread_packages and found_bytes <= budget:
        return error(UNREAD, one_line(files.unread_packages, REASON_WIDTH))
    if name in BY_OS_PACKAGE and found_bytes <= budget < found_bytes + files.unlisted_bytes:
        return skipped(UNREAD, _unlisted(files), measured=found_bytes)
    could_bytes = sum(one.bytes for one in files.uncompared)
    if name != "identical-files" or not found_bytes <= budget < found_bytes + could_bytes:
        return None
    headline = f"{format_size(found_bytes)}, and {format_size(could_bytes)} were not compared"
    told = [f"{one.count} {WHY[one.reason]}: {format_size(one.bytes)}" for one in files.uncompared]
    return skipped(headline, *told, measured=found_bytes)


def findings(image: Image, found: Sequence[Bloat]) -> list[Bloat]:
    """Those of 1 MB and more that are bloat here: CUDA is none where a GPU may be asked for."""
    return [one for one in found if one.bytes >= LEAST_BYTES and _counts(image, one.cause)]


def _counts(image: Image, cause: str) -> bool:
    return cause != "cuda-libraries" or image.settings.gpu.expect == "none"


def fix_of(evidence: ImageEvidence, found: Bloat, layer: Layer | None) -> str:
    """How to be rid of it, where this layer has brought most of it; a cache by its own folder."""
    stage = stage_in(layer.instruction) if layer else None
    fix = _fix(evidence, found, layer)
    return f"in stage {printable(stage)}: {fix}" if stage else fix


def _fix(evidence: ImageEvidence, found: Bloat, layer: Layer | None) -> str:
    name = found.cause
    if layer is not None and layer.base and name in FIX_OF_BASE:
        return FIX_OF_BASE[name]
    if layer is not None and is_run(layer.instruction) and name in FIX_OF_RUN:
        return FIX_OF_RUN[name]
    folder = cache_folder(name, found.paths[0], evidence.config.env) if found.paths else None
    if folder is None:
        return FIX[name]
    return FIX[name].replace(f"/root/.cache/{CACHES[name].name}", printable(folder))


def layer_of(evidence: ImageEvidence, found: Bloat) -> Layer | None:
    """The layer that most of it came with; None where that can't be told."""
    return evidence.layer_at(found.by_layer[0][0]) if found.by_layer else None


def above_base(evidence: ImageEvidence, found: Bloat) -> tuple[int, Layer | None]:
    """Bytes of it that did not come with the base, and the layer that most of these came with."""
    own = [(evidence.layer_at(at), size) for at, size in found.by_layer]
    own = [(layer, size) for layer, size in own if layer is None or not layer.base]
    return sum(size for _, size in own), own[0][0] if own else None


def row(image: Image, evidence: ImageEvidence, found: Bloat) -> tuple[str, str, str]:
    """Bytes, what it is, and the line that brought it, as cells of a table."""
    layer = layer_of(evidence, found)
    if layer is not None and layer.base:
        return format_size(found.bytes), WHAT[found.cause], "the base image"
    return format_size(found.bytes), WHAT[found.cause], place(image, layer.line if layer else None)


def _where(facts: Facts, found: Bloat, layer: Layer | None) -> list[str]:
    if layer is None:
        return ["which instruction brought it can't be told"]
    if layer.base:
        base = facts.evidence.base
        name = f", {printable(base.reference)}" if isinstance(base, Base) else ""
        return [f"most of it came with the base image{name}"]
    words = [place(facts.image, layer.line), one_line(layer.instruction, INSTRUCTION_WIDTH)]
    may_be_copied = found.cause != REWRITTEN and CHANGING.search(layer.instruction)
    return ["  ".join(filter(None, words)), *([COPIED] if may_be_copied else [])]


def paths(found: Bloat) -> list[str]:
    """The largest paths, with their bytes; what is less than a thousandth says nothing."""
    rows = [
        (format_size(size), printable(path))
        for path, size in zip(found.paths, found.path_bytes, strict=True)
        if 1000 * size >= found.bytes
    ]
    return bounded(table(rows))


CHECK = Check(
    name="bloat", needs=("image", "base"), plan=plan, judge=judge, wants_waste=wants_waste
)
