"""What is asked of the engine for a container of each kind, and what docs/engine.md says of it."""

import io
import json
import os
import re
import time
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from docker.errors import NotFound
from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID

from pytest_tfdocker import probe, service, service_factory
from pytest_tfdocker.engine.client import LABEL
from pytest_tfdocker.engine.container import Container, new_cookie
from pytest_tfdocker.engine.sweep import OWNER_LABEL, owner, sweep
from pytest_tfdocker.evidence import gpu, inside, inventory, supervised
from pytest_tfdocker.evidence.imports import collect_imports
from pytest_tfdocker.evidence.limits import collect_limits
from pytest_tfdocker.evidence.passed_files import PassedFile, PassedFiles
from pytest_tfdocker.evidence.records import Absent
from pytest_tfdocker.evidence.smoke import collect_run
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.threads import collect_threads
from pytest_tfdocker.evidence.waste import collect_waste
from pytest_tfdocker.judged import JudgedImage
from pytest_tfdocker.session import Session
from pytest_tfdocker.settings.given import Options
from pytest_tfdocker.settings.load import load_settings
from pytest_tfdocker.settings.schema import ByteSize, Run

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
RUN_ID = f"contract{os.getpid()}"
VOLUME = f"tfdocker-test-{os.getpid()}"
KINDS = ("inventory", "imports", "run", "GPU question", "service")
MIB = 1 << 20

IMAGE = """
FROM {base}
ENV OWN=1
WORKDIR /var
USER 65534
EXPOSE 8000
HEALTHCHECK --interval=1s CMD ["true"]
CMD ["python3", "-m", "http.server", "8000"]
"""

VARIANTS = {
    "nothing set": Run(),
    "everything set": Run(
        memory=ByteSize(256 * MIB),
        swap=ByteSize(64 * MIB),
        cpus=1.0,
        pids=100,
        shm_size=ByteSize(32 * MIB),
        user="1000:1000",
        workdir="/tmp",
        read_only=True,
        tmpfs=["/scratch:size=8m"],
        network="bridge",
        env=["ASKED=1"],
        volumes=[f"{VOLUME}:/models"],
    ),
}
EVERYTHING = {
    "run.memory": 256 * MIB,
    "run.memory + run.swap": 320 * MIB,
    "run.cpus * 10**9": 10**9,
    "run.pids": 100,
    "run.shm-size": 32 * MIB,
    "run.user": "1000:1000",
    "run.workdir": "/tmp",
    "run.read-only": True,
    "run.tmpfs": {"/scratch": "size=8m"},
    "run.network": "bridge",
    "run.env": ["ASKED=1"],
    "run.volumes": [f"{VOLUME}:/models"],
}
"""The second variant, in the words of the page and of `inspect`."""
ASKED_BY = {"cp": "archive", "save": "get"} | {
    word: word for word in ("exec", "commit", "export", "push", "prune")
}
"""How the endpoints of the CLI's commands end."""

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def judged_image(_answering_engine, small_image, tmp_path_factory):
    """An image with a user, a port, a health check and a variable of its own."""
    if "podman" in str(_answering_engine.version).lower():
        pytest.skip("Podman's inspect has words of its own for the same things")
    tag = f"tfdocker-test/contract:{os.getpid()}"
    text = io.BytesIO(IMAGE.format(base=small_image).encode())
    list(_answering_engine.api.build(fileobj=text, tag=tag, rm=True, decode=True))
    folder = tmp_path_factory.mktemp("contract")
    session = Session(
        load_settings(folder, options=Options(images=[tag]), environ={}),
        Store(tmp_path_factory.mktemp("run"), None),
        RUN_ID,
        building=lambda: nullcontext(lambda _: None),
        doing=lambda _: nullcontext(),
    )
    yield JudgedImage.of(session, "default", told=False)
    session.close()
    _answering_engine.remove_image(tag)
    with suppress(NotFound):
        _answering_engine.client.volumes.get(VOLUME).remove()


@contextmanager
def watched(engine):
    """Gives the records of containers that start meanwhile; PID 1 still waits for its program.

    The record of one that the engine would not start is that of its creation.
    """
    found, start = [], engine.api.start

    def start_and_look(container):
        found.append(engine.api.inspect_container(container))
        start(container)
        found[-1] = engine.api.inspect_container(container)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.api, "start", start_and_look)
        yield found


@contextmanager
def listened(engine):
    """Gives what is asked of the API meanwhile: {"POST /containers/ID/start"}."""
    asked, send = set(), engine.api.send

    def send_and_note(request, **settings):
        path = re.sub(r"^/v[\d.]+", "", urlsplit(request.url).path)
        path = re.sub(r"^(/\w+)/(?!create$|json$)[^/]+", r"\1/ID", path)
        asked.add(f"{request.method} {path}")
        return send(request, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.api, "send", send_and_note)
        yield asked


