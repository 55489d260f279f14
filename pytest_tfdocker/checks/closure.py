"""Which installed distributions others ask for, extras and markers taken into account."""

from collections.abc import Iterable

from pytest_tfdocker.checks.dependency import Installed, canonical, needed_requirement

Root = tuple[str, Iterable[str]]
"""A canonical name, and the extras asked of it."""


class Needed:
    """What follows from some roots, transitively."""

    def __init__(self, installed: Installed, roots: Iterable[Root]) -> None:
        self.installed = installed
        self.extras: dict[str, set[str]] = {}
        """Canonical name → the extras asked of it; its keys are all that is needed."""
        self.asked_by: dict[str, str] = {}
        """Canonical name → the first that asks for it; roots have none."""
        self._waiting: list[str] = []
        for name, extras in roots:
            self._ask(name, extras)
        while self._waiting:
            self._follow(self._waiting.pop(0))

    def __contains__(self, name: str) -> bool:
        return name in self.extras

    def _ask(self, name: str, extras: Iterable[str]) -> None:
        """A name is followed again only where an extra is new."""
        asked = {canonical(extra) for extra in extras}
        if name not in self.extras or asked - self.extras[name]:
            self.extras.setdefault(name, set()).update(asked)
            self._waiting.append(name)

    def _follow(self, name: str) -> None:
        one = self.installed.by_name.get(name)
        if one is None:
            return
        for wanted in self.installed.requires(one, self.extras[name], needed_requirement):
            other = canonical(wanted.name)
            if other not in self.extras:
                self.asked_by[other] = name
            self._ask(other, wanted.extras)
