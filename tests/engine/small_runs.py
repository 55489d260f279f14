"""Supervised runs of programs in a small image, as `tfdocker_run` has them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from behaviours import BARE, PORT, Behaviour

from pytest_tfdocker.evidence.records import Run
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.running import changed
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings
from pytest_tfdocker.settings.schema import Request

RunCode = Callable[..., Run]


@contextmanager
def judged(image: str, folder: Path) -> Iterator[JudgedImage]:
    """The image, as --tfdocker-image gives it to a user's test; `folder` is for what is kept."""
    for name in ("settings", "run", "kept"):
        (folder / name).mkdir()
    settings = load_settings(folder / "settings", options=Options(images=[image]), environ={})
    session = Session(
        settings,
        Store(folder / "run", folder / "kept"),
        f"test{os.getpid()}",
        building=lambda: nullcontext(lambda _: None),
        doing=lambda _: nullcontext(),
    )
    try:
        yield JudgedImage.of(session, "default", told=False)
    finally:
        session.close()


def runs_in(image: JudgedImage) -> RunCode:
    """Gives the record of a program that is sent in; see `run` for its keywords."""

    def run(
        code: str,
        *,
        timeout: float = 60,
        request: Request | None = None,
        command: tuple[str, ...] = (),
        **settings: Any,
    ) -> Run:
        # With a request the program is the image's service; a command is one of the image's own
        what: dict[str, Any] = {"script": code.encode(), "script_name": "program.py"}
        if request is not None:
            settings["entrypoint"] = ["python3", "-c", code]
            what = {"request": request}
        elif command:
            what = {"command": list(command)}
        session = image.session
        supervised = session.supervised_as(
            image.settings, changed(image.settings.settings.run, **settings)
        )
        with session.measuring("a test's run"):
            found = collect_run(supervised, "test", timeout_seconds=timeout, **what)
        assert isinstance(found, Run), found
        return found

    return run


def observe(run: RunCode, behaviour: Behaviour, hold_seconds: float = 0.2) -> Run:
    """One run of a program of known behaviour."""
    return run(
        behaviour.program(hold_seconds),
        timeout=behaviour.timeout_seconds,
        request=Request(path="/", port=PORT) if behaviour.serves else None,
        command=behaviour.command,
        **behaviour.run_settings,
    )


def bare_bytes(run: RunCode) -> int:
    """The working peak of an interpreter that does nothing."""
    found = run(BARE).peak_bytes
    assert found is not None
    return found
