"""A table as TOML gives it to typed values, every mistake gathered on the way."""

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from pytest_tfdocker.settings.interpolate import expand
from pytest_tfdocker.settings.schema import ByteSize, Seconds, Table
from pytest_tfdocker.settings.source import Source
from pytest_tfdocker.settings.toml_lines import Path
from pytest_tfdocker.settings.units import parse_seconds, parse_size

Values = dict[str, Any]
"""Key → typed value; a table is a Values again, so that tables can still be merged."""

_MISSING = object()
_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    ByteSize: "a size such as '4 GiB'",
    Seconds: "a time such as '30 s'",
}


class Reader:
    """Reads the tables of one settings file; `problems` holds what was wrong in them."""

    def __init__(self, source: Source, environ: Mapping[str, str]) -> None:
        self.source = source
        self._problems: list[tuple[int, str]] = []
        self._environ = environ

    def problem(self, path: Path, text: str) -> None:
        """Note a mistake at a key."""
        line = self.source.line(path) or 0
        self._problems.append((line, f"{self.source.where(path)}: {text}"))

    @property
    def problems(self) -> list[str]:
        """The mistakes so far, as they stand in the file."""
        return [text for _, text in sorted(self._problems, key=lambda problem: problem[0])]

    def table(self, raw: Any, shape: type[Table], path: Path, beside: Iterable[str] = ()) -> Values:
        """The keys that are set and right; `beside` are keys that others read."""
        if not isinstance(raw, dict):
            self.problem(path, f"expected a table, found {_found(raw)}")
            return {}
        hints = typing.get_type_hints(shape)
        keys = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(shape)}
        values: Values = {}
        for key, value in raw.items():
            if key in keys:
                values[key] = self._value(value, keys[key], (*path, key))
            elif key == "tool" and not path and not self.source.prefix:
                self._problem_of_pyproject(value)
            elif key not in beside:
                self.problem((*path, key), _unknown_key(key, [*keys, *beside], shape))
        return {key: value for key, value in values.items() if value is not _MISSING}

    def _problem_of_pyproject(self, tool: Any) -> None:
        """Tables that are named in full stand in pyproject.toml alone."""
        own = tool.get("tfdocker") if isinstance(tool, dict) else None
        key = next(iter(own), None) if isinstance(own, dict) else None
        path: Path = ("tool",) if key is None else ("tool", "tfdocker", key)
        name = self.source.path.name if self.source.path else ""
        text = f"[tool.tfdocker] is for pyproject.toml: in {name} write [{key or 'run'}]"
        self.problem(path, text)

    def _value(self, raw: Any, hint: Any, path: Path) -> Any:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is types.UnionType:
            return self._value(raw, _alternative(raw, arguments), path)
        if isinstance(hint, type) and issubclass(hint, Table):
            return self.table(raw, hint, path)
        if origin is list:
            return self._list(raw, arguments[0], path)
        if origin is dict:
            return self._dict(raw, arguments[1], path)
        return self._leaf(raw, hint, path)

    def _list(self, raw: Any, hint: Any, path: Path) -> Any:
        nested = isinstance(hint, type) and issubclass(hint, Table)
        if not isinstance(raw, list):
            write = f": write [[{self.source.dotted(path)}]]" if nested else ""
            self.problem(path, f"expected a list, found {_found(raw)}{write}")
            return _MISSING
        read = self._item if nested else self._value
        items = [(item, read(item, hint, (*path, at))) for at, item in enumerate(raw)]
        # A wrong item keeps its place, by which rules name those behind it.
        return [item if value is _MISSING else value for item, value in items]

    def _dict(self, raw: Any, hint: Any, path: Path) -> Any:
        if not isinstance(raw, dict):
            self.problem(path, f"expected a table, found {_found(raw)}")
            return _MISSING
        items = {key: self._value(value, hint, (*path, key)) for key, value in raw.items()}
        return {key: item for key, item in items.items() if item is not _MISSING}

    def _item(self, raw: Any, shape: type[Table], path: Path) -> Values:
        """A whole table of a list: it doesn't merge, so what it must have can be asked here."""
        if isinstance(raw, dict):
            self._require(raw, shape, path)
        return self.table(raw, shape, path)

    def _require(self, raw: dict[str, Any], shape: type[Table], path: Path) -> None:
        for field in msgspec.structs.fields(shape):
            if field.required and field.encode_name not in raw:
                self.problem(path, f"{field.encode_name!r} is missing")
            inner = raw.get(field.encode_name)
            nested = _nested(typing.get_type_hints(shape)[field.name])
            if nested and isinstance(inner, dict):
                self._require(inner, nested, (*path, field.encode_name))

    def _leaf(self, raw: Any, hint: Any, path: Path) -> Any:
        try:
            value = self._expanded(raw)
            # What comes from the environment is text, "${CPUS:-2}" too.
            strict = value == raw
            return msgspec.convert(value, hint, strict=strict, dec_hook=_unit)
        except msgspec.ValidationError as error:
            self.problem(path, _wrong(value, hint, error))
        except ValueError as error:
            self.problem(path, str(error))
        return _MISSING

    def _expanded(self, raw: Any) -> Any:
        if isinstance(raw, str):
            return expand(raw, self._environ)
        if isinstance(raw, list):
            return [self._expanded(item) for item in raw]
        if isinstance(raw, dict):
            return {key: self._expanded(item) for key, item in raw.items()}
        return raw


