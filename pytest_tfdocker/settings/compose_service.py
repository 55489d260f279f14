"""One service of a Compose file, while its keys are being taken over."""

from collections.abc import Callable, Mapping
from typing import Any

from pytest_tfdocker.settings.compose_file import ComposeFile, dotted
from pytest_tfdocker.settings.interpolate import expand_compose
from pytest_tfdocker.settings.reading import Values
from pytest_tfdocker.settings.toml_lines import Path as Keys

Cast = Callable[[Any], Any]


class Service:
    """One service being translated; what was found so far stands in its attributes."""

    def __init__(
        self,
        file: ComposeFile,
        service: str,
        variables: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        """`variables` are for interpolation; `environ` is what bare names are later taken from."""
        self.values: Values = {}
        self.origins: dict[str, str] = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.file = file
        self._at: Keys = ("services", service)
        self.variables = variables
        self.raw = file.services[service]
        if isinstance(self.raw, dict) and "environment" in self.raw:
            environment = _kept_bare(self.raw["environment"], environ)
            self.raw = {**self.raw, "environment": environment}

    def take(self, keys: Keys, target: str, cast: Cast) -> None:
        """Take a key over to a setting, "table.key", if it is there."""
        raw = self.find(keys)
        value = None if raw is None else self.cast(keys, raw, cast)
        if value is not None:
            self.set(keys, target, value)

    def find(self, keys: Keys) -> Any:
        """The value as it stands in the file; None where there is none."""
        value: Any = self.raw
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def cast(self, keys: Keys, raw: Any, cast: Cast) -> Any:
        """The value interpolated and typed; None where it is wrong, or as if it weren't there."""
        try:
            return cast(self._interpolated(raw, keys))
        except ValueError as error:
            self.problem(keys, str(error))
            return None

    def set(self, keys: Keys, target: str, value: Any) -> None:
        """Keep the value; two spellings of one limit that differ are refused, as Compose does."""
        table, key = target.split(".")
        here = self.values.setdefault(table, {})
        if here.setdefault(key, value) != value:
            self.problem(keys, f"differs from {self.origins[target]}, which sets the same")
        self.origins.setdefault(target, self.place(keys))

    def _interpolated(self, raw: Any, keys: Keys) -> Any:
        if isinstance(raw, dict):
            return {key: self._interpolated(value, (*keys, key)) for key, value in raw.items()}
        if isinstance(raw, list):
            return [self._interpolated(item, (*keys, at)) for at, item in enumerate(raw)]
        if not isinstance(raw, str):
            return raw
        unset: list[str] = []
        text = expand_compose(raw, self.variables, unset)
        for name in unset:
            self.note(keys, f"{name} isn't set and reads as empty")
        return text

    def place(self, keys: Keys) -> str:
        """Where a key stands, "compose.yaml:9"."""
        return f"{self.file.name}:{self.file.line((*self._at, *keys))}"

    def note(self, keys: Keys, text: str) -> None:
        self.notes.append(f"{self.place(keys)}: {dotted((*self._at, *keys))}: {text}")

    def problem(self, keys: Keys, text: str) -> None:
        self.problems.append(f"{self.file.where((*self._at, *keys))}: {text}")


def _kept_bare(environment: Any, environ: Mapping[str, str]) -> Any:
    """NAME: ${NAME} is a bare name in other words: its value is not ours to keep."""

    def handed(name: str, value: Any) -> bool:
        return name in environ and value in (f"${name}", f"${{{name}}}")

    if isinstance(environment, dict):
        return {name: None if handed(name, value) else value for name, value in environment.items()}
    if isinstance(environment, list):
        split = [(item, str(item).partition("=")) for item in environment]
        return [name if handed(name, value) else item for item, (name, _, value) in split]
    return environment
