"""What a runtime's refusal to start a container means."""

import pytest

from pytest_tfdocker.engine.container import start_error
from pytest_tfdocker.engine.errors import CommandNotFoundError, ConnectionLostError

RUNC = "OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    "text",
    [
        f'{RUNC}exec: "python3": executable file not found in $PATH: unknown',
        f'{RUNC}exec: "python3": stat python3: no such file or directory: unknown',
        "crun: executable file `python3` not found in $PATH: No such file or directory: OCI "
        "runtime attempted to invoke a command that was not found",
        "exec python3: no such file or directory",
    ],
    ids=["runc, by PATH", "runc, by path", "crun", "its own loader"],
)
def test_a_program_that_the_image_lacks_is_told_from_all_else(text):
    found = start_error(text, "python3")
    assert isinstance(found, CommandNotFoundError)
    assert str(found) == "the image has no python3"


def test_a_program_that_may_not_be_run_is_told_so():
    found = start_error(f'{RUNC}exec: "/a/python": permission denied: unknown', "/a/python")
    assert isinstance(found, CommandNotFoundError)
    assert str(found) == "/a/python in the image is no program that may be run"


@pytest.mark.parametrize(
    "text",
    [
        f"{RUNC}error running prestart hook #0: nvidia-container-cli: initialization error: load "
        "library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or "
        "directory: unknown",
        f'{RUNC}chdir to cwd ("/root/app") set in config.json failed: permission denied: unknown',
        f'{RUNC}exec: "python3.9": executable file not found in $PATH: unknown',
    ],
    ids=["a hook", "the working folder", "another program"],
)
def test_what_is_not_about_our_program_is_told_as_it_stands(text):
    found = start_error(text, "python3")
    assert not isinstance(found, CommandNotFoundError)
    assert str(found) == text


def test_a_limit_that_is_too_low_for_the_runtime_itself_is_an_oom_kill():
    found = start_error(
        f"{RUNC}container init was OOM-killed (memory limit too low?): unknown", "p"
    )
    assert isinstance(found, ConnectionLostError)
    assert found.oom_killed
