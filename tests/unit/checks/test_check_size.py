"""The size checks: figure, composition, boundaries."""

import msgspec
import pytest

from pytest_tfdocker.checks.size import CHECK
from pytest_tfdocker.dockerfile import as_written
from pytest_tfdocker.evidence.records import Absent, Layer

MB = 10**6


def size(name, value):
    return {"size": {name: value}}


def test_plan_holds_only_what_has_a_budget(image, declared):
    assert CHECK.plan(image(), declared()) == []
    budgeted = image(size={"total": 1, "download": 1, "layer": 1, "wasted": 0})
    assert CHECK.plan(budgeted, declared()) == ["total", "download", "layer", "wasted"]


@pytest.mark.parametrize(
    ("total_bytes", "outcome"),
    [(1000 * MB - 1, "passed"), (1000 * MB, "passed"), (1000 * MB + 1, "failed")],
)
def test_total_holds_up_to_its_budget(facts, evidence, total_bytes, outcome):
    files = msgspec.structs.replace(evidence().files, apparent_bytes=total_bytes)
    layers = [Layer(instruction="ADD", bytes=total_bytes, empty=False)]
    judged = facts(size("total", 1000 * MB), evidence=evidence(files=files, layers=layers))
    verdict = CHECK.judge(judged, "total")
    assert (verdict.outcome, verdict.measured) == (outcome, total_bytes)


def test_total_over_budget_names_layers_largest_first_and_the_base_as_one(facts):
    verdict = CHECK.judge(facts(size("total", 800 * MB)), "total")
    assert verdict.line == 9
    assert verdict.text == (
        "1.0 GB, 200 MB over 800 MB\n"
        "  790 MB  Dockerfile:9   RUN pip install -r requirements.txt\n"
        "   10 MB  Dockerfile:10  COPY . .\n"
        "  200 MB                 base python:3.11-slim"
    )


def test_total_says_what_is_wasted_and_that_a_base_is_not_known(facts, evidence):
    layers = [
        Layer(instruction="ADD rootfs", bytes=900 * MB, empty=False),
        Layer(instruction="RUN dd \x1b[31m of=/big", bytes=300 * MB, empty=False),
    ]
    absent = Absent(reason="no Dockerfile")
    judged = facts(size("total", 800 * MB), evidence=evidence(layers=layers, base=absent))
    assert CHECK.judge(judged, "total").text == (
        "1.2 GB, 400 MB over 800 MB\n"
        "  900 MB  ADD rootfs\n"
        "  300 MB  RUN dd \\x1b[31m of=/big\n"
        "  200 MB of it is overwritten or deleted by a later layer, which frees nothing\n"
        "  mend: delete or change files in the instruction that writes them; saves up to 200 MB\n"
        "  which layers are the base's can't be told: all are counted"
    )


def test_total_lists_ten_layers_and_counts_the_rest(facts, evidence):
    layers = [
        Layer(instruction=f"COPY {n}", bytes=n * MB, empty=False, base=False) for n in range(1, 13)
    ]
    lines = CHECK.judge(facts(size("total", 1), evidence=evidence(layers=layers)), "total").details
    assert len([line for line in lines if "COPY" in line]) == 10
    assert lines[10] == "… and 2 more"


def test_total_without_a_walk_is_an_error_with_the_reason(facts, evidence, engine):
    blocks = msgspec.structs.replace(engine, store="containerd:overlayfs")
    without = evidence(files=Absent(reason="no Python and no shell in the image"), engine=blocks)
    verdict = CHECK.judge(facts(size("total", 1), evidence=without), "total")
    assert (verdict.outcome, verdict.text) == ("error", "no Python and no shell in the image")


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [(790 * MB - 1, "failed"), (790 * MB, "passed"), (790 * MB + 1, "passed")],
)
def test_layer_judges_the_largest_above_the_base(facts, budget, outcome):
    verdict = CHECK.judge(facts(size("layer", budget)), "layer")
    assert (verdict.outcome, verdict.measured) == (outcome, 790 * MB)


