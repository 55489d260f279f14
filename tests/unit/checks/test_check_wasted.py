"""The rows of `size[wasted]` once the layers were read."""

import msgspec
import pytest

from pytest_tfdocker.checks.bloat import rewritten
from pytest_tfdocker.checks.size import CHECK
from pytest_tfdocker.checks.wasted import CHANGED, FIX, ONCE
from pytest_tfdocker.evidence.records import Absent, Waste, WastedFile, WastedGroup

MB = 10**6


def waste(*groups, files=()):
    return Waste(
        bytes=sum(one.bytes for one in groups),
        count=sum(one.count for one in groups),
        groups=list(groups),
        files=list(files),
    )


def group(how="deleted", size_bytes=30 * MB, count=1, below="/a", layer=1, by=2):
    return WastedGroup(layer=layer, by=by, how=how, bytes=size_bytes, count=count, below=below)


@pytest.fixture
def wasting(evidence):
    """Evidence of an image of which 30 MB are hidden."""
    sound = evidence()
    files = msgspec.structs.replace(sound.files, apparent_bytes=970 * MB)
    return evidence(files=files)


@pytest.fixture
def judge(facts, wasting):
    def make(found, budget=20 * MB, **more):
        settings = {"size": {"wasted": budget}}
        return CHECK.judge(facts(settings, evidence=wasting, waste=found, **more), "wasted")

    return make


def test_a_single_file_has_one_row(judge):
    verdict = judge(waste(group()))
    assert verdict.text == (
        "30 MB, 10 MB over 20 MB\n"
        "  30 MB  /a  Dockerfile:9  deleted by Dockerfile:10\n"
        "  mend: delete it in the instruction that writes it; a later one frees nothing"
    )


def test_of_a_folder_the_largest_files_are_told_and_each_fix_once(judge):
    files = [
        WastedFile(
            path=f"/d/{n}\x1b[31m", bytes=(9 - n) * MB, layer=1, by=2, how="moved", now="/e\n"
        )
        for n in range(6)
    ]
    found = waste(
        group("moved", 20 * MB, 1200, "/d/"),
        group("rewritten", 10 * MB, 2, "/s/", layer=0),
        group("moved", 9_999, 3, "/x/"),
        files=files,
    )
    assert judge(found).details == (
        "20 MB  /d/, 1,200 files  Dockerfile:9    moved by Dockerfile:10",
        "10 MB  /s/, 2 files      the base image  "
        "written once more, with the same content, by Dockerfile:10",
        "the largest:",
        "  9.0 MB  /d/0\\x1b[31m, now /e\\n",
        "  8.0 MB  /d/1\\x1b[31m, now /e\\n",
        "  7.0 MB  /d/2\\x1b[31m, now /e\\n",
        "  6.0 MB  /d/3\\x1b[31m, now /e\\n",
        "  5.0 MB  /d/4\\x1b[31m, now /e\\n",
        "  … and 1,200 more",
        "mend: write it where it belongs: a later mv copies it",
        "mend: copy it once: of one COPY leave it out, by its paths or by .dockerignore",
    )


def test_what_is_little_is_told_where_there_is_no_more(judge):
    assert judge(waste(group("overwritten", 12, 1, "/x"))).details == (
        "12 B  /x  Dockerfile:9  overwritten by Dockerfile:10",
        "mend: write each file once, in its last version",
    )


def test_a_layer_that_is_no_entry_of_the_history_has_its_number(judge):
    row = judge(waste(group(layer=7, by=8))).details[0]
    assert row == "30 MB  /a  layer 8  deleted by layer 9"


def test_layers_that_are_told_by_number_are_no_entries_of_the_history(judge, wasting):
    """The history has as many entries as there are layers, and two of them have none."""
    found = msgspec.structs.replace(waste(group("rewritten")), by_number=True)
    assert judge(found).details == (
        "30 MB  /a  layer 2  written once more, with the same content, by layer 3",
        "mend: write each file once: the second time changes nothing",
    )
    assert rewritten(found, wasting.layers).by_layer == [(None, 30 * MB)]


def test_layers_that_cant_be_read_leave_the_likely_ones(judge):
    verdict = judge(Absent(reason="the layers can't be read: no space"))
    assert verdict.outcome == "failed"
    assert verdict.details[-1] == "the layers can't be read: no space"


@pytest.mark.parametrize(
    ("parameter", "budget", "wanted"),
    [("wasted", 30 * MB, False), ("wasted", 30 * MB - 1, True), ("total", 1, False)],
)
def test_layers_are_read_only_where_more_is_wasted_than_may_be(
    facts, wasting, parameter, budget, wanted
):
    verdict = CHECK.judge(facts({"size": {parameter: budget}}, evidence=wasting), parameter)
    assert CHECK.wants_waste(parameter, verdict) is wanted


def test_without_a_history_the_layers_tell(facts, wasting):
    blind = msgspec.structs.replace(wasting, layers=[])
    settings = {"size": {"wasted": 20 * MB}}
    verdict = CHECK.judge(facts(settings, evidence=blind), "wasted")
    assert verdict.outcome == "error"
    assert CHECK.wants_waste("wasted", verdict)
    told = CHECK.judge(facts(settings, evidence=blind, waste=waste(group())), "wasted")
    assert (told.outcome, told.headline) == ("failed", "30 MB, 10 MB over 20 MB")


@pytest.mark.parametrize(
    ("instruction", "fix"),
    [
        ("COPY . .", ONCE),
        ("ADD . .", ONCE),
        ("RUN chown -R app /app", CHANGED),
        ("RUN apt-get update && chmod +x /entry", CHANGED),
        ("RUN pip install -r requirements.txt", FIX["rewritten"]),
    ],
)
def test_the_fix_of_what_is_written_twice_hangs_on_what_writes_it_again(
    facts, wasting, instruction, fix
):
    layers = list(wasting.layers)
    layers[2] = msgspec.structs.replace(layers[2], instruction=instruction)
    found = msgspec.structs.replace(wasting, layers=layers)
    more = facts({"size": {"wasted": 0}}, evidence=found, waste=waste(group("rewritten")))
    assert CHECK.judge(more, "wasted").details[-1] == f"mend: {fix}"


@pytest.mark.parametrize(
    ("instruction", "doubled"),
    [
        ("COPY . .", 0),
        ("RUN apt-get install -y gcc", 0),
        ("RUN chmod +x /a", 30 * MB),
        ("RUN mv /a /b", 30 * MB),
        ("RUN ./fix-permissions.sh", 30 * MB),
        ("RUN apt-get install -y gcc && chown app /a", 30 * MB),
        ("layer 3 of 3", 30 * MB),
    ],
)
def test_what_is_written_twice_is_not_always_a_chmods_fault(wasting, instruction, doubled):
    layers = list(wasting.layers)
    layers[2] = msgspec.structs.replace(layers[2], instruction=instruction)
    found = rewritten(waste(group("rewritten"), group("deleted")), layers)
    assert (found.bytes if found else 0) == doubled


def test_what_is_doubled_counts_where_no_history_tells_of_the_layer():
    assert rewritten(waste(group("rewritten")), []).bytes == 30 * MB
