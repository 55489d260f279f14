"""The terminal's summary: figures, settings to paste, what could not be judged, the last line."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker.checks.comparison import Comparison
from pytest_tfdocker.evidence.prepare import Prepared
from pytest_tfdocker.evidence.records import Absent, Bloat, Download, Import, Imports, Limits
from pytest_tfdocker.report.image_report import CheckResult, ImageReport
from pytest_tfdocker.report.suggestions import rounded_up, suggest
from pytest_tfdocker.report.summary import last_line, render_figures
from pytest_tfdocker.settings.units import parse_size

WHAT = (
    "tfdocker: app:ci sha256:0123456789ab linux/amd64, "
    "python /opt/venv/bin/python 3.11.2 (CMD python app.py)"
)
BUDGETS = {"size": {"total": 2 * 10**9, "layer": 10**9, "wasted": 10**7}}


def render_summary(reports, width=80):
    """What the terminal shows, pytest's own summary left out."""
    return [*render_figures(reports, width), *map(last_line, reports)]


def check(outcome, name="size[total]", message="1.0 GB, 1.0 GB under 2.0 GB"):
    return CheckResult(id=name, outcome=outcome, message=message)


@pytest.fixture
def report(image, evidence):
    def make(settings=None, **parts):
        return ImageReport(image=image(**settings or {}), **{"evidence": evidence(), **parts})

    return make


@pytest.mark.parametrize(
    ("source", "told"),
    [("estimate", "about 368 MB to download"), ("manifest", "368 MB to download")],
)
def test_what_is_sent_is_told_with_the_other_sizes(report, source, told):
    lines = render_summary([report(download=Download(bytes=368_000_000, source=source))])
    assert lines[1] == f"  size: 1.0 GB in all, 0 B wasted, 4,500 files, {told}"


def test_the_summary_tells_figures_then_settings_then_reasons_then_the_last_line(report, run):
    settings = {"smoke": [{"name": "embed", "script": "smoke.py"}]}
    imports = {"torch": Import(name="torch", ok=True, seconds=2.8)}
    told = report(
        settings,
        runs=(run(),),
        imports=Imports(modules=imports),
        checks=(check("passed"), check("skipped", "gpu-visible", "the engine offers no GPU")),
    )
    assert render_summary([told]) == [
        "measured in default:",
        "  size: 1.0 GB in all, 0 B wasted, 4,500 files",
        "  largest layers:",
        "    790 MB  Dockerfile:9   RUN pip install -r requirements.txt",
        "     10 MB  Dockerfile:10  COPY . .",
        "  largest distributions:",
        "    667 MB  torch 2.13.0",
        "     54 MB  transformers 5.23.0",
        "  embed: peak 400 MiB, limit 1.00 GiB; 640 MiB with page cache; 8.0 s",
        "  imports: torch 2.8 s",
        "no budget is set for these; to hold them, in pyproject.toml:",
        "  [tool.tfdocker.size]",
        '  total = "1.1 GB"',
        '  layer = "870 MB"',
        '  wasted = "1 MB"',
        '  # in [[tool.tfdocker.smoke]], beneath name = "embed":',
        '  peak-memory = "440 MiB"',
        '  duration = "16 s"',
        "not judged in default:",
        "  gpu-visible: the engine offers no GPU",
        f"{WHAT}: 1 passed, 0 failed, 1 not judged (gpu-visible: the engine offers no GPU)",
    ]


def test_another_image_of_the_run_is_one_line(report):
    smaller = Comparison(than="builder", than_id="sha256:1", bytes=-1_020_000_000, owners=())
    unknown = Comparison(than="old", than_id="sha256:2", bytes=None, owners=None)
    lines = render_figures([report(BUDGETS, comparisons=(smaller, unknown))])
    assert lines[-1] == "  1.0 GB smaller than builder"


def test_a_limit_that_is_in_force_and_out_of_reach_is_noted(report):
    line = "in force, but out of reach: the engine's machine has 23 GiB"
    passed = check("passed", "limits", f"memory 64 GiB\n  {line}")
    lines = render_figures([report(BUDGETS, checks=(passed,))])
    assert lines[-2:] == ["noted in default:", f"  limits: {line}"]
    assert not any("not judged" in one for one in lines)


def test_with_every_budget_set_nothing_is_to_paste(report):
    assert suggest(report(BUDGETS)) == []


