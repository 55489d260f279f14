"""Where Python's installers keep what they have downloaded: below a home, or where ENV says."""

import posixpath
import re
from collections.abc import Sequence

import msgspec

from pytest_tfdocker.evidence.bloat.scene import Find, Scene, in_folders


class Cache(msgspec.Struct, frozen=True):
    """Of one installer."""

    name: str
    """Of its folder in ~/.cache, or in another XDG_CACHE_HOME."""
    variable: str
    """By which it is told of another folder."""
    parts: str
    """What it makes in there, as a pattern: such a folder may hold more, as /tmp does."""
    is_shared: bool = False
    """Whether in ~/.cache too it holds what is no cache, as Poetry's has environments."""


CACHES = {
    "pip-cache": Cache("pip", "PIP_CACHE_DIR", r"(http|http-v2|wheels|selfcheck)/"),
    "uv-cache": Cache("uv", "UV_CACHE_DIR", r"[a-z-]+-v\d+/"),
    "poetry-cache": Cache("pypoetry", "POETRY_CACHE_DIR", r"(artifacts|cache)/", is_shared=True),
}


def cache_of(cause: str) -> Find:
    """Every file in the caches of the installer that the cause is named for."""

    def find(scene: Scene) -> list[int]:
        return in_folders(_pattern(CACHES[cause], scene.env))(scene)

    return find


def cache_folder(cause: str, path: str, env: Sequence[str]) -> str | None:
    """The cache that a path of a finding lies in; None of causes that are no such cache's.

    `env`: of the image, "NAME=value" each.
    """
    found = re.search(_pattern(CACHES[cause], env), path) if cause in CACHES else None
    return path[: found.end()] if found else None


def _pattern(cache: Cache, env: Sequence[str]) -> str:
    """What it matches ends where the folder does."""
    parts = cache.parts if cache.is_shared else ""
    told = [rf"^{re.escape(folder)}(?=/{cache.parts})" for folder in _told(cache, env)]
    return "|".join([rf"/\.cache/{cache.name}(?=/{parts})", *told])


def _told(cache: Cache, env: Sequence[str]) -> list[str]:
    values = dict(entry.split("=", 1) for entry in env if "=" in entry)
    own, home = values.get(cache.variable, ""), values.get("XDG_CACHE_HOME", "")
    folders = [own, posixpath.join(home, cache.name)]
    normal = [posixpath.normpath(one) for one in folders if one.startswith("/")]
    return [one for one in normal if one.strip("/")]
