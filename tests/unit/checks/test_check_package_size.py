"""`package-size[NAME]`."""

import pytest

from pytest_tfdocker.checks.package_size import CHECK
from pytest_tfdocker.evidence.records import Absent, Distributions

MB = 10**6


def judge(facts, name, budget, **parts):
    return CHECK.judge(facts({"size": {"packages": {name: budget}}}, **parts), name)


def test_plan_keeps_the_names_as_the_settings_spell_them(image, declared):
    planned = image(size={"packages": {"Torch": 1, "sentence_transformers": 1}})
    assert CHECK.plan(planned, declared()) == ["Torch", "sentence_transformers"]


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [(667 * MB - 1, "failed"), (667 * MB, "passed"), (667 * MB + 1, "passed")],
)
def test_a_distribution_holds_up_to_its_budget(facts, budget, outcome):
    verdict = judge(facts, "torch", budget)
    assert (verdict.outcome, verdict.measured) == (outcome, 667 * MB)


def test_over_budget_names_where_it_is_and_where_it_is_declared(facts, declared):
    verdict = judge(facts, "Torch", 600 * MB, declared=declared("numpy==2.0", "torch==2.13.0"))
    assert verdict.text == (
        "667 MB, 67 MB over 600 MB\n"
        "  torch 2.13.0 in /opt/venv/lib/python3.11/site-packages: 667 MB\n"
        "  declared at requirements.txt:2"
    )


def test_every_copy_counts(facts, evidence, distribution):
    first = distribution("torch", "2.13.0", 600 * MB)
    second = distribution("torch", "2.12.0", 500 * MB, location="/usr/lib", shadowed_by=first.path)
    two = evidence(distributions=Distributions(installed=[first, second]))
    assert judge(facts, "torch", 600 * MB, evidence=two).text == (
        "1.1 GB, 500 MB over 600 MB\n"
        "  torch 2.13.0 in /opt/venv/lib/python3.11/site-packages: 600 MB\n"
        "  torch 2.12.0 in /usr/lib: 500 MB"
    )


def test_a_name_that_is_not_installed_is_an_error_that_names_its_like(facts):
    verdict = judge(facts, "transformer", MB)
    assert verdict.outcome == "error"
    assert verdict.text == (
        "transformer is not installed\n"
        "  did you mean 'transformers'? A budget on what isn't there holds nothing: "
        "correct the name or take it out"
    )


def test_without_a_record_there_is_no_figure(facts, evidence, distribution):
    bare = evidence(distributions=Distributions(installed=[distribution("torch", "1.0", None)]))
    verdict = judge(facts, "torch", MB, evidence=bare)
    assert (verdict.outcome, verdict.headline) == ("error", "torch 1.0 has no RECORD")


def test_unknown_distributions_are_an_error(facts, evidence):
    unknown = evidence(distributions=Absent(reason="no Python in the image"))
    verdict = judge(facts, "torch", MB, evidence=unknown)
    assert (verdict.outcome, verdict.text) == ("error", "no Python in the image")


def test_what_a_package_says_of_itself_does_nothing_to_a_terminal(facts, evidence, distribution):
    pwned = distribution("torch", "2.0\x1b[2J\x1b]0;pwned\x07")
    installed = Distributions(installed=[pwned])
    judged = facts({"size": {"packages": {"torch": 1}}}, evidence=evidence(distributions=installed))
    text = CHECK.judge(judged, "torch").text
    assert "2.0\\x1b[2J\\x1b]0;pwned\\x07 in" in text
    assert text.replace("\n", "").isprintable()
