"""Kubernetes' quantities. Source: k8s.io/apimachinery, pkg/api/resource, quantity.go.

Each function raises ValueError, saying what to write instead. None: 0, which is no limit.
"""

import re
from decimal import Decimal
from math import ceil
from typing import Any

from pytest_tfdocker.settings.engine_rules import LEAST_CPUS
from pytest_tfdocker.settings.schema import ByteSize
from pytest_tfdocker.settings.units import MOST_BYTES, shown_value

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?P<unit>[eE][+-]?[0-9]+|[KMGTPE]i|[numkMGTPE]|)"
)
_UNITS = {
    **{unit: Decimal(1000) ** -power for power, unit in enumerate(["", "m", "u", "n"])},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}
_MOST_EXPONENT = 30
_MOST_CPUS = 1024
"""More than any node has: M is a million, and was meant to be m, a thousandth."""


def parse_quantity(value: Any, example: str) -> Decimal:
    """The number, exactly. `example`: what would be right."""
    text = "" if isinstance(value, bool | list | dict) or value is None else str(value)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(
            f"expected a quantity such as {example}, found {shown_value(value)}{_hint(text)}"
        )
    unit = match["unit"]
    if unit in _UNITS:
        factor = _UNITS[unit]
    elif abs(int(unit[1:][:20])) > _MOST_EXPONENT:
        raise ValueError(f"{shown_value(value)} is more than Kubernetes can count")
    else:
        factor = Decimal(10) ** int(unit[1:])
    number = Decimal(match["number"]) * factor
    if number < 0:
        raise ValueError(f"{shown_value(value)} is negative")
    return number


def memory_bytes(value: Any) -> ByteSize | None:
    """Bytes; what is less than one counts as one, as Kubernetes has it."""
    number = parse_quantity(value, "512Mi or 4Gi")
    if number > MOST_BYTES:
        raise ValueError(f"{shown_value(value)} is more than an engine can count")
    if str(value).endswith("m") and number:
        amount = f"{number.normalize():f} B"
        whole = str(value).removesuffix("m")
        meant = f"m is a thousandth in Kubernetes; write {whole}Mi or {whole}M"
        raise ValueError(f"{shown_value(value)} is {amount}: {meant}")
    return ByteSize(ceil(number)) if number else None


def cpus(value: Any) -> float | None:
    """A number of CPUs: "500m" is half of one. The kubelet raises what is below the least quota."""
    number = float(parse_quantity(value, "500m or 2"))
    if number > _MOST_CPUS:
        text = str(value)
        near = f"; did you mean '{text[:-1]}m'?" if text.endswith("M") else ""
        raise ValueError(f"{shown_value(value)} is {number:,.0f} CPUs, which no node has{near}")
    return max(number, LEAST_CPUS) if number else None


def count(value: Any) -> int:
    """A whole number, as that of devices."""
    number = parse_quantity(value, "1")
    if number != int(number):
        raise ValueError(f"expected a whole number, found {shown_value(value)}")
    return int(number)


def _hint(text: str) -> str:
    """What was probably meant by a unit that isn't known."""
    if "{{" in text:
        return "; of a Helm chart, `helm template CHART > FILE` writes the manifest"
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgtpe])(i?)(b?)", text, re.IGNORECASE)
    if match is None:
        return "; units are Ki, Mi, Gi (1024) and k, M, G (1000)" if re.search(r"\d", text) else ""
    number, letter = match[1], match[2].upper()
    decimal = f"{number}{'k' if letter == 'K' else letter}"
    return f"; write {number}{letter}i" + ("" if match[3] else f" or {decimal}")
