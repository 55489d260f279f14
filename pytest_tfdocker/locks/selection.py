"""What of a project an installer is asked for: its own dependencies, extras, groups."""

from collections.abc import Iterable

import msgspec
from packaging.utils import canonicalize_name


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """As the options of `uv sync`, `poetry install` and `pipenv sync` say. Names are canonical."""

    project: bool = True
    """Whether the project's own dependencies are asked for."""
    extras: frozenset[str] = frozenset()
    all_extras: bool = False
    without_extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    all_groups: bool = False
    default_groups: bool = False
    """Whether those are asked for that a tool takes by itself."""
    without_groups: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    """Members of a workspace; none: its root."""
    all_packages: bool = False
    members: bool = True
    """Whether other members of the workspace are installed; they are followed all the same."""
    local: bool = True
    """The same of all that comes from a folder or file."""

    def takes_extra(self, name: str) -> bool:
        """Whether what an extra brings is asked for."""
        asked = canonical(name)
        return (self.all_extras or asked in self.extras) and asked not in self.without_extras

    def takes_group(self, name: str, *, default: bool = False) -> bool:
        """Whether a group is asked for; `default`: whether the tool takes it by itself."""
        asked = canonical(name)
        if asked in self.without_groups:
            return False
        taken = self.all_groups or (default and self.default_groups)
        return taken or asked in self.groups


PLAIN = Selection()
"""The project's own dependencies, no extra and no group."""


def canonical(name: str) -> str:
    """Of an extra or a group (PEP 685, PEP 735)."""
    return str(canonicalize_name(name))


def canonicals(names: Iterable[str]) -> frozenset[str]:
    """The same of several."""
    return frozenset(map(canonical, names))
