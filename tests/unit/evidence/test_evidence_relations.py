"""What packages of the OS ask of each other, and what some of them alone have brought along."""

import tracemalloc

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


def stated(name, *fields, architecture="amd64"):
    lines = [f"Package: {name}", f"Architecture: {architecture}", "Status: install ok installed"]
    return "\n".join([*lines, *fields, "", ""])


def marked(*names):
    return "".join(f"Package: {name}\nAuto-Installed: 1\n\n" for name in names)


def test_dpkg_tells_what_is_asked_for_by_alternatives_and_by_what_is_provided():
    found = relations(STATUS, STATES)
    assert found.asked_by({"gcc"}) == {"cpp", "gcc-12", "musl-dev"}
    assert found.asked_by({"cpp", "gone"}) == {"libisl23", "libgmp10"}
    assert found.asked_by({"gcc-12"}) == {"binutils"}
    assert "libc6" not in found.automatic


def test_what_some_packages_alone_have_brought_is_neither_asked_for_nor_needed_by_others():
    found = relations(STATUS, STATES)
    assert found.brought_by({"gcc", "cpp"}) == {"libisl23", "musl-dev"}
    assert found.brought_by({"gcc"}, staying={"cpp"}) == {"musl-dev"}


def test_what_others_depend_on_keeps_what_it_needs_though_it_is_a_compiler_itself():
    """The app depends on gcc-12, and pip would be poorer without."""
    found = relations(STATUS, STATES)
    assert found.brought_by({"gcc", "gcc-12"}) == {"cpp", "libisl23", "musl-dev"}
    poorer = STATUS.replace("Depends: libgmp10, gcc-12", "Recommends: libgmp10, gcc-12")
    found = relations(poorer, STATES)
    assert found.brought_by({"gcc", "gcc-12"}) == {"cpp", "libisl23", "musl-dev", "binutils"}


@pytest.mark.parametrize(
    "field", ["Essential: yes", "Protected: yes", "Priority: required", "Priority: important"]
)
def test_what_the_system_itself_needs_nobody_has_brought_whatever_is_marked(field):
    """The images of Debian begin with all packages marked as automatic."""
    status = stated("gcc", "Depends: perl, libisl23") + stated("perl", field, "Depends: libdb")
    status += stated("libdb") + stated("libisl23")
    found = relations(status, marked("gcc", "perl", "libdb", "libisl23"))
    assert found.brought_by({"gcc"}) == {"libisl23"}


def test_a_package_of_several_architectures_is_automatic_where_all_of_them_are():
    status = stated("gcc", "Depends: liba") + stated("liba", "Depends: libb") + stated("libb")
    status += stated("liba", architecture="i386")
    assert relations(status, marked("liba", "libb")).brought_by({"gcc"}) == set()
    found = relations(status, marked("liba", "liba", "libb"))
    assert found.brought_by({"gcc"}) == {"liba", "libb"}


def test_where_nothing_tells_who_asked_people_have():
    assert relations(STATUS).brought_by({"gcc"}) == set()
    for world in (None, "", "\n"):
        assert relations(installed=INSTALLED, world=world).brought_by({"gcc"}) == set()


@pytest.mark.parametrize("world", ["gcc curl", "gcc>=13 curl@edge\n", ".build=1 gcc~13 curl<9"])
def test_apk_tells_by_its_world(world):
    found = relations(installed=INSTALLED, world=world)
    assert found.asked_by({"gcc"}) == {"binutils", "isl26", "musl"}
    assert found.brought_by({"gcc"}) == {"binutils", "isl26", "musl"}
    assert found.brought_by({"gcc"}, staying={"musl"}) == {"binutils", "isl26"}
    assert found.brought_by({"curl"}) == {"zlib"}


def test_apks_world_may_name_what_a_package_provides():
    found = relations(installed=INSTALLED, world="gcc curl cmd:isl so:libc.musl-x86_64.so.1")
    assert found.brought_by({"gcc"}) == {"binutils"}


def test_what_asks_for_each_other_has_an_end():
    status = stated("a", "Depends: b") + stated("b", "Depends: a")
    assert relations(status, marked("b")).brought_by({"a"}) == {"b"}


def test_many_that_provide_and_need_one_name_take_no_square_of_it():
    many = 20_000
    status = "".join(stated(f"p{at}", "Depends: x", "Provides: x") for at in range(many))
    tracemalloc.start()
    try:
        found = relations(status, marked(*(f"p{at}" for at in range(many))))
        assert len(found.brought_by({"p0"})) == many - 1
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ["", "\n\n\n", ":\n: \n", "Package:\nStatus:", "x" * 9, "\udcff: a\n"]
)
def test_what_is_none_of_theirs_tells_nothing(text):
    found = relations(text, text, text, text)
    assert found.depends == {}
    assert found.brought_by({"gcc"}) == set()
