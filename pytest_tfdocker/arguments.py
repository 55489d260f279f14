"""What users give the assertion functions; a mistake is told at their own line."""

import re
from typing import Any

from pytest_tfdocker.checks import smaller
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.settings import schema
from pytest_tfdocker.settings.units import parse_share, parse_size


def check_image(image: Any) -> None:
    """Raises TypeError, at the user's own line."""
    __tracebackhide__ = True
    if not isinstance(image, JudgedImage):
        raise TypeError(f"give an image, which is what tfdocker_image gives; found {image!r}")


def bytes_of(name: str, value: Any) -> schema.ByteSize:
    """Of an argument that is bytes, or text with a unit. Raises ValueError that names it."""
    __tracebackhide__ = True
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return schema.ByteSize(value)
    try:
        return parse_size(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def by_of(value: Any) -> smaller.By:
    """Of bytes, or text with a unit or "%". Raises ValueError that names the argument."""
    __tracebackhide__ = True
    if not isinstance(value, str) or "%" not in value:
        return smaller.By(bytes=bytes_of("by", value))
    try:
        return smaller.By(percent=parse_share(value))
    except ValueError as error:
        raise ValueError(f"by: {error}") from None


def other_of(than: Any) -> str:
    """The name or reference of an image to compare with. Raises TypeError or ValueError."""
    __tracebackhide__ = True
    if isinstance(than, JudgedImage):
        return than.name if than.session.several else than.reference
    if not isinstance(than, str):
        raise TypeError(f"than: give an image, or a tag, a digest or an id; found {than!r}")
    if not than or re.search(r"\s", than):
        raise ValueError(f"than: expected a tag, a digest or an id, found {than!r}")
    return than
