"""Which packages of a lock a project needs, and by which markers they are reached."""

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from packaging.markers import Marker

HOLDS, FAILS = 'python_version >= "0"', 'python_version < "0"'
"""Markers in place of what is known already, whatever the environment."""
_EXTRA = re.compile(r"""\bextra\s*(==|!=)\s*["']([^"']*)["']""")
_JOINED = re.compile(r"(?:\s|\(|\)|\band\b|\bor\b)*")
Node = TypeVar("Node", bound=Hashable)
Way = frozenset[str]
"""Markers that must all hold."""
Ways = frozenset[Way]
ALWAYS: Ways = frozenset({frozenset()})
MOST_WAYS = 64
"""By which one package is reached; real locks have a handful."""


class Edge(NamedTuple, Generic[Node]):
    """What leads to another package."""

    to: Node
    marker: str | None = None


def reach(
    roots: Iterable[Node], edges: Callable[[Node], Iterable[Edge[Node]]]
) -> tuple[dict[Node, Ways], list[Node]]:
    """Each node → the ways that lead to it, of which one is enough; the nodes with too many."""
    reached: dict[Node, Ways] = {}
    lost: dict[Node, None] = {}
    onwards: dict[Node, list[Edge[Node]]] = {}
    waiting: dict[Node, Ways] = dict.fromkeys(roots, ALWAYS)
    while waiting:
        node = next(iter(waiting))
        ways = waiting.pop(node)
        before = reached.get(node, frozenset())
        joined = least(before | ways)
        if joined == before:
            continue
        if len(joined) > MOST_WAYS:
            lost[node] = None
            continue
        reached[node] = joined
        if node not in onwards:
            onwards[node] = list(edges(node))
        for edge in onwards[node]:
            onward = joined
            if edge.marker == FAILS:
                continue
            if edge.marker not in {None, HOLDS}:
                onward = frozenset(way | {str(edge.marker)} for way in joined)
            waiting[edge.to] = waiting.get(edge.to, frozenset()) | onward
    return {node: ways for node, ways in reached.items() if node not in lost}, list(lost)


def least(ways: Ways) -> Ways:
    """Without those that ask for more than another does."""
    return frozenset(one for one in ways if not any(other < one for other in ways))


def marker_of(ways: Ways) -> str | None:
    """As one marker; None where a way asks for nothing. Raises packaging's InvalidMarker."""
    if frozenset() in ways:
        return None
    alternatives = sorted(" and ".join(f"({one})" for one in sorted(way)) for way in ways)
    return str(Marker(" or ".join(f"({one})" for one in alternatives)))


def extras_in(marker: str | None) -> list[str]:
    """The extras that a marker asks about, as written."""
    return [found[1] for found in _EXTRA.findall(marker or "")]


def settled(marker: str, asked: Callable[[str], bool]) -> str:
    """The marker with its extras answered: the image can't say which were asked for.

    HOLDS or FAILS where that leaves nothing to ask the image.
    """

    def answer(found: re.Match[str]) -> str:
        return HOLDS if asked(found[2]) == (found[1] == "==") else FAILS

    return known(_EXTRA.sub(answer, marker))


def known(marker: str) -> str:
    """HOLDS or FAILS instead of a marker that is made of these alone."""
    rest = marker.replace(HOLDS, "").replace(FAILS, "")
    if rest == marker or not _JOINED.fullmatch(rest):
        return marker
    return HOLDS if Marker(marker).evaluate() else FAILS
