"""`parity`: what is declared is what is installed."""

import json
from pathlib import Path

import msgspec
import pytest
from declaring import asked

from pytest_tfdocker.checks import parity
from pytest_tfdocker.checks.dependency import DependencyProblem
from pytest_tfdocker.checks.direct import bare_url
from pytest_tfdocker.checks.parity import CHECK
from pytest_tfdocker.evidence.records import Absent, Base
from pytest_tfdocker.locks.declared import Declared, Source

COMMIT = "dcba3cb2e2827b402d2701e7e1c7d9fed8a20ef1"
SITE = "/opt/venv/lib/python3.11/site-packages"


def test_one_item_is_planned_whatever_is_declared(image, declared):
    assert CHECK.plan(image(), declared()) == [None]
    assert CHECK.needs == ("image", "base")


def test_what_is_declared_and_installed_passes(given):
    facts = given(["torch==2.13.0", "transformers>=4"], "torch 2.13.0", "transformers 5.23.0")
    verdict = CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.text) == ("passed", "2 of 2 as declared")
    assert (verdict.measured, verdict.budget) == (0, 0)


def test_another_local_version_fails_with_wanted_found_and_mend(given):
    facts = given(["numpy==2.4.6", "torch==2.9.0+cpu"], "numpy 2.4.6", "torch 2.9.0+cu128")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 of 2 differs: torch 2.9.0+cu128, not 2.9.0+cpu\n"
        "  wanted torch 2.9.0+cpu   requirements.txt:2\n"
        f"  found  torch 2.9.0+cu128 in {SITE}\n"
        "  mend: install torch 2.9.0+cpu, or write torch==2.9.0+cu128 at requirements.txt:2"
    )
    assert parity.problems(facts) == [
        DependencyProblem(
            kind="local-version",
            name="torch",
            wanted="2.9.0+cpu",
            found="2.9.0+cu128",
            source="requirements.txt",
            line=2,
        )
    ]


def test_a_cuda_pin_against_pypis_plain_metadata_says_why(given):
    verdict = CHECK.judge(given(["torch==2.14.1+cu130"], "torch 2.14.1"), None)
    assert verdict.headline == "1 of 1 differs: torch 2.14.1, not 2.14.1+cu130"
    assert verdict.details[-1] == (
        "mend: write torch==2.14.1 at requirements.txt:1, or install from the index that has "
        "2.14.1+cu130: PyPI has no local versions"
    )


@pytest.mark.parametrize(
    ("line", "version", "kind"),
    [
        ("torch==1.11.0", "1.11.0", None),
        ("torch==1.11.0", "1.11.0+cu113", None),
        ("torch==1.11.0+cu113", "1.11.0+cu113", None),
        ("torch==1.11.0+cu113", "1.11.0+cpu", "local-version"),
        ("torch==1.11.0+cu113", "1.11.0", "local-version"),
        ("torch===1.11.0", "1.11.0+cpu", "local-version"),
        ("torch===1.11.0", "1.11.0", None),
        ("torch==1.11.0", "1.11.1", "version"),
        ("torch==1.11", "1.11.0", None),
        ("torch==1.11.*", "1.11.7", None),
        ("torch==1.11.*", "1.12.0", "version"),
        ("torch>=2", "2.0.0", None),
        ("torch>=2", "1.9", "version"),
        ("torch>=2", "2.1.0rc1", None),
        ("torch", "0.0.1", None),
        ("torch==1.0", "not-a-version", "version"),
        ("torch===weird", "weird", None),
    ],
)
def test_versions_are_compared_by_pep_440(given, line, version, kind):
    found = parity.problems(given([line], f"torch {version}"))
    assert [one.kind for one in found] == ([kind] if kind else [])


def test_what_is_missing_fails(given):
    facts = given(["torch==2.13.0", "numpy"], "numpy 2.4.6")
    verdict = CHECK.judge(facts, None)
    assert verdict.text == (
        "1 of 2 is missing: torch 2.13.0\n"
        "  wanted torch 2.13.0   requirements.txt:1\n"
        "  found  nothing of that name\n"
        "  mend: install torch, or delete requirements.txt:1"
    )
    assert parity.problems(facts)[0] == DependencyProblem(
        kind="missing", name="torch", wanted="2.13.0", source="requirements.txt", line=1
    )


