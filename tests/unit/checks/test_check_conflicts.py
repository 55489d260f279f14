"""`conflicts`: requirements of what is installed, and second copies."""

from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker.checks import conflicts
from pytest_tfdocker.checks.conflicts import CHECK
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.evidence.records import Absent, Base, Distributions
from pytest_tfdocker.locks.declared import Declared, Requirement, Source

SITE = "/opt/venv/lib/python3.11/site-packages"


@pytest.fixture
def given(facts, evidence, distribution):
    """Facts of installed distributions, "torch 2.13.0"."""

    def make(*installed, extras=(), **changes):
        here = [
            one if not isinstance(one, str) else distribution(*one.split()) for one in installed
        ]
        declared = Declared(
            requirements=tuple(
                Requirement(name=name, extras=(extra,), source=Source("r.txt", 1))
                for name, extra in extras
            )
        )
        there = evidence(distributions=Distributions(installed=here), **changes)
        return facts(declared=declared, evidence=there)

    return make


def test_one_item_is_planned(image, declared):
    assert CHECK.plan(image(), declared()) == [None]
    assert CHECK.needs == ("image",)


def test_met_requirements_pass(given, distribution):
    facts = given(distribution("transformers", requires=["torch>=2.6"]), "torch 2.13.0+cpu")
    verdict = CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.text) == ("passed", "2 distributions, no conflict")


def test_another_version_is_a_conflict(given, distribution):
    facts = given(
        distribution("transformers", "5.23.0", requires=["Torch >=2.6"]), "torch 1.11.0+cu113"
    )
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 conflict: transformers wants torch>=2.6, has 1.11.0+cu113\n"
        "  wanted torch>=2.6   by transformers 5.23.0\n"
        f"  found  torch 1.11.0+cu113 in {SITE}\n"
        "  mend: pip install 'torch>=2.6', or another version of transformers"
    )
    assert (verdict.measured, verdict.budget) == (1, 0)
    assert conflicts.problems(facts) == [
        DependencyProblem(
            kind="conflict",
            name="transformers",
            wanted="torch>=2.6",
            found="torch 1.11.0+cu113",
            source=f"{SITE}/transformers-5.23.0.dist-info",
        )
    ]


def test_what_is_not_there_is_a_conflict(given, distribution):
    facts = given(distribution("torch", "2.13.0", requires=["sympy"]))
    verdict = CHECK.judge(facts, None)
    assert verdict.headline == "1 conflict: torch wants sympy, has nothing"
    assert verdict.details[1] == "found  nothing of that name"
    assert conflicts.problems(facts)[0].found is None


@pytest.mark.parametrize(
    ("requires", "count"),
    [
        ("absent ; sys_platform == 'win32'", 0),
        ("absent ; python_version >= '3.11'", 1),
        ("absent ; extra == 'fast'", 0),
        ("there>=1.0", 0),
        ("there>1.0", 1),
        ("there==1.*", 0),
        ("there @ https://h/there.zip", 0),
        ("absent @ https://h/absent.zip", 1),
    ],
)
def test_only_what_holds_in_the_image_is_required(given, distribution, requires, count):
    facts = given(distribution("one", requires=[requires]), "there 1.0")
    assert len(conflicts.problems(facts)) == count


def test_pre_releases_satisfy_as_they_do_for_pip_check(given, distribution):
    facts = given(distribution("one", requires=["torch>=2.1"]), "torch 2.2.0a0+nv23.10")
    assert conflicts.problems(facts) == []


def test_extras_count_where_a_requirement_asks_for_them(given, distribution):
    web = distribution("web", requires=["absent ; extra == 'fast-json'"])
    assert conflicts.problems(given(web)) == []
    assert len(conflicts.problems(given(web, extras=[("web", "Fast_JSON")]))) == 1


def test_extras_count_where_another_distribution_asks_for_them(given, distribution):
    facts = given(
        distribution("service", requires=["web[fast]"]),
        distribution("web", requires=["absent ; extra == 'fast'"]),
    )
    assert [one.name for one in conflicts.problems(facts)] == ["web"]


@pytest.mark.parametrize(
    ("requires_python", "count"),
    [(">=3.11", 0), (">=3.11.3", 1), ("<3.11.2", 1), (">=3.8,<4", 0), (None, 0), ("nonsense", 1)],
)
def test_requires_python_is_held_against_the_images_python(
    given, distribution, requires_python, count
):
    facts = given(distribution("one", requires_python=requires_python))
    assert len(conflicts.problems(facts)) == count


def test_another_python_is_told(given, distribution):
    verdict = CHECK.judge(given(distribution("one", requires_python=">=3.12")), None)
    assert verdict.text == (
        "1 conflict: one wants Python >=3.12, has 3.11.2\n"
        "  wanted Python >=3.12   by one 1.0\n"
        "  found  Python 3.11.2\n"
        "  mend: a base image with Python >=3.12, or another version of one"
    )


