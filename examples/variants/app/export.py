"""Writes TO/model.onnx and its weights, for any number of texts and tokens.

Usage: python export.py FROM TO, two folders.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class HiddenStates(torch.nn.Module):
    """The model with tensors in and one tensor out, as ONNX has it."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def export(model_dir: str, path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_dir, local_files_only=True)
    model = AutoModel.from_pretrained(model_dir, local_files_only=True)
    tokens = tokenizer(["two texts", "of unequal length"], padding=True, return_tensors="pt")
    axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens", max=512)}
    torch.onnx.export(
        HiddenStates(model).eval(),
        tuple(tokens[name] for name in INPUTS),
        path,
        input_names=INPUTS,
        output_names=["hidden"],
        dynamic_shapes=(axes,) * len(INPUTS),
        external_data=True,  # beside it, in model.onnx.data, which onnxruntime maps into memory
    )


if __name__ == "__main__":
    export(sys.argv[1], Path(sys.argv[2]) / "model.onnx")
