"""Embeds the reference's sentences, and holds each vector against that of fp32.

The plugin sends this file into the container; it need not be in the image.
"""

import json
import os
import sys
from pathlib import Path

REPEATS = 32  # of 8 sentences: enough work for a peak and a time that mean something


def phase(name: str) -> None:
    """Tells the plugin where the run is; memory and time are reported a phase."""
    print(f"tfdocker: phase {name}", flush=True)


phase("import")
sys.path.insert(0, str(Path.cwd()))  # WORKDIR, where the variant's own modules are
from embedder import DIMENSIONS, Embedder  # noqa: E402
from variant import MIN_COSINE  # noqa: E402

phase("load")
model_dir = os.environ["MODEL_DIR"]
embedder = Embedder(model_dir)

phase("inference")
reference = json.loads((Path(model_dir) / "reference.json").read_text())
vectors = embedder.embed(list(reference) * REPEATS)


def cosine(left: list[float], right: list[float]) -> float:
    """Of vectors at length 1."""
    return sum(a * b for a, b in zip(left, right, strict=True))


if any(len(vector) != DIMENSIONS for vector in vectors):
    sys.exit(f"vectors must have {DIMENSIONS} dimensions")
least, sentence = min(
    (cosine(vector, reference[sentence]), sentence)
    for sentence, vector in zip(list(reference) * REPEATS, vectors, strict=True)
)
print(f"least cosine {least:.4f} to fp32; at least {MIN_COSINE} is wanted", flush=True)
if not least >= MIN_COSINE:
    sys.exit(f"cosine {least:.4f} to fp32, want {MIN_COSINE}: {sentence[:50]!r}")
cat, kitten, invoice = vectors[:3]
near, far = cosine(cat, kitten), cosine(cat, invoice)
if not near > far + 0.3:
    sys.exit(f"cat and kitten {near:.3f}, cat and invoice {far:.3f}: want 0.3 between them")
