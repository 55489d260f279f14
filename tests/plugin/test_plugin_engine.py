"""Small projects, really built and judged: what is asked of the engine, and what the user sees."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from docker.errors import ImageNotFound

from pytest_tfdocker.engine.errors import ImageNotFoundError

pytestmark = pytest.mark.engine

JSON = "--tfdocker-json=out.json"
ASKED = ("--tfdocker", JSON)
ALONE = ("build", "pinned", "parity", "conflicts", "import[undeclared]", "gpu-visible")
"""What is judged without settings."""
UNJUDGED = {
    "pinned": "nothing is declared",
    "parity": "nothing is declared",
    "conflicts": "no distribution is installed",
    "import[undeclared]": "no ML framework is installed",
}
ALL_PARTS = """
[run]
memory = "256 MiB"

[imports]
modules = ["json"]

[[smoke]]
name = "version"
command = ["python3", "-V"]
peak-memory = "200 MiB"
duration = "30 s"
"""
TOO_LARGE = '[size]\ntotal = "1 MB"\n'
SHARED = "def test_{0}(tfdocker_image): assert tfdocker_image.evidence.total_bytes\n"


def is_there(engine, image_id):
    try:
        engine.inspect(image_id)
    except ImageNotFoundError:
        return False
    return True


def last_lines(result):
    return [line for line in result.outlines if line.startswith("tfdocker: ")]


def short_summary(result):
    return [line for line in result.outlines if re.match(r"(FAILED|ERROR|XFAIL|SKIPPED) ", line)]


def test_the_smallest_project(small):
    small.write("tests/test_own.py", SHARED.format("own"))
    result = small.run(*ASKED, "-rs", "--junitxml=out.xml")
    assert result.ret == 0
    assert small.outcomes()["build"] == "passed"
    told = small.messages()
    assert {name: told[name] for name in UNJUDGED} == UNJUDGED
    report = small.report()
    assert report["reference"] == f"tfdocker/{small.folder.name}:default"
    assert report["dockerfile"] == "Dockerfile"
    own = ("tests.test_own", "test_own")
    assert small.cases() == {*(("tfdocker.default", name) for name in ALONE), own}
    # Each skip is a line of its own, at the Dockerfile, not one line of ours.
    skips = [line for line in short_summary(result) if "Dockerfile" in line]
    assert f"SKIPPED [1] Dockerfile:1: {UNJUDGED['conflicts']}" in skips
    assert not any("pytest_tfdocker" in line for line in result.outlines)


def test_the_last_line_says_what_was_judged(small):
    small.write("tfdocker.toml", '[checks]\ngpu-visible = "off"\n')
    result = small.run(*ASKED)
    report = small.report()
    python = report["interpreter"]
    assert result.outlines[-1] == (
        f"tfdocker: tfdocker/{small.folder.name}:default {report['id'][:19]} {report['platform']}, "
        f"python {python['executable']} {python['version']} (CMD python3 -V): 1 passed, 0 failed, "
        "4 not judged (2 checks: nothing is declared; conflicts: no distribution is installed; "
        "import[undeclared]: no ML framework is installed)"
    )


@pytest.mark.parametrize(
    "workers",
    [(), ("-n", "2", "--dist=load"), ("-n", "2", "--dist=loadscope")],
    ids=["alone", "load", "loadscope"],
)
def test_one_build_and_one_collection_whoever_asks(small, watched, workers):
    small.write("tfdocker.toml", ALL_PARTS)
    for name in ("one", "two"):
        small.write(f"tests/test_{name}.py", SHARED.format(name))
    with watched() as seen:
        result = small.run(*ASKED, "--junitxml=out.xml", *workers)
    outcomes = small.outcomes()
    judged = ("build", "import[json]", "limits", "peak-memory[version]", "duration[version]")
    assert {name: outcomes[name] for name in judged} == dict.fromkeys(judged, "passed")
    assert result.ret == 0
    assert seen.builds(small) == 1
    # The image's inventory, its base's, the imports, the limits, the smoke run of two checks.
    assert len(seen.containers(small.report()["id"])) == 5
    assert {("tfdocker.default", name) for name in outcomes} < small.cases()
    # Workers report in any order; the reports are in the order of collection.
    in_order = [line.partition("::")[2] for line in small.ids("--tfdocker", "Dockerfile")]
    assert list(outcomes) == in_order
    assert len(last_lines(result)) == 1


def test_a_second_unchanged_run_uses_kept_evidence(small, watched):
    small.write("tfdocker.toml", '[imports]\nmodules = ["json"]\n')
    first = small.run(*ASKED)
    before, outcomes = small.report(), small.outcomes()
    with watched() as seen:
        second = small.run(*ASKED)
    after = small.report()
    assert (first.ret, second.ret) == (0, 0)
    assert seen.containers(after["id"]) == []
    assert (before["build"]["cached"], after["build"]["cached"]) == (False, True)
    gathered = ("id", "interpreter", "size", "dependencies", "imports")
    assert {name: after[name] for name in gathered} == {name: before[name] for name in gathered}
    assert small.outcomes() == outcomes


def test_limits_are_asked_for_ahead_where_they_will_be_judged(small, watched):
    small.write("tfdocker.toml", ALL_PARTS)
    assert small.run(*ASKED, "Dockerfile").ret == 0
    for chosen, started in (("build", 0), ("build or limits", 1)):
        with watched() as seen:
            assert small.run(*ASKED, "Dockerfile", "-k", chosen).ret == 0
        assert len(seen.containers(small.report()["id"])) == started


def test_without_the_cache_plugin_evidence_is_gathered_anew(small, watched):
    off = ("-p", "no:cacheprovider")
    assert small.run(*ASKED, *off).ret == 0
    with watched() as seen:
        assert small.run(*ASKED, *off).ret == 0
    assert len(seen.containers(small.report()["id"])) == 2
    assert not (small.folder / ".pytest_cache").exists()


def test_collecting_asks_no_engine(small, watched, engine):
    with watched() as seen:
        assert small.ids("--tfdocker") == [f"Dockerfile::{name}" for name in ALONE]
    assert seen.builds(small) == 0
    assert not is_there(engine, f"tfdocker/{small.folder.name}:default")


def test_one_check_by_k_and_the_failed_one_by_lf(small):
    small.write("tfdocker.toml", TOO_LARGE)
    small.write("tests/test_own.py", "def test_own(): pass\n")
    first = small.run(*ASKED, "-k", "size or own", "tests", "Dockerfile")
    first.assert_outcomes(passed=1, failed=1, deselected=6)
    assert first.ret == 1
    small.run(*ASKED, "--lf", "tests").assert_outcomes(failed=1)
    assert small.outcomes() == {"size[total]": "failed"}


def test_a_failed_check_says_its_figure_first_and_x_ends_the_run(small):
    small.write("tfdocker.toml", TOO_LARGE)
    small.write("tests/test_own.py", "def test_own(): pass\n")
    result = small.run(*ASKED, "-x")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    (failed,) = short_summary(result)
    headline = small.messages()["size[total]"].partition("\n")[0]
    assert re.fullmatch(r"\d+ MB, \d+ MB over 1.0 MB", headline)
    assert failed == f"FAILED Dockerfile::size[total] - {headline}"
    result.stdout.no_fnmatch_line("*Traceback*")
    assert small.outcomes() == {"build": "passed", "size[total]": "failed"}
    assert last_lines(result) == result.outlines[-1:]


def test_levels(small):
    levels = '[checks]\nsize = "warn"\npinned = "require"\nparity = "off"\nconflicts = "fail"\n'
    small.write("tfdocker.toml", TOO_LARGE + levels)
    result = small.run(*ASKED, "-rxf")
    assert result.ret == 1
    outcomes = small.outcomes()
    assert {name: outcomes.get(name) for name in ("size[total]", *ALONE[:4])} == {
        "size[total]": "warned",
        "build": "passed",
        "pinned": "failed",
        "parity": None,
        "conflicts": "skipped",
    }
    headline = small.messages()["size[total]"].partition("\n")[0]
    assert short_summary(result) == [
        f"XFAIL Dockerfile::size[total] - {headline}",
        "FAILED Dockerfile::pinned - nothing is declared",
    ]
    assert "1 warned" in result.outlines[-1]


def test_a_failed_build_is_one_failure_and_is_not_tried_again(small, workers):
    small.write("Dockerfile", small.read("Dockerfile") + "RUN exit 3\n")
    small.write("tests/test_own.py", SHARED.format("own"))
    result = small.run(*ASKED, *workers)
    result.assert_outcomes(failed=1, skipped=len(ALONE))
    assert result.ret == 1
    assert small.outcomes() == {**dict.fromkeys(ALONE, "skipped"), "build": "failed"}
    told = small.messages()
    assert {told[name] for name in ALONE[1:]} == {"not built"}
    (failed,) = short_summary(result)
    assert failed == f"FAILED Dockerfile::build - {told['build'].partition(chr(10))[0]}"
    assert small.report()["id"] is None
    assert result.outlines[-1].startswith("tfdocker: Dockerfile (")
    # Workers have no terminal to tell of their builds.
    builds = [line for line in result.outlines if re.match(r"build: .*RUN exit 3 failed", line)]
    assert len(builds) == (0 if workers else 1)


def test_several_images_of_one_dockerfile(small, small_image, watched, workers):
    text = f"FROM {small_image} AS serve\nLABEL project={small.folder.name}\n"
    small.write("Dockerfile", f"{text}FROM serve AS train\nENV TRAIN=1\n")
    small.write(
        "tfdocker.toml",
        '[images.serve]\nbuild = { target = "serve" }\n'
        '[images.train]\nbuild = { target = "train" }\nsize = { total = "1 MB" }\n',
    )
    small.write("tests/test_own.py", SHARED.format("own"))
    with watched() as seen:
        result = small.run(*ASKED, "--junitxml=out.xml", *workers)
    assert result.ret == 1
    assert seen.builds(small) == 2
    (failed,) = short_summary(result)
    assert failed.startswith("FAILED Dockerfile::train::size[total] - ")
    serve, train = small.reports()
    assert [one["name"] for one in (serve, train)] == ["serve", "train"]
    assert serve["id"] != train["id"]
    assert serve["reference"] == f"tfdocker/{small.folder.name}:serve"
    assert [one["outcome"] for one in train["checks"] if one["id"] == "size[total]"] == ["failed"]
    assert small.cases() == {
        *(("tfdocker.serve", name) for name in ALONE),
        *(("tfdocker.train", name) for name in ("size[total]", *ALONE)),
        ("tests.test_own", "test_own[serve]"),
        ("tests.test_own", "test_own[train]"),
    }
    assert [line.split()[1] for line in last_lines(result)] == [
        serve["reference"],
        train["reference"],
    ]


@pytest.fixture
def given(small, engine, small_image):
    """The small image under a tag of its own, as CI would give it."""
    tag = f"{small.folder.name}:ci"
    engine.api.tag(small_image, *tag.split(":"))
    yield tag
    engine.remove_image(tag)


def test_a_given_image_is_judged_and_left(small, engine, given, watched):
    with watched() as seen:
        result = small.run(*ASKED, f"--tfdocker-image={given}")
    assert result.ret == 0
    assert seen.builds(small) == 0
    assert small.outcomes().keys() == set(ALONE[1:])
    assert small.report()["reference"] == given
    assert is_there(engine, given)
    assert result.outlines[-1].startswith(f"tfdocker: {given} sha256:")


def test_a_given_image_without_a_dockerfile(small, given, workers):
    (small.folder / "Dockerfile").unlink()
    small.write("tests/test_own.py", SHARED.format("own"))
    small.write("tfdocker.toml", TOO_LARGE)
    result = small.run(*ASKED, f"--tfdocker-image={given}", "--junitxml=out.xml", *workers)
    assert result.ret == 1
    (failed,) = short_summary(result)
    assert failed.startswith("FAILED tfdocker::size[total] - ")
    assert small.cases() == {
        *(("tfdocker.default", name) for name in ("size[total]", *ALONE[1:])),
        ("tests.test_own", "test_own"),
    }


def test_a_given_image_that_is_nowhere_is_one_error(small, workers):
    small.write("tests/test_own.py", "def test_own(): pass\n")
    result = small.run(*ASKED, "--tfdocker-image=tfdocker-test/never-made:0", *workers)
    result.assert_outcomes(passed=1, errors=1, skipped=len(ALONE) - 2)
    assert result.ret == 1
    (told,) = short_summary(result)
    assert re.fullmatch(r"ERROR Dockerfile::\S+ - no image tfdocker-test/never-made:0", told)
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_replaced_image_goes_and_no_container_is_left(small, engine, watched):
    with watched() as seen:
        small.run(*ASKED)
    old = small.report()["id"]
    assert not left(engine, seen.containers(old))
    small.write("Dockerfile", small.read("Dockerfile") + "ENV CHANGED=1\n")
    small.run(*ASKED)
    new = small.report()["id"]
    assert new != old
    assert is_there(engine, new)
    assert not is_there(engine, old)


def left(engine, containers):
    every = {one["Id"] for one in engine.api.containers(all=True)}
    return every.intersection(containers)


def test_keep_leaves_the_image_and_the_containers(small, engine, watched):
    small.write("tfdocker.toml", ALL_PARTS)
    with watched() as seen:
        small.run(*ASKED, "--tfdocker-keep", "-k", "peak-memory")
    made = seen.containers(small.report()["id"])
    found = left(engine, made)
    try:
        assert is_there(engine, small.report()["id"])
        images = {engine.api.inspect_container(one)["Image"] for one in found}
        assert images == {small.report()["id"]}
        assert not any(engine.api.inspect_container(one)["State"]["Running"] for one in found)
        # The next run leaves them, too.
        small.run(*ASKED, "-k", "peak-memory")
        assert left(engine, made) == found
    finally:
        for one in found:
            engine.api.remove_container(one, force=True)


def test_the_json_is_written_after_an_interruption(small):
    small.write("tests/test_own.py", "def test_own(): raise KeyboardInterrupt\n")
    result = small.run_apart(*ASKED)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert small.outcomes()["build"] == "passed"
    assert result.outlines[-1].startswith("tfdocker: tfdocker/")


@pytest.mark.parametrize("more", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_checks_that_an_interrupted_run_has_not_reached_are_named(small, more):
    small.write(
        "conftest.py",
        "def pytest_runtest_setup(item):\n    if item.name == 'parity': raise KeyboardInterrupt\n",
    )
    result = small.run_apart(*ASKED, "-p", "no:randomly", "-k", "pinned or parity", *more)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert result.outlines[-1].endswith(", 1 not reached (parity)")
    assert small.report()["unreached"] == ["parity"]


def test_ctrl_c_while_building(small, engine):
    small.write("Dockerfile", small.read("Dockerfile") + f"RUN sleep 77 # {small.folder.name}\n")
    log = small.folder / "log.txt"
    with log.open("wb") as output, started(small, output) as pytest_:
        wait_for(lambda: "build: [1/" in log.read_text())
        pytest_.send_signal(signal.SIGINT)
        assert pytest_.wait(30) == pytest.ExitCode.INTERRUPTED
    lines = log.read_text().splitlines()
    assert lines[-1].startswith(
        "tfdocker: Dockerfile (not built): no check was run, 6 not reached (build, pinned, parity"
    )
    assert not any("Traceback" in line for line in lines)
    assert any(line.startswith("build: [2/2] RUN sleep 77") for line in lines)
    assert json.loads((small.folder / "out.json").read_text())["images"][0]["id"] is None
    with pytest.raises(ImageNotFound):
        engine.client.images.get(f"tfdocker/{small.folder.name}:default")


def test_an_image_that_no_check_has_looked_into_is_no_image_that_is_not_built(small):
    small.write("tests/test_own.py", "def test_own(tfdocker_image): assert tfdocker_image.id\n")
    result = small.run(*ASKED, "-m", "not tfdocker")
    result.assert_outcomes(passed=1, deselected=len(ALONE))
    report, tag = small.report(), f"tfdocker/{small.folder.name}:default"
    assert (report["reference"], report["checks"]) == (tag, [])
    assert result.outlines[-1] == (
        f"tfdocker: {tag} {report['id'][:19]} {report['platform']}: no check was run"
    )


def started(project, output):
    command = [sys.executable, "-m", "pytest", *ASKED, "-p", "no:randomly"]
    return subprocess.Popen(
        command,
        cwd=project.folder,
        stdout=output,
        stderr=output,
        # A shell that starts its jobs in the background has SIGINT ignored in them
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def wait_for(happened, seconds=30):
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.1)
