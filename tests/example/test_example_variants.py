"""One model in four images: all work, and the table tells what was measured, and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import docker
import pytest
from user_project import UserProject

EXAMPLES = Path(__file__).parents[2] / "examples"
VARIANTS, SENTENCES = EXAMPLES / "variants", EXAMPLES / "sentence-embeddings"
NAMES = ["fp32", "int8-at-load", "int8-before", "onnx"]
MIB = 2**20

built = [pytest.mark.engine, pytest.mark.slow, pytest.mark.xdist_group("example")]


def pins(path):
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_one_name_has_one_version_in_all_examples_with_torch():
    torch = pins(SENTENCES / "requirements.txt")
    assert pins(VARIANTS / "requirements-torch.txt") == torch
    assert pins(VARIANTS / "weights.txt") == pins(SENTENCES / "weights.txt")
    known = dict(torch)
    for name in ("onnx", "export"):
        own = pins(VARIANTS / f"requirements-{name}.txt")
        assert own.items() >= {k: known[k] for k in own.keys() & known.keys()}.items()
        known |= own
    assert not {"torch", "transformers"} & pins(VARIANTS / "requirements-onnx.txt").keys()


def test_what_may_differ_between_the_images_is_not_how_they_run():
    settings = tomllib.loads((VARIANTS / "pyproject.toml").read_text())["tool"]["tfdocker"]
    assert list(settings["images"]) == NAMES
    assert not any({"run", "smoke"} & image.keys() for image in settings["images"].values())


# --- The table, of a report ------------------------------------------------------------


def a_run(**changed):
    run = {"name": "embed", "limits": {"memory_bytes": 1024 * MIB, "cpus": 2}, "exit_code": 0}
    run |= {
        "timed_out": False,
        "oom_killed": False,
        "peak_bytes": 200 * MIB,
        "seconds": 8.0,
        "cpu_seconds": 12.0,
    }
    phases = [{"name": "load", "seconds": 3.0, "peak_bytes": 150 * MIB}]
    return run | {"phases": phases, "fit": None} | changed


def a_check(name="peak-memory[embed]", outcome="passed", message="", budget=None):
    return {"id": name, "outcome": outcome, "message": message, "budget": budget, "measured": 1}


def an_image(name, *runs, checks=None, **size):
    size = {"total_bytes": 10**9, "download_bytes": 4 * 10**8, "download_source": "store"} | size
    checks = checks or [a_check(f"peak-memory[{one['name']}]") for one in runs]
    return {"name": name, "size": size, "runs": list(runs), "checks": checks}


class Table:
    """What compare.py printed of a report."""

    def __init__(self, path):
        command = [sys.executable, str(VARIANTS / "compare.py"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.exit_code, self.output, self.stderr = done.returncode, done.stdout, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        self.rows: dict[str, dict[str, str]] = {}
        self.phases: dict[str, dict[str, str]] = {}
        for label, *cells in rows:
            if label in ("", "working peak in"):
                head, into = cells, self.phases if label else self.rows
            elif not label.startswith("---"):
                into[label] = dict(zip(head, cells, strict=True))
        self.notes = re.findall(r"^- (.*)", done.stdout, re.MULTILINE)


@pytest.fixture
def table_of(tmp_path):
    def make(*images):
        path = tmp_path / "report.json"
        path.write_text(json.dumps({"schema": 1, "images": images}))
        return Table(path)

    return make


def test_a_ratio_is_to_the_first_image(table_of):
    table = table_of(
        an_image("fp32", a_run()),
        an_image(
            "onnx",
            a_run(peak_bytes=150 * MIB, seconds=2.0, fit={"smallest_bytes": 160 * MIB}),
            total_bytes=445_000_000,
            download_bytes=2 * 10**8,
            download_source="estimate",
        ),
    )
    assert table.rows["fp32"] == {
        "image size": "1.00 GB",
        "download": "400 MB",
        "working peak": "200 MiB",
        "smallest limit": "–",
        "duration": "8.0 s",
        "CPU time": "12.0 s",
    }
    assert table.rows["onnx"] == {
        "image size": "445 MB ×0.45",
        "download": "≈ 200 MB ×0.50",
        "working peak": "150 MiB ×0.75",
        "smallest limit": "160 MiB",
        "duration": "2.0 s ×0.25",
        "CPU time": "12.0 s ×1.00",
    }
    assert table.phases == {"fp32": {"load": "150 MiB, 3.0 s"}, "onnx": {"load": "150 MiB, 3.0 s"}}
    assert table.notes == [
        "smallest limit: run with --tfdocker-fit, which says why where it finds none",
        "≈: compressed in part, and estimated",
    ]
    assert table.exit_code == 0


def test_nothing_is_lacking_where_all_is_measured(table_of):
    fit = {"smallest_bytes": 1536 * MIB, "limit_bytes": 1792 * MIB, "runs": []}
    table = table_of(an_image("a", a_run(fit=fit)), an_image("b", a_run(fit=fit)))
    assert table.rows["b"]["smallest limit"] == "1.50 GiB ×1.00"
    assert table.notes == []


def test_a_report_of_a_version_that_fits_nothing_has_a_dash(table_of):
    run = a_run()
    del run["fit"]
    assert table_of(an_image("a", run)).rows["a"]["smallest limit"] == "–"


@pytest.mark.parametrize(
    "run",
    [
        a_run(oom_killed=True),
        a_run(oom_killed=True, exit_code=137),
        a_run(timed_out=True, exit_code=None),
        a_run(exit_code=1),
        a_run(exit_code=None),
    ],
    ids=["child-killed", "killed", "timed-out", "exited", "request-failed"],
)
def test_a_run_that_broke_off_has_no_figures_and_exits_with_1(table_of, run):
    failed = a_check(outcome="failed", message="it broke\n  details", budget=300 * MIB)
    table = table_of(an_image("a", a_run()), an_image("b", run, checks=[failed]))
    row = table.rows["b"]
    assert set(list(row.values())[2:]) == {"–"}
    assert table.phases["b"] == {"load": "–"}
    assert table.notes[0] == "b: it broke"
    assert table.exit_code == 1


def test_the_figures_of_a_run_over_its_own_budget_stand(table_of):
    over = a_check(outcome="failed", message="200 MiB, 100 MiB over 100 MiB", budget=100 * MIB)
    table = table_of(an_image("a", a_run(), checks=[over]))
    assert table.rows["a"]["working peak"] == "200 MiB"
    assert table.exit_code == 0


def test_an_image_that_was_not_built_says_so(table_of):
    checks = [
        a_check("build", "failed", "exit code 1, Dockerfile:9: RUN false\n  …"),
        a_check(outcome="skipped", message="not built"),
    ]
    gone = an_image("b", checks=checks) | {"size": None}
    table = table_of(an_image("a", a_run()), gone)
    assert set(table.rows["b"].values()) == {"–"}
    assert table.notes[0] == "b: exit code 1, Dockerfile:9: RUN false"
    assert table.exit_code == 1


def test_an_image_without_a_smoke_says_so(table_of):
    table = table_of(an_image("a", a_run()), an_image("b", checks=[a_check("build")]))
    assert list(table.rows) == ["a", "b"]
    assert table.rows["b"]["image size"] == "1.00 GB ×1.00"
    assert table.notes[0] == "b: no smoke ran"
    assert table.exit_code == 1


def test_each_smoke_is_held_against_the_same_one(table_of):
    first = [a_run(), a_run(name="warm", peak_bytes=400 * MIB)]
    second = [a_run(), a_run(name="warm", peak_bytes=100 * MIB)]
    table = table_of(an_image("a", *first), an_image("b", *second))
    assert list(table.rows) == ["a embed", "a warm", "b embed", "b warm"]
    assert table.rows["b warm"]["working peak"] == "100 MiB ×0.25"


def test_a_phase_that_only_some_have_stands_in_its_place(table_of):
    def phases(*names):
        return [{"name": name, "seconds": 1.0, "peak_bytes": MIB} for name in names]

    table = table_of(
        an_image("a", a_run(phases=phases("load", "inference"))),
        an_image("b", a_run(phases=phases("start", "load", "warm-up", "inference"))),
    )
    assert list(table.phases["a"]) == ["start", "load", "warm-up", "inference"]
    assert table.phases["a"]["start"] == "–"
    assert table.phases["b"]["start"] == "1 MiB, 1.0 s"


def test_other_limits_are_told(table_of):
    other = a_run(limits={"memory_bytes": None, "cpus": 1})
    table = table_of(an_image("a", a_run()), an_image("b", other))
    assert "the images ran under different limits: durations can't be compared" in table.notes


def heads_and_names(text):
    """Of each table all cells of its head, then the names of its rows: figures apart."""
    tables = []
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        lines = (line.strip("|").split("|") for line in block.splitlines())
        head, _, *rows = [[" ".join(cell.split()) for cell in line] for line in lines]
        tables.append([*head, *(row[0] for row in rows)])
    return tables


def shown_in(folder):
    return heads_and_names((folder / "README.md").read_text())


def test_the_tables_that_are_shown_have_the_head_and_the_rows_of_one_that_is_printed(table_of):
    phases = [{"name": n, "seconds": 1, "peak_bytes": 1} for n in ("import", "load", "inference")]
    printed = table_of(*(an_image(name, a_run(phases=phases)) for name in NAMES)).output
    assert shown_in(VARIANTS)[:2] == heads_and_names(printed)
    assert heads_and_names(printed)[0] in shown_in(EXAMPLES.parent)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": []}'])
def test_what_is_no_report_is_one_line(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    table = Table(path)
    assert table.exit_code == 1
    assert table.stderr.startswith(f"compare.py: {path} ")
    assert table.stderr.count("\n") == 1


# --- The images ------------------------------------------------------------


class Variants(UserProject):
    """A copy of the example, whose wheels are linked."""

    def __init__(self, folder: Path, client: docker.DockerClient, cache: Path):
        super().__init__(folder, client)
        leave_out = shutil.ignore_patterns("wheels*", ".pytest_cache", "__pycache__", "report.json")
        shutil.copytree(VARIANTS, folder, ignore=leave_out, dirs_exist_ok=True)
        (folder / "wheels").mkdir()
        for wheel in (VARIANTS / "wheels").glob("*.whl"):
            try:
                os.link(wheel, folder / "wheels" / wheel.name)
            except OSError:
                shutil.copy2(wheel, folder / "wheels")
        self.cache = cache

    def judge(self, *arguments: str):
        """What pytest said, and the images of the JSON report, by name."""
        said = super().judge("-o", f"cache_dir={self.cache}", *arguments)
        report = json.loads((self.folder / "report.json").read_text())
        return said, {image["name"]: image for image in report["images"]}


@pytest.fixture(scope="module")
def make_variants(docker_client, tmp_path_factory):
    if not any((VARIANTS / "wheels").glob("onnxruntime-*.whl")):
        pytest.skip(
            "examples/variants/wheels is empty: "
            "`python examples/sentence-embeddings/fetch_wheels.py examples/variants` fills it"
        )
    made, cache = [], tmp_path_factory.mktemp("variants-cache")

    def make():
        folder = tmp_path_factory.mktemp("copy") / f"variants-{os.getpid()}-{len(made)}"
        made.append(Variants(folder, docker_client, cache))
        return made[-1]

    yield make
    for project in made:
        for name in NAMES:
            project.remove_image(name)


@pytest.fixture(scope="module")
def judged(make_variants):
    """The project, what was said of it, its images and its table."""
    project = make_variants()
    said, images = project.judge()
    return project, said, images, Table(project.folder / "report.json")


class TestBuilt:
    pytestmark = built

    def test_all_work_and_pass_every_check(self, judged):
        _, said, images, table = judged
        assert said.exit_code == 0, said.output
        assert list(images) == NAMES
        for image in images.values():
            outcomes = {one["id"]: one["outcome"] for one in image["checks"]}
            assert set(outcomes.values()) == {"passed"}
            assert {"build", "pinned", "parity", "conflicts", "limits"} < outcomes.keys()
            assert "peak-memory[embed]" in outcomes
        assert said.tests == {"test_without_torch_it_is_less_than_half[onnx]": "passed"}
        assert table.exit_code == 0, table.output

    def test_the_table_says_what_the_report_says(self, judged):
        _, _, images, table = judged
        assert list(table.rows) == list(table.phases) == NAMES
        first = images["fp32"]
        for name, image in images.items():
            (run,), (base,) = image["runs"], first["runs"]
            wanted = {
                "image size": (image["size"]["total_bytes"], first["size"]["total_bytes"]),
                "download": (image["size"]["download_bytes"], first["size"]["download_bytes"]),
                "working peak": (run["peak_bytes"], base["peak_bytes"]),
                "duration": (run["seconds"], base["seconds"]),
                "CPU time": (run["cpu_seconds"], base["cpu_seconds"]),
            }
            units = {"GB": 10**9, "MB": 10**6, "MiB": MIB, "GiB": 2**30, "s": 1}
            steps = {"GB": 10**7, "MB": 10**6, "MiB": MIB, "GiB": 2**30 / 100, "s": 0.1}
            for column, (value, of_first) in wanted.items():
                cell = re.fullmatch(
                    r"(?:≈ )?([\d.]+) (\w+)(?: ×([\d.]+))?", table.rows[name][column]
                )
                number, unit, ratio = cell.groups()
                assert abs(float(number) * units[unit] - value) <= steps[unit] / 2 + 1e-6
                assert (ratio is None) == (name == "fp32")
                assert ratio is None or abs(float(ratio) - value / of_first) <= 0.0051
            for phase in run["phases"]:
                shown = f"{phase['peak_bytes'] / MIB:.0f} MiB, {phase['seconds']:.1f} s"
                assert table.phases[name][phase["name"]] == shown
            # Where the machine is slow, there is a "start" before them
            names = [one["name"] for one in run["phases"] if one["name"] != "start"]
            assert names == ["import", "load", "inference"]

    def test_the_sizes_stand_in_the_order_that_follows_from_what_is_in_them(self, judged):
        _, _, images, _ = judged
        total = {name: image["size"]["total_bytes"] for name, image in images.items()}
        distributions = {
            name: {one["name"]: one["bytes"] for one in image["size"]["distributions"]}
            for name, image in images.items()
        }
        assert "torch" not in distributions["onnx"]
        assert total["onnx"] < total["fp32"] - distributions["fp32"]["torch"]
        assert total["int8-before"] < total["fp32"] - 25 * 10**6  # 10.6 M weights, 3 bytes less
        assert abs(total["int8-at-load"] - total["fp32"]) < 10**6

    def test_readme_shows_such_a_table(self, judged):
        said = heads_and_names(judged[3].output)
        # Where the machine is slow, there is a "start" before the phases
        assert [[one for one in line if one != "start"] for line in said] == shown_in(VARIANTS)[:2]

    @pytest.mark.parametrize(
        ("name", "path", "right", "wrong"),
        [
            (
                "onnx",
                "app/onnx_fp32.py",
                "np.array([one.attention_mask for one in tokens])",
                "np.array([[1] * len(one.ids) for one in tokens])",
            ),
            (
                "int8-at-load",
                "app/int8_at_load.py",
                "return TorchEncoder(model_dir, quantise(model_dir))",
                "model = quantise(model_dir)\n    model.encoder.layer = model.encoder.layer[:5]\n"
                "    return TorchEncoder(model_dir, model)",
            ),
        ],
        ids=["padding-counts", "a-layer-less"],
    )
    def test_a_variant_that_says_something_else_fails(
        self, make_variants, name, path, right, wrong
    ):
        project = make_variants()
        text = (project.folder / path).read_text()
        assert text.count(right) == 1
        project.write(path, text.replace(right, wrong))
        said, images = project.judge("-k", f"{name} and peak-memory", "Dockerfile")
        assert said.exit_code == 1
        (check,) = images[name]["checks"]
        assert check["outcome"] == "failed"
        assert re.match(
            r"exit code 1 in \"inference\": cosine 0\.\d{4} to fp32, w", check["message"]
        )
        table = Table(project.folder / "report.json")
        assert table.rows[name]["working peak"] == "–"
        assert table.exit_code == 1
