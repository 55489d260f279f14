"""How production runs the image, by the Compose file or Kubernetes manifest that is named."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pytest_tfdocker.settings.layers import Layer
from pytest_tfdocker.settings.reading import Reader, Values, suggest
from pytest_tfdocker.settings.source import (
    SettingsError,
    WrongKeyError,
    files_beside,
    is_file,
)


def read_production(
    reader: Reader, environ: Mapping[str, str], values: Values, layers: tuple[Layer, Layer]
) -> Layer:
    """What the file that they name sets, beneath the settings; its mistakes are the layer's."""
    root = reader.source.root
    if "kubernetes" in values and "compose" in values:
        return Layer()  # which is told where the tables are read
    try:
        _check_service(values)
        if "kubernetes" in values:
            return _kubernetes(values["kubernetes"], root, values.get("run", {}).get("env", []))
        if "compose" in values:
            return _compose(values["compose"], values.get("service"), root, environ)
    except WrongKeyError as error:
        owner = next((layer.path for layer in reversed(layers) if error.key in layer.values), ())
        reader.problem((*owner, error.key), str(error))
    except SettingsError as error:
        return Layer(problems=error.problems)
    return Layer()


def _check_service(values: Values) -> None:
    if "service" in values and "compose" not in values:
        raise WrongKeyError("service", "is of no use without 'compose'")


# PyYAML takes up to 60 ms to import; only those who name such a file pay.


def _compose(
    named: list[str] | str, service: str | None, root: Path, environ: Mapping[str, str]
) -> Layer:
    from pytest_tfdocker.settings.compose import read_service  # noqa: PLC0415
    from pytest_tfdocker.settings.compose_files import left_out, read_files  # noqa: PLC0415

    names = [named] if isinstance(named, str) else named
    if not names:
        raise WrongKeyError("compose", "is empty")
    if not all(isinstance(name, str) for name in names):
        return Layer()  # which is told where the settings are read
    for name in names:
        _must_be_there("compose", name, root)
    file, chosen = read_files(names, service, root, environ)
    layer = read_service(file, chosen, root, environ)
    beside = left_out(file) if len(names) == 1 else []
    return msgspec.structs.replace(layer, notes=[*beside, *layer.notes])


def _kubernetes(named: str, root: Path, env: list[str]) -> Layer:
    from pytest_tfdocker.settings.kubernetes import read_container  # noqa: PLC0415
    from pytest_tfdocker.settings.kubernetes_file import choose_container  # noqa: PLC0415

    name, _, wanted = named.partition("#")
    _must_be_there("kubernetes", name, root)
    split = [str(item).partition("=") for item in env]
    given = {name: value if equals else None for name, equals, value in split}
    return read_container(choose_container(root / name, name, wanted or None), given)


def _must_be_there(key: str, name: str, root: Path) -> None:
    if not is_file(root / name):
        near = suggest(name, files_beside(root / name, root))
        raise WrongKeyError(key, f"no file {name!r} in {root}{near}")
