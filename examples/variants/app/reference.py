"""Writes what fp32 says, as JSON, a sentence and its vector; each variant is held against it.

Usage: python reference.py MODEL_DIR FILE
"""

import json
import sys
from pathlib import Path

from embedder import Embedder

# The first two say the same, the third does not; the last is long, so that padding counts.
SENTENCES = [
    "A cat sleeps on the sofa.",
    "A kitten naps on the couch.",
    "The invoice is due in thirty days.",
    "How do I export a model to ONNX?",
    "Quantisation makes a model smaller, and sometimes faster.",
    "The train to Vienna leaves at eight.",
    "Naïve façades, 東京, and a few 😀 beside plain words.",
    "The committee met on Tuesday to talk about the budget of the coming year, and could not agree "
    "on whether the library should stay open on Sundays, since nobody knew what that would cost, "
    "how many people would come, or who would be willing to work there; so it was put off until "
    "the spring, when the figures of the last quarter will be known.",
]


if __name__ == "__main__":
    vectors = Embedder(sys.argv[1]).embed(SENTENCES)
    Path(sys.argv[2]).write_text(json.dumps(dict(zip(SENTENCES, vectors, strict=True))))
