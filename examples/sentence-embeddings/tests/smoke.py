"""Loads the model as the service does and checks that what it says makes sense.

The plugin sends this file into the container; it need not be in the image.
"""

import os
import sys
from pathlib import Path


def phase(name: str) -> None:
    """Tells the plugin where the run is; memory and time are reported a phase."""
    print(f"tfdocker: phase {name}", flush=True)


phase("import")
sys.path.insert(0, str(Path.cwd()))  # WORKDIR, where the service's own modules are
from embedder import DIMENSIONS, Embedder  # noqa: E402

phase("load")
embedder = Embedder(os.environ["MODEL_DIR"])

phase("inference")
cat, kitten, invoice = embedder.embed([
    "A cat sleeps on the sofa.",
    "A kitten naps on the couch.",
    "The invoice is due in thirty days.",
])  # fmt: skip


def similarity(left: list[float], right: list[float]) -> float:
    """The cosine, since the vectors have length 1."""
    return sum(a * b for a, b in zip(left, right, strict=True))


near, far = similarity(cat, kitten), similarity(cat, invoice)
print(f"{len(cat)} dimensions; cat and kitten {near:.3f}, cat and invoice {far:.3f}", flush=True)
if len(cat) != DIMENSIONS:
    sys.exit(f"{len(cat)} dimensions, want {DIMENSIONS}")
if not near > far + 0.3:
    sys.exit("sentences that say the same must be nearer than others, by 0.3 at least")
