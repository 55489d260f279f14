"""What the packages of the OS ask of each other, as dpkg and apk have it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

NOTHING: frozenset[str] = frozenset()
VITAL = (
    ("Essential", "yes"),
    ("Protected", "yes"),
    ("Priority", "required"),
    ("Priority", "important"),
)
"""Of dpkg's fields: these are of the system itself, though the images of Debian mark them as
installed for the sake of others, as all that they begin with."""


class Relations(msgspec.Struct, frozen=True, kw_only=True):
    """Of installed packages, by name."""

    depends: Mapping[str, frozenset[str]]
    """What each of them can't do without, by names that others may provide, too."""
    recommends: Mapping[str, frozenset[str]]
    """And what it would be poorer without: apt installs and keeps that as well."""
    providers: Mapping[str, set[str]]
    """Who stands for such a name; of alternatives all that are there."""
    automatic: frozenset[str]
    """Those that nobody has asked for but others of them."""

    def asked_by(self, packages: Iterable[str]) -> set[str]:
        """What these ask for themselves."""
        names = {
            name
            for package in packages
            for needs in (self.depends, self.recommends)
            for name in needs.get(package, NOTHING)
        }
        return {one for name in names for one in self.providers.get(name, ())}

    def brought_by(self, packages: Iterable[str], *, staying: Iterable[str] = ()) -> set[str]:
        """What these alone have brought along.

        What is `staying`, what people have asked for, and what either needs is not.
        """
        going = frozenset(packages)
        # pip recommends a compiler, and is as good without one
        kept = self._reached({*self.depends} - self.automatic - going | {*staying}, going)
        return (self._reached(going, NOTHING) - kept - going) & self.automatic

    def _reached(self, start: Iterable[str], unless_recommended: frozenset[str]) -> set[str]:
        """These and what they need, and what that needs; some only where a package depends on it.

        Each name is looked at once, however many packages ask for it or provide it.
        """
        reached = {*start}
        waiting = [*reached]
        kinds = (
            (self.depends, set[str](), NOTHING),
            (self.recommends, set[str](), unless_recommended),
        )
        while waiting:
            package = waiting.pop()
            for needs, seen, but in kinds:
                names = needs.get(package, NOTHING) - seen
                seen.update(names)
                for name in names:
                    found = self.providers.get(name, set()) - reached - but
                    reached |= found
                    waiting += found
        return reached


def relations_of(owned: Mapping[str, Any]) -> Relations:
    """Of what the probe reports: `dpkg_status`, `apt_states`, `apk` and `apk_world`.

    Where nothing tells who has asked for a package, people have.
    """
    dpkg, apk = list(_of_dpkg(owned["dpkg_status"] or "")), list(_of_apk(owned["apk"] or ""))
    providers: dict[str, set[str]] = defaultdict(set)
    depends: dict[str, frozenset[str]] = defaultdict(frozenset)
    recommends: dict[str, frozenset[str]] = defaultdict(frozenset)
    for one in (*dpkg, *apk):
        for name in one.provides:
            providers[name].add(one.name)
        # Of several architectures together
        depends[one.name] |= {*one.depends}
        recommends[one.name] |= {*one.recommends}
    automatic = _automatic_of_apt(dpkg, owned["apt_states"] or "")
    world = [_bare(word) for word in (owned["apk_world"] or "").split()]
    if world:
        asked_for = {one for name in world for one in providers.get(name, ())}
        automatic |= {one.name for one in apk} - asked_for
    return Relations(
        depends=dict(depends),
        recommends=dict(recommends),
        providers=dict(providers),
        automatic=frozenset(automatic),
    )


class _Package(NamedTuple):
    name: str
    depends: Sequence[str]
    recommends: Sequence[str]
    provides: Sequence[str]
    is_vital: bool


def _automatic_of_apt(packages: Sequence[_Package], states: str) -> set[str]:
    """Those of which every architecture is."""
    marked = Counter(
        fields.get("Package", "")
        for fields in _stanzas(states)
        if fields.get("Auto-Installed") == "1"
    )
    installed = Counter(one.name for one in packages)
    vital = {one.name for one in packages if one.is_vital}
    return {name for name, count in installed.items() if marked[name] >= count} - vital


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """Fields by their names; of those that go on in further lines the first one."""
    for stanza in text.split("\n\n"):
        pairs = (line.partition(": ") for line in stanza.split("\n"))
        yield {key: value.strip() for key, _, value in pairs}


def _of_dpkg(status: str) -> Iterator[_Package]:
    for fields in _stanzas(status):
        name = fields.get("Package")
        if name and fields.get("Status", "").endswith(" installed"):
            yield _Package(
                name,
                depends=[*_listed(fields, "Depends"), *_listed(fields, "Pre-Depends")],
                recommends=_listed(fields, "Recommends"),
                provides=[name, *_listed(fields, "Provides")],
                is_vital=any(fields.get(key) == value for key, value in VITAL),
            )


def _listed(fields: Mapping[str, str], key: str) -> list[str]:
    """The names of "libc6 (>= 2.36), debconf | debconf-2.0, python3:any"."""
    parts = filter(None, map(str.strip, re.split(r"[,|]", fields.get(key, ""))))
    return [re.split(r"[\s(:]", part, maxsplit=1)[0] for part in parts]


def _of_apk(installed: str) -> Iterator[_Package]:
    """P: its name, D: what it depends on, p: what it provides, so:libisl.so.23 say."""
    for block in installed.split("\n\n"):
        fields = dict(line.split(":", 1) for line in block.split("\n") if line[1:2] == ":")
        if "P" in fields:
            depends, provides = (
                [_bare(word) for word in fields.get(key, "").split() if word[0] != "!"]
                for key in "Dp"
            )
            yield _Package(fields["P"], depends, (), [fields["P"], *provides], is_vital=False)


def _bare(word: str) -> str:
    """The name of "gcc>=13" or "gcc@edge"."""
    return re.split(r"[<>=~@]", word, maxsplit=1)[0]
