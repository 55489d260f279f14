"""Judge the container image of an ML service with pytest."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_tfdocker.assertions import (
        assert_dependency_parity,
        assert_gpu_visible,
        assert_hashes,
        assert_image_size,
        assert_importable,
        assert_limits,
        assert_no_conflicts,
        assert_package_size,
        assert_peak_memory,
        assert_pinned,
        assert_smaller,
        assert_threads,
    )

__all__ = [
    "assert_dependency_parity",
    "assert_gpu_visible",
    "assert_hashes",
    "assert_image_size",
    "assert_importable",
    "assert_limits",
    "assert_no_conflicts",
    "assert_package_size",
    "assert_peak_memory",
    "assert_pinned",
    "assert_smaller",
    "assert_threads",
]


def __getattr__(name: str) -> Any:
    """The assertion functions, imported when first asked for: everyone pays for this module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_tfdocker import assertions  # noqa: PLC0415

    return getattr(assertions, name)
