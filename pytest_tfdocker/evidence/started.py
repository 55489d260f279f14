"""Who a container's program is, by the settings, else by the image."""

from collections.abc import Mapping

from pytest_tfdocker.evidence.records import ImageConfig, Started
from pytest_tfdocker.settings import schema

OF_THE_IMAGE = "the image's USER"


def started_as(run: schema.Run, config: ImageConfig, origins: Mapping[str, str]) -> Started:
    """`origins`: where each setting stands, by its key."""
    own = run.user is not None
    return Started(
        user=run.user or "" if own else config.user,
        user_origin=origins.get("run.user", "run.user") if own else OF_THE_IMAGE,
        read_only=run.read_only,
        read_only_origin=origins.get("run.read-only", "run.read-only"),
    )
