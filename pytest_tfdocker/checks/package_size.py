"""`package-size[NAME]`: the bytes of one distribution against its budget."""

from difflib import get_close_matches

from packaging.utils import canonicalize_name

from pytest_tfdocker.checks.check import Check, Facts
from pytest_tfdocker.checks.verdict import Verdict, error
from pytest_tfdocker.checks.wording import unknown, weigh
from pytest_tfdocker.evidence.records import Absent, Distribution
from pytest_tfdocker.locks.declared import Declared
from pytest_tfdocker.settings.schema import Image
from pytest_tfdocker.settings.units import format_size
from pytest_tfdocker.text import bounded


def plan(image: Image, _declared: Declared) -> list[str | None]:
    """Every distribution that has a budget, as the settings spell it."""
    return list(image.settings.size.packages)


def judge(facts: Facts, parameter: str | None) -> Verdict:
    """All copies of one distribution together against its budget."""
    distributions = facts.evidence.distributions
    if isinstance(distributions, Absent):
        return unknown(distributions, "what is installed")
    name = canonicalize_name(parameter or "")
    copies = [one for one in distributions.installed if one.name == name]
    if not copies:
        return _not_installed(name, [one.name for one in distributions.installed])
    return _weigh_copies(facts, copies, facts.image.settings.size.packages[parameter or ""])


def _weigh_copies(facts: Facts, copies: list[Distribution], budget: int) -> Verdict:
    known = [copy.bytes for copy in copies if copy.bytes is not None]
    if copies[0].bytes is None:
        return error(
            f"{copies[0].name} {copies[0].version} has no RECORD",
            f"which files are its own can't be told: {copies[0].path}",
        )
    return weigh(sum(known), budget, format_size, *_copies(copies), *_declared_at(facts, copies[0]))


def _copies(copies: list[Distribution]) -> list[str]:
    rows = [
        f"{copy.name} {copy.version} in {copy.location}: "
        + ("size unknown, it has no RECORD" if copy.bytes is None else format_size(copy.bytes))
        for copy in copies
    ]
    return bounded(rows)


def _declared_at(facts: Facts, distribution: Distribution) -> list[str]:
    found = [one for one in facts.declared.requirements if one.name == distribution.name]
    return [f"declared at {one.source}" for one in found]


def _not_installed(name: str, installed: list[str]) -> Verdict:
    near = get_close_matches(name, sorted(set(installed)), n=3, cutoff=0.6)
    advice = f"did you mean {' or '.join(map(repr, near))}?" if near else "nothing has a like name."
    return error(
        f"{name} is not installed",
        f"{advice} A budget on what isn't there holds nothing: correct the name or take it out",
    )


CHECK = Check(name="package-size", needs=("image",), plan=plan, judge=judge)
