"""`bloat[CAUSE]`: a cause against its budget, and what of it is bloat at all."""

import msgspec
import pytest

from pytest_tfdocker.checks.bloat import CHECK, FIX, findings, fix_of
from pytest_tfdocker.evidence.records import Absent, Bloat, ImageConfig, Uncompared

MB = 10**6


def found(cause="pip-cache", size=143 * MB, layer=1, **changes):
    paths = {"paths": ["/root/.cache/pip/http-v2/"], "path_bytes": [size]}
    return Bloat(cause=cause, bytes=size, count=9, by_layer=[(layer, size)], **{**paths, **changes})


@pytest.fixture
def judge(facts, evidence):
    def run(budget, *bloat, cause="pip-cache", **changes):
        files = msgspec.structs.replace(evidence().files, bloat=list(bloat), **changes)
        settings = {"size": {"bloat": {cause: budget}}}
        return CHECK.judge(facts(settings, evidence=evidence(files=files)), cause)

    return run


def test_each_cause_with_a_budget_is_planned(image, declared):
    assert CHECK.plan(image(), declared()) == []
    budgets = {"pip-cache": 0, "tests": MB}
    assert CHECK.plan(image(size={"bloat": budgets}), declared()) == ["pip-cache", "tests"]


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [(143 * MB - 1, "failed"), (143 * MB, "passed"), (143 * MB + 1, "passed")],
)
def test_a_cause_holds_up_to_its_budget(judge, budget, outcome):
    verdict = judge(budget, found(), found("tests", 900 * MB))
    assert (verdict.outcome, verdict.measured, verdict.budget) == (outcome, 143 * MB, budget)


def test_a_failure_says_where_and_how_to_mend_it(judge):
    verdict = judge(0, found())
    assert verdict.line == 9
    assert verdict.text == (
        "143 MB, 143 MB over 0 B\n"
        "  Dockerfile:9  RUN pip install -r requirements.txt\n"
        "  143 MB  /root/.cache/pip/http-v2/\n"
        "  mend: `pip install --no-cache-dir`, or "
        "`RUN --mount=type=cache,target=/root/.cache/pip`"
    )


GIT_OF_RUN = "`rm -rf .git` in the RUN that clones, or ADD of its URL, which brings none"
ARCHIVES_OF_RUN = "delete them in the RUN that brings them"


@pytest.mark.parametrize(
    ("cause", "instruction", "fix"),
    [
        ("git", "COPY . .", FIX["git"]),
        ("git", "RUN git clone https://example.org/x /opt/x", GIT_OF_RUN),
        ("git", "run <<E", GIT_OF_RUN),
        ("git", "RUNNING", FIX["git"]),
        ("archives", "ADD wheels /wheels", FIX["archives"]),
        ("archives", "RUN curl -LO https://example.org/x.tar.gz && tar xf x", ARCHIVES_OF_RUN),
        ("tests", "RUN pip install x", FIX["tests"]),
    ],
)
def test_what_a_run_has_brought_no_dockerignore_keeps_out(facts, evidence, cause, instruction, fix):
    layers = [msgspec.structs.replace(evidence().layers[1], instruction=instruction)]
    files = msgspec.structs.replace(evidence().files, bloat=[found(cause, layer=0)])
    given = facts({"size": {"bloat": {cause: 0}}}, evidence=evidence(files=files, layers=layers))
    assert CHECK.judge(given, cause).details[-1] == f"mend: {fix}"


def test_of_what_nothing_tells_the_instruction_the_fix_is_that_of_the_build_context(evidence):
    assert fix_of(evidence(), found("git"), None) == "a line `.git` in .dockerignore"


def test_cuda_of_the_base_is_left_out_by_another_base(evidence):
    base, own, _, _ = evidence().layers
    fixes = [fix_of(evidence(), found("cuda-libraries"), layer) for layer in (base, own, None)]
    cpu = "install the CPU build of the framework"
    assert fixes == ["a base without CUDA, and the CPU build of the framework", cpu, cpu]


@pytest.mark.parametrize(
    ("cause", "path", "folder"),
    [
        ("pip-cache", "/home/app/.cache/pip/http-v2/", "/home/app/.cache/pip"),
        ("pip-cache", "/home/a\x1bb/.cache/pip/wheels/a.whl", r"/home/a\x1bb/.cache/pip"),
        ("pip-cache", "/opt/downloads/wheels/a/b.whl", "/opt/downloads"),
        ("uv-cache", "/.cache/uv/", "/.cache/uv"),
        ("uv-cache", "/xdg/uv/archive-v0/a", "/xdg/uv"),
        ("poetry-cache", "/home/app/.cache/pypoetry/artifacts/", "/home/app/.cache/pypoetry"),
        ("poetry-cache", "/elsewhere/", "/root/.cache/pypoetry"),
    ],
)
def test_a_cache_is_mounted_where_it_was_found(evidence, cause, path, folder):
    config = ImageConfig(env=["PIP_CACHE_DIR=/opt/downloads/", "XDG_CACHE_HOME=/xdg", "A"])
    one = found(cause, paths=[path], path_bytes=[MB])
    fix = fix_of(evidence(config=config), one, None)
    assert fix.partition(", or ")[2] == f"`RUN --mount=type=cache,target={folder}`"


