"""What a registry would send: told by its manifest, by the image store, or measured by a sample."""

from pytest_tfdocker import probe
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.engine.manifest import ask_registries, layer_sizes, sent_bytes
from pytest_tfdocker.evidence.download_of_layers import sample_layers
from pytest_tfdocker.evidence.inside import Target, report_from_inside
from pytest_tfdocker.evidence.records import Absent, Download, ImageEvidence
from pytest_tfdocker.evidence.sampling import SAMPLE_SECONDS, Sample, estimate_from
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.evidence.waste import Doing

DEADLINE_SECONDS = 300
HIDDEN_SHARE = 0.01
"""Of all bytes; with more of them the layers are read, which takes longer."""


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
    key = f"manifest {' '.join(evidence.digests)} {evidence.platform} {code_hash()}"
    known = store.recall(key, Download)
    if known is None:
        with doing("ask the registry for the manifest"):
            reference, manifest = ask_registries(evidence.digests, evidence.platform)
        known = Download(
            bytes=sent_bytes(manifest),
            source="manifest",
            layers=layer_sizes(manifest),
            reference=reference,
        )
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
    key = f"sample {evidence.runs_on.store} {evidence.id} {python} {code_hash()}"
    known = store.recall(key, Sample)
    if known is not None:
        return known
    with doing("estimate of the download") as tell:
        try:
            found: Sample | Absent | None = None
            # Where its files came from the layers no probe runs
            if evidence.waste is None and not _hides_much(evidence):
                found = collect_sample(engine, evidence, run_id=run_id, python=python)
            if not isinstance(found, Sample):
                found = sample_layers(engine, evidence, tell)
        except (EngineError, ArchiveError) as error:
            return Absent(reason=f"no estimate of the download: {error}")
    store.keep(key, found)
    return found


def _hides_much(evidence: ImageEvidence) -> bool:
    """Whether no container sees a good part of what is sent: wheels, which hardly compress."""
    hidden, total = evidence.wasted_bytes or 0, evidence.total_bytes or 0
    return hidden > HIDDEN_SHARE * total


def collect_sample(
    engine: Engine, evidence: ImageEvidence, *, run_id: str, python: str | None = None
) -> Sample | Absent:
    """Pieces of the files, compressed inside the image; one container start. Raises EngineError."""
    payload = probe.sample_payload(
        {
            "volumes": evidence.config.volumes,
            "seconds": SAMPLE_SECONDS,
            "deadline_seconds": DEADLINE_SECONDS,
        }
    )
    target = Target(engine, evidence.id, evidence.config, run_id, python)
    told = report_from_inside(target, payload)
    if isinstance(told, Absent):
        return told
    if "error" in told["sample"]:
        return Absent(reason=f"no estimate of the download: {told['sample']['error']}")
    return Sample(**told["sample"], files_bytes=told["files"]["apparent_bytes"])
