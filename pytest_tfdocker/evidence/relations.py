"""What the packages of the OS ask of each other, as dpkg and apk have it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

NEEDS = ("Depends", "Pre-Depends", "Recommends")
"""Of dpkg's fields: what apt installs along, and keeps as long as this is there."""


class Relations(msgspec.Struct, frozen=True, kw_only=True):
    """Of installed packages, by name."""

    needs: Mapping[str, frozenset[str]] = {}
    """Which others each of them asks for; of alternatives all that are there."""
    automatic: frozenset[str] = frozenset()
    """Those that are there for the sake of others alone."""

    def brought_by(self, packages: Iterable[str], *, staying: Iterable[str] = ()) -> set[str]:
        """What these alone have brought along.

        What is `staying`, what people have asked for, and what either needs is not.
        """
        going = frozenset(packages)
        kept = {*self.needs} - self.automatic - going | {*staying}
        return (self._reached(going) - self._reached(kept, but=going) - going) & self.automatic

    def _reached(self, start: Iterable[str], but: frozenset[str] = frozenset()) -> set[str]:
        """These and what they need, and what that needs; not what those of `but` need."""
        reached = {*start}
        waiting = [*reached]
        while waiting:
            name = waiting.pop()
            if name not in but:
                more = self.needs.get(name, frozenset()) - reached
                reached |= more
                waiting += more
        return reached


def relations_of(owned: Mapping[str, Any]) -> Relations:
    """Of what the probe reports: `dpkg_status`, `apt_states`, `apk` and `apk_world`."""
    dpkg = list(_of_dpkg(owned["dpkg_status"] or ""))
    automatic = {
        fields.get("Package", "")
        for fields in _stanzas(owned["apt_states"] or "")
        if fields.get("Auto-Installed") == "1"
    }
    apk = list(_of_apk(owned["apk"] or ""))
    world = {_bare(word) for word in (owned["apk_world"] or "").split()}
    automatic |= {one.name for one in apk} - world
    packages = [*dpkg, *apk]
    providers: dict[str, set[str]] = defaultdict(set)
    for one in packages:
        for name in one.provides:
            providers[name].add(one.name)
    needs = {
        one.name: frozenset().union(*(providers.get(name, ()) for name in one.needs))
        for one in packages
    }
    return Relations(needs=needs, automatic=frozenset(automatic))


class _Package(NamedTuple):
    name: str
    needs: list[str]
    provides: list[str]


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Fields by their names; of those that go on in further lines the first one."""
    for stanza in text.split("\n\n"):
        pairs = (line.partition(": ") for line in stanza.split("\n"))
        yield {key: value.strip() for key, _, value in pairs}


def _of_dpkg(status: str) -> Iterator[_Package]:
    for fields in _stanzas(status):
        name = fields.get("Package")
        if name and fields.get("Status", "").endswith(" installed"):
            needs = [other for key in NEEDS for other in _listed(fields.get(key, ""))]
            yield _Package(name, needs, [name, *_listed(fields.get("Provides", ""))])


def _listed(value: str) -> list[str]:
    """The names of "libc6 (>= 2.36), debconf | debconf-2.0, python3:any"."""
    parts = filter(None, map(str.strip, re.split(r"[,|]", value)))
    return [re.split(r"[\s(:]", part, maxsplit=1)[0] for part in parts]


def _of_apk(installed: str) -> Iterator[_Package]:
    """P: its name, D: what it depends on, p: what it provides, so:libisl.so.23 say."""
    for block in installed.split("\n\n"):
        fields = dict(line.split(":", 1) for line in block.split("\n") if line[1:2] == ":")
        if "P" in fields:
            needs, provides = (
                [_bare(word) for word in fields.get(key, "").split() if word[0] != "!"]
                for key in "Dp"
            )
            yield _Package(fields["P"], needs, [fields["P"], *provides])


def _bare(word: str) -> str:
    """The name of "gcc>=13" or "gcc@edge"."""
    return re.split(r"[<>=~@]", word, maxsplit=1)[0]