def test_layer_of_an_image_that_is_only_its_base_is_nothing(facts, evidence):
    layers = [Layer(instruction="ADD", bytes=MB, empty=False, base=True)]
    verdict = CHECK.judge(facts(size("layer", 1), evidence=evidence(layers=layers)), "layer")
    assert (verdict.outcome, verdict.measured) == ("passed", 0)


def test_layer_on_the_containerd_store_says_that_it_counts_blocks(facts, evidence, engine):
    blocks = msgspec.structs.replace(engine, store="containerd:overlayfs")
    verdict = CHECK.judge(facts(size("layer", MB), evidence=evidence(engine=blocks)), "layer")
    assert verdict.details[-1] == (
        "layers are counted in disk blocks, as this engine's image store has them"
    )


def test_layers_whose_bytes_are_told_on_the_containerd_store_are_no_blocks(facts, evidence, engine):
    blocks = msgspec.structs.replace(engine, store="containerd:overlayfs")
    files = msgspec.structs.replace(evidence().files, layer_bytes=[200 * MB, 790 * MB, 10 * MB, 0])
    told = evidence(engine=blocks, files=files)
    verdict = CHECK.judge(facts(size("layer", MB), evidence=told), "layer")
    assert "disk blocks" not in verdict.text
    assert (told.total_bytes, told.wasted_bytes) == (1000 * MB, 0)


def test_folders_that_several_layers_have_are_no_waste_on_the_containerd_store(evidence, engine):
    blocks = msgspec.structs.replace(engine, store="containerd:overlayfs")
    files = msgspec.structs.replace(
        evidence().files, block_bytes=980 * MB, folder_bytes=MB, apparent_bytes=900 * MB
    )
    found = evidence(engine=blocks, files=files)
    assert (found.wasted_bytes, found.total_bytes) == (19 * MB, 919 * MB)


@pytest.mark.parametrize("name", ["layer", "wasted"])
def test_without_a_history_layer_and_waste_are_errors(facts, evidence, name):
    verdict = CHECK.judge(facts(size(name, 1), evidence=evidence(layers=[])), name)
    assert (verdict.outcome, verdict.headline) == (
        "error",
        "the image has no history of every layer",
    )


def test_total_without_a_history_still_has_its_figure(facts, evidence):
    verdict = CHECK.judge(facts(size("total", 1), evidence=evidence(layers=[])), "total")
    assert verdict.measured == 1000 * MB
    assert verdict.details == (
        "the image has no history of every layer: which instruction brought what can't be told",
    )


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [(300 * MB - 1, "failed"), (300 * MB, "passed"), (300 * MB + 1, "passed")],
)
def test_wasted_is_what_later_layers_hide(facts, evidence, budget, outcome):
    files = msgspec.structs.replace(evidence().files, apparent_bytes=700 * MB)
    verdict = CHECK.judge(facts(size("wasted", budget), evidence=evidence(files=files)), "wasted")
    assert (verdict.outcome, verdict.measured) == (outcome, 300 * MB)


def test_wasted_names_the_instructions_that_may_have_done_it(facts, evidence):
    layers = [
        Layer(instruction="ADD", bytes=700 * MB, empty=False, base=True),
        Layer(instruction="COPY wheels /w", bytes=400 * MB, empty=False, base=False, line=8),
        Layer(instruction="RUN rm -rf /w", bytes=0, empty=False, base=False, line=12),
    ]
    verdict = CHECK.judge(
        facts(size("wasted", 20 * MB), evidence=evidence(layers=layers)), "wasted"
    )
    assert verdict.text == (
        "100 MB, 80 MB over 20 MB\n"
        "  overwritten or deleted by a later layer, as these may do:\n"
        "  Dockerfile:12: RUN rm -rf /w\n"
        "  delete or change files in the instruction that writes them; a later one frees nothing"
    )


