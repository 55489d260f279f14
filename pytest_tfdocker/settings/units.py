"""Sizes and times: from the text that users write, to the text that reports print."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from pytest_tfdocker.settings.schema import ByteSize, Seconds

# Docker prints kB; KB is common enough, and nobody means anything else by it.
_DECIMAL = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
_KUBERNETES = {name.removesuffix("B"): factor for name, factor in _BINARY.items()}
_BYTES = _DECIMAL | _BINARY | _KUBERNETES
_SECONDS = {"ms": Decimal("0.001"), "s": 1, "min": 60, "h": 3600}

_QUANTITY = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?|-?\.[0-9]+)\s*([^\W\d_]*)\s*")
_SHARE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
MOST_BYTES = 2**63 - 1  # the engine's API holds int64
_MOST_SECONDS = 10**9  # well below threading.TIMEOUT_MAX


def parse_size(value: Any) -> ByteSize:
    """Bytes of "4 GiB", "4Gi", "2 GB" or a plain 0; fractions of a byte are cut off.

    Raises ValueError, saying what to write instead.
    """
    number, unit = _quantity(value, "a size", "'4 GiB' or '2 GB'")
    if not unit:
        return _unitless_size(number)
    if unit in {*"kKmMgGtTpP"}:
        raise ValueError(_both_readings(f"{number:f}", unit))
    size_bytes = number * _factor(value, unit, _BYTES, "B, kB, MB, GB, KiB, MiB or GiB")
    if size_bytes > MOST_BYTES:
        raise ValueError(f"{shown_value(value)} is more than an engine can count")
    return ByteSize(size_bytes)


def parse_seconds(value: Any) -> Seconds:
    """Seconds of "30 s", "5 min", "500 ms" or "1 h".

    Raises ValueError, saying what to write instead.
    """
    number, unit = _quantity(value, "a time", "'30 s' or '5 min'")
    if not unit:
        raise ValueError(f"a time needs a unit: write '{_cut(number)} s' or '{_cut(number)} min'")
    if unit == "m":
        raise ValueError(f"{shown_value(value)} has the unit 'm': write '{_cut(number)} min'")
    seconds = number * _factor(value, unit, _SECONDS, "ms, s, min or h")
    if seconds > _MOST_SECONDS:
        raise ValueError(f"{shown_value(value)} is more than {_MOST_SECONDS} s")
    return Seconds(seconds)


def parse_share(text: str) -> Decimal:
    """The number of "30 %". Raises ValueError, saying what to write instead."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a share such as '30 %', found {shown_value(text)}")
    if Decimal(match[1]) >= 100:  # noqa: PLR2004 (per cent)
        raise ValueError(f"{shown_value(text)} leaves nothing: write less than 100 %")
    return Decimal(match[1])


def parse_compose_size(value: Any) -> ByteSize:
    """Bytes as Compose reads them: powers of 1024 whatever the unit, a bare number is bytes.

    Raises ValueError. Source: go-units, RAMInBytes.
    """
    match = re.fullmatch(
        r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+) ?([kmgtp]?)i?b?", str(value), re.IGNORECASE
    )
    if match is None or isinstance(value, bool):
        raise ValueError(f"expected a byte value such as 4G or 512m, found {shown_value(value)}")
    power = " kmgtp".index(match[2].lower() or " ")
    size_bytes = Decimal(match[1]) * 1024**power
    if size_bytes > MOST_BYTES:
        raise ValueError(f"{shown_value(value)} is more than an engine can count")
    return ByteSize(size_bytes)


def _quantity(value: Any, what: str, example: str) -> tuple[Decimal, str]:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    text = str(value) if numeric or isinstance(value, str) else ""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {what} such as {example}, found {shown_value(value)}")
    if match[1].startswith("-"):
        raise ValueError(f"{shown_value(value)} is negative")
    return Decimal(match[1]), match[2]


def _unitless_size(number: Decimal) -> ByteSize:
    if number == 0:
        return ByteSize(0)
    raise ValueError(f"a size needs a unit: write '{_cut(number)} B', or MB, GB, MiB, GiB")


def _both_readings(number: str, letter: str) -> str:
    prefix = letter.upper()
    binary = f"{number} {prefix}iB"
    decimal = f"{number} {'k' if prefix == 'K' else prefix}B"
    if letter == "m":
        kubernetes = f"{number} thousandths of a byte (Kubernetes)"
    else:
        exponent = {"K": "³", "M": "⁶", "G": "⁹", "T": "¹²", "P": "¹⁵"}[prefix]
        kubernetes = f"{decimal} = {number}·10{exponent} (Kubernetes)"
    return f"{number}{letter} is {binary} (Compose) or {kubernetes}: write {binary} or {decimal}"


def _factor(value: Any, unit: str, units: dict[str, Any], known: str) -> Any:
    if unit in units:
        return units[unit]
    # The case tells: Mb is a megabit, and Compose's gb is a GiB.
    alike = [name for name in units if name.lower() == unit.lower() and name != "KB"]
    hint = f"did you mean '{alike[0]}'?" if alike else f"write {known}"
    raise ValueError(f"{shown_value(value)} has an unknown unit {unit!r}; {hint}")


