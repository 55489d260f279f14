"""What the fp32 and int8 variants share: transformers' tokenizer before a torch model."""

import numpy as np
import torch
from transformers import AutoTokenizer
from transformers.utils.logging import disable_progress_bar

MAX_TOKENS = 256  # max_seq_length of the model's sentence_bert_config.json

disable_progress_bar()  # the log is no terminal


class TorchEncoder:
    """Turns texts into the hidden states of their tokens, and the mask that leaves padding out."""

    def __init__(self, model_dir: str, model: torch.nn.Module) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
        self._model = model

    @torch.inference_mode()
    def __call__(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        hidden = self._model(**tokens).last_hidden_state
        return hidden.numpy(), tokens["attention_mask"].numpy()
