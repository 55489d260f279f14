"""What is taken over from another file, key by key, each with the place where it stands."""

from collections.abc import Sequence
from typing import Any

from pytest_tfdocker.settings.layers import Layer
from pytest_tfdocker.settings.reading import Values
from pytest_tfdocker.settings.rules import run_problems
from pytest_tfdocker.settings.source import SettingsError
from pytest_tfdocker.settings.toml_lines import Path as Keys
from pytest_tfdocker.settings.yaml_lines import dotted


class Taking:
    """What was found so far stands in its attributes; `layer` hands it on."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.origins: dict[str, str] = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.secrets: dict[str, str] = {}
        """Values of variables that `run.env` has by their bare names."""
        self._taken: dict[str, Keys] = {}
        self._items: dict[str, list[Keys]] = {}

    def place(self, keys: Keys) -> str:
        """Where a key stands, as the settings name the file: "compose.yaml:9"."""
        raise NotImplementedError

    def named(self, keys: Keys) -> str:
        """What a problem starts with, "sub/compose.yaml:9: services.app.cpus"."""
        raise NotImplementedError

    def set(self, keys: Keys, target: str, value: Any, items: Sequence[Keys] = ()) -> None:
        """Keep the value for a setting; two spellings of one that differ are refused.

        `items`: where each item of a list stands; without them all stand at `keys`.
        """
        *tables, key = target.split(".")
        here = self.values
        for table in tables:
            here = here.setdefault(table, {})
        if here.setdefault(key, value) != value:
            self.problem(keys, f"differs from {self.origins[target]}, which sets the same")
        self.origins.setdefault(target, self.place(keys))
        self._taken.setdefault(target, keys)
        if isinstance(value, list):
            self._items.setdefault(target, list(items) or [keys] * len(value))

    def add(self, keys: Keys, target: str, item: str, at: Keys = ()) -> None:
        """Add to the list of a setting; `at`: where the item's own words stand, if elsewhere."""
        table, key = target.split(".")
        self.values.setdefault(table, {}).setdefault(key, []).append(item)
        self.origins.setdefault(target, self.place(keys))
        self._taken.setdefault(target, keys)
        self._items.setdefault(target, []).append(at or keys)

    def note(self, keys: Keys, text: str) -> None:
        """Say of a key what became of it."""
        self.notes.append(f"{self.place(keys)}: {dotted(self.shown_keys(keys))}: {text}")

    def problem(self, keys: Keys, text: str) -> None:
        """Note a mistake at a key."""
        self.problems.append(f"{self.named(keys)}: {text}")

    def shown_keys(self, keys: Keys) -> Keys:
        """The key as it stands in the file, from its top."""
        return keys

    def layer(self) -> Layer:
        """All of it. Raises SettingsError with every mistake, those of the values included."""
        for (table, key, *inner), text in run_problems(self.values.get("run", {})):
            target = f"{table}.{key}"
            found = self._items[target][int(inner[0])] if inner else self._taken[target]
            self.problem(found, text)
        if self.problems:
            raise SettingsError(self.problems)
        return Layer(
            values=self.values, origins=self.origins, notes=self.notes, secrets=self.secrets
        )
