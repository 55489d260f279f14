"""What `pinned`, `parity` and `conflicts` share: the problems, and what stands in the image."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from typing import Literal

import msgspec
from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Named
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from pytest_tfdocker.checks.artifacts import Artifacts
from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.direct import bare_url, direct_url, subdirectory
from pytest_tfdocker.checks.placed import Environment
from pytest_tfdocker.checks.verdict import Verdict, skipped
from pytest_tfdocker.checks.wording import unknown
from pytest_tfdocker.evidence.records import Absent, Base, Distribution, ImageEvidence
from pytest_tfdocker.locks.declared import Declared, Requirement
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

Kind = Literal[
    "unpinned",
    "unhashed",
    "missing",
    "version",
    "local-version",
    "unexpected",
    "duplicate",
    "conflict",
    "modified",
    "unreadable",
]
SEEDS = frozenset({"pip", "setuptools", "wheel", "pkg-resources", "distribute"})
"""What venv, virtualenv and the official Python images put into every environment."""
VCS = ("git+", "hg+", "svn+", "bzr+")
"""How URLs of repositories begin."""
OS_INSTALLERS = frozenset({"dpkg", "apk", "rpm"})

_MARKER_NAMES = (
    "implementation_name implementation_version os_name platform_machine platform_release"
    " platform_system platform_version python_full_version platform_python_implementation"
    " python_version sys_platform"
)


class DependencyProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `dependencies.problems` of the JSON report."""

    kind: Kind
    name: str
    """Canonical (PEP 503); "" of an unreadable line."""
    wanted: str | None = None
    found: str | None = None
    source: str | None = None
    line: int | None = None


Parsed = tuple[Named, str | None] | tuple[None, None]
"""A Requires-Dist line and the text of its marker; nothing of one that can't be read."""
Read = Callable[[str], Parsed]
"""`parsed_requirement`, or `needed_requirement` where the version doesn't matter."""
_Environment = tuple[tuple[str, str], ...]


class Installed:
    """The image's environment: its markers, and the copies that an import finds."""

    def __init__(self, evidence: ImageEvidence) -> None:
        """Expects an interpreter and distributions that are there, see `absent_part`."""
        assert not isinstance(evidence.interpreter, Absent)  # noqa: S101  for mypy
        assert not isinstance(evidence.distributions, Absent)  # noqa: S101  for mypy
        self.environment = (
            dict.fromkeys(_MARKER_NAMES.split(), "") | evidence.interpreter.environment
        )
        self.python = self.environment["python_full_version"] or evidence.interpreter.version
        self.executable = evidence.interpreter.executable
        self.artifacts = Artifacts(evidence.interpreter)
        self._here = Environment(evidence.interpreter.path)
        self.every = evidence.distributions.installed
        self.others = evidence.distributions.others
        self.elsewhere = evidence.distributions.elsewhere
        self.base = evidence.base
        self.by_name: dict[str, Distribution] = {}
        for one in self.every:
            if one.shadowed_by is None:
                self.by_name.setdefault(one.name, one)

    @cached_property
    def by_url(self) -> dict[tuple[str, str], Distribution]:
        """Distributions that came from a URL, by that URL without what varies, and subdirectory."""
        return {
            (bare_url(direct.url), direct.subdirectory): one
            for one in self.by_name.values()
            if (direct := direct_url(one)) is not None and direct.url
        }

    def find(self, requirement: Requirement) -> Distribution | None:
        """What stands for a requirement; of a URL the name is at times a guess."""
        url = requirement.url
        by_url = self.by_url.get((bare_url(url), subdirectory(url))) if url else None
        return by_url or self.by_name.get(requirement.name)

    def active(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        """Those that its interpreter is meant to have, and whose marker holds in the image.

        Of several that one file has of a name, those with an artifact for it.
        """
        held = [one for one in self._here.here(requirements) if self.holds(one.marker)]
        return self.artifacts.inside(held)

    def away(self, requirements: Sequence[Requirement]) -> list[Requirement]:
        """Those that were installed into another environment of the image."""
        here = set(map(id, self._here.here(requirements)))
        return [one for one in requirements if id(one) not in here]

    def holds(self, marker: str | None, extra: str = "") -> bool:
        """A marker that can't be evaluated holds: nothing is left out unseen."""
        return marker is None or _holds(marker, extra, self._environment)

    def requires(self, one: Distribution, extras: Iterable[str], read: Read) -> list[Named]:
        """Its Requires-Dist as far as they hold here, with the extras asked for."""
        asked = ("", *extras)
        return [
            named
            for named, marker in (read(line) for line in one.requires)
            if named is not None and any(self.holds(marker, extra) for extra in asked)
        ]

    @cached_property
    def _environment(self) -> "_Environment":
        return tuple(self.environment.items())

    def from_base(self, one: Distribution) -> bool:
        return isinstance(self.base, Base) and one.path in self._base_paths

    @cached_property
    def _base_paths(self) -> frozenset[str]:
        return frozenset(self.base.distributions if isinstance(self.base, Base) else ())


def absent_part(evidence: ImageEvidence) -> Absent | None:
    """The first part that is needed and not there."""
    parts = (evidence.interpreter, evidence.distributions)
    return next((part for part in parts if isinstance(part, Absent)), None)


def cannot_compare(facts: Facts, what: str) -> Verdict | None:
    """The verdict where nothing is declared, or the image's environment isn't known."""
    declared = facts.declared
    if declared.nothing:
        return skipped(declared.reason or "nothing is declared", *bounded(not_followed(declared)))
    absent = absent_part(facts.evidence)
    return None if absent is None else unknown(absent, what)


def none_here(declared: Declared) -> Verdict:
    """The verdict where what is declared has nothing for this image: it would pass by itself."""
    sources = ", ".join(map(printable, declared.sources))
    what = "nothing that this image needs" if declared.requirements else "nothing"
    headline = shorten(f"{sources} declares {what}", HEADLINE_WIDTH)
    return skipped(headline, *bounded(not_followed(declared)))


@cache
def parsed_requirement(text: str) -> Parsed:
    """A Requires-Dist line."""
    try:
        named = Named(text)
    except (InvalidRequirement, RecursionError):
        return None, None
    return named, str(named.marker) if named.marker else None


_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?)[^;@]*(;.*)?")