@pytest.mark.parametrize(
    ("installed", "mend"),
    [
        ("torch 2.8.0", "install torch 2.9.0, or lock torch 2.8.0"),
        ("numpy 2.4.6", "install torch, or lock without it"),
    ],
)
def test_nobody_is_told_to_edit_a_lock(given, installed, mend):
    facts = given(["torch==2.9.0"], installed)
    (one,) = facts.declared.requirements
    in_lock = msgspec.structs.replace(one, source=Source("uv.lock", 9))
    declared = msgspec.structs.replace(facts.declared, requirements=(in_lock,))
    verdict = CHECK.judge(msgspec.structs.replace(facts, declared=declared), None)
    assert f"  mend: {mend}\n" in verdict.text + "\n"


def test_a_pin_that_another_line_overrides_is_told_with_that_line(given):
    verdict = CHECK.judge(given(["torch==2.9.0", "torch==2.8.0"], "torch 2.8.0"), None)
    assert verdict.text == (
        "1 of 1 differs: torch 2.8.0, not 2.9.0\n"
        "  wanted torch 2.9.0   requirements.txt:1\n"
        f"  found  torch 2.8.0 in {SITE}; replaced by requirements.txt:2\n"
        "  mend: write torch==2.8.0 at requirements.txt:1, or delete requirements.txt:2"
    )


def test_several_differences_are_counted_by_name(given):
    facts = given(["torch==1", "torch<2", "numpy==1"], "torch 2.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.headline == "2 of 2 differ: torch, numpy"
    assert verdict.measured == 3


def test_names_are_compared_in_their_canonical_form(given):
    assert parity.problems(given(["Huggingface_Hub==1.0"], "huggingface-hub 1.0")) == []


def test_the_images_environment_decides(given):
    lines = ["pywin32==1 ; sys_platform == 'win32'", "tomli==2 ; python_version < '3.11'"]
    verdict = CHECK.judge(given(lines), None)
    assert (verdict.outcome, verdict.text) == (
        "skipped",
        "requirements.txt declares nothing that this image needs",
    )


def test_an_empty_file_skips_unless_something_is_there_that_it_should_name(given):
    verdict = CHECK.judge(given([]), None)
    assert (verdict.outcome, verdict.text) == ("skipped", "requirements.txt declares nothing")
    assert CHECK.judge(given([], "torch 2.0"), None).outcome == "failed"


def test_the_instruction_that_installs_a_file_is_told(given):
    (one,) = asked("torch==2.13.0").requirements
    source = Source("requirements.txt", 12, "Dockerfile:10 pip install -r")
    declared = Declared(
        requirements=(msgspec.structs.replace(one, source=source),), sources=("requirements.txt",)
    )
    assert CHECK.judge(given(declared), None).details[0] == (
        "wanted torch 2.13.0   requirements.txt:12 (Dockerfile:10 pip install -r)"
    )


def test_an_undeclared_distribution_fails(given):
    facts = given(["torch==2.13.0"], "torch 2.13.0", "left-over 1.0")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 undeclared: left-over 1.0\n"
        f"  found  left-over 1.0 in {SITE}, declared nowhere\n"
        "  mend: declare left-over==1.0, remove it, or name it in dependencies.allow-extra"
    )
    assert parity.problems(facts) == [
        DependencyProblem(
            kind="unexpected",
            name="left-over",
            found="1.0",
            source=f"{SITE}/left-over-1.0.dist-info",
        )
    ]


def test_what_is_declared_needs_is_expected_through_extras_and_markers(given, distribution):
    facts = given(
        ["web[fast]==1.0"],
        distribution(
            "web",
            "1.0",
            requires=[
                "core",
                "quick[deep] ; extra == 'fast'",
                "idle ; extra == 'slow'",
                "win ; sys_platform == 'win32'",
            ],
        ),
        distribution("quick", requires=["deeper ; extra == 'deep'"]),
        *("core 1.0", "deeper 1.0", "idle 1.0", "win 1.0"),
    )
    assert [one.name for one in parity.problems(facts)] == ["idle", "win"]


