"""One container of a manifest, while its fields are being taken over."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pytest_tfdocker.settings.kubernetes_file import Found
from pytest_tfdocker.settings.kubernetes_keys import AS_HERE
from pytest_tfdocker.settings.taking import Taking
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.units import shown_value
from pytest_tfdocker.settings.yaml_lines import dotted

T = TypeVar("T")
_LIKENESS, _MOST_MORE = 0.8, 2
"""How alike a typo is to what was meant. A field of a newer Kubernetes is none."""
_MOST_SHOWN = 37


class Container(Taking):
    """A container being translated; what was found so far stands in its attributes.

    Keys are those of the document: `at` makes them of the container's, `in_pod` of the pod's.
    """

    def __init__(self, found: Found, given: Mapping[str, str | None]) -> None:
        """`given`: variables that the settings set over it; None: taken from the environment."""
        super().__init__()
        self.found, self.given = found, given

    def at(self, *keys: str | int) -> Keys:
        """The key of a field of the container."""
        return (*self.found.keys, *keys)

    def in_pod(self, *keys: str | int) -> Keys:
        """The key of a field of the pod's spec."""
        return (*self.found.pod_keys, *keys)

    def table(self, keys: Keys, of: dict[str, Any]) -> dict[str, Any]:
        """The table at a key, {} where there is none; what is no table is a problem."""
        return self._shaped(keys, of, dict, "a table") or {}

    def items(self, keys: Keys, of: dict[str, Any]) -> list[tuple[Keys, dict[str, Any]]]:
        """The tables of a list at a key, each with its own."""
        listed = [((*keys, at), one) for at, one in enumerate(self.list_of(keys, of))]
        for inner, one in listed:
            if not isinstance(one, dict):
                self.problem(inner, "expected a table")
        return [(inner, one) for inner, one in listed if isinstance(one, dict)]

    def list_of(self, keys: Keys, of: dict[str, Any]) -> list[Any]:
        """The list at a key, [] where there is none; what is no list is a problem."""
        return self._shaped(keys, of, list, "a list") or []

    def value(self, keys: Keys, of: dict[str, Any], cast: Callable[[Any], T]) -> T | None:
        """The value at a key, typed; None where there is none, or where it is wrong."""
        raw = of.get(str(keys[-1]))
        try:
            return None if raw is None else cast(raw)
        except ValueError as error:
            self.problem(keys, str(error))
            return None

    def take(self, keys: Keys, of: dict[str, Any], target: str, cast: Callable[[Any], Any]) -> None:
        """Take a value over to a setting, "table.key", if it is there."""
        value = self.value(keys, of, cast)
        if value is not None:
            self.set(keys, target, value)

    def judge(
        self, keys: Keys, table: dict[str, Any], known: Iterable[str], noted: Iterable[str]
    ) -> None:
        """Say of fields what becomes of them, unless they are taken, or nothing depends on them."""
        every = {*known, *noted}
        for key, value in table.items():
            if key in noted and key in AS_HERE and value == AS_HERE[key]:
                continue
            if key in noted:
                self.note((*keys, key), "not honoured")
            elif key not in every:
                near = [one for one in every if _is_typo(key, one)]
                if near:
                    text = f"Kubernetes knows no such field; did you mean {near[0]!r}?"
                    self.problem((*keys, key), text)
                else:
                    self.note((*keys, key), "not known, and not honoured")

    def place(self, keys: Keys) -> str:
        """As of `Taking`."""
        return self.found.place(keys)

    def named(self, keys: Keys) -> str:
        """As of `Taking`."""
        return f"{self.found.shown_place(keys)}: {dotted(keys)}"

    def _shaped(self, keys: Keys, of: dict[str, Any], shape: type[T], what: str) -> T | None:
        value = of.get(str(keys[-1]))
        if value is None or isinstance(value, shape):
            return value
        self.problem(keys, f"expected {what}")
        return None


def text(value: Any) -> str:
    """Text, which Kubernetes wants in quotes where it looks like a number. Raises ValueError."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        found = "a table" if isinstance(value, dict) else "a list"
        raise ValueError(f"expected text, found {found}")  # noqa: TRY004 (told as a problem)
    shown = "null" if value is None else str(value)
    shown = shown.lower() if isinstance(value, bool) else shown
    if len(shown) > _MOST_SHOWN:
        raise ValueError(f"expected text, found {shown[:_MOST_SHOWN]}...: write it in quotes")
    raise ValueError(f'expected text, found {shown}: write "{shown}", in quotes')


def boolean(value: Any) -> bool:
    """True or false. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {shown_value(value)}")  # noqa: TRY004
    return value


def whole(value: Any) -> int:
    """A number of a user or a group. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(f"expected a whole number, found {shown_value(value)}")
    return value


def _is_typo(key: str, known: str) -> bool:
    if key.lower() == known.lower():
        return True
    likeness = difflib.SequenceMatcher(a=key, b=known).ratio()
    return likeness >= _LIKENESS and abs(len(key) - len(known)) <= _MOST_MORE
