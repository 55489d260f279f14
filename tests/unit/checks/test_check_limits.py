"""`limits`: asked for and in force."""

import msgspec
import pytest

from pytest_tfdocker.checks.limits import CHECK
from pytest_tfdocker.evidence.records import Absent, Effective, ImageConfig

GIB = 2**30
IN_FORCE = Effective(memory_bytes=4 * GIB, swap_bytes=0, cpus=2.0, pids=512, cgroup_version="2")


def effective(**changes):
    return msgspec.structs.replace(IN_FORCE, **changes)


@pytest.mark.parametrize("name", ["memory", "swap", "cpus", "pids"])
def test_any_limit_plans_the_item(image, declared, name):
    assert CHECK.plan(image(run={name: 1.0 if name == "cpus" else 1}), declared()) == [None]


def test_without_a_limit_there_is_no_item(image, declared):
    assert CHECK.plan(image(), declared()) == []


def test_limits_in_force_pass(facts):
    asked = {"run": {"memory": 4 * GIB, "cpus": 2.0, "pids": 512}}
    verdict = CHECK.judge(facts(asked, effective=IN_FORCE), None)
    assert verdict.outcome == "passed"
    assert verdict.text == "memory 4.00 GiB, swap off, cpus 2, pids 512"


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (4 * GIB + 1, "failed"),
        (4 * GIB, "passed"),
        (4 * GIB - 65_535, "passed"),
        (4 * GIB - 65_536, "failed"),
        (None, "failed"),
    ],
)
def test_memory_may_be_rounded_down_by_less_than_a_page(facts, found, outcome):
    judged = facts({"run": {"memory": 4 * GIB}}, effective=effective(memory_bytes=found))
    assert CHECK.judge(judged, None).outcome == outcome


@pytest.mark.parametrize(
    ("found", "outcome"),
    [(1.98, "failed"), (1.995, "passed"), (2.0, "passed"), (2.02, "failed"), (None, "failed")],
)
def test_cpus_are_compared_as_finely_as_the_engine_keeps_them(facts, found, outcome):
    judged = facts({"run": {"cpus": 2.0}}, effective=effective(cpus=found))
    assert CHECK.judge(judged, None).outcome == outcome


def test_cpus_above_the_engines_are_lowered_and_it_is_said(facts):
    judged = facts({"run": {"cpus": 8.0}}, effective=effective(cpus=4.0))
    verdict = CHECK.judge(judged, None)
    assert verdict.outcome == "passed"
    assert verdict.text == "cpus 4 of 8 asked, all that the engine has"


def test_a_limit_that_is_dropped_is_named_with_the_others(facts):
    asked = {"run": {"memory": 4 * GIB, "cpus": 2.0}}
    dropped = effective(memory_bytes=None, swap_bytes=None)
    judged = facts(asked, effective=dropped, origins={"run.memory": "compose.yaml:9"})
    verdict = CHECK.judge(judged, None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "memory unlimited, 4.00 GiB asked for\n"
        "  memory: asked 4.00 GiB (compose.yaml:9), found unlimited: NOT in force\n"
        "  swap: asked 0 B (off by default), found unlimited: NOT in force\n"
        "  cpus: asked 2 (pyproject.toml), found 2: in force\n"
        "  read from cgroup v2 inside the container\n"
        "  rootless engines without cgroup delegation and kernels without the controller take a "
        "limit and drop it: see `docker info`"
    )


def test_swap_left_on_fails(facts):
    judged = facts({"run": {"memory": 4 * GIB}}, effective=effective(swap_bytes=4 * GIB))
    assert CHECK.judge(judged, None).headline == "swap 4.00 GiB, 0 B asked for"


def test_swap_without_a_limit_is_off_where_the_machine_has_none(facts):
    none = effective(swap_bytes=None, machine_swap_bytes=0)
    verdict = CHECK.judge(facts({"run": {"memory": 4 * GIB}}, effective=none), None)
    assert (verdict.outcome, verdict.text) == (
        "passed",
        "memory 4.00 GiB, swap none on this machine",
    )
    asked = facts({"run": {"memory": 4 * GIB, "swap": GIB}}, effective=none)
    assert CHECK.judge(asked, None).headline == "swap none on this machine, 1.00 GiB asked for"
    some = effective(swap_bytes=None, machine_swap_bytes=GIB)
    judged = facts({"run": {"memory": 4 * GIB}}, effective=some)
    assert CHECK.judge(judged, None).headline == "swap unlimited, 0 B asked for"


