"""Which wheels an image's interpreter takes, by their tags (PEP 425, 600, 656)."""

import re
from collections.abc import Iterator
from functools import cache

import msgspec
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags

from pytest_tfdocker.evidence.records import Interpreter

NARROW = {"x86_64": "i686", "aarch64": "armv8l"}
"""What an interpreter of 32 bits has on a processor of 64."""
ALSO = {"armv8l": ("armv7l",)}
OLDEST_GLIBC = {"x86_64": 5, "i686": 5}
"""Minor of 2: manylinux1 was for these alone; for any other it begins with manylinux2014."""
OLDEST_GLIBC_OF_OTHERS = 17
NEWEST_MINOR = 99
"""Of glibc 2 and of musl 1, where the image's own isn't known: no wheel is ruled out by it."""
LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_LIBC = re.compile(r"(glibc|musl) (\d+)\.(\d+)")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an interpreter takes, and how people call it."""

    tags: frozenset[Tag]
    name: str
    """"cp311 on linux x86_64, glibc 2.36"."""
    machine: str
    """"x86_64", of 32 bits "i686"."""


def find_taken(interpreter: Interpreter) -> Taken | None:
    """None where too little is known of it. Of what is not known it takes any."""
    told = interpreter.environment
    machine = re.sub(r"\W", "_", told.get("platform_machine", "").lower())
    version = re.fullmatch(r"(\d+)\.(\d+)", told.get("python_version", ""))
    if told.get("sys_platform") != "linux" or not machine or version is None:
        return None
    if interpreter.bits == 32:  # noqa: PLR2004  bits
        machine = NARROW.get(machine, machine)
    return _taken(
        told.get("implementation_name", ""),
        (int(version[1]), int(version[2])),
        interpreter.soabi,
        machine,
        interpreter.libc,
    )


@cache
def _taken(
    implementation: str, version: tuple[int, int], soabi: str | None, machine: str, libc: str | None
) -> Taken | None:
    """Cached: the checks of one image ask the same."""
    short = f"{version[0]}{version[1]}"
    platforms = list(_platforms(machine, soabi, libc))
    if implementation == "cpython":
        abis = _abis(version, soabi)
        own = [*cpython_tags(version, abis, platforms)]
        name = abis[0] if soabi else f"cp{short}"
        others = compatible_tags(version, f"cp{short}", platforms)
    elif implementation == "pypy" and soabi and soabi.startswith("pypy"):
        name = f"pp{short}"
        own = [*generic_tags(name, ["_".join(soabi.split("-")[:2])], platforms)]
        others = compatible_tags(version, "pp3", platforms)
    else:
        return None
    place = f"{name} on linux {machine}" + (f", {libc}" if libc else "")
    return Taken(tags=frozenset([*own, *others]), name=place, machine=machine)


def _abis(version: tuple[int, int], soabi: str | None) -> list[str]:
    """CPython's own: "cpython-313t-x86_64-linux-gnu" is cp313t; not told, any of the version."""
    short = f"{version[0]}{version[1]}"
    found = re.match(rf"cpython-({short}([a-z]*))(?:-|$)", soabi or "")
    if found is None:
        return [f"cp{short}{flags}" for flags in ("", "m", "t", "d", "td")]
    # A debug build loads the modules of others, from Python 3.8 on
    plain = [f"cp{found[1].replace('d', '')}"] if version >= (3, 8) and "d" in found[2] else []
    return [f"cp{found[1]}", *plain]


def _platforms(machine: str, soabi: str | None, libc: str | None) -> Iterator[str]:
    told = _LIBC.match(libc or "")
    family = told[1] if told else "musl" if (soabi or "").endswith("musl") else None
    for one in (machine, *ALSO.get(machine, ())):
        yield f"linux_{one}"
        if family != "musl":
            minor = int(told[3]) if told and told[2] == "2" else NEWEST_MINOR
            yield from _manylinux(one, minor)
        if family != "glibc":
            minor = int(told[3]) if told and told[2] == "1" else NEWEST_MINOR
            yield from (f"musllinux_1_{at}_{one}" for at in range(minor, -1, -1))


def _manylinux(machine: str, newest: int) -> Iterator[str]:
    oldest = OLDEST_GLIBC.get(machine, OLDEST_GLIBC_OF_OTHERS)
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in LEGACY:
            yield f"{LEGACY[minor]}_{machine}"
