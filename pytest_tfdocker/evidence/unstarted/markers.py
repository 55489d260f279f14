"""What a Python would say of itself, from what stands beside it: its version, PEP 508's markers."""

import re
from collections.abc import Iterator, Mapping

from pytest_tfdocker.evidence.unstarted.layout import Layout, read_text
from pytest_tfdocker.evidence.unstarted.tree import ImageTree

FULL = re.compile(r"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "386": "i686",
    "arm/v5": "armv5l",
    "arm/v6": "armv6l",
    "arm/v7": "armv7l",
    "arm": "armv7l",
}
"""platform.machine() by the architecture of an image; the others have one name in both."""


def full_version(
    tree: ImageTree, layout: Layout, executable: str, environ: Mapping[str, str]
) -> str | None:
    """As "3.11.2" or "3.13.0rc2"; None where nothing in the image tells of more than "3.11"."""
    short = layout.version.rstrip("t")
    for told in _versions_told(tree, layout, executable, environ):
        found = FULL.match(told)
        if found and found.group().startswith(f"{short}."):
            return found.group()
    return None


def _versions_told(
    tree: ImageTree, layout: Layout, executable: str, environ: Mapping[str, str]
) -> Iterator[str]:
    """By the program itself, what came with it, then what people and tools have written down."""
    yield from _own_texts(tree, layout, executable)
    for folder in (f"python{layout.version}", f"python{layout.version}m"):
        header = read_text(tree, f"{layout.prefix}/include/{folder}/patchlevel.h") or ""
        yield from re.findall(r'#define\s+PY_VERSION\s+"([^"]+)"', header)
    for name in tree.names(f"{layout.prefix}/conda-meta"):
        if name.startswith("python-3"):
            yield name.removeprefix("python-")
    if layout.prefix == "/usr":
        yield from _os_packages(tree, layout.version.rstrip("t"))
    # .../cpython-3.11.9-linux-x86_64-gnu, .../versions/3.11.9, .../HASH-python3-3.11.9
    yield from FULL.findall(layout.prefix)
    yield environ.get("PYTHON_VERSION", "")
    yield layout.venv_settings.get("version", "")
    yield layout.venv_settings.get("version_info", "")


def _own_texts(tree: ImageTree, layout: Layout, executable: str) -> Iterator[str]:
    """Of the program, and of the library that has all of it in a shared build."""
    home = layout.venv_settings.get("home")
    name = f"python{layout.version}"
    paths = [executable] + ([f"{home}/{name}"] if home else [])
    for folder in (f"{layout.prefix}/lib", f"{layout.prefix}/lib64"):
        paths += [f"{folder}/lib{name}{ending}.so.1.0" for ending in ("", "m")]
        multiarch = [inner for inner in tree.names(folder) if inner.endswith("-linux-gnu")]
        paths += [f"{folder}/{inner}/lib{name}.so.1.0" for inner in multiarch]
    for path in paths:
        yield from (read_text(tree, path) or "").split("\0")


def _os_packages(tree: ImageTree, version: str) -> Iterator[str]:
    """Of Debian's and Alpine's packages: 3.13.0~rc2-1, 3.12.7-r0."""
    folder = "/var/lib/dpkg/status.d"
    names = [one for one in tree.names(folder) if "python" in one and not one.endswith(".md5sums")]
    texts = [read_text(tree, f"{folder}/{name}") for name in names]
    texts.append(read_text(tree, "/var/lib/dpkg/status"))
    package = rf"^Package: (?:lib)?python{re.escape(version)}-(?:minimal|stdlib)$"
    for block in "\n\n".join(filter(None, texts)).split("\n\n"):
        told = re.search(r"^Version: (?:\d+:)?(\S+)$", block, re.MULTILINE)
        if told and re.search(package, block, re.MULTILINE):
            yield told[1].replace("~", "")
    installed = read_text(tree, "/lib/apk/db/installed") or ""
    yield from re.findall(r"^P:python3\nV:(\S+)$", installed, re.MULTILINE)


def markers(layout: Layout, version: str, machine: str) -> dict[str, str]:
    """PEP 508's environment. Of the kernel nothing is known: no container has one of its own."""
    return {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": version,
        "python_version": layout.version.rstrip("t"),
        "sys_platform": "linux",
    }


def machine_of(platform: str) -> str:
    """platform.machine() of an image's platform, "linux/arm64/v8"."""
    _, _, architecture = platform.partition("/")
    found = MACHINES.get(architecture) or MACHINES.get(architecture.partition("/")[0])
    return found or architecture.partition("/")[0]
