"""One requirement against what is installed in its place."""

import msgspec
from packaging.version import InvalidVersion, Version

from pytest_tfdocker.checks.artifacts import Misfit
from pytest_tfdocker.checks.dependency import Kind, exact_version, satisfies
from pytest_tfdocker.checks.direct import direct_url
from pytest_tfdocker.evidence.records import Distribution
from pytest_tfdocker.locks.declared import Requirement


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement, and what stands in its place."""

    kind: Kind
    requirement: Requirement
    found: Distribution | None
    wanted: str
    """Version, specifier, URL or commit."""
    seen: str | None
    """The same of what is installed; None where nothing is."""
    replaced_by: str | None = None
    """What put it there, for people: "Dockerfile:11 pip install -U accelerate"."""
    unaware: bool = False
    """Whether that is an instruction that knows nothing of the pin."""
    misfit: Misfit | None = None
    """Why it can't be installed at all."""


def find_difference(one: Requirement, found: Distribution | None) -> Difference | None:
    """None where what is installed is what is asked for; that a range is loose is no matter."""
    exact = exact_version(one.specifier)
    wanted = exact or one.specifier or one.url or "any version"
    if found is None:
        return Difference(kind="missing", requirement=one, found=None, wanted=wanted, seen=None)
    if not satisfies(found.version, one.specifier):
        kind: Kind = "local-version" if exact and _same_public(exact, found.version) else "version"
        return Difference(
            kind=kind, requirement=one, found=found, wanted=wanted, seen=found.version
        )
    return _other_commit(one, found) if one.url else None


def _other_commit(one: Requirement, found: Distribution) -> Difference | None:
    """A VCS revision that isn't the one installed, by direct_url.json."""
    direct = direct_url(found)
    revision = (one.url or "").partition("#")[0].partition("://")[2].partition("/")[2]
    wanted = revision.rpartition("@")[2] if "@" in revision else ""
    if direct is None or direct.commit is None or not wanted:
        return None
    if wanted in {direct.commit, direct.revision}:
        return None
    seen = f"{found.version} at {direct.commit}"
    return Difference(kind="version", requirement=one, found=found, wanted=wanted, seen=seen)


def _same_public(wanted: str, found: str) -> bool:
    try:
        return Version(wanted).public == Version(found).public
    except InvalidVersion:
        return False
