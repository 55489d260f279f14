"""What an image needs to be built, and none to run: compilers, headers, and what they asked for."""

import re
from collections.abc import Iterator

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
HEADERS = re.compile(r"-(dev|devel)(-|$)")
RUN_TIME = re.compile(r"^lib(stdc\+\+|gcc|gomp|atomic|quadmath|gfortran)")
"""Libraries that a compiler brings, and that what it has compiled may load."""
NEVER_LOADED = re.compile(r"^lib((a|hwa|l|t|ub)san|python3)")
"""Sanitizers, which no program loads that is made to be shipped; nor does an extension module load
libpython: the interpreter that is linked with it asks for it itself."""
SHARED_LIBRARY = re.compile(r"\.so(\.\d+)*$")


def build_tools(scene: Scene) -> list[int]:
    """Of compilers and -dev packages, and of packages that only these have brought."""
    rows_of = _rows_of_packages(scene)
    tools = {name for name in rows_of if DEVELOPMENT.search(name)}
    going = tools | scene.relations.brought_by(tools, staying=_loaded(scene, rows_of, tools))
    return [row for name in rows_of if name in going for row in rows_of[name]]


def _rows_of_packages(scene: Scene) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, (kind, name, _) in enumerate(scene.owners.table):
        if kind == "os-package":
            found.setdefault(name, []).extend(scene.rows_of.get(index, []))
    return found


def _loaded(scene: Scene, rows_of: dict[str, list[int]], tools: set[str]) -> Iterator[str]:
    """Packages of libraries that what was compiled may load."""
    paths = scene.listing.paths
    for tool in tools:
        for name in scene.relations.needs.get(tool, ()):
            is_library = (
                HEADERS.search(tool)
                and not NEVER_LOADED.search(name)
                and any(SHARED_LIBRARY.search(paths[row]) for row in rows_of.get(name, ()))
            )
            if name not in tools and (is_library or RUN_TIME.search(name)):
                yield name
