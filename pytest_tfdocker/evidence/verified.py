"""Whether installed files are still those that were installed: by the hashes in their RECORD."""

from pytest_tfdocker import probe
from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.evidence.inside import Target, report_from_inside
from pytest_tfdocker.evidence.records import Absent, ImageEvidence, Verification, Verified
from pytest_tfdocker.evidence.store import Store, code_hash
from pytest_tfdocker.evidence.waste import Doing

DEADLINE_SECONDS = 300
HASH_SECONDS = 90
"""Of the processor; up to three times as many pass where it is busy. 1 GB takes 2 to 6."""


def recall_verified(
    store: Store,
    engine: Engine,
    evidence: ImageEvidence,
    *,
    run_id: str,
    python: str | None,
    doing: Doing,
) -> Verified | Absent:
    """What an earlier run has left, else all of it read once more, which is kept."""
    key = f"verified {evidence.runs_on.store} {evidence.id} {python} {code_hash()}"
    known = store.recall(key, Verified)
    if known is not None:
        return known
    with doing("compare installed files with their RECORD"):
        try:
            found = collect_verified(engine, evidence, run_id=run_id, python=python)
        except EngineError as error:
            return Absent(reason=f"installed files were not compared: {error}")
    if isinstance(found, Verified) and not any(one.late for one in found.distributions.values()):
        store.keep(key, found)
    return found


def collect_verified(
    engine: Engine, evidence: ImageEvidence, *, run_id: str, python: str | None = None
) -> Verified | Absent:
    """Reads every installed file inside the image; one container start. Raises EngineError."""
    if isinstance(evidence.distributions, Absent):
        return evidence.distributions
    paths = [one.path for one in evidence.distributions.installed]
    plan: dict[str, object] = {
        "paths": paths,
        "seconds": HASH_SECONDS,
        "deadline_seconds": DEADLINE_SECONDS,
    }
    payload = probe.records_payload(plan)
    target = Target(engine, evidence.id, evidence.config, run_id, python)
    told = report_from_inside(target, payload, key="verified")
    if isinstance(told, Absent):
        return told
    found = told["verified"]
    return Verified(distributions={path: Verification(**one) for path, one in found.items()})
