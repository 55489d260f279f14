"""ONNX: the fp32 weights by onnxruntime and tokenizers, without torch and transformers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

MIN_COSINE = 0.9999  # between a vector and torch's fp32
MAX_TOKENS = 256  # max_seq_length of the model's sentence_bert_config.json


def load(model_dir: str) -> Callable[[list[str]], tuple[np.ndarray, np.ndarray]]:
    tokenizer = Tokenizer.from_file(str(Path(model_dir) / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    session = InferenceSession(Path(model_dir) / "model.onnx", providers=["CPUExecutionProvider"])

    def encode(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        tokens = tokenizer.encode_batch(texts)
        inputs = {
            "input_ids": np.array([one.ids for one in tokens]),
            "attention_mask": np.array([one.attention_mask for one in tokens]),
            "token_type_ids": np.array([one.type_ids for one in tokens]),
        }
        (hidden,) = session.run(["hidden"], inputs)
        return hidden, inputs["attention_mask"]

    return encode
