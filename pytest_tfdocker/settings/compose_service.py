"""One service of a Compose file, while its keys are being taken over."""

from collections.abc import Callable, Mapping
from typing import Any

from pytest_tfdocker.settings import compose_casts as casts
from pytest_tfdocker.settings.compose_file import ComposeFile
from pytest_tfdocker.settings.interpolate import expand_compose
from pytest_tfdocker.settings.taking import Taking
from pytest_tfdocker.settings.toml_lines import Path as Keys

Cast = Callable[[Any], Any]


class Service(Taking):
    """One service being translated; what was found so far stands in its attributes."""

    def __init__(
        self,
        file: ComposeFile,
        service: str,
        variables: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        """`variables` are for interpolation; `environ` is what bare names are later taken from."""
        super().__init__()
        self.file = file
        self._at: Keys = ("services", service)
        self.variables, self.environ = variables, environ
        self.raw = file.services[service]

    def take(self, keys: Keys, target: str, cast: Cast) -> None:
        """Take a key over to a setting, "table.key", if it is there."""
        raw = self.find(keys)
        value = None if raw is None else self.cast(keys, raw, cast)
        if value is not None:
            items = [(*keys, at) for at in range(len(raw))] if isinstance(raw, list) else []
            self.set(keys, target, value, items)

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

    def pairs(self, keys: Keys, raw: Any) -> list[tuple[Keys, str, str | None]]:
        """Key, name and value of a table, or of a list of "NAME=value"; None: the name alone.

        What is wrong with one of them is told at its own key.
        """
        found: list[tuple[Keys, str, str | None]] = []
        if isinstance(raw, dict):
            for name, item in raw.items():
                value = None if item is None else self.cast((*keys, name), item, casts.text)
                found.append(((*keys, name), name, value))
        elif isinstance(raw, list):
            for at, item in enumerate(raw):
                pair = self.cast((*keys, at), item, casts.pair)
                found += [((*keys, at), *pair)] if pair else []
        else:
            self.problem(keys, "expected a table or a list of 'NAME=value'")
        return found

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
        """As of `Taking`."""
        return self.file.place((*self._at, *keys))

    def named(self, keys: Keys) -> str:
        """As of `Taking`."""
        return self.file.where((*self._at, *keys))

    def shown_keys(self, keys: Keys) -> Keys:
        """As of `Taking`."""
        return self.file.locate((*self._at, *keys))[1]