def build(shape: type[Any], values: Values) -> Any:
    """The struct of a table whose values are typed and whole."""
    hints = typing.get_type_hints(shape)
    arguments: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        if field.encode_name in values:
            value, nested = values[field.encode_name], _nested(hints[field.name])
            arguments[field.name] = _built(nested, value) if nested else value
    return shape(**arguments)


def _built(shape: type[Table], value: Any) -> Any:
    return (
        [build(shape, item) for item in value] if isinstance(value, list) else build(shape, value)
    )


def suggest(word: str, known: Iterable[str]) -> str:
    """The ending "; did you mean 'x'?", or nothing where nothing is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _nested(hint: Any) -> type[Table] | None:
    candidates = typing.get_args(hint) or (hint,)
    return next(
        (one for one in candidates if isinstance(one, type) and issubclass(one, Table)), None
    )


def _alternative(raw: Any, hints: tuple[Any, ...]) -> Any:
    """The type among several that the value is meant to be; TOML has no null."""
    others = [hint for hint in hints if hint is not types.NoneType]
    lists = [hint for hint in others if typing.get_origin(hint) is list]
    if lists and (isinstance(raw, list) or len(others) == 1):
        return lists[0]
    return next(hint for hint in others if hint not in lists)


def _unknown_key(key: str, known: list[str], shape: type[Table]) -> str:
    elsewhere = [
        f"{field.encode_name}.{inner.encode_name}"
        for field in msgspec.structs.fields(shape)
        if (nested := _nested(typing.get_type_hints(shape)[field.name]))
        for inner in msgspec.structs.fields(nested)
        if inner.encode_name == key
    ]
    near = f"; did you mean {elsewhere[0]!r}?" if elsewhere else suggest(key, known)
    return "unknown key" + (near or f"; known here: {', '.join(sorted(known))}")


def _unit(hint: type, value: Any) -> Any:
    return parse_size(value) if hint is ByteSize else parse_seconds(value)


def _wrong(value: Any, hint: Any, error: msgspec.ValidationError) -> str:
    if hint in {ByteSize, Seconds}:
        return str(error)
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        near = suggest(value, choices) if isinstance(value, str) else ""
        return f"expected one of {', '.join(map(repr, choices))}, found {_found(value)}{near}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    write = f": write '{value}'" if hint is str and number else ""
    return f"expected {_NAMES.get(hint, 'another value')}, found {_found(value)}{write}"


def _found(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 (a line's worth)
