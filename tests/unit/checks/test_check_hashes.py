"""`hashes`: every pin carries one, and installed files are those that were installed."""

import json
from pathlib import Path

import msgspec
import pytest
from declaring import asked

from pytest_tfdocker.checks import hashes
from pytest_tfdocker.checks.hashes import CHECK
from pytest_tfdocker.evidence.records import Absent, Base, Verification, Verified

ON = {"hashes": True}
SITE = "/opt/venv/lib/python3.11/site-packages"
GOOD, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def hashed(line):
    return f"{line} --hash={GOOD}"


def verified(name="torch", version="2.13.0", **counts):
    """What the comparison of one distribution has given; others are as installed."""
    told = {"same": 10, "changed": 0, "gone": 0, "unread": 0, "late": 0, **counts}
    path = f"{SITE}/{name}-{version}.dist-info"
    return Verified(distributions={path: Verification(**told)})


def test_it_is_planned_only_where_the_settings_ask_for_it(image, declared):
    assert CHECK.plan(image(), declared()) == []
    assert CHECK.plan(image(dependencies=ON), declared()) == [None]


def test_pins_with_hashes_and_files_as_installed_pass(given):
    facts = given([hashed("torch==2.13.0")], "torch 2.13.0", settings=ON, records=verified())
    verdict = CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.text) == (
        "passed",
        "1 of 1 pins carry a hash\n"
        "  compared with RECORD: 1 distribution, 10 files are as installed",
    )
    assert hashes.problems(facts) == []


def test_a_hash_that_no_file_can_have_is_none(given):
    lines = ["torch==2.13.0 --hash=sha256:zz", f"numpy==2.4.6 --hash=sha256:{'a' * 63}"]
    verdict = CHECK.judge(given(lines, settings=ON, records=verified()), None)
    assert verdict.headline == "2 of 2 pins have no hash: torch, numpy"
    assert verdict.details[:2] == (
        "requirements.txt:1 torch==2.13.0 (sha256:zz is no SHA256)",
        "requirements.txt:2 numpy==2.4.6 (sha256:aaaaaaaaaaaa… is no SHA256)",
    )


def test_a_pin_without_a_hash_fails_with_its_line(given):
    lines = [hashed("torch==2.13.0"), "numpy==2.4.6", "weak==1 --hash=md5:00"]
    facts = given(lines, "torch 2.13.0", settings=ON, records=verified())
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.headline == "2 of 3 pins have no hash: numpy, weak"
    assert verdict.details[:2] == (
        "requirements.txt:2 numpy==2.4.6",
        "requirements.txt:3 weak==1 (only md5)",
    )
    assert verdict.details[-1] == (
        "mend: write hashes into it, by pip-compile --generate-hashes or "
        "uv pip compile --generate-hashes"
    )
    told = [(one.kind, one.name, one.line) for one in hashes.problems(facts)]
    assert told == [("unhashed", "numpy", 2), ("unhashed", "weak", 3)]


def test_what_no_archive_stands_behind_needs_none(given):
    commit = "0123456789abcdef0123456789abcdef01234567"
    lines = [hashed("torch==2.13.0"), f"a @ git+https://h/a@{commit}", "./b-1.0.tar.gz", "c>=1"]
    facts = given(lines, "torch 2.13.0", settings=ON, records=verified())
    assert CHECK.judge(facts, None).headline == "1 of 1 pins carry a hash"


def test_a_url_with_its_hash_has_one(given):
    lines = ["a @ https://h/a-1.tar.gz#sha256=" + "a" * 64, "b @ https://h/b-1.tar.gz"]
    facts = given(lines, settings=ON, records=verified())
    # what no hash makes a pin is for `pinned` to tell
    assert CHECK.judge(facts, None).headline == "1 of 1 pins carry a hash"


def test_the_pip_that_the_dockerfile_upgrades_is_left_out(given):
    found = asked("pip", hashed("torch==2.13.0"))
    pip, torch = found.requirements
    inline = (msgspec.structs.replace(pip, inline=True), torch)
    facts = given(
        msgspec.structs.replace(found, requirements=inline), settings=ON, records=verified()
    )
    assert CHECK.judge(facts, None).outcome == "passed"