@pytest.fixture(scope="module")
def started(judged_image):
    """Gives the records of a container of each kind, by the name of the variant."""
    session, settings = judged_image.session, judged_image.settings
    evidence, engine = session.evidence(settings), session.connect()

    @cache
    def of(variant):
        own = msgspec.structs.replace(settings.settings, run=VARIANTS[variant])
        asked = copy(judged_image)
        asked.settings = msgspec.structs.replace(settings, settings=own)
        given = session.supervised(asked.settings)
        offers_gpu = msgspec.structs.replace(evidence.engine, gpu=True)
        with watched(engine) as found, service_factory.ServiceFactory(asked) as start_service:
            inventory.collect_inventory(engine, evidence.id, evidence.config, run_id=RUN_ID)
            assert "json" in collect_imports(given, ["json"], 60).modules
            assert collect_run(given, "smoke", timeout_seconds=60, command=["true"]).exit_code == 0
            given.evidence = msgspec.structs.replace(evidence, engine=offers_gpu)
            gpu.collect_gpu(given)
            start_service()
            of_testcontainers = {"label": f"{LABEL_SESSION_ID}={SESSION_ID}"}
            assert engine.api.containers(all=True, filters=of_testcontainers) == []
            network = engine.api.inspect_network(found[-1]["HostConfig"]["NetworkMode"])
        of_kind = dict(zip(KINDS, found, strict=True))
        return {**of_kind, "image": engine.inspect(evidence.id), "network": network}

    return of


@pytest.fixture
def bare(started):
    """The records where nothing is set."""
    return started("nothing set")


@pytest.fixture
def limited(started):
    """The records where everything is set."""
    return started("everything set")


@pytest.fixture
def here(engine):
    """What is promised, as far as this engine can keep it: see the notes of the page."""

    def kept(wanted, key=""):
        if isinstance(wanted, dict):
            return {name: kept(value, name) for name, value in wanted.items()}
        if isinstance(wanted, list):
            return [kept(one, key) for one in wanted]
        if key.endswith("MemorySwap") and wanted and not engine.info.get("SwapLimit"):
            return -1
        return "" if key == "HostIp" and engine.remote else wanted

    return kept


def subset(record, wanted):
    """Of a record's HostConfig, the keys of `wanted`."""
    return {key: record["HostConfig"].get(key) for key in wanted}


def test_inventory_is_root_that_may_read_all_and_do_nothing(limited):
    record = limited["inventory"]
    wanted = {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "CapAdd": ["DAC_READ_SEARCH"],
        "SecurityOpt": ["no-new-privileges"],
        "Memory": 0,
        "PidsLimit": 4096,
        "ReadonlyRootfs": False,
        "Binds": None,
        "AutoRemove": True,
    }
    assert record["State"]["Running"]
    assert subset(record, wanted) == wanted
    assert record["Config"]["User"] == "0"
    assert "ASKED=1" not in record["Config"]["Env"]


def test_imports_are_the_images_user_under_the_limits_without_capabilities(limited, bare, here):
    wanted = {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges"],
    }
    assert subset(bare["imports"], wanted) == wanted
    assert bare["imports"]["Config"]["User"] == "65534"
    wanted = {"Memory": 256 * MIB, "MemorySwap": 320 * MIB, "NanoCpus": 10**9, "PidsLimit": 100}
    assert subset(limited["imports"], wanted) == here(wanted)


def test_the_container_of_threads_is_as_that_of_imports(judged_image, limited):
    session, settings = judged_image.session, judged_image.settings
    given = session.supervised_as(settings, VARIANTS["everything set"])
    with watched(session.connect()) as found:
        assert collect_threads(given, ["numpy"], 60).frameworks[0].error is not None
    (record,) = found
    for part in ("HostConfig", "Config"):
        asked, of_imports = record[part], limited["imports"][part]
        own = {"Hostname", "Cmd", "Entrypoint"}
        different = {key for key in asked if asked[key] != of_imports[key]} - own
        assert different == set()


