"""`pinned`: every declared requirement is an exact pin."""

import json
from pathlib import Path

import msgspec
import pytest
from declaring import asked

from pytest_tfdocker.checks import pinned
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.checks.pinned import CHECK
from pytest_tfdocker.evidence.records import Absent, Base
from pytest_tfdocker.locks.declared import Declared, Problem, Source

COMMIT = "dcba3cb2e2827b402d2701e7e1c7d9fed8a20ef1"


def test_one_item_is_planned_whatever_is_declared(image, declared):
    assert CHECK.plan(image(), declared()) == [None]
    assert CHECK.needs == ("image",)


def test_pins_pass(given):
    verdict = CHECK.judge(given(["torch==2.13.0", "transformers===5.23.0"]), None)
    assert verdict.outcome == "passed"
    assert verdict.text == "2 of 2 are pinned\n  declared in: requirements.txt (dependencies.files)"


def test_loose_lines_fail_with_the_lines_to_write(given):
    lines = [
        "uvicorn[standard] ; python_version >= '3.8'",
        "numpy==2.*",
        "transformers>=4",
        "torch~=2.0",
        "absent>1",
    ]
    installed = ["uvicorn 0.38.0", "numpy 2.4.6", "transformers 5.23.0", "torch 2.13.0+cpu"]
    verdict = CHECK.judge(given(lines, *installed), None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "5 of 5 are not pinned: uvicorn, numpy, transformers, torch,…\n"
        '  requirements.txt:1 uvicorn[standard] ; python_version >= "3.8" → '
        'uvicorn[standard]==0.38.0 ; python_version >= "3.8"\n'
        "  requirements.txt:2 numpy==2.* → numpy==2.4.6 (a prefix)\n"
        "  requirements.txt:3 transformers>=4 → transformers==5.23.0\n"
        "  requirements.txt:4 torch~=2.0 → torch==2.13.0+cpu\n"
        "  requirements.txt:5 absent>1 → not in the image\n"
        "  declared in: requirements.txt (dependencies.files)"
    )
    assert len(verdict.headline) == 60
    assert (verdict.measured, verdict.budget) == (5, 0)


def test_one_loose_line_is_named_whole(given):
    facts = given(["torch==2.13.0", "transformers>=4"], "transformers 5.23.0")
    assert CHECK.judge(facts, None).headline == "1 of 2 is not pinned: transformers>=4"
    assert pinned.problems(facts) == [
        DependencyProblem(
            kind="unpinned",
            name="transformers",
            wanted="transformers>=4",
            found="5.23.0",
            source="requirements.txt",
            line=2,
        )
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("torch==2.13.0", None),
        ("torch==2.13.0,>=2", None),
        ("torch===2.13.0", None),
        ("torch==2.13.0+cpu", None),
        ("torch", "no version"),
        ("torch==2.*", "a prefix"),
        ("torch>=2,<3", "a range"),
        ("torch~=2.1", "a range"),
        ("torch!=2.1", "a range"),
        (f"x @ git+https://h/x@{COMMIT}", None),
        (f"x @ git+https://h/x@{COMMIT}#subdirectory=y", None),
        (f"x @ git+https://h/x@{COMMIT[:39]}", "not a full commit"),
        (f"x @ git+https://h/x@{COMMIT}0", "not a full commit"),
        ("x @ git+https://h/x@main", "not a full commit"),
        ("x @ git+https://h/x", "not a full commit"),
        ("x @ https://h/x-1.0.zip", "a URL without a hash"),
        ("x @ https://h/x-1.0.zip#sha256=0123", None),
        ("x @ https://h/x-1.0-py3-none-any.whl --hash=sha256:0123", None),
        ("https://h/x-1.0-py3-none-any.whl", "a URL without a hash"),
        ("./wheels/x-1.0-py3-none-any.whl", None),
    ],
)
def test_what_is_a_pin(line, why):
    (one,) = asked(line).requirements
    assert pinned.why_loose(one) == why