@pytest.mark.parametrize(
    ("requires", "unexpected"),
    [
        ("PyYAML (>=5.1.*)", ["deep"]),
        ("PyYAML>=5.1.*", ["deep"]),
        ("PyYAML [deep] (>=5.1.*) ; sys_platform == 'linux'", []),
        ("PyYAML (>=5.1.*) ; sys_platform == 'win32'", ["deep", "pyyaml"]),
        ("PyYAML (>=5.1.*) ; extra == 'yaml'", ["deep", "pyyaml"]),
        ("PyYAML (>dev)", ["deep"]),
        ("PyYAML ; no marker", ["deep", "pyyaml"]),
        ("???", ["deep", "pyyaml"]),
    ],
)
def test_what_is_needed_in_a_version_that_cannot_be_read_is_expected(
    given, distribution, requires, unexpected
):
    facts = given(
        ["omegaconf==2.0.6"],
        distribution("omegaconf", "2.0.6", requires=[requires]),
        distribution("pyyaml", "6.0.3", requires=["deep ; extra == 'deep'"]),
        "deep 1.0",
    )
    assert [one.name for one in parity.problems(facts)] == unexpected


def test_circles_of_requirements_end(given, distribution):
    facts = given(
        ["a"], distribution("a", requires=["b[x]"]), distribution("b", requires=["a ; extra=='x'"])
    )
    assert parity.problems(facts) == []


def test_the_projects_own_distribution_is_no_finding_nor_what_it_needs(given, distribution):
    folder = json.dumps({"url": "file:///app", "dir_info": {}})
    facts = given(
        ["torch==2.13.0"],
        "torch 2.13.0",
        distribution("service", direct_url=folder, requires=["web"], extras=[]),
        distribution("tool", editable=True, extras=["dev"], requires=["lint ; extra == 'dev'"]),
        *("web 1.0", "lint 1.0"),
    )
    assert parity.problems(facts) == []


@pytest.mark.parametrize(("size_bytes", "kinds"), [(None, []), (1, ["unexpected"])])
def test_an_egg_without_a_record_is_what_setup_py_install_built(
    given, distribution, size_bytes, kinds
):
    egg = f"{SITE}/service-1.0-py3.11.egg"
    service = distribution(
        "service", size_bytes=size_bytes, path=f"{egg}/EGG-INFO", location=egg, requires=["web"]
    )
    facts = given(["torch==2.13.0", "web"], "torch 2.13.0", service, "web 1.0")
    assert [one.kind for one in parity.problems(facts)] == kinds


def with_base(distribution, *installed):
    paths = [distribution(*one.split()).path for one in installed]
    return Base(reference="python:3.11-slim", id="", layers=1, distributions=paths)


def test_what_came_with_the_base_is_counted_and_not_judged(given, distribution):
    base = with_base(distribution, "a 1.0", "b 1.0")
    verdict = CHECK.judge(given(["torch"], "torch 1.0", "a 1.0", "b 1.0", base=base), None)
    assert verdict.outcome == "passed"
    assert verdict.details == ("not judged: 2 distributions that came with the base image",)


def test_another_version_than_the_bases_is_judged(given, distribution):
    base = with_base(distribution, "a 1.0")
    verdict = CHECK.judge(given(["torch"], "torch 1.0", "a 2.0", base=base), None)
    assert verdict.headline == "1 undeclared: a 2.0"


def test_the_base_is_judged_where_the_settings_say_so(given, distribution):
    base = with_base(distribution, "a 1.0")
    facts = given(["torch"], "torch 1.0", "a 1.0", base=base, settings={"base": "judge"})
    assert CHECK.judge(facts, None).headline == "1 undeclared: a 1.0"


def test_where_the_base_is_not_known_os_packages_and_seeds_are_left_out(given, distribution):
    facts = given(
        ["torch"],
        "torch 1.0",
        "pip 24.0",
        "setuptools 79.0",
        distribution("python-apt", installer="dpkg"),
        "other 1.0",
        base=Absent(reason="the image was imported"),
    )
    verdict = CHECK.judge(facts, None)
    assert verdict.headline == "1 undeclared: other 1.0"
    assert verdict.details[1:-1] == (
        "not judged: 1 that the OS's package manager owns",
        "not judged: pip 24.0, setuptools 79.0 (environments are made with them)",
        "not known what came with the base image: the image was imported",
    )


@pytest.mark.parametrize("names", [["Left_Over"], ["left-*"]])
def test_allowed_extras_are_listed(given, names):
    facts = given(["torch"], "torch 1.0", "left-over 1.0", settings={"allow-extra": names})
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details == ("allowed by dependencies.allow-extra: left-over 1.0",)