def test_a_changed_file_is_a_modified_distribution(given):
    path = f"{SITE}/torch/_utils.py"
    records = verified(changed=2, paths=[path, f"{SITE}/torch/version.py"])
    facts = given([hashed("torch==2.13.0")], "torch 2.13.0", settings=ON, records=records)
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    example = f"FAILED Dockerfile::hashes - {verdict.text}"
    assert example in (Path(__file__).parents[3] / "docs/checks/hashes.md").read_text()
    assert verdict.headline == "1 distribution modified: torch 2.13.0"
    (problem,) = hashes.problems(facts)
    assert (problem.kind, problem.name) == ("modified", "torch")


@pytest.mark.parametrize("base", ["allow", "judge"])
def test_what_came_with_the_base_is_judged_where_asked(given, distribution, base):
    torch = distribution("torch", "2.13.0")
    facts = given(
        [hashed("torch==2.13.0")],
        torch,
        settings={**ON, "base": base},
        records=verified(changed=1, paths=["/x"]),
        base=Base(reference="b", id="", layers=1, distributions=[torch.path]),
    )
    assert CHECK.judge(facts, None).outcome == {"allow": "passed", "judge": "failed"}[base]


def test_another_archive_than_the_declared_is_modified(given, distribution):
    def installed(digest):
        told = {"url": "https://h/a-1.tar.gz", "archive_info": {"hashes": {"sha256": digest}}}
        return distribution("a", "1", direct_url=json.dumps(told))

    lines = ["a @ https://h/a-1.tar.gz#sha256=" + "a" * 64]
    same = given(lines, installed("a" * 64), settings=ON, records=verified("a", "1"))
    assert CHECK.judge(same, None).outcome == "passed"
    other = given(lines, installed("b" * 64), settings=ON, records=verified("a", "1"))
    assert [(one.kind, one.wanted, one.found) for one in hashes.problems(other)] == [
        ("modified", GOOD, OTHER)
    ]


def test_files_that_were_not_compared_are_told(given):
    records = verified(gone=3, unread=1, late=2)
    facts = given([hashed("torch==2.13.0")], "torch 2.13.0", settings=ON, records=records)
    details = CHECK.judge(facts, None).details
    assert "not judged: 3 files that RECORD lists are gone" in details
    assert "not judged: 1 files that RECORD lists can't be read" in details
    assert "not judged: 2 files that RECORD lists were not compared: time was up" in details


@pytest.mark.parametrize("count", ["unread", "late"])
def test_what_was_not_compared_may_have_been_changed(given, count):
    lines = [hashed("torch==2.13.0")]
    facts = given(lines, "torch 2.13.0", settings=ON, records=verified(**{count: 2}))
    verdict = CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.headline) == (
        "skipped",
        "2 installed files could not be compared with their RECORD",
    )
    assert verdict.details[0] == "1 of 1 pins carry a hash"


def test_those_without_a_record_are_counted(given):
    lines = [hashed("torch==2.13.0"), hashed("numpy==2.4.6")]
    installed = ("torch 2.13.0", "numpy 2.4.6")
    verdict = CHECK.judge(given(lines, *installed, settings=ON, records=verified()), None)
    assert verdict.outcome == "passed"
    assert "not compared: 1 without a RECORD: numpy 2.4.6" in verdict.details


def test_where_nothing_has_a_record_nothing_passes(given):
    records = Verified(distributions={})
    facts = given([hashed("torch==2.13.0")], "torch 2.13.0", settings=ON, records=records)
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "skipped"
    assert verdict.headline == "no distribution has a RECORD to compare with"


def test_without_a_comparison_it_skips_with_what_is_known(given):
    absent = Absent(reason="the image has no Python")
    facts = given([hashed("torch==2.13.0")], "torch 2.13.0", settings=ON, records=absent)
    verdict = CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.headline) == ("skipped", "the image has no Python")
    assert verdict.details[0] == "1 of 1 pins carry a hash"
    bare = given(["torch==2.13.0"], "torch 2.13.0", settings=ON, records=absent)
    assert CHECK.judge(bare, None).outcome == "failed"


def test_where_nothing_is_pinned_it_skips(given):
    facts = given(["torch"], "torch 2.13.0", settings=ON, records=verified())
    assert CHECK.judge(facts, None).text == "no exact pin is declared"
