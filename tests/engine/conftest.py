"""A user's project with a Dockerfile, and runs of programs in the small image."""

import os
import threading
from http.server import ThreadingHTTPServer
from itertools import count

import docker
import pytest
from behaviours import BEHAVIOURS, MIB, PROPERTY
from small_registry import Registry
from small_runs import bare_bytes, judged, runs_in
from user_project import OWN_TEST, UserProject

_numbers = count()


@pytest.fixture(scope="session")
def docker_client():
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def user_project(tmp_path, docker_client):
    """A folder with a test of the user's own; the image that it builds goes with it."""
    folder = tmp_path / f"tfdocker-test-{os.getpid()}-{next(_numbers)}"
    project = UserProject(folder, docker_client)
    project.write("test_own.py", OWN_TEST)
    yield project
    project.remove_image()


@pytest.fixture(scope="session")
def slim_image(docker_client):
    """The tag of an image with Python, pip and apt in it."""
    tag = "python:3.11-slim"
    if not docker_client.images.list(tag):
        pytest.skip(f"no image {tag}; `tools/base-image` makes it")
    return tag


@pytest.fixture
def without_docker_cli(user_project, tmp_path):
    """A machine with an engine and no docker CLI: what builds is the API's classic builder."""
    (tmp_path / "empty").mkdir()
    user_project.environment |= {
        "PATH": str(tmp_path / "empty"),
        "DOCKER_CONFIG": str(tmp_path / "empty"),
    }


@pytest.fixture(params=["buildx", "classic"])
def each_builder(request):
    """The name of a builder, in turn; what is said must be the same."""
    if request.param == "classic":
        request.getfixturevalue("without_docker_cli")
    return request.param


@pytest.fixture(scope="session")
def judged_small_image(small_image, tmp_path_factory):
    """The small image, as --tfdocker-image gives it to a user's test."""
    with judged(small_image, tmp_path_factory.mktemp("judged")) as image:
        yield image


@pytest.fixture(scope="session")
def run(judged_small_image):
    """Gives the record of a program in the small image, run as `tfdocker_run` does."""
    return runs_in(judged_small_image)


@pytest.fixture
def registry(engine):
    """The address of a registry that this machine's engine can reach."""
    if engine.remote:
        pytest.skip("the registry is on this machine")
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def bare_peak(run):
    """Bytes of an interpreter that does nothing."""
    return bare_bytes(run)


def pytest_terminal_summary(terminalreporter):
    """Of behaviours that ran more than once: what was known, and between what was found."""
    reports = [
        report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)
    ]
    told = [
        dict(report.user_properties).get(PROPERTY) for report in reports if report.when == "call"
    ]
    rows = {row[0]: row[1:] for row in told if row and len(row[2]) > 1}
    if not rows:
        return
    terminalreporter.section("working peak, MiB")
    line = "{:56}{:>8}{:>8}{:>8}{:>9}{:>10}"
    terminalreporter.write_line(line.format("", "known", "least", "most", "error", "right"))
    for name in [one.name for one in BEHAVIOURS if one.name in rows]:
        known, found, right = rows[name]
        worst = max((peak - known for peak in found), key=abs)
        shown = [f"{value / MIB:.1f}" for value in (known, min(found), max(found))]
        share = f"{right} of {len(found)}"
        terminalreporter.write_line(line.format(name, *shown, f"{worst / MIB:+.1f}", share))
