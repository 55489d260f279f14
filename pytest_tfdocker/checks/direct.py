"""Where a distribution came from that no index gave: direct_url.json (PEP 610)."""

import json
import re
from typing import Any

import msgspec

from pytest_tfdocker.evidence.records import Distribution


class Direct(msgspec.Struct, frozen=True, kw_only=True):
    """direct_url.json: where a distribution that no index gave came from."""

    url: str = ""
    commit: str | None = None
    revision: str | None = None
    hashes: dict[str, str] = {}
    folder: bool = False
    subdirectory: str = ""
    """Of the repository or archive, where the project isn't at its root."""


def direct_url(one: Distribution) -> Direct | None:
    """None where the distribution has none that can be read."""
    try:
        told: Any = json.loads(one.direct_url or "")
        vcs, archive = told.get("vcs_info") or {}, told.get("archive_info") or {}
        return Direct(
            url=str(told.get("url", "")),
            commit=vcs.get("commit_id"),
            revision=vcs.get("requested_revision"),
            hashes=dict(archive.get("hashes") or {}),
            folder="dir_info" in told,
            subdirectory=str(told.get("subdirectory") or "").strip("/"),
        )
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None


def is_own_project(one: Distribution) -> bool:
    """Whether it was installed from a folder, editable or not: the project's own."""
    direct = direct_url(one)
    return one.editable or (direct is not None and direct.folder) or _is_egg_built_here(one)


def _is_egg_built_here(one: Distribution) -> bool:
    """`setup.py install` keeps a RECORD of what it downloads, and none of what it builds."""
    return one.path.endswith(".egg/EGG-INFO") and one.bytes is None


def bare_url(url: str) -> str:
    """A URL without credentials, revision, fragment and .git, for comparison."""
    text = url.partition("#")[0]
    bare = re.sub(r"^(git|hg|svn|bzr)\+", "", text)
    scheme, _, rest = bare.partition("://")
    host, _, path = rest.partition("/")
    if bare != text:
        path = path.partition("@")[0]
    whole = f"{scheme}://{host.rpartition('@')[2]}/{path}"
    return whole.lower().rstrip("/").removesuffix(".git")


def subdirectory(url: str) -> str:
    """That of a URL's fragment, "#subdirectory=python&egg=x"; "" where it has none."""
    found = re.search(r"[#&]subdirectory=([^&]*)", url)
    return found[1].strip("/") if found else ""