def test_a_table_that_is_there_is_not_opened_twice(report):
    assert suggest(report({"size": {"total": 10**9, "wasted": 0}})) == [
        "no budget is set for these; to hold them, in pyproject.toml:",
        "  # in [tool.tfdocker.size], which is there already:",
        '  layer = "870 MB"',
    ]


def test_settings_of_one_of_several_images_go_into_its_own_table(report, image):
    serve = msgspec.structs.replace(
        image(name="serve"), source=Path("/project/tfdocker.toml"), name="gpu 2.0"
    )
    told = msgspec.structs.replace(report(), image=serve)
    assert suggest(told)[:2] == [
        "no budget is set for these; to hold them, in tfdocker.toml:",
        '  # for the image "gpu 2.0", in its table `size`:',
    ]


def test_what_is_pasted_is_toml_and_holds_what_was_measured(report):
    pasted = tomllib.loads("\n".join(suggest(report())[1:]))
    sizes = pasted["tool"]["tfdocker"]["size"]
    assert parse_size(sizes["total"]) >= 1000 * 10**6
    assert parse_size(sizes["layer"]) >= 790 * 10**6


def test_a_run_that_broke_off_suggests_nothing(report, run):
    settings = {**BUDGETS, "smoke": [{"name": "embed", "script": "smoke.py"}]}
    assert suggest(report(settings, runs=(run(exit_code=1),))) == []


@pytest.mark.parametrize(
    ("concurrency", "line"),
    [
        (1, 'peak-memory = "63 MiB"'),
        (2, 'peak-memory = "86 MiB"  # 50 % over one run: requests overlap'),
    ],
)
def test_a_peak_of_requests_that_overlap_is_offered_more_room(report, run, concurrency, line):
    request = {"path": "/", "concurrency": concurrency}
    smoke = {"name": "embed", "repeat": 20, "request": request, "duration": 60}
    told = suggest(report({**BUDGETS, "smoke": [smoke]}, runs=(run(peak_bytes=57 * 2**20),)))
    assert told[-1] == f"  {line}"
    assert parse_size(tomllib.loads(line)["peak-memory"]) >= 57 * 2**20


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "1 MB"),
        (1, "1 MB"),
        (1_000_001, "2 MB"),
        (99_000_000, "99 MB"),
        (100_000_000, "100 MB"),
        (100_000_001, "110 MB"),
        (999_000_000, "1000 MB"),
        (1_529_000_000, "1.6 GB"),
        (11_000_000_001, "12 GB"),
    ],
)
def test_budgets_have_two_figures_and_are_never_below_the_value(value, text):
    assert rounded_up(value, {"MB": 10**6, "GB": 10**9}) == text
    assert parse_size(text) >= value


def test_figures_that_are_absent_are_left_out(report, evidence):
    absent = Absent(reason="no Python in the image")
    bare = evidence(files=absent, distributions=absent, layers=[])
    assert render_summary([report(evidence=bare)])[:-1] == []


def test_a_run_without_a_peak_has_its_seconds_all_the_same(report, run):
    lines = render_figures([report(runs=(run(peak_bytes=None, kernel_peak_bytes=None),))])
    assert "  embed: peak not known, limit 1.00 GiB; 8.0 s" in lines


def test_a_peak_without_a_limit_says_so(report, run):
    lines = render_summary([report(BUDGETS, runs=(run(limits=Limits(), kernel_peak_bytes=None),))])
    assert "  embed: peak 400 MiB, no memory limit; 8.0 s" in lines


def test_a_run_that_its_cpu_limit_stood_still_says_so(report, run):
    lines = render_figures([report(runs=(run(throttled_seconds=0.8),))])
    assert "  embed: throttled 800 ms in 8.0 s by 2 CPUs, see `threads`" in lines
    lines = render_figures([report(runs=(run(throttled_seconds=0.79),))])
    assert not any("throttled" in line for line in lines)


def test_lines_keep_to_the_width_and_hold_no_control_characters(report, evidence):
    layers = [
        msgspec.structs.replace(layer, instruction="RUN \x1b[2J " + "x" * 300)
        for layer in evidence().layers
    ]
    lines = render_summary([report(BUDGETS, evidence=evidence(layers=layers))], width=60)[:-1]
    assert max(map(len, lines)) <= 60
    assert all(line.isprintable() for line in lines)