@pytest.mark.parametrize(
    ("machine", "told"), [(4 * GIB - 1, True), (4 * GIB, False), (None, False)]
)
def test_a_limit_above_what_the_machine_has_is_in_force_and_out_of_reach(facts, machine, told):
    found = effective(machine_memory_bytes=machine)
    judged = facts(
        {"run": {"memory": 4 * GIB}}, effective=found, origins={"run.memory": "compose.yaml:9"}
    )
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.headline) == (
        "passed",
        f"memory 4.00 GiB{' (the machine has 4,294,967,295 B)' if told else ''}, swap off",
    )
    assert verdict.details == (
        (
            "in force, but out of reach: the engine's machine has 4,294,967,295 B: whether the "
            "image needs "
            "up to 4.00 GiB (compose.yaml:9) shows on a larger one",
        )
        if told
        else ()
    )


@pytest.mark.parametrize(
    ("user", "asked", "outcome", "headline"),
    [
        ("1000", None, "passed", "user 1000"),
        ("1000:0", None, "passed", "user 1000"),
        ("root", "1000680000:0", "passed", "user 1000680000"),
        ("", None, "failed", "user root, not root asked for"),
        ("root", None, "failed", "user root, not root asked for"),
        ("0:0", None, "failed", "user 0, not root asked for"),
        ("1000", "0", "failed", "user 0, not root asked for"),
        ("app:app", None, "failed", "user app, a name, not root asked for"),
        ("²", None, "failed", "user ², a name, not root asked for"),
    ],
)
def test_who_may_not_be_root_is_judged_as_the_kubelet_does(
    facts, evidence, user, asked, outcome, headline
):
    settings = {"run": {"non-root": True, **({"user": asked} if asked else {})}}
    judged = facts(
        settings,
        evidence=evidence(config=ImageConfig(user=user)),
        effective=IN_FORCE,
        origins={"run.non-root": "app.yaml:9"},
    )
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.headline) == (outcome, headline)
    found = headline.removeprefix("user ").removesuffix(", not root asked for")
    assert outcome == "passed" or verdict.details == (
        f"user: asked not root (app.yaml:9), found {found}: NOT in force",
        "Kubernetes starts no such container (runAsNonRoot): write a number other than 0 in the "
        "image's USER, or set runAsUser",
    )


def test_who_may_not_be_root_plans_the_item(image, declared):
    assert CHECK.plan(image(run={"non-root": True}), declared()) == [None]


@pytest.mark.parametrize("name", ["cpus", "pids"])
def test_a_controller_that_cannot_be_read_skips(facts, name):
    blind = effective(unknown=[name], **{name: None})
    verdict = CHECK.judge(
        facts({"run": {name: 1.0 if name == "cpus" else 512}}, effective=blind), None
    )
    assert (verdict.outcome, verdict.headline) == (
        "skipped",
        f"{name}: its controller can't be read",
    )


def test_swap_that_the_kernel_does_not_account_is_on_where_the_machine_has_some(facts):
    blind = effective(swap_known=False, swap_bytes=None, machine_swap_bytes=2 * GIB)
    verdict = CHECK.judge(facts({"run": {"memory": 4 * GIB}}, effective=blind), None)
    assert (verdict.outcome, verdict.headline) == (
        "failed",
        "swap not accounted, 2.00 GiB there, 0 B asked for",
    )
    assert "swapoff -a" in verdict.text
    asked = facts({"run": {"memory": 4 * GIB, "swap": GIB}}, effective=blind)
    assert CHECK.judge(asked, None).outcome == "skipped"


def test_swap_that_the_kernel_does_not_account_skips_only_where_it_is_asked_for(facts):
    blind = effective(swap_known=False, swap_bytes=None, machine_swap_bytes=0)
    implied = facts({"run": {"memory": 4 * GIB}}, effective=blind)
    assert CHECK.judge(implied, None).text == "memory 4.00 GiB"
    asked = facts({"run": {"memory": 4 * GIB, "swap": GIB}}, effective=blind)
    verdict = CHECK.judge(asked, None)
    assert (verdict.outcome, verdict.headline) == ("skipped", "swap: the kernel accounts none")


def test_counters_that_could_not_be_read_are_an_error(facts):
    absent = Absent(reason="no cgroup is mounted in the container")
    verdict = CHECK.judge(facts({"run": {"memory": GIB}}, effective=absent), None)
    assert (verdict.outcome, verdict.text) == ("error", "no cgroup is mounted in the container")
