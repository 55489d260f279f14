"""Which wheels an image takes, and what is told of a lock that has none for it."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from pytest_tfdocker.checks import hashes, parity, pinned
from pytest_tfdocker.checks.artifacts import Artifacts
from pytest_tfdocker.evidence.records import Interpreter, Verification, Verified
from pytest_tfdocker.locks.declared import Artifact, Declared, Requirement, Source
from pytest_tfdocker.locks.discover import read_files

SITE = "/opt/venv/lib/python3.11/site-packages"
LINUX = "manylinux_2_17_x86_64.manylinux2014_x86_64"
HERE = "cp311 on linux x86_64, glibc 2.36"
FACTS = {
    "soabi": "cpython-311-x86_64-linux-gnu",
    "libc": "glibc 2.36",
    "bits": 64,
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def interpreter(**facts):
    told = FACTS | facts
    apart = {key: told.pop(key) for key in ("soabi", "libc", "bits")}
    return Interpreter(
        executable="/opt/venv/bin/python",
        reason="CMD",
        version="3.11.2",
        platform="linux x86_64",
        environment={key: value for key, value in told.items() if value is not None},
        path=[SITE],
        **apart,
    )


def fits(name, **facts):
    return Artifacts(interpreter(**facts)).fits(Artifact(name))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("py2-none-any", False),
        ("py311-none-any", True),
        ("py312-none-any", False),
        (f"cp311-cp311-{LINUX}", True),
        (f"cp312-cp312-{LINUX}", False),
        (f"cp39-abi3-{LINUX}", True),
        (f"cp312-abi3-{LINUX}", False),
        (f"cp311-cp311t-{LINUX}", False),
        (f"pp311-pypy311_pp73-{LINUX}", False),
        ("py3-none-manylinux_2_35_x86_64", True),
        ("py3-none-manylinux_2_36_x86_64", True),
        ("py3-none-manylinux_2_37_x86_64", False),
        ("py3-none-manylinux1_x86_64", True),
        ("cp311-cp311-linux_x86_64", True),
        ("cp311-cp311-musllinux_1_2_x86_64", False),
        ("cp311-cp311-manylinux_2_17_aarch64", False),
        ("cp311-cp311-macosx_11_0_arm64", False),
        ("cp311-cp311-win_amd64", False),
        ("cp310.cp311-cp310.cp311-win_amd64.linux_x86_64", True),
    ],
)
def test_a_wheel_by_its_tags(tags, expected):
    assert fits(f"torch-2.9.0-{tags}.whl") is expected
    assert fits(f"torch-2.9.0+cpu-1-{tags}.WHL") is expected


@pytest.mark.parametrize(
    "name",
    [
        "torch-2.9.0.tar.gz",
        "torch-2.9.0.zip",
        "",
        "torch.whl",
        "torch-2.9.0.whl",
        "a-1--any-.whl",
        "a-1-cp311-c p-x.whl",
        f"a-1-{'.'.join(['py1'] * 40)}-{'.'.join(['x'] * 40)}-win32.whl",
    ],
)
def test_what_is_built_inside_and_what_is_no_wheels_name_fits(name):
    assert fits(name)


@pytest.mark.parametrize(
    ("tags", "facts", "expected"),
    [
        ("cp311-cp311-musllinux_1_2_x86_64", {"libc": "musl 1.2.5"}, True),
        ("cp311-cp311-musllinux_1_3_x86_64", {"libc": "musl 1.2.5"}, False),
        (f"cp311-cp311-{LINUX}", {"libc": "musl 1.2.5"}, False),
        ("py3-none-manylinux_2_12_x86_64", {"libc": "glibc 2.12"}, True),
        ("py3-none-manylinux_2_17_x86_64", {"libc": "glibc 2.12"}, False),
        ("py3-none-manylinux_2_17_x86_64", {"libc": "glibc 2.20-2014.11"}, True),
        ("py3-none-manylinux_2_37_x86_64", {"libc": "glibc 3.0"}, True),
        ("cp37-cp37m-linux_x86_64", {"python_version": "3.7", "soabi": "cpython-37m-x"}, True),
        ("cp37-cp37-linux_x86_64", {"python_version": "3.7", "soabi": "cpython-37m-x"}, False),
        ("cp313-cp313t-linux_x86_64", {"python_version": "3.13", "soabi": "cpython-313t-x"}, True),
        ("cp313-cp313-linux_x86_64", {"python_version": "3.13", "soabi": "cpython-313t-x"}, False),
        ("cp311-cp311-linux_x86_64", {"soabi": "cpython-311d-x86_64-linux-gnu"}, True),
        ("cp311-cp311-linux_i686", {"bits": 32}, True),
        ("cp311-cp311-linux_x86_64", {"bits": 32}, False),
        ("py3-none-manylinux_2_5_i686", {"platform_machine": "i686", "bits": 32}, True),
        (
            "py3-none-manylinux_2_17_armv7l",
            {"platform_machine": "aarch64", "bits": 32},
            True,
        ),
        ("py3-none-manylinux_2_16_aarch64", {"platform_machine": "aarch64"}, False),
        ("py3-none-manylinux_2_17_aarch64", {"platform_machine": "aarch64"}, True),
    ],
)
def test_by_the_interpreters_own_facts(tags, facts, expected):
    assert fits(f"a-1-{tags}.whl", **facts) is expected


def test_pypy_takes_its_own():
    pypy = {"implementation_name": "pypy", "soabi": "pypy310-pp73-x86_64-linux-gnu"}
    pypy |= {"python_version": "3.10"}
    assert fits(f"a-1-pp310-pypy310_pp73-{LINUX}.whl", **pypy)
    assert fits("a-1-py3-none-any.whl", **pypy)
    assert not fits(f"a-1-cp310-cp310-{LINUX}.whl", **pypy)
    assert fits(f"a-1-cp310-cp310-{LINUX}.whl", **pypy | {"soabi": None})


@pytest.mark.parametrize(
    "unknown",
    [
        {"platform_machine": None},
        {"python_version": None},
        {"implementation_name": None},
        {"implementation_name": "graalpy"},
        {"sys_platform": "win32"},
    ],
)
def test_where_too_little_is_known_everything_fits(unknown):
    assert fits("a-1-cp399-cp399-win_amd64.whl", **unknown)


TAGS = st.tuples(
    st.sampled_from(["py3", "py2", "cp311", "cp310", "cp37", "cp313", "pp310", "cp39"]),
    st.sampled_from(["none", "abi3", "cp311", "cp37m", "cp313", "cp313t", "cp310", "cp311d"]),
    st.sampled_from(
        ["any", "linux_x86_64", "win32", "linux_i686", "musllinux_1_1_x86_64"]
        + [f"manylinux_2_{n}_x86_64" for n in (5, 17, 28, 36, 39)]
        + [f"manylinux_2_{n}_aarch64" for n in (17, 34)]
    ),
)
WHOLE = st.sampled_from(
    [
        FACTS,
        FACTS | {"libc": "musl 1.1.24"},
        FACTS | {"python_version": "3.7", "soabi": "cpython-37m-x86_64-linux-gnu"},
        FACTS | {"python_version": "3.13", "soabi": "cpython-313t-x86_64-linux-gnu"},
        FACTS | {"platform_machine": "aarch64", "soabi": "cpython-311-aarch64-linux-gnu"},
    ]
)


@for_any(TAGS, WHOLE, st.sets(st.sampled_from(["soabi", "libc", "bits", "platform_machine"])))
def test_of_what_is_not_known_nothing_is_ruled_out(tags, facts, unknown):
    name = f"a-1-{'-'.join(tags)}.whl"
    if fits(name, **facts):
        assert fits(name, **facts | dict.fromkeys(unknown))


@for_any(st.text(st.sampled_from("-._acpy3/%#?é\0 "), max_size=40) | st.text(max_size=40))
def test_any_name_is_answered(text):
    assert fits(f"{text}.whl") in {True, False}
    one = requirement("a", "1", url=f"https://h/{text}.whl")
    misfit = Artifacts(interpreter()).misfit(one)
    assert misfit is None or not fits(f"{text}.whl".rpartition("/")[2])


DATA = Path(__file__).parents[2] / "data/declared"
ARM = {"platform_machine": "aarch64", "soabi": "cpython-311-aarch64-linux-gnu"}


@pytest.mark.parametrize(
    ("file", "facts", "expected"),
    [
        ("pip-own-pylock/pylock.toml", {}, {}),
        ("pip-own-pylock/pylock.toml", ARM, {"charset-normalizer": "manylinux1_x86_64"}),
        (
            "pip-own-pylock/pylock.toml",
            {"python_version": "3.13", "soabi": "cpython-313-x86_64-linux-gnu"},
            {"charset-normalizer": "cp311"},
        ),
        ("poetry-1-lock/poetry.lock", ARM, {}),
        ("poetry-2-extras-and-groups/poetry.lock", {}, {"charset-normalizer": "cp310"}),
        ("uv-exported-pylock/pylock.toml", {"libc": "musl 1.2.5"}, {}),
        ("uv-workspace/uv.lock", {}, {}),
        ("wheels-by-url/requirements.txt", {}, {"torch": "cp310", "flash-attn": "cp310"}),
        (
            "wheels-by-url/requirements.txt",
            {"python_version": "3.10", "soabi": "cpython-310-x86_64-linux-gnu"},
            {},
        ),
    ],
)
def test_of_files_that_tools_have_written(file, facts, expected):
    if "pylock" in file:
        pytest.importorskip("packaging.pylock", reason="of packaging 26")
    path, artifacts = DATA / file, Artifacts(interpreter(**facts))
    requirements = read_files([path], path.parent).requirements
    found = {one.name: artifacts.misfit(one) for one in requirements}
    assert {name: one.tags for name, one in found.items() if one} == expected


def requirement(name, version, *wheels, file="uv.lock", line=5, **more):
    digest = more.pop("digest", "sha256:" + "a" * 64)
    artifacts = tuple(
        Artifact(w if w.endswith("gz") else f"{name}-{version}-{w}.whl", (digest,)) for w in wheels
    )
    more = {"hashes": (digest,) if wheels else (), **more}
    return Requirement(
        name=name,
        source=Source(file, line),
        specifier=f"=={version}",
        artifacts=artifacts,
        **more,
    )


@pytest.fixture
def locked(given):
    """Facts of these requirements, and of what is installed, in an image whose Python is known."""

    def make(requirements, *installed, **parts):
        files = tuple(dict.fromkeys(one.source.file for one in requirements))
        declared = Declared(requirements=tuple(requirements), sources=files, reason="given")
        return given(declared, *installed, interpreter=interpreter(), **parts)

    return make


def test_a_lock_without_a_wheel_for_the_image_says_so(locked):
    torch = requirement("torch", "2.9.0", "cp311-cp311-macosx_11_0_arm64", "cp311-cp311-win_amd64")
    facts = locked([torch, requirement("numpy", "2.4.6", "py3-none-any")], "numpy 2.4.6")
    verdict = parity.CHECK.judge(facts, None)
    assert verdict.text == (
        "1 of 2 is missing: torch 2.9.0\n"
        "  wanted torch 2.9.0   uv.lock:5\n"
        "  found  nothing of that name\n"
        f"         no wheel in uv.lock fits {HERE}: macosx_11_0_arm64, win_amd64\n"
        "  mend: set tool.uv.required-environments = "
        "[\"sys_platform == 'linux' and platform_machine == 'x86_64'\"] and lock again, "
        "or lock without it"
    )
    example = f"FAILED Dockerfile::parity - {verdict.text}"
    assert example in (DATA.parents[2] / "docs/checks/parity.md").read_text()
    (problem,) = parity.problems(facts)
    assert (problem.kind, problem.name, problem.line) == ("missing", "torch", 5)


@pytest.mark.parametrize(
    ("wheels", "told"),
    [
        (["cp312-cp312-linux_x86_64", "cp313-cp313-linux_x86_64"], "cp312, cp313"),
        (["cp313-cp313t-linux_x86_64"], "cp313-cp313t"),
        (["cp311-cp311-win_amd64", "cp312-cp312-linux_x86_64"], "win_amd64"),
        (["cp312-cp312-win_amd64"], "cp312-cp312-win_amd64"),
        (["py2-none-any"], "py2"),
        ([f"cp311-cp311-macosx_{n}_0_arm64" for n in range(11, 17)], "macosx_11_0_arm64, "),
    ],
)
def test_it_is_told_in_what_they_differ(locked, wheels, told):
    text = parity.CHECK.judge(locked([requirement("a", "1", *wheels)]), None).text
    assert f"no wheel in uv.lock fits {HERE}: {told}" in text
    assert ("and 2 more" in text) is (len(wheels) > 4)


IN_ANOTHER_VERSION = f"lock torch in a version, or from an index, that has a wheel for {HERE}"


@pytest.mark.parametrize(
    ("file", "wheel", "mend"),
    [
        ("poetry.lock", "cp311-cp311-win_amd64", IN_ANOTHER_VERSION),
        ("uv.lock", "cp312-cp312-linux_x86_64", IN_ANOTHER_VERSION),
        ("uv.lock", "cp311-cp311-manylinux_2_39_x86_64", IN_ANOTHER_VERSION),
        ("uv.lock", "py2-none-any", IN_ANOTHER_VERSION),
        (
            "a/pylock.dev.toml",
            "cp311-cp311-win_amd64",
            f"lock again for {HERE}: pip lock writes what fits where it runs",
        ),
    ],
)
def test_each_is_mended_in_its_way(locked, file, wheel, mend):
    one = requirement("torch", "2.9.0", wheel, file=file)
    last = parity.CHECK.judge(locked([one]), None).details[-1]
    assert last == f"mend: {mend}, or lock without it"


@pytest.mark.parametrize("also", ["torch-2.9.0.tar.gz", "cp311-cp311-linux_x86_64"])
def test_one_that_fits_or_can_be_built_is_enough(locked, also):
    one = requirement("torch", "2.9.0", "cp311-cp311-win_amd64", also)
    text = parity.CHECK.judge(locked([one]), None).text
    assert "  found  nothing of that name\n  mend: install torch, or lock without it" in text


def test_what_is_there_all_the_same_is_listed_and_not_failed(locked):
    verdict = parity.CHECK.judge(
        locked([requirement("torch", "2.9.0", "cp311-cp311-win_amd64")], "torch 2.9.0"), None
    )
    assert (verdict.outcome, verdict.text) == (
        "passed",
        "1 of 1 as declared\n"
        f"  not judged: torch 2.9.0 is there, though no wheel in uv.lock fits {HERE}: win_amd64 "
        "(uv.lock:5)",
    )
    assert parity.problems(locked([requirement("a", "1", "py2-none-any")], "a 1")) == []


def test_another_version_in_its_place_is_told_with_the_reason(locked):
    one = requirement("torch", "2.9.0", "cp311-cp311-win_amd64")
    verdict = parity.CHECK.judge(locked([one], "torch 2.8.0"), None)
    assert verdict.details == (
        "wanted torch 2.9.0   uv.lock:5",
        f"found  torch 2.8.0 in {SITE}",
        f"       no wheel in uv.lock fits {HERE}: win_amd64",
        "mend: lock torch 2.8.0",
    )


@pytest.mark.parametrize("check", [parity, pinned, hashes])
def test_of_several_of_a_name_the_one_for_the_image_is_judged(locked, check):
    both = [
        requirement("torch", "2.9.0", "cp311-cp311-win_amd64", line=5),
        requirement("torch", "2.9.0+cpu", "cp311-cp311-linux_x86_64", line=9),
    ]
    settings = {"settings": {"hashes": True}, "records": records("torch", "2.9.0+cpu")}
    facts = locked(both, "torch 2.9.0+cpu", **settings)
    assert check.CHECK.judge(facts, None).outcome == "passed"
    assert check.problems(facts) == []
    (problem,) = parity.problems(locked(both, "torch 2.9.0"))
    assert (problem.kind, problem.line) == ("local-version", 9)


def test_of_another_file_it_is_judged(locked):
    both = [
        requirement("torch", "2.9.0", "cp311-cp311-win_amd64", file="a/uv.lock"),
        requirement("torch", "2.8.0", "cp311-cp311-linux_x86_64", file="b/uv.lock"),
    ]
    (problem,) = parity.problems(locked(both, "torch 2.8.0"))
    assert (problem.kind, problem.source) == ("version", "a/uv.lock")


WINDOWS = "https://h/torch-2.9.0-cp312-cp312-win_amd64.whl"


@pytest.fixture
def by_url(given):
    def make(url, *installed, **parts):
        return given([f"torch @ {url}"], *installed, interpreter=interpreter(), **parts)

    return make


@pytest.mark.parametrize(
    "url", [WINDOWS, f"{WINDOWS}#sha256={'a' * 64}", "./wheels/torch-2.9.0-py2-none-any.whl"]
)
def test_the_url_of_another_platforms_wheel_is_told(given, url):
    line = url if url.startswith(".") else f"torch @ {url}"
    tags = "py2" if url.startswith(".") else "cp312-cp312-win_amd64"
    verdict = parity.CHECK.judge(given([line], interpreter=interpreter()), None)
    assert verdict.details == (
        "wanted torch 2.9.0   requirements.txt:1",
        "found  nothing of that name",
        f"       its wheel does not fit {HERE}: {tags}",
        f"mend: name the wheel for {HERE} at requirements.txt:1, with a marker if there are "
        "several, or delete requirements.txt:1",
    )


def test_the_url_of_a_wheel_for_the_image_passes(by_url):
    facts = by_url("https://h/torch-2.9.0%2Bcpu-cp311-cp311-linux_x86_64.whl", "torch 2.9.0+cpu")
    assert parity.CHECK.judge(facts, None).text == "1 of 1 as declared"


def records(name, version):
    told = Verification(same=1, changed=0, gone=0, unread=0, late=0)
    return Verified(distributions={f"{SITE}/{name}-{version}.dist-info": told})


def test_the_hash_of_another_platforms_wheel_vouches_for_nothing(locked):
    one = requirement("torch", "2.9.0", "cp311-cp311-win_amd64")
    facts = locked(
        [one], "torch 2.9.0", settings={"hashes": True}, records=records("torch", "2.9.0")
    )
    verdict = hashes.CHECK.judge(facts, None)
    assert (verdict.outcome, verdict.headline) == ("failed", "1 of 1 pins has no hash: torch")
    assert verdict.details[0] == (
        f"uv.lock:5 torch==2.9.0 (no wheel in uv.lock fits {HERE}: win_amd64)"
    )
    assert verdict.details[-1].startswith("mend: set tool.uv.required-environments = ")
    assert [(one.kind, one.name) for one in hashes.problems(facts)] == [("unhashed", "torch")]


@pytest.mark.parametrize(("digest", "kinds"), [("b" * 64, []), ("a" * 64, ["modified"])])
def test_an_archive_is_compared_with_those_that_fit(locked, distribution, digest, kinds):
    """One that a lock has for another platform is no reason to take this one for right."""
    url = "https://h/torch"
    other = Artifact("torch-2.9.0-cp311-cp311-win_amd64.whl", ("sha256:" + "a" * 64,))
    own = Artifact("torch-2.9.0-cp311-cp311-linux_x86_64.whl", ("sha256:" + "b" * 64,))
    one = msgspec.structs.replace(
        requirement("torch", "2.9.0"),
        url=url,
        artifacts=(other, own),
        hashes=(*other.hashes, *own.hashes),
    )
    told = {"url": url, "archive_info": {"hashes": {"sha256": digest}}}
    there = distribution("torch", "2.9.0", direct_url=json.dumps(told))
    facts = locked([one], there, settings={"hashes": True}, records=records("torch", "2.9.0"))
    assert [one.kind for one in hashes.problems(facts)] == kinds