def test_a_vcs_reference_is_pinned_to_the_commit_that_was_installed(given, distribution):
    direct = {"url": "https://h/tool.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    found = distribution("tool", "1.0", direct_url=json.dumps(direct))
    verdict = CHECK.judge(given(["git+https://h/tool.git@main#egg=tool"], found), None)
    assert verdict.details[0] == (
        "requirements.txt:1 tool @ git+https://h/tool.git@main#egg=tool → "
        f"tool @ git+https://h/tool.git@{COMMIT}#egg=tool (not a full commit)"
    )


def test_an_archive_is_pinned_by_the_hash_that_was_installed(given, distribution):
    direct = {"url": "https://h/x-1.0.zip", "archive_info": {"hashes": {"sha256": "0123"}}}
    found = distribution("x", "1.0", direct_url=json.dumps(direct))
    verdict = CHECK.judge(given(["x @ https://h/x-1.0.zip"], found), None)
    assert verdict.details[0] == (
        "requirements.txt:1 x @ https://h/x-1.0.zip → "
        "x @ https://h/x-1.0.zip#sha256=0123 (a URL without a hash)"
    )


def test_a_name_that_another_line_pins_is_pinned(given):
    assert CHECK.judge(given(["torch", "torch==2.13.0"]), None).headline == "1 of 1 are pinned"


def test_lines_whose_marker_does_not_hold_are_not_judged(given):
    verdict = CHECK.judge(given(["torch==2.13.0", "pywin32 ; sys_platform == 'win32'"]), None)
    assert verdict.outcome == "passed"
    assert verdict.details[-1] == "not judged: 1 whose marker or wheel is not for the image"


def test_unreadable_lines_fail(given):
    facts = given(["torch==2.13.0", "numpy = 2"], "torch 2.13.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 line can't be read: requirements.txt:2\n"
        "  requirements.txt:2 'numpy = 2': "
        "= is no operator: did you mean ==?\n"
        "  declared in: requirements.txt (dependencies.files)"
    )
    assert pinned.problems(facts) == [
        DependencyProblem(
            kind="unreadable",
            name="",
            wanted="= is no operator: did you mean ==?",
            found="numpy = 2",
            source="requirements.txt",
            line=2,
        )
    ]


def test_loose_and_unreadable_lines_stand_in_one_headline(given):
    headline = CHECK.judge(given(["torch", "a b", "c d"]), None).headline
    assert headline == "1 of 1 is not pinned, 2 lines can't be read: torch"


@pytest.mark.parametrize(("lines", "more"), [(10, None), (11, "… and 1 more")])
def test_ten_rows_are_shown(given, lines, more):
    details = CHECK.judge(given([f"name-{n}" for n in range(lines)]), None).details
    assert details[9] == "requirements.txt:10 name-9 → not in the image"
    assert (details[10] if more else None) == more


def test_what_others_bring_in_is_listed_and_not_failed(given, distribution):
    facts = given(
        ["torch==2.13.0"],
        distribution("torch", "2.13.0", requires=["sympy>=1", "pip", "numpy ; extra == 'np'"]),
        distribution("sympy", "1.14.0", requires=["mpmath"]),
        "mpmath 1.3.0",
        "pip 24.0",
        "numpy 2.4.6",
    )
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details == (
        "declared in: requirements.txt (dependencies.files)",
        "pinned by no line, 2 that others bring in: sympy==1.14.0 (torch), "
        "mpmath==1.3.0 (torch → sympy)",
    )


def test_what_a_constraint_pins_is_not_listed_as_pinned_by_no_line(given, distribution, declared):
    told = msgspec.structs.replace(
        declared("torch==2.13.0"),
        constraints=declared("sympy==1.14.0", "mpmath").requirements,
    )
    requires = {"torch": ["sympy"], "sympy": ["mpmath"]}
    torch = distribution("torch", "2.13.0", requires=requires["torch"])
    sympy = distribution("sympy", "1.14.0", requires=requires["sympy"])
    verdict = CHECK.judge(given(told, torch, sympy, "mpmath 1.3.0"), None)
    assert verdict.details[-1] == (
        "pinned by no line, 1 that others bring in: mpmath==1.3.0 (torch → sympy)"
    )


def test_what_the_base_has_is_not_listed_as_brought_in(given, distribution):
    sympy = distribution("sympy", "1.14.0")
    base = Base(reference="b", id="", layers=1, distributions=[sympy.path])
    torch = distribution("torch", "2.13.0", requires=["sympy"])
    details = CHECK.judge(given(["torch==2.13.0"], torch, sympy, base=base), None).details
    assert details == ("declared in: requirements.txt (dependencies.files)",)


def test_nothing_declared_skips(facts):
    verdict = CHECK.judge(
        facts(declared=Declared(reason="uv.lock: not read by this version")), None
    )
    assert (verdict.outcome, verdict.text) == ("skipped", "uv.lock: not read by this version")
    assert CHECK.judge(facts(declared=Declared()), None).text == "nothing is declared"


def test_what_could_not_be_followed_is_said(given):
    lines = asked("torch==2.13.0", notes=["Dockerfile:7 install.sh: a script"])
    assert CHECK.judge(given(lines), None).details[-1] == (
        "not followed: Dockerfile:7 install.sh: a script"
    )


@pytest.mark.parametrize("part", ["interpreter", "distributions"])
def test_without_evidence_it_is_an_error_with_the_reason(facts, evidence, part):
    there = evidence(**{part: Absent(reason="the image has no Python")})
    judged = facts(declared=asked("torch"), evidence=there)
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.text) == ("error", "the image has no Python")
    assert pinned.problems(judged) == []


