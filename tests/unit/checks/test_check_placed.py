"""What was installed where: the judged environment, and the others of the image."""

import msgspec
import pytest
from declaring import asked

from pytest_tfdocker.checks import parity, pinned
from pytest_tfdocker.checks.placed import Environment

VENV = ["/usr/lib/python3.11", "/app/.venv/lib/python3.11/site-packages"]
SYSTEM = ["/usr/local/lib/python3.11", "/usr/local/lib/python3.11/site-packages"]
CONDA = ["/opt/conda/envs/ml/lib/python3.11/site-packages"]


@pytest.mark.parametrize(
    ("path", "places", "has"),
    [
        (VENV, ("/app/.venv",), True),
        (VENV, ("/app",), True),
        (VENV, ("/opt/venv",), False),
        (VENV, (None,), False),
        (VENV, (None, "/app/.venv"), True),
        (VENV, (), None),
        ([], (None,), None),
        (SYSTEM, (None,), True),
        (SYSTEM, ("/usr/local",), True),
        (SYSTEM, ("/usr/local/li",), False),
        (CONDA, (None,), False),
        (["/usr/lib/python3.11", "/usr/local/lib/python3.11/dist-packages"], (None,), True),
        (["/usr/local/lib/python3.11", "/usr/src/app/.venv/lib/python3.11/site-packages"],
         (None,), False),
        (["/opt/conda/lib/python3.11", "/opt/conda/lib/python3.11/site-packages"], (None,), True),
        (["/opt/conda/envs/ml/lib/python3.11", *CONDA], (None,), True),
        (CONDA, ("/opt/conda/envs/ml",), True),
        (["/root/.cache/pypoetry/virtualenvs/a-x/lib/python3/site-packages"],
         ("/root/.cache/pypoetry/virtualenvs/*",), True),
        (["/deps", *SYSTEM], ("/deps",), True),
    ],
)  # fmt: skip
def test_a_place_is_that_of_the_interpreter_or_not(path, places, has):
    assert Environment(path).has(places) is has


def placed(places, *lines):
    found = asked(*lines)
    there = (msgspec.structs.replace(one, places=places) for one in found.requirements)
    return msgspec.structs.replace(found, requirements=tuple(there))


def both(one, other):
    return msgspec.structs.replace(one, requirements=one.requirements + other.requirements)


def test_a_tool_beside_the_environment_is_listed_and_not_judged(given):
    declared = both(placed((None,), "uv"), placed(("/opt/venv",), "", "torch==2.13.0"))
    facts = given(declared, "torch 2.13.0")
    verdict = parity.CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.headline) == ("passed", "1 of 1 as declared")
    note = "not judged: 1 installed into another environment: uv (requirements.txt:1)"
    assert note in verdict.details
    assert note in pinned.CHECK.judge(facts, None).details
    assert pinned.CHECK.judge(facts, None).outcome == "passed"


def test_where_most_is_in_another_environment_that_is_the_finding(given):
    names = [f"name-{n}" for n in range(4)]
    declared = both(
        placed((None,), *(f"{name}==1" for name in names)),
        placed(("/opt/venv",), "torch==2.13.0"),
    )
    folder = "/usr/local/lib/python3.11/site-packages"
    facts = given(declared, "torch 2.13.0", elsewhere={folder: names, "/x": ["name-0"]})
    verdict = parity.CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "wrong environment: 4 of 5 stand in /usr/local\n"
        "  looked in /opt/venv/bin/python (CMD python app.py): 1 of 5\n"
        f"  found in  {folder}: 4 of 5\n"
        "  mend: start the service with /usr/local/bin/python, or put /usr/local/bin first on "
        "PATH\n"
        "  if it is started by that one after all: "
        'python = "/usr/local/bin/python" in [tool.tfdocker]'
    )
    (problem,) = parity.problems(facts)
    assert (problem.kind, problem.name, problem.wanted) == ("missing", "", folder)


def test_a_place_with_control_characters_is_escaped(given):
    folder = "/opt/\x1b[31mred/lib/python3.11/site-packages"
    text = parity.CHECK.judge(given(["a==1", "b==1"], elsewhere={folder: ["a", "b"]}), None).text
    assert text.startswith("wrong environment")
    assert "\x1b" not in text


@pytest.mark.parametrize(("here", "found"), [(1, True), (2, False)])
def test_half_of_it_is_enough_to_be_the_right_one(given, here, found):
    names = ["a", "b", "c", "d"]
    facts = given(
        [f"{name}==1" for name in names],
        *(f"{name} 1" for name in names[:here]),
        elsewhere={"/app/.venv/lib/python3.11/site-packages": names},
    )
    headline = parity.CHECK.judge(facts, None).headline
    assert headline.startswith("wrong environment") is found


def test_what_stands_nowhere_is_missing(given):
    facts = given(["a==1", "b==1", "c==1"], elsewhere={"/x/lib/python3/site-packages": ["a"]})
    assert parity.CHECK.judge(facts, None).headline == "3 of 3 are missing: a, b, c"
