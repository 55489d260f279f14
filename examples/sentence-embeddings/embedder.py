"""Sentence embeddings from all-MiniLM-L6-v2, read from a local folder."""

import os
import threading

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the weights are in the image; a hub is never asked

import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256  # max_seq_length of the model's sentence_bert_config.json
BATCH_TEXTS = 16  # what one pass of the model takes, so that memory doesn't grow with the request


class Embedder:
    """Turns texts into unit vectors, one batch at a time, so that callers' peaks don't add up."""

    def __init__(self, model_dir: str) -> None:
        disable_progress_bar()  # the log is no terminal
        self._tokenizer = AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
        self._model = AutoModel.from_pretrained(model_dir, local_files_only=True).eval()
        self._lock = threading.Lock()

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of DIMENSIONS floats a text, in the texts' order, at length 1."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            with self._lock:
                vectors += self._embed_batch(texts[start : start + BATCH_TEXTS])
        return vectors

    @torch.inference_mode()
    def _embed_batch(self, texts: list[str]) -> list[list[float]]:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        hidden = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # padding left out
        return torch.nn.functional.normalize(mean, dim=1).tolist()
