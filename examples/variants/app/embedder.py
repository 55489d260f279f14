"""Sentence embeddings from all-MiniLM-L6-v2; variant.py beside it says what runs the model."""

import json
import os
import sys

import numpy as np
from variant import load

DIMENSIONS = 384
BATCH_TEXTS = 16  # what one pass of the model takes, so that memory doesn't grow with the texts


class Embedder:
    """Turns texts into unit vectors."""

    def __init__(self, model_dir: str) -> None:
        self._encode = load(model_dir)

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of DIMENSIONS floats a text, in the texts' order, at length 1."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            hidden, mask = self._encode(texts[start : start + BATCH_TEXTS])
            vectors += _pool(hidden, mask).tolist()
        return vectors


def _pool(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean over each text's tokens, padding left out, at length 1."""
    total = (hidden * mask[:, :, np.newaxis]).sum(axis=1)
    return total / np.linalg.norm(total, axis=1, keepdims=True)


if __name__ == "__main__":  # a text a line, a vector a line
    lines = sys.stdin.read().splitlines()
    for vector in Embedder(os.environ["MODEL_DIR"]).embed(lines):
        print(json.dumps(vector))
