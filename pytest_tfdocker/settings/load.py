"""Settings file, production's file, environment and options to one typed whole."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec

from pytest_tfdocker.settings import given, rules
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.layers import Layer, inherited, joined, leaf_keys, merged
from pytest_tfdocker.settings.production import read_production
from pytest_tfdocker.settings.reading import Reader, Values, build
from pytest_tfdocker.settings.schema import ONLY, Image, ImageSettings, Secrets, Settings
from pytest_tfdocker.settings.source import SettingsError, Source, find_source, project_name

__all__ = ["Options", "SettingsError", "load_settings"]


def load_settings(start: Path, *, options: Options, environ: Mapping[str, str]) -> Settings:
    """The settings for a run that starts in a folder: command line over environment over file.

    Raises SettingsError with every mistake at once.
    """
    source = find_source(start)
    reader = Reader(source, environ)
    top, own = _layers(reader)
    whole = {name: _whole(reader, environ, (top, layer)) for name, layer in own.items()}
    _check_levels(reader, [top, *own.values()], whole)
    problems = [*reader.problems, *(text for layer in whole.values() for text in layer.problems)]
    references = given.read_images(options, environ, list(own), problems)
    keep = given.read_keep(options, environ, problems)
    waste = given.read_waste(options, environ, problems)
    json_path = given.read_json_path(options, environ, problems)
    if problems:
        raise SettingsError(problems)
    return Settings(
        images=[_image(name, source, one, references.get(name)) for name, one in whole.items()],
        project=project_name(source.root),
        keep=keep,
        waste=waste,
        fit=options.fit,
        json_path=json_path,
    )


def _layers(reader: Reader) -> tuple[Layer, dict[str, Layer]]:
    """The tables at the top, and those of each image; one empty layer where none is named."""
    table = reader.source.table
    top = _layer(reader, table, ())
    images = table.get("images", {})
    if not isinstance(images, dict):
        reader.problem(("images",), "expected tables, [tool.tfdocker.images.NAME]")
        images = {}
    own = {name: _layer(reader, raw, ("images", name)) for name, raw in images.items()}
    return top, own or {ONLY: Layer()}


def _layer(reader: Reader, raw: Any, path: tuple[str, ...]) -> Layer:
    if path:
        rules.check_name(reader, path[-1], path)
    values = reader.table(raw, ImageSettings, path, beside=() if path else ("images",))
    rules.check_tables(reader, values, path)
    places = {".".join(key): reader.source.place((*path, *key)) for key in leaf_keys(values)}
    return Layer(values=values, path=path, origins=places)


def _whole(reader: Reader, environ: Mapping[str, str], layers: tuple[Layer, Layer]) -> Layer:
    """All that is set for one image: production's file, the tables at the top, its own over it."""
    top, own = inherited(*layers), layers[1]
    values = merged(top.values, own.values)
    beneath = read_production(reader, environ, values, (top, own))
    whole = merged(beneath.values, values)
    if "env" in values.get("run", {}):
        for name in {str(item) for item in values["run"]["env"]} & environ.keys():
            beneath.secrets.pop(name, None)
        whole["run"]["env"] = joined(
            beneath.values.get("run", {}).get("env", []), values["run"]["env"]
        )
    origins = beneath.origins | top.origins | own.origins
    left_out = _left_out(reader, (own, top), whole, environ.keys() | beneath.secrets, origins)
    return msgspec.structs.replace(
        beneath, values=whole, origins=origins, notes=[*beneath.notes, *left_out]
    )


def _left_out(
    reader: Reader,
    layers: tuple[Layer, Layer],
    whole: Values,
    known: AbstractSet[str],
    origins: Mapping[str, str],
) -> list[str]:
    """A note for each variable that is named without a value, and that has none here."""
    of_run = next((one.path for one in layers if "env" in one.values.get("run", {})), None)
    of_smokes = next((one.path for one in layers if "smoke" in one.values), ())
    listed = [((*of_smokes, "smoke", at), one) for at, one in enumerate(whole.get("smoke", []))]
    if of_run is not None:
        listed.insert(0, ((*of_run, "run"), reader.source.raw((*of_run, "run"))))
    places = {
        str(name): reader.source.where((*path, "env", at))
        for path, table in reversed(listed)
        for at, name in enumerate(table.get("env", []))
    }
    tables = [whole.get("run", {}), *whole.get("smoke", [])]
    bare = [str(one) for table in tables for one in table.get("env", []) if "=" not in str(one)]
    return [
        f"{places.get(name) or origins.get('run.env', '')}: {name} isn't set in the environment, "
        "and is left out"
        for name in dict.fromkeys(bare)
        if name not in known
    ]


def _image(name: str, source: Source, layer: Layer, reference: str | None) -> Image:
    return Image(
        name=name,
        root=source.root,
        source=source.path,
        settings=build(ImageSettings, layer.values),
        given=reference,
        origins=layer.origins,
        notes=layer.notes,
        secrets=Secrets(layer.secrets),
    )


def _check_levels(reader: Reader, layers: list[Layer], whole: Mapping[str, Layer]) -> None:
    smokes = {
        smoke.get("name", "") for one in whole.values() for smoke in one.values.get("smoke", [])
    }
    for layer in layers:
        rules.check_levels(reader, layer.values, smokes, layer.path)
