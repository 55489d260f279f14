"""Values of Compose, which has several spellings for most of them, to ours.

Each takes an interpolated value and raises ValueError where Compose would refuse it. None: the
value is there and means "as if it weren't".
"""

import math
import re
import shlex
from typing import Any

from pytest_tfdocker.settings.schema import ByteSize
from pytest_tfdocker.settings.smoke_rules import MOST_PORT
from pytest_tfdocker.settings.units import parse_compose_size, shown_value

_TRUE = {"true", "yes", "on", "y", "1"}
_FALSE = {"false", "no", "off", "n", "0"}
_MOST_MODE = 0o7777


def text(value: Any) -> str:
    """A scalar as Compose, in Go, writes it: 1.10 unquoted is "1.1", true is "true"."""
    if value is None or isinstance(value, dict | list):
        found = "nothing" if value is None else "a table" if isinstance(value, dict) else "a list"
        raise ValueError(f"expected text, found {found}")
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def boolean(value: Any) -> bool:
    """True or false, "yes" and "on" too."""
    word = text(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"expected true or false, found {shown_value(value)}")
    return word in _TRUE


def words(value: Any) -> list[str]:
    """A command: text is split as a shell would, without being run by one."""
    if isinstance(value, list):
        return texts(value)
    try:
        return shlex.split(text(value))
    except ValueError as error:
        raise ValueError(f"can't be split into words: {str(error).lower()}") from None


def texts(value: Any) -> list[str]:
    """A list, or the one item of it."""
    return [text(item) for item in value] if isinstance(value, list) else [text(value)]


def pair(value: Any) -> tuple[str, str | None]:
    """Of "NAME=value"; None where only the name stands."""
    name, equals, item = text(value).partition("=")
    if not name:
        raise ValueError("expected 'NAME=value' or 'NAME'")
    return name, item if equals else None


def limit(value: Any) -> ByteSize | None:
    """Bytes; 0 is no limit."""
    return parse_compose_size(value) or None


def cpus(value: Any) -> float | None:
    """A number of CPUs, '0.5' too; 0 is no limit."""
    try:
        number = float(text(value))
    except ValueError:
        number = -1
    if number < 0 or not math.isfinite(number):
        raise ValueError(f"expected a number of CPUs such as '0.5', found {shown_value(value)}")
    return number or None


def pids(value: Any) -> int | None:
    """A number of processes; 0 and -1 are no limit."""
    try:
        number = int(text(value))
    except ValueError:
        number = -2
    if number < -1:
        raise ValueError(f"expected a whole number, found {shown_value(value)}")
    return number if number > 0 else None


def first_port(value: Any) -> int | None:
    """The container's port of the first of `ports` or `expose` that is TCP and a plain number.

    It is no more than a default, so what it can't read, a variable say, is no mistake.
    """
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            target, protocol = item.get("target"), item.get("protocol", "tcp")
            item = f"{target}/{protocol}"  # noqa: PLW2901
        found = re.fullmatch(r"(?:.*:)?([0-9]{1,5})(?:-[0-9]+)?(?:/tcp)?", str(item))
        if found and 0 < int(found[1]) <= MOST_PORT:
            return int(found[1])
    return None


def mode(value: Any) -> str:
    """Permissions as digits of 8; in YAML they are a number that is written so, 0o700 or 0700."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_MODE:
        return f"{value:04o}"
    if isinstance(value, str) and re.fullmatch(r"[0-7]{3,4}", value):
        return value
    raise ValueError(f"expected permissions such as 0700, found {shown_value(value)}")
