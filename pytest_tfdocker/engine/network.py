"""A bridge of a service's own: its ports answer, the outside is not reached."""

import secrets
import subprocess
import sys
from contextlib import suppress
from typing import Self

from docker.errors import NotFound

from pytest_tfdocker.engine.client import FAILURES, LABEL, Engine, engine_errors
from pytest_tfdocker.engine.forks import hold, let_go
from pytest_tfdocker.engine.sweep import OWNER_LABEL, owner


class PrivateNetwork:
    """Made on entry, removed on exit; a helper process removes it if we are killed."""

    def __init__(self, engine: Engine, run_id: str) -> None:
        """`run_id` stands in its name and label."""
        self.engine = engine
        self.name = f"tfdocker-{run_id[:8]}-{secrets.token_hex(4)}"
        self._run_id = run_id

    def __enter__(self) -> Self:
        """Makes it. Raises EngineError."""
        with engine_errors():
            self._helper = subprocess.Popen(
                [sys.executable, "-m", "pytest_tfdocker.engine.reaper", self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._helper.stdin is not None  # noqa: S101
            hold(self._helper.stdin.fileno())
            try:
                self.engine.api.create_network(
                    self.name,
                    driver="bridge",
                    options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
                    labels={LABEL: self._run_id, OWNER_LABEL: owner()},
                )
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Removes it, and lets the helper go, which goes on trying where we could not."""
        if remove_network(self.engine, self.name):
            self._helper.kill()
        if self._helper.stdin is not None:
            let_go(self._helper.stdin.fileno())
            self._helper.stdin.close()
        self._helper.wait()


def remove_network(engine: Engine, name: str) -> bool:
    """Whether the network is gone, whoever was still on it. An engine that is silent says no."""
    with suppress(*FAILURES):
        for container in engine.api.inspect_network(name).get("Containers") or {}:
            with suppress(*FAILURES):
                engine.api.disconnect_container_from_network(container, name, force=True)
        engine.api.remove_network(name)
    try:
        engine.api.inspect_network(name)
    except NotFound:
        return True
    except FAILURES:
        return False
    return False
