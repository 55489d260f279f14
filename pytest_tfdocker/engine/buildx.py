"""A build by buildx, which dies with us: by signal on Ctrl-C, by the kernel on SIGKILL."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from pytest_tfdocker.engine.build_plain import PlainProgress, StepSeen
from pytest_tfdocker.engine.build_request import BuildRequest
from pytest_tfdocker.engine.errors import BuildFailedError, EngineError

_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 10
INFO_SECONDS = 60


@cache
def find_buildx() -> str | None:
    """The plugin's own binary: run by `docker buildx`, it would outlive a killed docker CLI.

    Raises EngineError where `docker info` can't be run, or has no answer.
    """
    docker = shutil.which("docker")
    if docker is None:
        return shutil.which("docker-buildx")
    try:
        asked = subprocess.run(
            [docker, "info", "--format", "{{json .ClientInfo.Plugins}}"],
            capture_output=True,
            check=False,
            timeout=INFO_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"`docker info` has not answered within {INFO_SECONDS} s\n"
            f"{docker} tells where buildx is; the engine, or a plugin of the CLI, hangs"
        ) from error
    except OSError as error:
        raise EngineError(f"{docker} can't be run: {error.strerror}") from error
    try:
        plugins = json.loads(asked.stdout or b"null") or []
    except ValueError:
        return None
    found = [p for p in plugins if p.get("Name") == "buildx" and not p.get("Err")]
    return str(found[0]["Path"]) if found else None


def build_with_buildx(
    buildx: str, request: BuildRequest, on_step: Callable[[StepSeen], None]
) -> list[str]:
    """The digests of the image's config and of its manifest: an engine takes one of them as id.

    A containerd store calls an image by its manifest, other stores by its config. Raises
    BuildFailedError.
    """
    with tempfile.TemporaryDirectory(prefix="tfdocker-") as name:
        folder = Path(name)
        progress = PlainProgress(request.dockerfile.name)
        code = _run(_command(buildx, request, folder), progress, on_step)
        if code != 0:
            raise _failure(code, progress)
        told = json.loads((folder / "metadata").read_bytes())
        return [(folder / "iid").read_text().strip(), str(told.get("containerimage.digest", ""))]


def _command(buildx: str, request: BuildRequest, folder: Path) -> list[str]:
    command = [buildx, "build", "--load", "--progress=plain", "--provenance=false"]
    command += [f"--iidfile={folder / 'iid'}", f"--metadata-file={folder / 'metadata'}"]
    command += [*(f"--tag={tag}" for tag in request.tags), f"--file={request.dockerfile}"]
    for option, value in (
        ("target", request.target),
        ("platform", request.platform),
        ("builder", request.builder),
    ):
        command += [f"--{option}={value}"] if value else []
    for option, values in (
        ("build-arg", [f"{key}={value}" for key, value in request.args.items()]),
        ("build-context", [f"{key}={value}" for key, value in request.contexts.items()]),
        ("secret", request.secrets),
        ("ssh", request.ssh),
        ("cache-from", request.cache_from),
        ("cache-to", request.cache_to),
    ):
        command += [f"--{option}={value}" for value in values]
    return [*command, *request.options, str(request.context)]


def _run(command: list[str], progress: PlainProgress, on_step: Callable[[StepSeen], None]) -> int:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "BUILDKIT_COLORS": "", "NO_COLOR": "1"},
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None  # noqa: S101
    with process.stdout as lines:
        try:
            for line in lines:
                seen = progress.take(line)
                if seen is not None:
                    on_step(seen)
            return process.wait()
        finally:
            _end(process)


def _die_with_parent() -> None:
    # Without this, a SIGKILL of pytest leaves the build going on (tried)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _failure(code: int, progress: PlainProgress) -> BuildFailedError:
    last = progress.errors[-1] if progress.errors else f"buildx ended with exit code {code}"
    return BuildFailedError(
        last.removeprefix("failed to solve: "),
        progress.failing_log(),
        progress.failing_step,
        progress.line,
    )