@cache
def needed_requirement(text: str) -> Parsed:
    """A Requires-Dist line, without its specifier where that can't be read: "torch (>=1.8.*)".

    Metadata of 2022 and older has such, and pip of that time installed what they name.
    """
    parsed = parsed_requirement(text)
    if parsed[0] is None and (found := _NAMED.fullmatch(text.strip())):
        return parsed_requirement(f"{found[1]}{found[2] or ''}")
    return parsed


@cache
def _holds(marker: str, extra: str, environment: _Environment) -> bool:
    """Cached: the closures of several checks ask the same hundreds of markers."""
    try:
        return Marker(marker).evaluate({**dict(environment), "extra": extra})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return True


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version is within a specifier; pre-releases count as any other."""
    try:
        return _specifier(specifier).contains(version, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return specifier.removeprefix("===").strip() == version


@cache
def _specifier(text: str) -> SpecifierSet:
    return SpecifierSet(text)


@cache
def exact_version(specifier: str) -> str | None:
    """The version of an `==` or `===`; None for a prefix, a range, or none at all."""
    try:
        parts = list(_specifier(specifier))
    except InvalidSpecifier:
        return None
    exact = [one.version for one in parts if one.operator in {"==", "==="}]
    return next((version for version in exact if not version.endswith(".*")), None)


def shown(requirement: Requirement) -> str:
    """A requirement as a line of a requirements file would have it."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    version = f" @ {requirement.url}" if requirement.url else requirement.specifier
    marker = f" ; {requirement.marker}" if requirement.marker else ""
    return printable(f"{requirement.name}{extras}{version}{marker}")


def shown_distribution(one: Distribution) -> str:
    return printable(f"{one.name} {one.version}")


def names_of(requirements: Iterable[Requirement]) -> list[str]:
    """Distinct names, in the order of their first line."""
    return list(dict.fromkeys(one.name for one in requirements))


def canonical(name: str) -> str:
    return str(canonicalize_name(name))


def listed(texts: Sequence[str], limit: int = 10) -> str:
    """The first few and how many more: "a, b, c and 4 more"."""
    more = len(texts) - limit
    return ", ".join(texts[:limit]) + (f" and {more} more" if more > 0 else "")


def installed_elsewhere(declared: Declared, installed: "Installed") -> list[str]:
    """A line of what the Dockerfile installs into another environment than the judged one."""
    away = installed.away(declared.requirements)
    if not away:
        return []
    told = [f"{one.name} ({printable(one.source.file)}:{one.source.line})" for one in away]
    return [f"not judged: {len(away)} installed into another environment: {listed(told)}"]


def not_followed(declared: Declared) -> list[str]:
    """A line for each note; they say why what is declared may be more than was read."""
    return [f"not followed: {printable(note)}" for note in declared.notes]
