"""What --tfdocker-fit found: figures, what fails below, and one limit to paste for all smokes."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from pytest_tfdocker.evidence.records import Absent, Fit
from pytest_tfdocker.report.fits import fit_lines
from pytest_tfdocker.report.image_report import ImageReport
from pytest_tfdocker.report.summary import render_figures
from pytest_tfdocker.settings.units import parse_compose_size, parse_size

MIB = 1 << 20
PAGE = Path(__file__).parents[3] / "docs/fit.md"
SLOWER = "slower, not killed: over 16.1 s, 6.5 s without a limit; its mapped files don't fit"
EMBED = Fit(
    smallest_bytes=337 * MIB,
    failing_bytes=324 * MIB,
    failed_by=SLOWER,
    limit_bytes=390 * MIB,
    runs=8,
    seconds=110.0,
)
SERVICE = msgspec.structs.replace(EMBED, smallest_bytes=800 * MIB, limit_bytes=920 * MIB)
SMOKES = [{"name": "embed", "script": "smoke.py"}, {"name": "service", "command": "x"}]
ORIGINS = {"run.memory": "compose.yaml:15"}


@pytest.fixture
def lines(image):
    def make(fits, *, smokes=1, origins=None, **settings):
        made = image(origins, **{"smoke": SMOKES[:smokes], **settings})
        return fit_lines(ImageReport(image=made, fits=fits))

    return make


def test_the_page_shows_what_is_told(lines):
    told = lines({"embed": EMBED}, origins=ORIGINS, run={"memory": 4 << 30})
    example = re.search(r"^```\n(smallest.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    assert "\n".join(told) == example.rstrip("\n")


def test_what_is_told_can_be_pasted(lines):
    told = "\n".join(lines({"embed": EMBED}))
    compose = yaml.safe_load(re.search(r"Compose +(\S+: \S+)", told)[1])
    assert parse_compose_size(compose["deploy.resources.limits.memory"]) == EMBED.limit_bytes
    kubernetes = yaml.safe_load(re.search(r"Kubernetes +(\S+: \S+)", told)[1])
    assert parse_size(kubernetes["resources.limits.memory"]) == EMBED.limit_bytes
    line, place = re.search(r"settings +(memory = \S+ \S+) +in (\S+)$", told, re.MULTILINE).groups()
    pasted = tomllib.loads(f"{place}\n{line}")["tool"]["tfdocker"]["run"]
    assert parse_size(pasted["memory"]) == EMBED.limit_bytes


def test_where_no_limit_is_set_that_is_said(lines):
    assert "set 390 MiB, 15 % above it (none is set):" in lines({"embed": EMBED})


def test_of_several_smokes_the_largest_counts(lines):
    told = lines({"embed": EMBED, "service": SERVICE}, smokes=2)
    assert told[1:5:2] == [
        "  embed: 337 MiB, 3 times of 3; 8 runs in 1 min 50 s",
        "  service: 800 MiB, 3 times of 3; 8 runs in 1 min 50 s",
    ]
    assert told[5] == "set 920 MiB, 15 % above the largest, service's (none is set):"
    assert len(told) == 9


def test_a_smoke_that_was_not_looked_at_is_named(lines):
    told = lines({"embed": EMBED}, smokes=2)
    assert told[-1] == "  whether it holds service is not known"


def test_where_none_was_found_the_reason_is_told_and_nothing_is_to_set(lines):
    reason = "it fails without any limit too: exit code 1\nmore"
    assert lines({"embed": Absent(reason=reason)}) == [
        "smallest memory limit in default:",
        "  embed: no limit found: it fails without any limit too: exit code 1",
    ]
    told = lines({"embed": Absent(reason=reason), "service": SERVICE}, smokes=2)
    assert told[4] == "set 920 MiB, 15 % above it (none is set):"
    assert told[-1] == "  whether it holds embed is not known"


def test_the_least_that_an_engine_takes_has_nothing_below(lines):
    least = msgspec.structs.replace(EMBED, smallest_bytes=6 * MIB, failing_bytes=None)
    assert lines({"embed": least})[2] == "    the least that an engine takes"


def test_notes_stand_below(lines):
    noted = msgspec.structs.replace(EMBED, notes=["324 MiB passed once and then failed: \x1b"])
    assert lines({"embed": noted})[3] == r"    324 MiB passed once and then failed: \x1b"


def test_nobody_asked_and_nothing_to_look_at(lines):
    assert lines(None) == []
    [told] = lines({})
    assert told.startswith("--tfdocker-fit had nothing to look at in default")


def test_of_several_images_the_table_is_that_of_the_image(image):
    made = image(name="serve", smoke=SMOKES[:1])
    told = fit_lines(ImageReport(image=made, fits={"embed": EMBED}))
    assert told[-1] == '  settings    memory = "390 MiB"                    in `run` of serve'


def test_a_file_of_our_own_needs_no_name_of_a_tool(image):
    made = msgspec.structs.replace(image(smoke=SMOKES[:1]), source=Path("/project/tfdocker.toml"))
    assert fit_lines(ImageReport(image=made, fits={"embed": EMBED}))[-1].endswith("in [run]")


def test_it_is_a_part_of_the_summary(image, evidence):
    report = ImageReport(image=image(smoke=SMOKES[:1]), evidence=evidence(), fits={"embed": EMBED})
    assert set(fit_lines(report)) <= set(render_figures([report]))
