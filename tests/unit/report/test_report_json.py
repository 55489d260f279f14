"""The JSON report keeps every key that docs/json.md promises, and is written whatever happens."""

import json
import re
from pathlib import Path

import pytest

from pytest_tfdocker.checks.comparison import Comparison, Difference
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.evidence.records import (
    Absent,
    Download,
    Fit,
    FrameworkThreads,
    Gpu,
    GpuDevice,
    GpuFramework,
    Import,
    Imports,
    Repeats,
    Requests,
    Threads,
    Trial,
)
from pytest_tfdocker.report.image_report import CheckResult, ImageReport
from pytest_tfdocker.report.json_report import render, write_json

MIB = 1 << 20
FIT = Fit(
    smallest_bytes=432 * MIB,
    failing_bytes=416 * MIB,
    failed_by="OOM-killed",
    limit_bytes=500 * MIB,
    runs=2,
    seconds=16.5,
    trials=[
        Trial(limit_bytes=None, outcome="passed", seconds=8.0),
        Trial(limit_bytes=416 * MIB, outcome="killed", why="OOM-killed", seconds=4.0),
    ],
)
DOCS = Path(__file__).parents[3] / "docs/json.md"


def parse(tokens, close):
    """A shape of the schema's notation: {name: shape}, [shape], or a tuple of a row's cells."""
    shape = {}
    while tokens[0] != close:
        name = tokens.pop(0)
        if name == ",":
            continue
        shape[name] = parse_value(tokens)
    tokens.pop(0)
    return shape


def parse_value(tokens):
    if tokens and tokens[0] == "{":
        tokens.pop(0)
        return parse(tokens, "}")
    if tokens and tokens[0] == "[":
        tokens.pop(0)
        return parse_list(tokens)
    return None


def parse_list(tokens):
    if tokens[0] not in "{[":
        return tuple(parse(tokens, "]"))
    inner = parse_value(tokens)
    assert tokens.pop(0) == "]"
    return [inner]


def schema():
    text = re.search(r"```\n(schema.*?)```", DOCS.read_text(), re.DOTALL)[1]
    return parse([*re.findall(r"\w+|[{}\[\],]", text), "END"], "END")


def missing(shape, value, where=""):
    """Paths of the schema that a report lacks; an absent part is null."""
    if value is None or shape is None:
        return []
    if isinstance(shape, list):
        return [path for one in value for path in missing(shape[0], one, f"{where}[]")]
    if isinstance(shape, tuple):
        return [] if len(shape) == len(value) else [where]
    lacking = [f"{where}.{key}" for key in shape if key not in value]
    kept = [key for key in shape if key in value]
    return lacking + [p for key in kept for p in missing(shape[key], value[key], f"{where}.{key}")]


def undocumented(shape, value, where=""):
    """Paths of a report that the schema lacks."""
    if isinstance(shape, list) and isinstance(value, list):
        return [path for one in value for path in undocumented(shape[0], one, f"{where}[]")]
    if not isinstance(shape, dict) or value is None:
        return []
    found = [f"{where}.{key}" for key in value if key not in shape]
    return found + [
        path
        for key in shape.keys() & value.keys()
        for path in undocumented(shape[key], value[key], f"{where}.{key}")
    ]