@pytest.fixture
def copies(distribution):
    """Two copies of numpy, the first of which is imported."""

    def make(**changes):
        first = distribution("numpy", "2.4.6")
        second = distribution(
            "numpy",
            "1.26.4",
            path="/usr/local/lib/python3.11/dist-packages/numpy-1.26.4.dist-info",
            location="/usr/local/lib/python3.11/dist-packages",
            shadowed_by=first.path,
        )
        return first, msgspec.structs.replace(second, **changes)

    return make


def test_a_second_copy_fails_and_says_which_is_imported(given, copies):
    facts = given(*copies())
    verdict = CHECK.judge(facts, None)
    assert verdict.text == (
        "1 second copy: numpy\n"
        f"  twice  numpy 2.4.6 in {SITE}, which is imported\n"
        "         numpy 1.26.4 in /usr/local/lib/python3.11/dist-packages\n"
        "  mend: install numpy once; /usr/local/lib/python3.11/dist-packages holds the one in the"
        " way"
    )
    assert conflicts.problems(facts) == [
        DependencyProblem(
            kind="duplicate",
            name="numpy",
            wanted="2.4.6",
            found="1.26.4",
            source="/usr/local/lib/python3.11/dist-packages/numpy-1.26.4.dist-info",
        )
    ]


@pytest.mark.parametrize("installer", ["dpkg", "apk", "rpm"])
def test_a_shadowed_copy_of_the_os_is_listed(given, copies, installer):
    facts = given(*copies(installer=installer))
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details == (
        "not judged: numpy 1.26.4 in /usr/local/lib/python3.11/dist-packages, "
        "a copy of the OS's package manager",
    )
    assert conflicts.problems(facts) == []


def test_conflicts_and_copies_stand_in_one_headline(given, copies, distribution):
    one = distribution("torch", requires=["numpy<2", "sympy"])
    headline = CHECK.judge(given(*copies(), one), None).headline
    assert headline == "2 conflicts, 1 second copy: torch wants numpy<2, has 2.4.6,…"
    assert len(headline) == 60


def test_a_conflict_of_the_bases_says_so(given, distribution):
    one = distribution("torch", requires=["sympy"])
    base = Base(reference="nvcr.io/x", id="", layers=1, distributions=[one.path])
    assert CHECK.judge(given(one, base=base), None).details[0] == (
        "wanted sympy   by torch 1.0 (came with the base image)"
    )


@pytest.mark.parametrize(("count", "more"), [(10, False), (11, True)])
def test_ten_findings_are_shown(given, distribution, count, more):
    one = distribution("torch", requires=[f"absent-{n}" for n in range(count)])
    details = CHECK.judge(given(one), None).details
    assert details[18] == "wanted absent-9   by torch 1.0"
    assert ("… and 1 more" in details) is more


def test_metadata_that_cannot_be_read_is_said(given, distribution):
    facts = given(
        distribution("broken", problem="/x/broken.dist-info has no METADATA", path="/x"),
        distribution("odd", requires=["pytz (>dev)", "???"]),
    )
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details == (
        "not judged: /x: /x/broken.dist-info has no METADATA",
        "not judged: odd 1.0 requires 'pytz (>dev)'",
        "not judged: odd 1.0 requires '???'",
    )


def test_where_nothing_is_installed_nothing_is_judged(given):
    verdict = CHECK.judge(given(), None)
    assert (verdict.outcome, verdict.text) == ("skipped", "no distribution is installed")


def test_where_no_metadata_can_be_read_nothing_is_judged(given, distribution):
    broken = distribution("broken", problem="/x/broken.dist-info has no METADATA", path="/x")
    verdict = CHECK.judge(given(broken), None)
    assert (verdict.outcome, verdict.text) == (
        "skipped",
        "no distribution whose metadata can be read\n"
        "  not judged: /x: /x/broken.dist-info has no METADATA",
    )


def test_without_evidence_it_is_an_error_with_the_reason(facts, evidence):
    there = evidence(interpreter=Absent(reason="the image has no Python"))
    judged = facts(evidence=there)
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.text) == ("error", "the image has no Python")
    assert conflicts.problems(judged) == []


def test_control_characters_are_escaped(given, distribution):
    text = CHECK.judge(given(distribution("one", "1\x1b[31m", requires=["absent"])), None).text
    assert "\x1b" not in text


def test_the_documents_example_is_what_the_check_says(given, distribution, copies):
    one = distribution("transformers", "5.23.0", requires=["torch>=2.6"])
    verdict = CHECK.judge(given(one, "torch 1.11.0+cu113", *copies()), None)
    example = f"FAILED Dockerfile::conflicts - {verdict.text}"
    assert example in (Path(__file__).parents[3] / "docs/checks/conflicts.md").read_text()