def test_control_characters_are_escaped(given):
    facts = given(["torch", "bad \x1b[31m line"], "torch 1\x1b[0m")
    text = CHECK.judge(facts, None).text
    assert "\x1b" not in text
    assert "torch==1\\x1b[0m" in text


def test_a_file_of_thousands_of_lines_is_judged_at_once(given):
    lines = [f"name-{n}>=1" for n in range(2_000)]
    facts = given(lines, *(f"name-{n} 1.{n}" for n in range(2_000)))
    assert CHECK.judge(facts, None).measured == 2_000
    assert msgspec.json.encode(pinned.problems(facts)[0])


def test_the_documents_example_is_what_the_check_says(given, distribution):
    lines = ["torch==2.13.0", "transformers>=4", "numpy==2.*", "tokenizers = 0.23"]
    torch = distribution("torch", "2.13.0", requires=["sympy"])
    facts = given(lines, torch, "transformers 5.23.0", "numpy 2.4.6", "sympy 1.14.0")
    verdict = CHECK.judge(facts, None)
    example = f"FAILED Dockerfile::pinned - {verdict.text}"
    assert example in (Path(__file__).parents[3] / "docs/checks/pinned.md").read_text()


def test_a_file_that_is_not_there_has_no_line(facts, declared):
    problem = Problem(source=Source("req.txt", 1), text="req.txt", reason="no such file")
    missing = msgspec.structs.replace(declared(), problems=(problem,), sources=("req.txt",))
    verdict = CHECK.judge(facts(declared=missing), None)
    assert verdict.outcome == "failed"
    assert verdict.text.startswith(
        "1 file can't be read: req.txt\n  req.txt: no such file\n  declared in: req.txt ("
    )


def inline(*lines):
    """What a Dockerfile's own `pip install` names, line by line."""
    found = asked(*lines)
    named = (msgspec.structs.replace(one, inline=True) for one in found.requirements)
    return msgspec.structs.replace(found, requirements=tuple(named))


