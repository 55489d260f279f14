"""A test of your own may hold one image against another."""

import pytest

from pytest_tfdocker import assert_smaller


@pytest.mark.parametrize("tfdocker_image", ["onnx"], indirect=True)
def test_without_torch_it_is_less_than_half(tfdocker_image):
    assert_smaller(tfdocker_image, "fp32", "50 %")