@pytest.mark.parametrize(
    ("instruction", "is_told"),
    [("RUN chown -R app /app", True), ("RUN pip install a && chmod +x /a", True), ("RUN a", False)],
)
def test_what_a_chown_has_copied_may_have_come_from_above(facts, evidence, instruction, is_told):
    layers = [
        msgspec.structs.replace(one, instruction=instruction) if at == 1 else one
        for at, one in enumerate(evidence().layers)
    ]
    files = msgspec.structs.replace(evidence().files, bloat=[found()])
    settings = {"size": {"bloat": {"pip-cache": 0}}}
    verdict = CHECK.judge(
        facts(settings, evidence=evidence(files=files, layers=layers)), "pip-cache"
    )
    assert ("an instruction above may have brought it" in verdict.text) == is_told


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (0, "most of it came with the base image, python:3.11-slim"),
        (None, "which instruction brought it can't be told"),
    ],
)
def test_what_has_no_line_says_why(judge, layer, told):
    verdict = judge(0, found(layer=layer))
    assert verdict.details[0] == told
    assert verdict.line is None


def test_a_name_can_not_act_on_the_terminal(judge):
    verdict = judge(0, found(paths=["/a\x1b[31m\n/b"], path_bytes=[143 * MB]))
    assert r"143 MB  /a\x1b[31m\n/b" in verdict.text


def test_nothing_found_is_nothing_where_all_was_seen(judge):
    assert judge(0).outcome == "passed"
    unseen = judge(0, unreadable=2)
    assert (unseen.outcome, unseen.headline) == ("error", "2 folders could not be listed")


@pytest.mark.parametrize(
    ("cause", "bytes_found", "outcome"),
    [
        ("build-tools", None, "error"),
        ("build-tools", MB, "error"),
        ("build-tools", MB + 1, "failed"),
        ("cuda-twice", None, "error"),
        ("pip-cache", None, "passed"),
    ],
)
def test_what_the_os_owns_does_not_pass_where_that_is_unknown(judge, cause, bytes_found, outcome):
    bloat = [] if bytes_found is None else [found(cause, bytes_found)]
    verdict = judge(MB, *bloat, cause=cause, unread_packages="/var/lib/rpm/Packages is cut off\x1b")
    assert verdict.outcome == outcome
    if outcome == "error":
        assert verdict.text == (
            "the files of the OS's packages are unknown\n  /var/lib/rpm/Packages is cut off\\x1b"
        )


@pytest.mark.parametrize(
    ("cause", "unlisted", "outcome"),
    [
        ("build-tools", MB + 1, "skipped"),
        ("build-tools", MB, "passed"),  # whatever it is, it is within the budget
        ("cuda-twice", MB + 1, "skipped"),
        ("pip-cache", MB + 1, "passed"),
    ],
)
def test_without_a_database_of_packages_nobody_can_tell_what_they_brought(
    judge, cause, unlisted, outcome
):
    verdict = judge(MB, cause=cause, unlisted_bytes=unlisted)
    assert verdict.outcome == outcome
    if outcome == "skipped":
        assert verdict.text == (
            "the files of the OS's packages are unknown\n"
            "  nothing of dpkg, apk or rpm lists them, "
            "and 1.0 MB in /usr, /lib and /bin are nobody's"
        )


UNCOMPARED = [
    Uncompared(reason="time", count=2, bytes=40 * MB),
    Uncompared(reason="unreadable", count=1, bytes=2 * MB),
]


@pytest.mark.parametrize(
    ("budget", "outcome"),
    [
        (143 * MB - 1, "failed"),
        (143 * MB, "skipped"),
        (185 * MB - 1, "skipped"),
        (185 * MB, "passed"),
    ],
)
def test_what_was_not_compared_is_no_pass_where_it_could_matter(judge, budget, outcome):
    cause = "identical-files"
    verdict = judge(budget, found(cause), cause=cause, uncompared=UNCOMPARED)
    assert (verdict.outcome, verdict.measured) == (outcome, 143 * MB)
    assert judge(budget, found(), uncompared=UNCOMPARED).outcome != "skipped"


def test_what_was_not_compared_is_told_with_the_reason(judge):
    verdict = judge(0, cause="identical-files", uncompared=UNCOMPARED)
    assert verdict.text == (
        "0 B, and 42 MB were not compared\n  2 not read in time: 40 MB\n  1 can't be read: 2.0 MB"
    )


def test_without_the_files_it_is_an_error(facts, evidence):
    absent = evidence(files=Absent(reason="the image has no Python"))
    verdict = CHECK.judge(facts({"size": {"bloat": {"git": 0}}}, evidence=absent), "git")
    assert (verdict.outcome, verdict.headline) == ("error", "the image has no Python")


@pytest.mark.parametrize(("expect", "counts"), [("none", 1), ("auto", 0), ("required", 0)])
def test_cuda_is_bloat_where_no_gpu_is_asked_for(image, expect, counts):
    assert len(findings(image(gpu={"expect": expect}), [found("cuda-libraries")])) == counts


def test_a_budget_on_cuda_where_a_gpu_may_be_asked_for_judges_nothing(judge):
    verdict = judge(0, found("cuda-libraries"), cause="cuda-libraries")
    assert (verdict.outcome, verdict.measured) == ("skipped", 143 * MB)
    assert verdict.headline == '143 MB, and gpu.expect = "auto"'


def test_what_is_too_small_to_be_told_is_judged_all_the_same(judge, image):
    small = found(size=800_000)
    assert judge(500_000, small).headline == "800 kB, 300 kB over 500 kB"
    assert findings(image(), [small]) == []


def test_paths_of_less_than_a_thousandth_are_not_told(judge):
    sizes = {"/app/.git/objects/aa/": 9 * MB, "/app/.git/hooks/": 10_000, "/app/.git/": 9_999}
    git = found("git", 10 * MB, paths=list(sizes), path_bytes=list(sizes.values()))
    assert judge(0, git, cause="git").details[1:-1] == (
        "9.0 MB  /app/.git/objects/aa/",
        " 10 kB  /app/.git/hooks/",
    )
