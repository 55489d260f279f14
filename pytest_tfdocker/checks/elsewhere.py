"""Another environment of the image that holds most of what is declared."""

import posixpath
import re
from collections.abc import Sequence

import msgspec

from pytest_tfdocker.checks.check import Facts
from pytest_tfdocker.checks.dependency import Installed, names_of, not_followed
from pytest_tfdocker.checks.verdict import Verdict, failed
from pytest_tfdocker.evidence.records import Absent
from pytest_tfdocker.locks.declared import Requirement
from pytest_tfdocker.text import HEADLINE_WIDTH, bounded, printable, shorten

_INSIDE = re.compile(r"(.*?)/lib(64)?/python[^/]*/(site|dist)-packages")


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Where what is declared stands, and how much of it is where it was looked for."""

    folder: str
    """The other's site-packages."""
    there: int
    here: int
    total: int
    """Distinct names that are declared."""

    @property
    def prefix(self) -> str:
        """The folder of the environment, as far as its site-packages tell."""
        found = _INSIDE.fullmatch(self.folder)
        return (found[1] or "/") if found else self.folder

    @property
    def python(self) -> str | None:
        """The interpreter that an environment of that form has."""
        return posixpath.join(self.prefix, "bin", "python") if self.prefix != self.folder else None


def find_elsewhere(active: Sequence[Requirement], installed: Installed) -> Elsewhere | None:
    """None where at least half of what is declared is found, or no other place has more."""
    names = names_of(active)
    absent = set(names_of([one for one in active if installed.find(one) is None]))
    if len(absent) * 2 <= len(names):
        return None
    counts = {
        folder: len(absent.intersection(found)) for folder, found in installed.elsewhere.items()
    }
    folder = max(counts, key=lambda one: counts[one], default=None)
    if folder is None or counts[folder] * 2 <= len(absent):
        return None
    there = len(set(names).intersection(installed.elsewhere[folder]))
    here = len(names) - len(absent)
    return Elsewhere(folder=folder, there=there, here=here, total=len(names))


def wrong_environment(facts: Facts, elsewhere: Elsewhere) -> Verdict:
    """One finding, with both places: to name everything that is missing here would hide it."""
    interpreter = facts.evidence.interpreter
    assert not isinstance(interpreter, Absent)  # noqa: S101  for mypy
    total, python = elsewhere.total, printable(elsewhere.python or "")
    prefix = printable(elsewhere.prefix)
    headline = f"wrong environment: {elsewhere.there} of {total} stand in {prefix}"
    mends = (
        f"mend: start the service with {python}, or put {prefix}/bin first on PATH",
        f'if it is started by that one after all: python = "{python}" in [tool.tfdocker]',
    )
    return failed(
        shorten(headline, HEADLINE_WIDTH),
        f"looked in {printable(interpreter.executable)} ({printable(interpreter.reason)}): "
        f"{elsewhere.here} of {total}",
        f"found in  {printable(elsewhere.folder)}: {elsewhere.there} of {total}",
        *bounded(not_followed(facts.declared)),
        *(mends if python else ()),
        measured=1,
        budget=0,
    )