def test_what_could_be_saved_is_told_with_the_fix_of_what_has_brought_it(report, evidence):
    one = Bloat(cause="git", bytes=10**7, paths=[], path_bytes=[], count=1, by_layer=[(1, 10**7)])
    files = msgspec.structs.replace(evidence().files, bloat=[one])
    lines = render_summary([report(evidence=evidence(files=files))], 200)
    at = lines.index("could be saved in default:")
    assert lines[at + 1 : at + 3] == [
        "  10 MB  a .git folder  Dockerfile:9",
        "      `rm -rf .git` in the RUN that clones, or ADD of its URL, which brings none",
    ]


@pytest.mark.parametrize("found", [0, 1])
def test_that_the_files_of_the_oss_packages_are_unknown_is_told(report, evidence, found):
    """Beside what could be saved, since build tools may be missing there."""
    one = Bloat(cause="git", bytes=10**7, paths=[], path_bytes=[], count=1, by_layer=[])
    unread = {"bloat": [one] * found, "unread_packages": "/usr/lib/rpm/Packages is\x1b cut off"}
    files = msgspec.structs.replace(evidence().files, **unread)
    lines = render_summary([report(evidence=evidence(files=files))], 200)
    told = [line.strip() for line in lines if "packages" in line]
    assert told == [
        r"the files of the OS's packages are unknown: /usr/lib/rpm/Packages is\x1b cut off"
    ]


def test_the_last_line_counts_every_outcome_and_gives_reasons_once(report):
    told = report(
        checks=(
            check("passed"),
            check("failed", "parity"),
            check("warned", "pinned"),
            check("error", "size[wasted]", "the image has no history\n  more"),
            *(check("skipped", f"import[{n}]", "not built") for n in "ab"),
        )
    )
    assert last_line(told) == (
        f"{WHAT}: 1 passed, 1 failed, 1 warned, 1 error (size[wasted]: the image has no history), "
        "2 not judged (2 checks: not built)"
    )


def test_the_last_line_of_an_image_that_was_not_built_names_its_dockerfile(report):
    told = report(evidence=None, checks=(check("failed", "build"),))
    assert last_line(told) == "tfdocker: Dockerfile (not built): 0 passed, 1 failed"


def test_the_last_line_says_why_there_is_no_image_or_no_interpreter(report, evidence):
    gone = report(evidence=Absent(reason="no engine answers"))
    assert last_line(gone) == "tfdocker: Dockerfile (no engine answers): no check was run"
    scratch = evidence(interpreter=Absent(reason="no Python in the image"))
    assert "linux/amd64, no interpreter (no Python in the image): no check" in last_line(
        report(evidence=scratch)
    )


def test_the_last_line_names_an_image_that_only_the_users_own_tests_have_used(report):
    prepared = Prepared(
        reference="app:ci", id=f"sha256:{'0123456789ab' * 5}", platform="linux/amd64"
    )
    told = report(evidence=Absent(reason="no check has looked into it"), prepared=prepared)
    assert last_line(told) == ("tfdocker: app:ci sha256:0123456789ab linux/amd64: no check was run")


def test_several_images_end_with_a_line_each(report):
    lines = render_summary([report(BUDGETS), report(BUDGETS)])
    assert [line.startswith("tfdocker: ") for line in lines[-3:]] == [False, True, True]


def test_no_image_gives_no_line():
    assert render_summary([]) == []


def test_what_compose_asks_for_and_the_run_did_not_have_is_told(report):
    told = report()
    noted = msgspec.structs.replace(told.image, notes=["compose.yaml:9: env_file is not read"])
    lines = render_figures([msgspec.structs.replace(told, image=noted)])
    assert lines[-2:] == [
        "noted in default:",
        "  compose.yaml:9: env_file is not read",
    ]


def test_a_warning_is_shown_whole_since_pytest_shows_none_of_it(report):
    text = "1 of 2 is not pinned: numpy\n  write numpy==2.4.6 at requirements.txt:1"
    told = report(checks=(check("warned", "pinned", text),))
    lines = render_figures([told])
    at = lines.index("warned in default:")
    assert lines[at + 1 : at + 3] == [
        "  pinned: 1 of 2 is not pinned: numpy",
        "    write numpy==2.4.6 at requirements.txt:1",
    ]
