"""int8 for the weights of all linear layers; the embeddings, half of this model, stay fp32.

Usage: python quantise.py FROM TO, two folders.
"""

import sys
from pathlib import Path

import torch
from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic
from transformers import AutoModel


def quantise(model_dir: str) -> torch.nn.Module:
    """The model that lies in a folder, its linear layers in int8."""
    model = AutoModel.from_pretrained(model_dir, local_files_only=True).eval()
    # A scale a channel: with the default, one a layer, the vectors are twice as far off.
    # In place: by default the fp32 model is copied first, which is 90 MiB more at the peak.
    return quantize_dynamic(model, {torch.nn.Linear: per_channel_dynamic_qconfig}, inplace=True)


if __name__ == "__main__":
    torch.save(quantise(sys.argv[1]), Path(sys.argv[2]) / "model.pt")
