"""What a registry would send: told by its manifest, by the image store, or measured by a sample."""

import math

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.engine.manifest import ask_registries
from pytest_tfdocker.evidence.inventory import report_from_inside
from pytest_tfdocker.evidence.records import Absent, Download, ImageEvidence, Record
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.waste import Doing

SAMPLE_SECONDS = 3
"""Of the processor, for compressing; up to three times as many pass where it is busy."""
DEADLINE_SECONDS = 300
SYSTEMATIC = 0.02
"""Of the figure: how far off it may be where every byte was compressed. Builders' compressors
differ, and so do order and headers in the layers' own archives."""
OVER_ZLIB = 1.01
"""What pushes send is larger than what zlib makes at the level they use: `docker push`, whose gzip
is Go's, by 1.5 to 2.4 %, others by nothing."""
STANDARD_ERRORS = 2
"""19 of 20 samples are within these."""


class Sample(Record, frozen=True, kw_only=True):
    """How well pieces of the image's files compress; sums over pieces of one size."""

    archive_bytes: int
    pieces: int
    sampled_bytes: int
    packed_bytes: int
    squared_steps: int
    """Of the compressed sizes, from each piece to the next one in the archive."""
    files_bytes: int

    @property
    def estimate(self) -> float:
        """Compressed bytes of all files."""
        return OVER_ZLIB * self.packed_bytes / self.sampled_bytes * self.archive_bytes

    @property
    def relative_error(self) -> float:
        """What the sample may be off by, and what every estimate may be.

        Pieces are spread evenly, and so miss only what changes between neighbours: that is what
        the variance is taken from.
        """
        mean = self.packed_bytes / self.pieces
        variance = self.squared_steps / (2 * max(1, self.pieces - 1))
        unseen = max(0.0, 1 - self.sampled_bytes / self.archive_bytes)
        standard = math.sqrt(variance * unseen / self.pieces) / mean
        return STANDARD_ERRORS * standard + SYSTEMATIC


def recall_download(
    store: Store,
    engine: Engine,
    evidence: ImageEvidence,
    *,
    run_id: str,
    python: str | None,
    doing: Doing,
) -> Download | Absent:
    """From the first that knows: the image store, the registry, a sample of the files.

    What a registry said is kept, and so is a sample; a registry that did not answer is asked again.
    """
    packed = _in_store(engine, evidence)
    if packed is not None:
        return packed
    try:
        return _in_registry(store, evidence, doing)
    except EngineError as error:
        note = f"the registry doesn't tell: {error}" if evidence.digests else ""
    sample = _recall_sample(store, engine, evidence, run_id=run_id, python=python, doing=doing)
    return sample if isinstance(sample, Absent) else estimate_from(sample, evidence, note)


def _in_store(engine: Engine, evidence: ImageEvidence) -> Download | None:
    """A containerd store keeps layers as they are pushed, and its Size is theirs (moby#53398).

    With the config, the manifest and its index, some KB; attestations and other platforms are not
    in it. What `docker load` took from an archive of plain layers stays plain, and is pushed so.
    """
    if not evidence.runs_on.counts_blocks:
        return None
    size = engine.inspect(evidence.id).get("Size")
    return Download(bytes=size, source="store") if size else None


def _in_registry(store: Store, evidence: ImageEvidence, doing: Doing) -> Download:
    if not evidence.digests:
        raise EngineError("no registry is known to have the image")
    key = f"manifest {' '.join(evidence.digests)} {evidence.platform}"
    known = store.recall(key, Download)
    if known is None:
        with doing("ask the registry for the manifest"):
            reference, layers = ask_registries(evidence.digests, evidence.platform)
        known = Download(bytes=sum(layers), source="manifest", layers=layers, reference=reference)
        store.keep(key, known)
    return known


def _recall_sample(
    store: Store,
    engine: Engine,
    evidence: ImageEvidence,
    *,
    run_id: str,
    python: str | None,
    doing: Doing,
) -> Sample | Absent:
    key = f"sample {evidence.runs_on.store} {evidence.id} {python} {probe.sample_hash()}"
    known = store.recall(key, Sample)
    if known is not None:
        return known
    with doing("estimate of the download"):
        found = collect_sample(engine, evidence, run_id=run_id, python=python)
    if isinstance(found, Sample):
        store.keep(key, found)
    return found


def collect_sample(
    engine: Engine, evidence: ImageEvidence, *, run_id: str, python: str | None = None
) -> Sample | Absent:
    """Pieces of the files, compressed inside the image; one container start."""
    payload = probe.sample_payload(
        {
            "volumes": evidence.config.volumes,
            "seconds": SAMPLE_SECONDS,
            "deadline_seconds": DEADLINE_SECONDS,
        }
    )
    config = evidence.config
    try:
        told = report_from_inside(engine, evidence.id, config, payload, run_id, python)
    except EngineError as error:
        return Absent(reason=f"no estimate of the download: {error}")
    if isinstance(told, Absent):
        return told
    if "error" in told["sample"]:
        return Absent(reason=f"no estimate of the download: {told['sample']['error']}")
    return Sample(**told["sample"], files_bytes=told["files"]["apparent_bytes"])


def estimate_from(sample: Sample, evidence: ImageEvidence, note: str = "") -> Download | Absent:
    """The sample's figure; what a later layer hides compresses as the rest does, on the average."""
    if not sample.sampled_bytes or not sample.packed_bytes:
        return Absent(reason="no estimate of the download: no file of the image could be read")
    hidden = max(0, (evidence.total_bytes or 0) - sample.files_bytes)
    whole = sample.archive_bytes + hidden
    figure = sample.estimate * whole / sample.archive_bytes
    return Download(
        bytes=round(figure),
        source="estimate",
        error_bytes=round(figure * sample.relative_error),
        sampled_bytes=sample.sampled_bytes,
        archive_bytes=sample.archive_bytes,
        note=note,
    )