def test_a_run_is_as_production_has_it(limited, bare, here):
    production = {
        "CapDrop": None,
        "CapAdd": None,
        "SecurityOpt": None,
        "Memory": 256 * MIB,
        "MemorySwap": 320 * MIB,
        "ReadonlyRootfs": True,
        "Tmpfs": {"/scratch": "size=8m"},
        "NetworkMode": "bridge",
    }
    assert subset(limited["run"], production) == here(production)
    assert limited["run"]["Config"]["User"] == "1000:1000"
    assert {"OWN=1", "ASKED=1"} <= {*limited["run"]["Config"]["Env"]}
    assert bare["run"]["HostConfig"]["NetworkMode"] == "none"


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_python_a_run_is_asked_for_as_any_other(judged_image, started, variant):
    session, settings = judged_image.session, judged_image.settings
    given = session.supervised_as(settings, VARIANTS[variant])
    absent = Absent(reason="the image has no Python")
    given.evidence = msgspec.structs.replace(given.evidence, interpreter=absent)
    with watched(session.connect()) as found:
        assert collect_run(given, "smoke", timeout_seconds=60, command=["true"]).exit_code == 0
        collect_limits(given)
    for record in found:
        assert record["HostConfig"] == started(variant)["run"]["HostConfig"]
        assert record["Config"]["Entrypoint"] == ["/bin/sh"]
        assert record["Config"]["Cmd"][:3:2] == ["-c", "tfdocker"]
        assert without_program(record) == without_program(started(variant)["run"])
    assert found[0]["Config"]["Cmd"][3:] == ["true"]


def without_program(record):
    """The rest of what was asked for, apart from names that each container has of its own."""
    own = ("Cmd", "Entrypoint", "Hostname")
    return {key: value for key, value in record["Config"].items() if key not in own}


def test_a_run_that_is_given_files_has_a_tmpfs_for_them_and_no_mount(judged_image):
    session, settings = judged_image.session, judged_image.settings
    given = session.supervised_as(settings, VARIANTS["everything set"])
    passed = PassedFiles([PassedFile("a", b"")])
    with watched(session.connect()) as found:
        command = ["test", "-f", "/run/tfdocker/a"]
        run = collect_run(given, "smoke", timeout_seconds=60, command=command, passed=passed)
    assert run.exit_code == 0
    options = f"rw,exec,nosuid,nodev,mode=1777,size={128 * MIB}"
    wanted = {
        "Tmpfs": {"/scratch": "size=8m", "/run/tfdocker": options},
        "Binds": [f"{VOLUME}:/models"],
        "ReadonlyRootfs": True,
    }
    assert subset(found[0], wanted) == wanted


def test_swap_is_off_where_memory_alone_is_set(judged_image, here):
    session, settings = judged_image.session, judged_image.settings
    given = session.supervised_as(settings, Run(memory=ByteSize(128 * MIB)))
    with watched(session.connect()) as found:
        collect_limits(given)
    wanted = {"Memory": 128 * MIB, "MemorySwap": 128 * MIB}
    assert subset(found[0], wanted) == here(wanted)


def test_the_gpu_question_is_given_all_gpus_and_no_privilege(bare):
    record = bare["GPU question"]
    (asked,) = record["HostConfig"]["DeviceRequests"]
    assert (asked["Count"], asked["Capabilities"]) == (-1, [["gpu"]])
    wanted = {"NetworkMode": "none", "Privileged": False, "CapAdd": None, "AutoRemove": True}
    assert subset(record, wanted) == wanted


def test_a_service_is_published_on_loopback_from_a_bridge_of_its_own(bare, here):
    record, network = bare["service"], bare["network"]
    wanted = {
        "PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        "Privileged": False,
        "CapAdd": None,
        "AutoRemove": True,
    }
    assert subset(record, wanted) == here(wanted)
    assert list(record["NetworkSettings"]["Networks"]) == [network["Name"]]
    assert network["Options"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert network["Labels"] == {LABEL: RUN_ID, OWNER_LABEL: owner()}


def test_what_is_kept_has_no_owner_and_has_ended(judged_image):
    session, settings = judged_image.session, judged_image.settings
    engine = session.connect()
    kept = session.supervised_as(settings, Run())
    kept.keep = True
    with watched(engine) as found:
        collect_run(kept, "smoke", timeout_seconds=60, command=["true"])
    try:
        assert found[0]["HostConfig"]["AutoRemove"] is False
        assert found[0]["Config"]["Labels"] == {LABEL: RUN_ID}
        engine.api.wait(found[0]["Id"], timeout=10)
    finally:
        engine.api.remove_container(found[0]["Id"], force=True)


def test_pid_1_ends_at_its_deadline_while_the_lifeline_holds(judged_image):
    session, settings = judged_image.session, judged_image.settings
    given, cookie = session.supervised_as(settings, Run()), new_cookie()
    child = {"name": "endless", "argv": ["sleep", "600"], "timeout_seconds": 600}
    plan = given.plan([child], deadline_seconds=1)
    spec = given.spec(cookie, given.python)
    with Container(given.engine, spec, RUN_ID, cookie) as container:
        begun = time.monotonic()
        container.start(probe.supervisor_payload(plan, {}))
        assert container.stream.wait_end(30)
        assert time.monotonic() - begun > 0.9


def table(heading, column):
    """First column → another one, by its name, of every table beneath a heading of the page."""
    if not PAGE.is_file():
        pytest.skip("no docs beside these tests")
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)
    cells = [[cell.strip() for cell in row.split(" | ")] for row in rows]
    index = cells[0].index(column)
    found = {row[0].strip("`"): row[index] for row in cells[2:]}
    assert len(found) == len(cells) - 2, "a row stands twice"
    return found