def _cut(number: Decimal) -> str:
    return f"{number:f}"[:20]


def shown_value(value: Any) -> str:
    """The value by its repr, cut to what a line bears."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 (a line's worth)


class Formatter(Protocol):
    """A figure as text; `digits` more after the decimal point than it has by itself."""

    def __call__(self, value: Any, /, *, digits: int = 0) -> str: ...


def format_memory(memory_bytes: float, *, digits: int = 0) -> str:
    """Bytes as memory is given: "1.50 GiB", "291 MiB"."""
    return _scaled(memory_bytes, {"B": 1, **_BINARY}, 1024, {"GiB": 2, "TiB": 2, "PiB": 2}, digits)


def format_size(size_bytes: float, *, digits: int = 0) -> str:
    """Bytes as image sizes are given: "3.1 GB", "378 MB"."""
    units = {name: factor for name, factor in _DECIMAL.items() if name != "KB"}
    return _scaled(size_bytes, units, 1000, {"GB": 1, "TB": 1, "PB": 1}, digits)


def format_seconds(seconds: float, *, digits: int = 0) -> str:
    """Seconds for people: "350 ms", "12.3 s", "5 min 12 s", "1 h 5 min"."""
    if round(seconds, 3) < 1:
        return f"{seconds * 1000:.{digits}f} ms"
    if round(seconds, 1 + digits) < 60:  # noqa: PLR2004 (s in a min)
        return f"{seconds:.{1 + digits}f} s"
    minutes, rest = divmod(round(seconds, digits), 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [(f"{hours}", "h"), (f"{minutes}", "min"), (f"{rest:.{digits}f}", "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if float(number))


def format_cpus(cpus: float) -> str:
    """A CPU limit for people: "1 CPU", "1.5 CPUs"."""
    return "1 CPU" if cpus == 1 else f"{cpus:g} CPUs"


def format_over(measured: float, budget: float, formatter: Formatter) -> str:
    """What is over, and by how much: "3.1 GB, 1.1 GB over 2.0 GB".

    The figure never reads as the budget: it gets more digits, at last all of them
    ("2,000,000,001 B, 1 B over 2.0 GB").
    """
    excess = _less(measured, budget)
    digits, limit = _told(budget, formatter, lambda read: read == Decimal(str(budget)))
    _, figure = _told(measured, formatter, lambda read: read > Decimal(str(budget)), digits)
    _, over = _told(excess, formatter, lambda read: read > 0)
    return f"{figure}, {over} over {limit}"


def format_short(measured: float, least: float, formatter: Formatter) -> tuple[str, str]:
    """What falls short, and of what: ("30 MB", "100 MB"); the one never reads as the other."""
    digits, wanted = _told(least, formatter, lambda read: read == Decimal(str(least)))
    _, figure = _told(measured, formatter, lambda read: read < Decimal(str(least)), digits)
    return figure, wanted


def format_share(percent: float, below: Decimal) -> str | None:
    """Per cent, with as many digits as it takes to read less than `below`; None where 3 won't."""
    numbers = (f"{percent:.{digits}f}" for digits in range(4))
    return next((f"{number} %" for number in numbers if Decimal(number) < below), None)


def _told(
    value: float, formatter: Formatter, good: Callable[[Decimal], bool], least: int = 0
) -> tuple[int, str]:
    """The shortest text that is good enough, and its digits; the exact figure where none is."""
    for digits in range(least, 4):
        text = formatter(value, digits=digits)
        if good(_read(text)):
            return digits, text
    return 0, f"{value:,} {'s' if formatter is format_seconds else 'B'}"


def _less(measured: float, budget: float) -> float:
    """The difference, without binary noise: 30.1 − 30 is 0.1."""
    difference = Decimal(str(measured)) - Decimal(str(budget))
    return int(difference) if isinstance(measured, int) else float(difference)


def _read(text: str) -> Decimal:
    """The value of a text that a formatter wrote, to the byte as `parse_size` reads it."""
    words = iter(text.split())
    units: dict[str, Any] = _BYTES | _SECONDS
    total = sum((Decimal(number) * units[next(words)] for number in words), Decimal(0))
    return total if text.endswith(("s", "min", "h")) else total.to_integral_value("ROUND_DOWN")


def _scaled(
    value: float, units: dict[str, int], step: int, decimals: dict[str, int], digits: int
) -> str:
    """The value in the smallest unit that keeps the rounded number below `step`."""
    name = "B"
    text = f"{value:.0f}"
    for name, factor in units.items():
        scaled = value / factor
        small = name != "B" and abs(round(scaled, 1)) < 10  # noqa: PLR2004 (one figure is too few)
        places = 0 if name == "B" else decimals.get(name, int(small)) + digits
        text = f"{scaled:.{places}f}"
        if abs(float(text)) < step:
            break
    return f"{text} {name}"