def test_what_allow_extra_names_in_vain_is_told(given):
    names = ["left-over", "Gone", "torch", "no-*"]
    facts = given(["torch"], "torch 1.0", "left-over 1.0", settings={"allow-extra": names})
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details == (
        "allowed by dependencies.allow-extra: left-over 1.0",
        "dependencies.allow-extra names what is not in the image: 'Gone', 'no-*'",
    )


@pytest.mark.parametrize(
    "lines",
    [asked("torch", notes=["Dockerfile:7 install.sh: a script"]), asked("torch", "not readable")],
    ids=["a note", "a problem"],
)
def test_where_not_all_can_be_followed_nothing_is_undeclared(given, lines):
    facts = given(lines, "torch 1.0", "numpy 2.4.6")
    verdict = CHECK.judge(facts, None)
    assert verdict.outcome == "passed"
    assert verdict.details[0] == (
        "not judged, since not all that is declared can be followed: numpy 2.4.6"
    )
    assert parity.problems(facts) == []


def test_missing_and_undeclared_stand_in_one_headline(given):
    verdict = CHECK.judge(given(["torch==2"], "numpy 1.0"), None)
    assert verdict.headline == "1 of 1 is missing, 1 undeclared: torch 2, numpy 1.0"


def test_a_vcs_install_is_found_by_its_url_whatever_its_name(given, distribution):
    direct = {
        "url": "https://github.com/org/flash-attention",
        "vcs_info": {"vcs": "git", "requested_revision": "v2", "commit_id": COMMIT},
    }
    found = distribution("flash-attn", "2.8", direct_url=json.dumps(direct))
    line = "git+https://token@github.com/org/flash-attention.git@v2"
    assert parity.problems(given([line], found)) == []


def of_repository(name, **told):
    direct = {"url": "https://github.com/x/mono", "vcs_info": {"commit_id": COMMIT}, **told}
    return {"name": name, "direct_url": json.dumps(direct)}


@pytest.mark.parametrize("order", [1, -1])
def test_two_projects_of_one_repository_are_told_apart(given, distribution, order):
    url = "git+https://github.com/x/mono.git"
    lines = [
        f"foo[fast] @ {url}@{COMMIT}#subdirectory=foo",
        f"{url}@{COMMIT}#egg=guessed&subdirectory=libs/bar/",
        f"mono @ {url}@{COMMIT}",
    ]
    found = [
        distribution(
            **of_repository("foo", subdirectory="foo"), requires=["extra ; extra == 'fast'"]
        ),
        distribution(**of_repository("bar", subdirectory="libs/bar")),
        distribution(**of_repository("mono")),
    ]
    facts = given(lines, *found[::order], "extra 1.0")
    assert parity.problems(facts) == []


def test_a_subdirectory_that_direct_url_does_not_tell_is_found_by_name(given, distribution):
    lines = [f"foo @ git+https://github.com/x/mono@{COMMIT}#subdirectory=foo"]
    assert parity.problems(given(lines, distribution(**of_repository("foo")))) == []


@pytest.mark.parametrize(
    ("revision", "kinds"),
    [("v2", []), (COMMIT, []), ("v3", ["version"]), ("0" * 40, ["version"])],
)
def test_a_vcs_install_at_another_revision_differs(given, distribution, revision, kinds):
    direct = {
        "url": "https://h/tool",
        "vcs_info": {"requested_revision": "v2", "commit_id": COMMIT},
    }
    found = distribution("tool", "1.0", direct_url=json.dumps(direct))
    facts = given([f"tool @ git+https://h/tool@{revision}"], found)
    assert [one.kind for one in parity.problems(facts)] == kinds
    if kinds:
        assert CHECK.judge(facts, None).details[1] == f"found  tool 1.0 at {COMMIT} in {SITE}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("git+https://h/a.git@v1#egg=a", "https://h/a", True),
        ("git+ssh://git@h/a.git", "ssh://git@h/a", True),
        ("https://user:secret@h/a.whl", "https://h/a.whl", True),
        ("https://h/a.whl#sha256=0", "https://h/a.whl", True),
        ("https://h/a@1.whl", "https://h/a", False),
        ("git+https://h/a", "https://h/b", False),
    ],
)
def test_urls_are_compared_without_what_varies(one, other, same):
    assert (bare_url(one) == bare_url(other)) is same


