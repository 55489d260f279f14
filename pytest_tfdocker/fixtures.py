"""The fixtures. They skip without --tfdocker; what they give is imported where it is used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_tfdocker.keys import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_tfdocker.judged import JudgedImage
    from pytest_tfdocker.running import Runner
    from pytest_tfdocker.service_factory import ServiceFactory
    from pytest_tfdocker.session import Session
    from pytest_tfdocker.settings.schema import Settings

SERVICES: pytest.StashKey[ServiceFactory] = pytest.StashKey()
"""Of the module whose tests run, else of the last that had one."""
NOT_ASKED = "needs --tfdocker"


def _session(request: pytest.FixtureRequest) -> Session:
    """The run object; a skip without --tfdocker, an error where TFDOCKER_REQUIRED asks for one."""
    session = request.config.stash.get(SESSION, None)
    if session is not None:
        return session
    if os.environ.get("TFDOCKER_REQUIRED", "0") not in ("", "0"):
        pytest.fail(f"{NOT_ASKED}, and TFDOCKER_REQUIRED is set", pytrace=False)
    raise pytest.skip.Exception(NOT_ASKED, _use_item_location=True)


@pytest.fixture(scope="session")
def tfdocker_settings(request: pytest.FixtureRequest) -> Settings:
    """The merged settings."""
    return _session(request).settings


@pytest.fixture(scope="session")
def tfdocker_image(request: pytest.FixtureRequest) -> JudgedImage:
    """The image, built or given, with its evidence; with several images, each in its turn."""
    session = _session(request)
    from pytest_tfdocker.collector import tells_of_build  # noqa: PLC0415
    from pytest_tfdocker.judged import JudgedImage  # noqa: PLC0415

    names = [image.name for image in session.settings.images]
    name = getattr(request, "param", names[0])
    if name not in names:
        pytest.fail(f"no image is named {name!r}; names: {', '.join(names)}", pytrace=False)
    told = any(tells_of_build(item, name) for item in request.session.items)
    return JudgedImage.of(session, name, told=told)


@pytest.fixture
def tfdocker_run(request: pytest.FixtureRequest, tfdocker_image: JudgedImage) -> Runner:
    """`tfdocker_run(command_or_script, memory="1 GiB", …)` gives a finished run."""
    from pytest_tfdocker.running import Runner  # noqa: PLC0415

    return Runner(tfdocker_image, request.node)


@pytest.fixture(scope="module")
def tfdocker_service(
    request: pytest.FixtureRequest, tfdocker_image: JudgedImage
) -> Iterator[ServiceFactory]:
    """`tfdocker_service(wait=…, ports=…, env=…, command=…)` gives the image's service, ready."""
    from pytest_tfdocker.service_factory import ServiceFactory  # noqa: PLC0415

    with ServiceFactory(tfdocker_image) as factory:
        request.config.stash[SERVICES] = factory
        yield factory