def at(record, path):
    """What stands at a path such as `Config.Labels["x.y"]`; None where nothing does."""
    for quoted, plain in re.findall(r'\["([^"]+)"\]|(\w+)', path):
        record = (record or {}).get(quoted or plain)
    return record or None if isinstance(record, (dict, list)) else record


def promised(cell, path, of_image, *, everything):
    """The value that a cell of the page stands for, in one variant."""
    for word in cell.split(", else "):
        own, _, more = word.partition(" + `") if word.startswith("the image's") else ("", "", word)
        value = at(of_image, path) if own else None
        setting = more.strip("`")
        if not setting.startswith("run."):
            return value if own else json.loads(setting)
        if everything:
            return [*value, *EVERYTHING[setting]] if own else EVERYTHING[setting]
        if own:
            return value
    raise AssertionError(f"{path}: {cell} says nothing of where it isn't set")


def is_as_promised(wanted, found):
    """Whether all that is wanted is found; texts may have *, lists of texts any order."""
    if isinstance(wanted, dict):
        return found is not None and all(
            is_as_promised(value, found.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        if wanted and isinstance(wanted[0], str):
            return sorted(wanted) == sorted(one.removeprefix("CAP_") for one in found or [])
        return len(wanted) == len(found or []) and all(map(is_as_promised, wanted, found or []))
    if isinstance(wanted, str):
        return isinstance(found, str) and fnmatchcase(found, wanted)
    return wanted == found


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
def test_inspect_shows_what_the_page_says(started, kind, variant, here):
    records = started(variant)
    page = {**table("The same in every container", "value"), **table("What differs", kind)}
    assert len(page) > 25
    everything = variant == "everything set"
    lies = {}
    for path, cell in page.items():
        wanted = promised(cell, path, records["image"], everything=everything)
        found = at(records[kind], path)
        if path.endswith("OomKillDisable"):
            found = bool(found)  # null on cgroup v2, once started
        if not is_as_promised(here(wanted, path), found):
            lies[path] = (cell, found)
    assert lies == {}


def test_the_network_is_what_the_page_says(bare):
    page = table("A service's network", "value")
    found = {path: at(bare["network"], path) for path in page}
    lies = [path for path in page if not is_as_promised(json.loads(page[path][1:-1]), found[path])]
    assert page
    assert lies == [], found


def test_a_proxy_that_lets_the_page_s_endpoints_through_will_do(judged_image):
    session, settings = judged_image.session, judged_image.settings
    engine = session.connect()
    evidence = session.evidence(settings)
    with listened(engine) as asked, service_factory.ServiceFactory(judged_image) as start_service:
        inventory.collect_inventory(engine, evidence.id, evidence.config, run_id=RUN_ID)
        assert start_service().get_exposed_port(8000)
        eats = {"command": ["python3", "-c", "x = b'x' * (64 << 20)"], "timeout_seconds": 60}
        limited = session.supervised_as(settings, Run(memory=ByteSize(32 * MIB)))
        assert collect_run(limited, "eats", **eats).oom_killed
        collect_waste(engine, evidence)
        sweep(engine)
    rows = table("What the engine must be", "endpoints").values()
    page = {one.strip("`") for row in rows for one in re.split(", |; (?:buildx: )?", row)}
    wanted = {"POST /containers/ID/attach", "POST /networks/create", "GET /images/ID/get"}
    assert wanted <= asked
    assert asked <= page
    words = re.search(r"^- (`exec`[^.]*)\.", PAGE.read_text(), re.MULTILINE)[1]
    never = {ASKED_BY[word.strip("`")] for word in words.split(", ")}
    assert not never & {one.rpartition("/")[2] for one in asked | page}


def test_the_time_limits_are_what_the_page_says():
    page = table("Time limits", "seconds")
    rest = f"{supervised.SETTLE_SECONDS:g}"
    assert list(page) == list(KINDS)
    assert page["inventory"] == str(inside.PROBE_SECONDS)
    assert page["imports"].endswith(f"and {rest}")
    assert f"and {rest};" in page["run"]
    assert page["run"].endswith(f"`limits`: {rest}")
    assert page["GPU question"].startswith(f"{gpu.ASK_SECONDS} for")
    assert page["GPU question"].endswith(f"and {rest}")
    assert page["service"] == str(service.LIFE_SECONDS)
