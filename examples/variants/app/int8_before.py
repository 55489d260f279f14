"""int8 before: the build has quantised; the image has what came of it, and no fp32 weights."""

from pathlib import Path

import torch
from torch_encoder import TorchEncoder

MIN_COSINE = 0.95  # between a vector and fp32's


def load(model_dir: str) -> TorchEncoder:
    # Mapped into memory, as transformers does it with safetensors: 56 MiB less at the peak.
    # A pickle runs what it says: this one is our own build's.
    model = torch.load(Path(model_dir) / "model.pt", mmap=True, weights_only=False)
    return TorchEncoder(model_dir, model)