def test_the_pip_that_the_dockerfile_upgrades_is_listed_and_not_judged(given):
    facts = given(inline("pip", "setuptools<70", "wheel==0.45", "torch==2.13.0"), "pip 24.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.text == (
        "2 of 2 are pinned\n"
        "  declared in: requirements.txt (dependencies.files)\n"
        "  not judged: pip, setuptools (environments are made with them)"
    )
    assert pinned.problems(facts) == []


def test_what_else_the_dockerfile_installs_is_judged(given):
    headline = CHECK.judge(given(inline("pip", "torch", "poetry==2.0")), None).headline
    assert headline == "1 of 2 is not pinned: torch"


def test_a_pip_that_a_file_names_is_judged(given):
    loose = asked("setuptools>=60", "torch==2.13.0")
    both = msgspec.structs.replace(
        loose, requirements=(*inline("setuptools").requirements, *loose.requirements)
    )
    for declared in (loose, both):
        verdict = CHECK.judge(given(declared), None)
        assert verdict.outcome == "failed"
        assert verdict.headline.startswith("1 of 2 is not pinned: setuptools")


def test_nothing_but_an_upgraded_pip_skips(given):
    verdict = CHECK.judge(given(inline("pip", "wheel")), None)
    assert (verdict.outcome, verdict.headline) == ("skipped", "nothing is declared but pip, wheel")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "requirements.txt declares nothing"),
        (
            ["tomli ; python_version < '3'"],
            "requirements.txt declares nothing that this image needs",
        ),
    ],
)
def test_nothing_is_not_pinned(given, lines, told):
    verdict = CHECK.judge(given(lines), None)
    assert (verdict.outcome, verdict.text) == ("skipped", told)


def test_what_a_lock_lacks_fails_with_the_chain_to_it(given, distribution):
    torch = distribution("torch", "2.13.0", requires=["sympy"])
    sympy = distribution("sympy", "1.14.0", requires=["mpmath"])
    locked = [
        msgspec.structs.replace(one, source=Source("uv.lock", one.source.line))
        for one in asked("torch==2.13.0", "sympy==1.14.0").requirements
    ]
    declared = Declared(requirements=tuple(locked), sources=("uv.lock",), reason="it is there")
    facts = given(declared, torch, sympy, "mpmath 1.3.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 that the lock lacks: mpmath\n"
        "  mpmath==1.3.0 stands in no lock: sympy → mpmath; lock again\n"
        "  declared in: uv.lock (it is there)"
    )
    (problem,) = pinned.problems(facts)
    assert (problem.kind, problem.name, problem.wanted) == ("unpinned", "mpmath", "sympy → mpmath")


@pytest.mark.parametrize(
    ("line", "entry", "written"),
    [
        ("torch", "pipfile", 'torch = "==2.13.0"'),
        ("torch[x]>=2", "pipfile", 'torch = {version = "==2.13.0", extras = ["x"]}'),
        ("torch>=2", "poetry", 'torch = "2.13.0"'),
    ],
)
def test_an_entry_of_a_table_is_written_as_one(given, line, entry, written):
    found = asked(line)
    there = msgspec.structs.replace(found.requirements[0], entry=entry)
    facts = given(msgspec.structs.replace(found, requirements=(there,)), "torch 2.13.0")
    assert CHECK.judge(facts, None).details[0].endswith(f" → {written}")


def test_what_is_newer_than_the_lock_fails(given):
    found = asked("torch==2.13.0")
    problem = Problem(
        source=Source("pyproject.toml", 5),
        text="tomli-w",
        reason="uv.lock was locked without it: lock again",
        stale=True,
    )
    facts = given(msgspec.structs.replace(found, problems=(problem,)), "torch 2.13.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.headline == "1 newer than the lock: tomli-w"
    assert verdict.details[0] == (
        "pyproject.toml:5 'tomli-w': uv.lock was locked without it: lock again"
    )
