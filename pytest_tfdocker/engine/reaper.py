"""`python -m pytest_tfdocker.engine.reaper NETWORK`: waits for the end of its parent, then removes.

A container of ours dies with its stdin; a network has none. Where pytest is killed by SIGKILL,
this process sees the end of its own stdin and removes the network.
"""

import sys
import time
from contextlib import suppress

from pytest_tfdocker.engine.client import Engine
from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.engine.network import remove_network

TRIES = 60
BETWEEN_SECONDS = 0.5


def main(name: str) -> None:
    """Blocks until stdin ends; then tries for half a minute."""
    sys.stdin.buffer.read()
    for _ in range(TRIES):
        with suppress(EngineError), Engine.connect() as engine:
            if remove_network(engine, name):
                return
        time.sleep(BETWEEN_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1])
