"""What packages of the OS ask of each other, and what some of them alone have brought along."""

import pytest

from pytest_tfdocker.evidence.relations import relations_of

STATUS = """\
Package: gcc
Status: install ok installed
Depends: cpp (= 4:12), gcc-12 (>= 12~)
Recommends: libc6-dev | libc-dev

Package: cpp
Status: install ok installed
Depends: libisl23 (>= 0.15), libgmp10:any

Package: gcc-12
Status: install ok installed
Pre-Depends: binutils | lld, missing

Package: binutils
Status: hold ok installed
Depends: libc6

Package: musl-dev
Status: install ok installed
Provides: libc-dev (= 1), linux-headers

Package: gone
Status: deinstall ok config-files
Depends: libisl23

Package: libisl23
Status: install ok installed

Package: libgmp10
Status: install ok installed

Package: libc6
Status: install ok installed

Package: app
Status: install ok installed
Depends: libgmp10, gcc-12 | other
"""
AUTOMATIC = ("cpp", "gcc-12", "binutils", "musl-dev", "libisl23", "libgmp10", "gone")
STATES = "".join(f"Package: {one}\nArchitecture: amd64\nAuto-Installed: 1\n\n" for one in AUTOMATIC)
STATES += "Package: libc6\nArchitecture: amd64\nAuto-Installed: 0\n"
INSTALLED = """\
C:Q1x=
P:gcc
V:13.2
D:binutils=2.41 so:libisl.so.23 !other so:libc.musl-x86_64.so.1
p:cmd:gcc=13.2

P:binutils
F:usr/bin

P:isl26
p:so:libisl.so.23=23.3 cmd:isl=1

P:musl
p:so:libc.musl-x86_64.so.1=1

P:curl
D:zlib

P:zlib
"""


def relations(status="", states=None, installed=None, world=None):
    return relations_of(
        {"dpkg_status": status, "apt_states": states, "apk": installed, "apk_world": world}
    )


def test_dpkg_tells_what_is_asked_for_by_alternatives_and_by_what_is_provided():
    found = relations(STATUS, STATES)
    assert found.needs["gcc"] == {"cpp", "gcc-12", "musl-dev"}
    assert found.needs["cpp"] == {"libisl23", "libgmp10"}
    assert found.needs["gcc-12"] == {"binutils"}
    assert "gone" not in found.needs
    assert "libc6" not in found.automatic


def test_what_some_packages_alone_have_brought_is_neither_asked_for_nor_needed_by_others():
    found = relations(STATUS, STATES)
    assert found.brought_by({"gcc", "cpp", "gcc-12"}) == {"libisl23", "binutils", "musl-dev"}
    assert found.brought_by({"gcc", "cpp"}) == {"libisl23", "musl-dev"}


def test_what_stays_keeps_what_it_needs():
    found = relations(STATUS, STATES)
    assert found.brought_by({"gcc"}, staying={"cpp"}) == {"musl-dev"}


def test_where_nothing_tells_who_asked_people_have():
    assert relations(STATUS).brought_by({"gcc"}) == set()


@pytest.mark.parametrize("world", ["gcc curl", "gcc>=13 curl@edge\n", ".build=1 gcc~13 curl<9"])
def test_apk_tells_by_its_world(world):
    found = relations(installed=INSTALLED, world=world)
    assert found.needs["gcc"] == {"binutils", "isl26", "musl"}
    assert found.brought_by({"gcc"}) == {"binutils", "isl26", "musl"}
    assert found.brought_by({"gcc"}, staying={"musl"}) == {"binutils", "isl26"}
    assert found.brought_by({"curl"}) == {"zlib"}


def test_what_asks_for_each_other_has_an_end():
    text = "Package: a\nStatus: install ok installed\nDepends: b\n\n"
    text += "Package: b\nStatus: install ok installed\nDepends: a\n"
    found = relations(text, "Package: b\nAuto-Installed: 1\n")
    assert found.brought_by({"a"}) == {"b"}


@pytest.mark.parametrize(
    "text", ["", "\n\n\n", ":\n: \n", "Package:\nStatus:", "x" * 9, "\udcff: a\n"]
)
def test_what_is_none_of_theirs_tells_nothing(text):
    found = relations(text, text, text, text)
    assert found.needs == {}
    assert found.brought_by({"gcc"}) == set()
