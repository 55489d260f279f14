"""What a dead run left, the next one removes; what may be another's that lives, it leaves alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_tfdocker.engine.client import LABEL
from pytest_tfdocker.engine.sweep import OWNER_LABEL, owner, sweep

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="owners are told by /proc"),
]

TELL = "from pytest_tfdocker.engine.sweep import owner; print(owner(), flush=True)"


@pytest.fixture(scope="module")
def dead():
    """The label of a process that has ended."""
    told = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    return told.stdout.strip()


@pytest.fixture
def make(engine, small_image):
    """Makes a container, never started, of an owner; whether it is there after a sweep."""
    made = []

    def is_left(label):
        labels = {LABEL: "test"} | ({} if label is None else {OWNER_LABEL: label})
        made.append(engine.api.create_container(small_image, "true", labels=labels)["Id"])
        sweep(engine)
        found = engine.api.containers(all=True, filters={"id": made[-1]})
        return bool(found)

    yield is_left
    for id_ in made:
        if engine.api.containers(all=True, filters={"id": id_}):
            engine.api.remove_container(id_, force=True)


def changed(label, place, value):
    """The label with one of its parts in another's place."""
    parts = label.split("/")
    parts[place] = value
    return "/".join(parts)


def test_what_belongs_to_a_dead_process_is_removed(make, dead):
    assert not make(dead)


def test_a_network_of_a_dead_process_is_removed(engine, dead):
    name = f"tfdocker-test-{os.getpid()}"
    engine.api.create_network(name, labels={LABEL: "test", OWNER_LABEL: dead})
    sweep(engine)
    assert engine.api.networks(names=[name]) == []


def test_a_process_of_the_same_number_that_began_later_is_another(make):
    assert not make(changed(owner(), 2, "1"))


def test_a_zombie_is_dead(make):
    with subprocess.Popen([sys.executable, "-c", TELL], stdout=subprocess.PIPE, text=True) as ended:
        label = ended.stdout.readline().strip()
        while ") Z" not in Path(f"/proc/{ended.pid}/stat").read_text():
            time.sleep(0.01)
        assert not make(label)


def test_what_belongs_to_us_is_left(make):
    assert make(owner())


def test_what_is_kept_has_no_owner_and_is_left(make):
    assert make(None)


@pytest.mark.parametrize("label", ["", "elsewhere", "a/b/c/d", "elsewhere/1/1/1"])
def test_what_belongs_to_another_machine_is_left(make, label):
    assert make(label)


def test_what_belongs_to_another_pid_namespace_is_left(make, dead):
    assert make(changed(dead, 3, "4026539999"))


def test_what_belongs_to_another_machine_of_the_same_name_is_left(make, dead):
    assert make(changed(dead, 4, "5d6bd0b5-7b0c-4f3b-9f0a-1d1b8b6f1c11"))
