# Runs on the interpreter that the image's service would run on, as plainly as the service does.
# The cookies keep what a sitecustomize prints apart from the answer.
import importlib.machinery
import json
import os
import platform
import re
import sys

cookie = sys.argv[1]


def implementation_version():
    info = sys.implementation.version
    text = "%d.%d.%d" % (info[0], info[1], info[2])
    if info[3] != "final":
        text += info[3][0] + str(info[4])
    return text


def soabi():
    """ "cpython-311-x86_64-linux-gnu", of ".cpython-311-x86_64-linux-gnu.so"; None where extension
    modules have no such name."""
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    parts = suffixes[0].split(".") if suffixes else []
    return parts[1] if len(parts) == 3 else None


def libc():
    """ "glibc 2.36" or "musl 1.2.5"; None where it can't be told, and where the image has a word of
    its own on which manylinux wheels it takes (PEP 600)."""
    if importlib.machinery.PathFinder.find_spec("_manylinux") is not None:
        return None
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or musl()
    except (AttributeError, OSError, ValueError):
        return musl()


def musl():
    """Its loader, which the interpreter's own file names, tells its version."""
    try:
        with open(sys.executable, "rb") as file:
            loader = re.search(rb"/[\w./-]*ld-musl-[\w-]+[.]so[.]1", file.read())
        if loader is None:
            return None
        import subprocess

        asked = subprocess.Popen([loader.group()], stderr=subprocess.PIPE)
        version = re.search(rb"^Version (\d+\.\d+[\w.]*)", asked.communicate()[1], re.MULTILINE)
    except OSError:
        return None
    return "musl " + version.group(1).decode("ascii") if version else None


sys.stdout.write(
    cookie
    + json.dumps(
        {
            "executable": sys.executable,
            "version": platform.python_version(),
            "platform": "%s %s" % (sys.platform, platform.machine()),
            "soabi": soabi(),
            "libc": libc(),
            "bits": sys.maxsize.bit_length() + 1,
            "prefix": sys.prefix,
            "path": [p for p in sys.path if p and os.path.isabs(p)],
            "environment": {
                "implementation_name": sys.implementation.name,
                "implementation_version": implementation_version(),
                "os_name": os.name,
                "platform_machine": platform.machine(),
                "platform_python_implementation": platform.python_implementation(),
                "platform_release": platform.release(),
                "platform_system": platform.system(),
                "platform_version": platform.version(),
                "python_full_version": platform.python_version(),
                "python_version": "%d.%d" % sys.version_info[:2],
                "sys_platform": sys.platform,
            },
        }
    )
    + cookie[::-1]
    + "\n"
)