def test_where_most_is_missing_other_environments_are_named(given):
    facts = given(["a", "b", "c"], "a 1.0", others=["/opt/conda", "/app/.venv"])
    assert (
        "looked in /opt/venv/bin/python; other environments: /opt/conda, /app/.venv"
        in CHECK.judge(facts, None).details
    )
    half = given(["a", "b"], "a 1.0", others=["/opt/conda"])
    assert not any("looked in" in line for line in CHECK.judge(half, None).details)


@pytest.mark.parametrize(("count", "more"), [(10, False), (11, True)])
def test_ten_findings_are_shown(given, count, more):
    details = CHECK.judge(given([f"name-{n}==1" for n in range(count)]), None).details
    assert details[18] == "wanted name-9 1   requirements.txt:10"
    assert ("… and 1 more" in details) is more


def test_nothing_declared_skips(facts):
    verdict = CHECK.judge(facts(declared=Declared(reason="nothing is declared")), None)
    assert (verdict.outcome, verdict.text) == ("skipped", "nothing is declared")


def test_a_file_that_is_not_there_skips_with_the_reason(given):
    problem = asked("bad line").problems[0]
    declared = Declared(
        problems=(msgspec.structs.replace(problem, reason="no such file"),),
        sources=("requirements.txt",),
    )
    verdict = CHECK.judge(given(declared, "numpy 1.0"), None)
    assert (verdict.outcome, verdict.text) == (
        "skipped",
        "nothing could be read: requirements.txt: no such file",
    )


def test_without_evidence_it_is_an_error_with_the_reason(facts, evidence):
    there = evidence(distributions=Absent(reason="the probe was killed"))
    judged = facts(declared=asked("torch"), evidence=there)
    assert CHECK.judge(judged, None).text == "the probe was killed"
    assert CHECK.judge(judged, None).outcome == "error"
    assert parity.problems(judged) == []


def test_control_characters_are_escaped(given):
    text = CHECK.judge(given(["torch==1"], "torch 1\x1b[31m"), None).text
    assert "\x1b" not in text
    assert "torch 1\\x1b[31m" in text


def test_a_distribution_with_broken_metadata_keeps_its_name(given, distribution):
    broken = distribution("torch", "2.13.0", problem="torch has no METADATA")
    assert parity.problems(given(["torch==2.13.0"], broken)) == []


def test_the_copy_that_an_import_finds_is_judged(given, distribution):
    first = distribution("torch", "2.13.0")
    second = distribution("torch", "1.0", path="/usr/lib/torch", shadowed_by=first.path)
    assert parity.problems(given(["torch==2.13.0"], second, first)) == []


def test_the_documents_example_is_what_the_check_says(given, distribution):
    lines = ["torch==2.9.0+cpu", "transformers==5.23.0"]
    installed = ["torch 2.9.0+cu128", "transformers 5.23.0", "accelerate 1.11.0", "pip 24.0"]
    base = with_base(distribution, "apt-tools 1.0")
    verdict = CHECK.judge(given(lines, *installed, "apt-tools 1.0", base=base), None)
    example = f"FAILED Dockerfile::parity - {verdict.text}"
    assert example in (Path(__file__).parents[3] / "docs/checks/parity.md").read_text()


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("exact", {"missing", "version", "unexpected"}),
        ("subset", {"version", "unexpected"}),
        ("superset", {"missing", "version"}),
    ],
)
def test_the_mode_says_what_may_be_less_or_more(given, mode, kinds):
    lines = ["a==1", "b==1", "c==1"]
    facts = given(lines, "a 1", "b 2", "extra 1.0", settings={"mode": mode})
    assert {one.kind for one in parity.problems(facts)} == kinds
    details = "\n".join(CHECK.judge(facts, None).details)
    assert ('not judged: 1 not installed (dependencies.mode = "subset"): c' in details) is (
        mode == "subset"
    )
    assert (
        'not judged: 1 declared nowhere (dependencies.mode = "superset"): extra 1.0' in details
    ) is (mode == "superset")


def test_of_a_subset_that_has_nothing_nothing_can_be_told(given):
    verdict = CHECK.judge(given(["a==1"], "pip 24.0", settings={"mode": "subset"}), None)
    assert (verdict.outcome, verdict.headline) == (
        "skipped",
        "nothing that is declared is installed",
    )


