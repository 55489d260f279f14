"""Which of what is declared was installed into the environment that is judged."""

import posixpath
import re
from collections.abc import Iterable, Sequence

from pytest_tfdocker.locks.declared import INSTALLERS, Requirement

_LIBRARY = re.compile(r"(.*?)(/local)?/lib(64)?/python[\d.]*t?")
"""Of the standard library, whose prefix is the interpreter's own."""
_SITE = re.compile(r"(.*?)(/local)?/lib(64)?/python[^/]*/(site|dist)-packages")


class Environment:
    """The folders that the judged interpreter imports from."""

    def __init__(self, path: Sequence[str]) -> None:
        """`path`: its sys.path."""
        self._sites = [one for one in path if one.endswith("-packages")]
        self._path = path

    def has(self, places: tuple[str | None, ...]) -> bool | None:
        """Whether it imports from one of the places; None where that can't be told."""
        if not places or not self._sites:
            return None
        return any(self._is_own() if one is None else self._holds(one) for one in places)

    def _is_own(self) -> bool:
        """A virtual environment has the library of another prefix on its path."""
        library = {found[1] for one in self._path if (found := _LIBRARY.fullmatch(one))}
        sites = {found[1] for one in self._sites if (found := _SITE.fullmatch(one))}
        return bool(sites & (library or {"", "/usr"}))

    def _holds(self, place: str) -> bool:
        folder = posixpath.dirname(place) if place.endswith("/*") else place
        return any(one == folder or one.startswith(folder.rstrip("/") + "/") for one in self._path)

    def here(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        """Those that it was meant to have, in their order.

        Where most were installed into another, all of them: then the wrong one is judged.
        """
        every = list(requirements)
        away = [one for one in every if self.has(one.places) is False]
        others = len({one.name for one in away} - INSTALLERS)
        kept = [one for one in every if self.has(one.places) is not False]
        if others <= len({one.name for one in kept} - INSTALLERS):
            return kept
        # a tool in an environment of its own is there for no service, whichever is judged
        return [
            one for one in every if one.name not in INSTALLERS or self.has(one.places) is not False
        ]