@pytest.fixture
def whole(image, evidence, declared, run):
    """A report in which every part is there."""
    problem = DependencyProblem(
        kind="version",
        name="torch",
        wanted="==2.13.0",
        found="2.12.0",
        source="requirements.txt",
        line=1,
    )
    torch = GpuFramework(name="torch", version="2.14.1", cuda="13.0", sees=True, kernel_ran=True)
    return ImageReport(
        image=image(),
        evidence=evidence(),
        declared=declared("torch==2.13.0", "transformers"),
        problems=(problem,),
        imports=Imports(modules={"torch": Import(name="torch", ok=True, seconds=2.8)}),
        gpu=Gpu(
            visible=True,
            driver="580.65.06",
            devices=[GpuDevice(name="T4", capability="7.5", memory_bytes=15 << 30)],
            frameworks=[torch],
        ),
        threads=Threads(
            cpus=16, cores=8, frameworks=[FrameworkThreads(name="torch", version="2", threads=8)]
        ),
        download=Download(bytes=412 * 10**6, source="manifest"),
        runs=(
            run(
                samples=[(0.0, 1, 2), (0.02, 3, 4)],
                requests=Requests(
                    count=2,
                    answered=2,
                    warm_up=1,
                    concurrency=1,
                    min_seconds=0.1,
                    median_seconds=0.1,
                    p95_seconds=0.2,
                    max_seconds=0.2,
                ),
                repeats=Repeats(warm_up=0, count=2, seconds=[8.0, 9.0], peak_bytes=[1, 2]),
            ),
        ),
        fits={"embed": FIT},
        checks=(CheckResult(id="build", outcome="passed", message="12.3 s", measured=12.3),),
    )


def image_of(*reports):
    return json.loads(render(reports, "0.1.0"))["images"][0]


def test_the_notation_is_read_as_people_read_it():
    shape = schema()
    assert list(shape) == ["schema", "tool", "images"]
    assert (
        shape["images"][0]["runs"][0]["samples"] == [[["seconds", "working_bytes", "cache_bytes"]]]
        or shape["images"][0]["runs"][0]["samples"]
    )
    assert shape["images"][0]["checks"] == [
        dict.fromkeys(["id", "outcome", "measured", "budget", "message"])
    ]


def test_every_promised_key_is_there(whole):
    report = json.loads(render([whole], "0.1.0"))
    assert missing(schema(), report) == []
    assert report["schema"] == 1
    assert report["tool"] == {"name": "pytest-tfdocker", "version": "0.1.0"}


def test_every_key_is_promised(whole):
    assert undocumented(schema(), json.loads(render([whole], "0.1.0"))) == []


def test_a_missing_key_would_be_found(whole):
    report = json.loads(render([whole], "0.1.0"))
    del report["images"][0]["runs"][0]["limits"]["cpus"]
    assert missing(schema(), report) == [".images[].runs[].limits.cpus"]


def test_figures_stand_in_bytes_and_names(whole):
    told = image_of(whole)
    assert told["size"]["total_bytes"] == 1000 * 10**6
    assert told["size"]["download_bytes"] == 412 * 10**6
    assert told["size"]["download_source"] == "manifest"
    assert told["size"]["layers"][1] == {
        "instruction": "RUN pip install -r requirements.txt",
        "line": 9,
        "bytes": 790 * 10**6,
        "base": False,
    }
    assert told["dependencies"]["declared"] == ["torch==2.13.0", "transformers"]
    assert told["dependencies"]["installed"] == ["torch==2.13.0", "transformers==5.23.0"]
    assert told["runs"][0]["samples"] == [[0.0, 1, 2], [0.02, 3, 4]]


def test_what_a_search_found_stands_with_its_run(whole):
    assert image_of(whole)["runs"][0]["fit"] == {
        "smallest_bytes": 432 * MIB,
        "failing_bytes": 416 * MIB,
        "failed_by": "OOM-killed",
        "limit_bytes": 500 * MIB,
        "runs": 2,
        "seconds": 16.5,
        "notes": [],
        "trials": [
            {"limit_bytes": None, "outcome": "passed", "why": "", "seconds": 8.0},
            {"limit_bytes": 416 * MIB, "outcome": "killed", "why": "OOM-killed", "seconds": 4.0},
        ],
    }


@pytest.mark.parametrize(
    "fits", [None, {}, {"other": FIT}, {"embed": Absent(reason="it fails without any limit too")}]
)
def test_a_run_of_which_no_limit_was_found_has_none(image, run, fits):
    told = image_of(ImageReport(image=image(), runs=(run(),), fits=fits))
    assert told["runs"][0]["fit"] is None