def by_dockerfile(*lines):
    """`pip install -r requirements.txt` in line 9; a line "11 accelerate" is the Dockerfile's."""
    found = []
    for one in asked(*(line.partition(" ")[2] for line in lines)).requirements:
        at, _, _ = lines[one.source.line - 1].partition(" ")
        source = (
            Source("Dockerfile", int(at))
            if int(at) > 9
            else Source("requirements.txt", one.source.line, f"Dockerfile:{at} pip install -r")
        )
        found.append(msgspec.structs.replace(one, source=source, instruction=int(at)))
    return Declared(requirements=tuple(found), sources=("requirements.txt", "Dockerfile:11"))


def test_the_layer_tells_which_instruction_replaced_it(given, distribution, evidence):
    layers = [
        *evidence().layers,
        msgspec.structs.replace(
            evidence().layers[1], instruction="RUN pip install -U accelerate", line=11
        ),
    ]
    torch = distribution("torch", "2.9.0+cu128", layer=4)
    facts = given(by_dockerfile("9 torch==2.9.0+cpu"), torch, layers=layers)
    details = CHECK.judge(facts, None).details
    assert details[1].endswith("; replaced by Dockerfile:11 pip install -U accelerate")
    assert details[-1] == (
        "mend: write torch==2.9.0+cu128 at requirements.txt:1, give Dockerfile:11 the option "
        "-c requirements.txt, or delete it"
    )
    own = distribution("torch", "2.9.0+cu128", layer=1)
    assert (
        "replaced"
        not in CHECK.judge(
            given(by_dockerfile("9 torch==2.9.0+cpu"), own, layers=layers), None
        ).text
    )


def test_a_layer_that_the_history_does_not_tell_of_replaced_nothing(given, distribution):
    torch = distribution("torch", "2.9.0+cu128", layer=9)
    verdict = CHECK.judge(given(by_dockerfile("9 torch==2.9.0+cpu"), torch), None)
    assert verdict.outcome == "failed"
    assert "replaced" not in verdict.text


def test_without_layers_what_asks_for_it_tells(given, distribution):
    accelerate = distribution("accelerate", "1.11.0", requires=["torch>=2"])
    declared = by_dockerfile("9 torch==2.9.0+cpu", "11 accelerate")
    details = CHECK.judge(given(declared, "torch 2.9.0+cu128", accelerate), None).details
    assert details[1].endswith("; replaced by Dockerfile:11, where accelerate asks for it")
    before = by_dockerfile("9 torch==2.9.0+cpu", "8 accelerate")
    assert "replaced" not in CHECK.judge(given(before, "torch 2.9.0+cu128", accelerate), None).text


def test_its_own_instruction_has_replaced_nothing(given, distribution, evidence):
    """The layer has the line of RUN, the requirement that of the command in it."""
    layers = [
        *evidence().layers,
        msgspec.structs.replace(evidence().layers[1], instruction="RUN apt-get update", line=3),
    ]
    (one,) = by_dockerfile("5 torch==2.9.0+cpu").requirements
    torch = distribution("torch", "2.9.0", layer=4)
    for instruction in (3, None):
        there = msgspec.structs.replace(one, instruction=instruction)
        declared = Declared(requirements=(there,), sources=("requirements.txt",))
        text = CHECK.judge(given(declared, torch, layers=layers), None).text
        assert "replaced" not in text
        assert "PyPI has no local versions" in text


def test_hundreds_of_replaced_pins_are_judged_at_once(given, distribution):
    first = [f"9 name-{n}==1" for n in range(150)]
    later = [f"11 other-{n}" for n in range(150)]
    needs = [f"name-{n}" for n in range(150)]
    installed = [f"name-{n} 2" for n in range(150)]
    installed += [distribution(f"other-{n}", "1", requires=needs) for n in range(150)]
    assert CHECK.judge(given(by_dockerfile(*first, *later), *installed), None).measured == 150


def test_a_range_that_does_not_admit_the_pin_obeys_no_constraint(given, distribution, evidence):
    layers = [
        *evidence().layers,
        msgspec.structs.replace(
            evidence().layers[1], instruction="RUN pip install 'idna<3.10'", line=11
        ),
    ]
    idna = distribution("idna", "3.9", layer=4)
    facts = given(by_dockerfile("9 idna==3.20", "11 idna<3.10"), idna, layers=layers)
    assert CHECK.judge(facts, None).details[-1] == (
        "mend: write idna==3.9 at requirements.txt:1, or delete Dockerfile:11"
    )