@pytest.mark.parametrize(
    "command",
    ["rm /opt/dump", "cd /opt && rm dump", "apt-get -y purge gcc", "apt autoremove -y", "mv a b"],
)
def test_an_instruction_that_deletes_is_named(facts, evidence, command):
    layers = [
        Layer(instruction="COPY . /opt", bytes=1900 * MB, empty=False, base=False, line=8),
        Layer(instruction=f"RUN {command}", bytes=0, empty=False, base=False, line=12),
    ]
    verdict = CHECK.judge(facts(size("wasted", 1), evidence=evidence(layers=layers)), "wasted")
    assert verdict.details[1] == f"Dockerfile:12: RUN {command}"


def test_a_history_that_tells_not_of_every_layer_gives_no_waste(facts, evidence):
    """As kaniko's and jib's may: 200 MB of 1,190 stand in no entry."""
    files = msgspec.structs.replace(evidence().files, apparent_bytes=1190 * MB)
    short = evidence(files=files, store_bytes=1205 * MB)
    verdict = CHECK.judge(facts(size("wasted", 0), evidence=short), "wasted")
    assert (verdict.outcome, verdict.headline) == (
        "error",
        "the history tells of fewer bytes than the files hold",
    )
    total = CHECK.judge(facts(size("total", 1200 * MB), evidence=short), "total")
    assert (total.outcome, total.measured) == ("failed", 1205 * MB)
    untold = msgspec.structs.replace(short, store_bytes=None)
    total = CHECK.judge(facts(size("total", 1200 * MB), evidence=untold), "total")
    assert (total.outcome, total.measured) == ("passed", 1190 * MB)


def test_the_engines_own_files_are_no_short_history(facts, evidence):
    """/etc/mtab and the like, which stand in no layer."""
    there = evidence(
        files=msgspec.structs.replace(evidence().files, apparent_bytes=1000 * MB + 4096)
    )
    verdict = CHECK.judge(facts(size("wasted", 0), evidence=there), "wasted")
    assert (verdict.outcome, verdict.measured) == ("passed", 0)
    total = CHECK.judge(facts(size("total", 1000 * MB), evidence=there), "total")
    assert total.measured == 1000 * MB


def test_folders_that_could_not_be_listed_are_not_told_as_waste(facts, evidence):
    files = msgspec.structs.replace(evidence().files, apparent_bytes=700 * MB, unreadable=2)
    judged = facts(size("wasted", 10**9), evidence=evidence(files=files))
    verdict = CHECK.judge(judged, "wasted")
    assert (verdict.outcome, verdict.headline) == ("error", "2 folders could not be listed")
    judged = facts(size("total", 10**9), evidence=evidence(files=files))
    assert CHECK.judge(judged, "total").details[-1] == "2 folders could not be listed"


@pytest.mark.parametrize(
    ("history", "written"),
    [
        ("RUN /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
        ("RUN |2 TOKEN=abc A=b c /bin/sh -c pip install torch # buildkit", "RUN pip install torch"),
        ("/bin/sh -c #(nop) COPY dir:0123 in /app ", "COPY dir:0123 in /app"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("COPY /opt/venv /opt/venv # buildkit", "COPY /opt/venv /opt/venv"),
        ('RUN ["pip", "install", "torch"]', 'RUN ["pip", "install", "torch"]'),
    ],
)
def test_instructions_are_told_as_they_were_written(history, written):
    assert as_written(history) == written


def test_a_second_install_is_named_since_it_may_replace_what_the_first_brought(facts, evidence):
    commands = ["pip install numpy", "pip install --no-cache-dir numpy==2.4.5", "echo done"]
    layers = [
        Layer(instruction=f"RUN {text}", bytes=400 * MB, empty=False, base=False, line=10 + at)
        for at, text in enumerate(commands)
    ]
    verdict = CHECK.judge(facts(size("wasted", 1), evidence=evidence(layers=layers)), "wasted")
    assert verdict.details[1:-1] == ("Dockerfile:11: RUN pip install --no-cache-dir numpy==2.4.5",)
