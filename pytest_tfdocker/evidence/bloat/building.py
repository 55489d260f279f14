"""What an image needs to be built, and none to run: compilers, headers, and what they asked for."""

import re

from pytest_tfdocker.evidence.bloat.scene import Scene

DEVELOPMENT = re.compile(
    r"^(?!llvm\d*-libs$)"  # Mesa's drivers run on it
    r"(gcc(?!-\d+-base$)|g\+\+|cpp|clang|llvm|gfortran|binutils|make|cmake|ninja-build|build-essential|rustc?|cargo"
    r"|golang|dpkg-dev|libgcc-\d+-dev|libstdc\+\+-\d+-dev|linux-libc-dev|autoconf|automake|libtool"
    r"|musl-dev|build-base|glibc-headers|kernel-headers|rpm-build|redhat-rpm-config)(-|$|\d)"
    r"|-(dev|devel)(-gcc\d+)?$|^(glibc|libstdc\+\+)-static$"
)
"""By the names of Debian, Alpine, Fedora and openSUSE. Not gcc-12-base, which holds a licence, and
which every Debian has."""
HEADERS = re.compile(r"^(?!dpkg-).*-(dev|devel)$")
RUN_TIME = re.compile(r"^lib(stdc\+\+|gcc|gomp|atomic|quadmath|gfortran)")
"""Libraries that a compiler brings, and that what it has compiled may load."""
NEVER_LOADED = re.compile(r"^lib(a|hwa|l|t|ub)san|-dev-bin$|^libjs-|-doc$|^rpcsvc-proto$")
"""What packages of headers ask for and nothing that was compiled with them: no program loads a
sanitizer that is made to be shipped."""


def build_tools(scene: Scene) -> list[int]:
    """Of compilers and -dev packages, and of packages that only these have brought."""
    rows_of = _rows_of_packages(scene)
    tools = {name for name in rows_of if DEVELOPMENT.search(name)}
    if not tools:
        return []
    layers = {scene.layers[row] for name in tools for row in rows_of[name]}
    brought = scene.relations.brought_by(tools, staying=_used(scene, tools))
    # With another instruction something else has brought them, whatever apt has noted
    along = (name for name in brought if name in rows_of)
    here = {name for name in along if any(scene.layers[row] in layers for row in rows_of[name])}
    return [row for name in rows_of if name in tools | here for row in rows_of[name]]


def _rows_of_packages(scene: Scene) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, (kind, name, _) in enumerate(scene.owners.table):
        if kind == "os-package":
            found.setdefault(name, []).extend(scene.rows_of.get(index, []))
    return found


def _used(scene: Scene, tools: set[str]) -> set[str]:
    """Packages that the program may need: the interpreter's, and libraries that were linked with.

    Of what packages of headers ask for not all are libraries; all stay, but those whose names tell.
    """
    asked = scene.relations.asked_by(filter(HEADERS.search, tools))
    linked = {name for name in asked if not NEVER_LOADED.search(name)}
    linked |= {name for name in scene.relations.asked_by(tools) if RUN_TIME.search(name)}
    return linked - tools | {scene.owners.name(row) for row in scene.python_rows}
