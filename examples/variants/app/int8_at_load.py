"""int8 at load: the image has the fp32 weights, and each start quantises them."""

from quantise import quantise
from torch_encoder import TorchEncoder

MIN_COSINE = 0.95  # between a vector and fp32's


def load(model_dir: str) -> TorchEncoder:
    return TorchEncoder(model_dir, quantise(model_dir))
