"""Layers of settings: tables merge, everything else replaces."""

from collections.abc import Iterator

import msgspec

from pytest_tfdocker.settings.reading import Values

_INSTEAD = {"kubernetes": ("compose", "service"), "compose": ("kubernetes",)}
"""One file says how production runs an image: its own key goes before what it would inherit."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """Typed values, and where each of them stands."""

    values: Values = {}
    path: tuple[str, ...] = ()
    """The table of the settings file that it was read from."""
    origins: dict[str, str] = {}
    """Dotted key → "file:line"."""
    notes: list[str] = []
    problems: list[str] = []
    """Mistakes in another file than the settings file."""
    secrets: dict[str, str] = {}
    """Values of variables that `run.env` has by their bare names."""


def inherited(top: Layer, own: Layer) -> Layer:
    """What an image has of the tables at the top, without what its own keys stand instead of."""
    gone = {name for key, names in _INSTEAD.items() if key in own.values for name in names}
    return msgspec.structs.replace(
        top,
        values={key: value for key, value in top.values.items() if key not in gone},
        origins={key: place for key, place in top.origins.items() if key not in gone},
    )


def merged(lower: Values, upper: Values) -> Values:
    """Both, the upper one's where both have a key."""
    both = lower | upper
    for key in lower.keys() & upper.keys():
        if isinstance(lower[key], dict) and isinstance(upper[key], dict):
            both[key] = merged(lower[key], upper[key])
    return both


def leaf_keys(values: Values, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every value that isn't a table."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaf_keys(value, (*above, key))
        else:
            yield (*above, key)


def joined(lower: list[str], upper: list[str]) -> list[str]:
    """Variables of both, "NAME=value" or "NAME" each; the upper one's where both have a name."""
    names = {str(item).partition("=")[0] for item in upper}
    return [*(item for item in lower if item.partition("=")[0] not in names), *upper]
