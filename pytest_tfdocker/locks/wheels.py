"""The folders of wheels that a build fills, and the project's own wheel among them."""

import configparser
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_tfdocker.dockerfile.records import Stage
from pytest_tfdocker.dockerfile.stages import stage_chain
from pytest_tfdocker.locks.copied import CopiedFiles, Moment
from pytest_tfdocker.locks.found import Found
from pytest_tfdocker.locks.requirements import Contents

_DEEPEST = 20
"""Stages that a folder of wheels may be copied through."""


class Wheels:
    """What `pip wheel` and `pip download` leave, by stage and folder."""

    def __init__(self, files: CopiedFiles) -> None:
        self.files = files
        self.filled: dict[tuple[int, str], list[Contents]] = {}

    def add(self, stage: Stage, folder: str, contents: Contents) -> None:
        """One more command has filled a folder."""
        self.filled.setdefault((stage.index, folder), []).append(contents)

    def find(self, folder: str, stage: Stage, moment: Moment | None) -> list[Contents]:
        """What stands in a folder at a moment, followed through its copies; [] where unknown."""
        places = self._places(folder, stage, moment, 0)
        return [one for at, path in places for one in self.filled.get((at, path), [])]

    def _places(
        self, folder: str, stage: Stage, moment: Moment | None, depth: int
    ) -> Iterator[tuple[int, str]]:
        for one in stage_chain(self.files.dockerfile, str(stage.index), self.files.args):
            yield one.index, folder
            own = moment if one is stage else None
            for copy in self.files.copies(one) if depth < _DEEPEST else ():
                origin = self.files.origin(one, copy, folder) if copy.serves(own) else None
                if origin:
                    yield from self._places(origin[1], origin[0], None, depth + 1)


def project_name(pyproject: Found, setup_cfg: Found) -> str | None:
    """The canonical name of the project in a folder; None where no file of it tells."""
    try:
        if isinstance(pyproject, Path) and pyproject.is_file():
            table = tomllib.loads(pyproject.read_text("utf-8"))
            poetry = table.get("tool", {}).get("poetry", {})
            name = table.get("project", {}).get("name") or poetry.get("name")
            if isinstance(name, str):
                return canonicalize_name(name)
        if isinstance(setup_cfg, Path) and setup_cfg.is_file():
            parser = configparser.ConfigParser(interpolation=None)
            parser.read_string(setup_cfg.read_text("utf-8"))
            name = parser.get("metadata", "name", fallback=None)
            return canonicalize_name(name) if name else None
    except (OSError, ValueError, AttributeError, RecursionError, configparser.Error):
        return None
    return None
