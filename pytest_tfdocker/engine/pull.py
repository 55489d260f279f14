"""Pulls an image, and tells how far it has come."""

from collections.abc import Callable
from typing import Any

from docker.errors import DockerException
from docker.utils import parse_repository_tag

from pytest_tfdocker.engine.build_plain import StepSeen
from pytest_tfdocker.engine.client import FAILURES, Engine, explain
from pytest_tfdocker.engine.errors import ImageNotFoundError

MB = 10**6
_WHOLE = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete")


def pull(engine: Engine, reference: str, on_step: Callable[[StepSeen], None]) -> None:
    """Raises ImageNotFoundError with the registry's answer where it can't be had."""
    repository, tag = parse_repository_tag(reference)
    seen = PullProgress()

    def tell(state: str, line: str = "") -> None:
        on_step(StepSeen(name=reference, state=state, line=line, part_of="pull"))

    tell("started")
    try:
        events = engine.api.pull(repository, tag=tag or "latest", stream=True, decode=True)
        for event in events:
            if "error" in event:
                raise DockerException(str(event["error"]))
            seen.take(event)
            if seen.line:
                tell("log", seen.line)
    except FAILURES as error:
        tell("failed")
        raise ImageNotFoundError(
            f"no image {reference}\n"
            f"the engine has none of that name, and can't pull it: {explain(error)}\n"
            "build or load it first, or mend the name: a tag, a digest or an id"
        ) from error
    tell("done")


class PullProgress:
    """Takes the engine's events of a pull one by one."""

    def __init__(self) -> None:
        """No layer is known yet."""
        self._layers: dict[str, bool] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def take(self, event: dict[str, Any]) -> None:
        """An event has the id of a layer, but for the first, whose id is the tag."""
        layer, status = str(event.get("id", "")), str(event.get("status", ""))
        if not layer or status.startswith("Pulling from"):
            return
        self._layers[layer] = status in ("Pull complete", "Already exists")
        detail = event.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._bytes[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        elif layer in self._bytes and status in _WHOLE:
            total = self._bytes[layer][1]
            self._bytes[layer] = (total, total)

    @property
    def line(self) -> str:
        """How far it is; "" before a layer is known."""
        if not self._layers:
            return ""
        layers = f"{sum(self._layers.values())} of {len(self._layers)} layers"
        if not self._bytes:
            return layers
        current, total = map(sum, zip(*self._bytes.values(), strict=True))
        return f"{layers}, {current // MB} of {total // MB} MB"