def test_another_image_stands_with_whose_bytes_the_difference_is(image, evidence):
    torch = Difference(
        kind="distribution",
        name="torch",
        version=None,
        than_version="2.13.0",
        bytes=0,
        than_bytes=9,
    )
    compared = Comparison(than="builder", than_id="sha256:1", bytes=-9, owners=(torch,))
    unseen = Comparison(than="app:before", than_id="sha256:2", bytes=-1, owners=None)
    told = image_of(ImageReport(image=image(), evidence=evidence(), comparisons=(compared, unseen)))
    assert missing(schema()["images"][0], told) == []
    assert told["comparisons"] == [
        {
            "than": "builder",
            "than_id": "sha256:1",
            "bytes": -9,
            "owners": [
                {
                    "kind": "distribution",
                    "name": "torch",
                    "version": None,
                    "than_version": "2.13.0",
                    "bytes": 0,
                    "than_bytes": 9,
                }
            ],
        },
        {"than": "app:before", "than_id": "sha256:2", "bytes": -1, "owners": None},
    ]


def test_what_is_absent_is_null(image, evidence):
    absent = Absent(reason="no Python in the image")
    bare = evidence(
        files=absent, interpreter=absent, distributions=absent, base=absent, build=None, layers=[]
    )
    told = image_of(ImageReport(image=image(), evidence=bare, imports=absent, gpu=absent))
    assert told["size"] == dict.fromkeys(
        [
            "waste",
            "total_bytes",
            "download_bytes",
            "download_source",
            "wasted_bytes",
            "files",
            "layers",
            "distributions",
            "bloat",
        ]
    )
    assert [told[key] for key in ("build", "interpreter", "imports", "gpu", "threads")] == (
        [None] * 5
    )
    assert told["dependencies"] == {"declared": None, "installed": None, "problems": None}


def test_an_image_that_was_not_built_is_there_with_its_build_check(image):
    failed = CheckResult(id="build", outcome="failed", message="exit code 1\n  step [2/3]")
    told = image_of(ImageReport(image=image(name="serve"), checks=(failed,)))
    assert missing(schema()["images"][0], told) == []
    assert (told["name"], told["id"], told["size"], told["dockerfile"]) == (
        "serve",
        None,
        None,
        "Dockerfile",
    )
    assert told["checks"] == [
        {
            "id": "build",
            "outcome": "failed",
            "measured": None,
            "budget": None,
            "message": "exit code 1\n  step [2/3]",
        }
    ]


def test_no_image_at_all_is_a_report_too():
    assert json.loads(render([], "0.1.0"))["images"] == []


def test_names_that_are_no_utf_8_and_figures_that_are_no_numbers_are_written(image, run):
    odd = CheckResult(id="size[total]", outcome="error", message="\udcff\x1b", measured=Path("/x"))
    told = image_of(ImageReport(image=image(), checks=(odd,), runs=(run(seconds=float("nan")),)))
    assert told["checks"][0]["message"] == "\\udcff\x1b"
    assert told["checks"][0]["measured"] == "/x"
    assert told["runs"][0]["seconds"] is None


def test_an_import_that_was_killed_has_an_error(image):
    killed = Import(name="torch", ok=False, seconds=1.0, oom_killed=True)
    told = image_of(ImageReport(image=image(), imports=Imports(modules={"torch": killed})))
    assert told["imports"][0]["error"] == "killed by SIGKILL: out of memory"


def test_the_file_is_written_with_its_folder_and_replaces_the_last(tmp_path, whole):
    path = tmp_path / "out/report.json"
    write_json(path, [])
    write_json(path, [whole])
    assert json.loads(path.read_text())["images"][0]["name"] == "default"
    assert [one.name for one in path.parent.iterdir()] == ["report.json"]
