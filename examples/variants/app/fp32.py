"""fp32: the weights as they came, by torch."""

from torch_encoder import TorchEncoder
from transformers import AutoModel

MIN_COSINE = 0.9999  # between a vector and the reference, which is made by this very variant


def load(model_dir: str) -> TorchEncoder:
    model = AutoModel.from_pretrained(model_dir, local_files_only=True)
    return TorchEncoder(model_dir, model.eval())
