"""One image against another: smaller by enough, and whose bytes the difference is."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from pytest_tfdocker.checks.comparison import Difference, compare, difference, difference_rows
from pytest_tfdocker.checks.smaller import By, judge
from pytest_tfdocker.evidence.records import Absent, Owner

DOCS = Path(__file__).parents[3] / "docs/checks/size.md"
MB = 10**6
BEFORE = "app:before"


def owner(kind, name, version, size, layer=1):
    return Owner(kind=kind, name=name, version=version, layer=layer, bytes=size)


def distribution(name, version, size):
    return owner("distribution", name, version, size)


@pytest.fixture
def side(evidence):
    """Evidence of an image by its owners, and by what is hidden beside them."""

    def make(*owners, name="app:ci", hidden=0, **changes):
        size = sum(one.bytes for one in owners)
        first, *rest = (msgspec.structs.replace(one, bytes=0) for one in evidence().layers)
        layers = [msgspec.structs.replace(first, bytes=size + hidden), *rest]
        files = msgspec.structs.replace(evidence().files, owners=list(owners), apparent_bytes=size)
        given = {"files": files, "layers": layers, **changes}
        return evidence(reference=name, id=f"sha256:{name}", **given)

    return make


@pytest.fixture
def sized(side):
    def make(size, name="app:ci"):
        return side(distribution("torch", "2.13.0", size), name=name)

    return make


@pytest.mark.parametrize(
    ("by", "outcome", "headline"),
    [
        (100 * MB - 1, "passed", "900 MB, 100 MB smaller than app:before"),
        (100 * MB, "passed", "900 MB, 100 MB smaller than app:before"),
        (
            100 * MB + 1,
            "failed",
            "900 MB, only 100 MB smaller than app:before, not 100,000,001 B",
        ),
        (200 * MB, "failed", "900 MB, only 100 MB smaller than app:before, not 200 MB"),
    ],
)
def test_it_holds_up_to_and_at_the_bytes_that_are_asked_for(sized, by, outcome, headline):
    verdict = judge(sized(900 * MB), sized(1000 * MB, BEFORE), BEFORE, By(bytes=by))
    assert verdict.outcome == outcome
    assert headline in (verdict.headline, *verdict.details)
    assert (verdict.measured, verdict.budget) == (100 * MB, by)


@pytest.mark.parametrize(
    ("saved", "outcome"), [(99_999_999, "failed"), (100_000_000, "passed"), (100_000_001, "passed")]
)
def test_a_figure_that_falls_short_never_reads_as_the_one_that_is_asked_for(sized, saved, outcome):
    there = sized(1000 * MB, BEFORE)
    verdict = judge(sized(1000 * MB - saved), there, BEFORE, By(bytes=100 * MB))
    assert verdict.outcome == outcome
    if outcome == "failed":
        told = "900 MB, only 99,999,999 B smaller than app:before, not 100 MB"
        assert verdict.headline == "900 MB, only 99,999,999 B smaller than …p:before, not 100 MB"
        assert verdict.details[0] == told


@pytest.mark.parametrize(
    ("size", "outcome"), [(700 * MB - 1, "passed"), (700 * MB, "passed"), (700 * MB + 1, "failed")]
)
def test_a_share_is_one_of_the_larger_image(sized, size, outcome):
    there = sized(1000 * MB, BEFORE)
    assert judge(sized(size), there, BEFORE, By(percent=Decimal(30))).outcome == outcome


@pytest.mark.parametrize(
    ("size", "share", "headline"),
    [
        (850 * MB, 30, "850 MB, only 15 % smaller than app:before, not 30 %"),
        (704 * MB, 30, "704 MB, only 29.6 % smaller than app:before, not 30 %"),
        (1000 * MB, 30, "1.0 GB, as large as app:before, not 30 % smaller"),
        (1012 * MB, 30, "1.0 GB, 12 MB larger than app:before"),
        (1012 * MB, 0, "1.0 GB, 12 MB larger than app:before"),
    ],
)
def test_the_first_line_tells_how_far_it_falls_short(sized, size, share, headline):
    by = By(percent=Decimal(share))
    assert judge(sized(size), sized(1000 * MB, BEFORE), BEFORE, by).headline == headline


def test_nothing_asked_for_is_met_by_an_image_as_large(sized):
    verdict = judge(sized(MB), sized(MB, BEFORE), BEFORE, By())
    assert (verdict.outcome, verdict.headline) == ("passed", "1.0 MB, as large as app:before")


def test_a_failure_tells_whose_the_bytes_are_largest_first(side):
    here = side(
        distribution("torch", "2.14.1", 700 * MB),
        distribution("nvidia-cublas", "1", 50 * MB),
        distribution("nvidia-cudnn", "1", 40 * MB),
        distribution("numpy", "2.0", 30 * MB),
        owner("weights", "model weights", "", 91 * MB),
        owner("nobody", "/opt/tools/", "", 5 * MB),
        hidden=3 * MB,
    )
    there = side(
        distribution("torch", "2.13.0", 667 * MB),
        distribution("numpy", "2.0", 30 * MB),
        owner("os-package", "gcc-12", "", 60 * MB),
        owner("os-package", "make", "", 2 * MB),
        owner("os-package", "cpp", "", 3 * MB),
        owner("project", "the project", "", MB),
        name=BEFORE,
    )
    verdict = judge(here, there, BEFORE, By(bytes=100 * MB))
    assert verdict.text.split("\n") == [
        "919 MB, 156 MB larger than app:before",
        "   +91 MB  model weights",
        "   +90 MB  nvidia-* CUDA wheels, 2",
        "   -60 MB  OS package gcc-12",
        "   +33 MB  torch 2.14.1 against 2.13.0",
        "  +5.0 MB  /opt/tools/",
        "  -5.0 MB  OS packages, 2",
        "  +3.0 MB  hidden by a later layer",
        "  -1.0 MB  the project",
        "  +156 MB  in all",
    ]


def test_the_example_in_the_documentation_is_real(side):
    here = side(
        distribution("torch", "2.14.1", 718 * MB),
        distribution("nvidia-cublas", "1", 20 * MB),
        distribution("nvidia-cudnn", "1", 7 * MB),
        owner("weights", "model weights", "", 91 * MB),
        owner("nobody", "/opt/tools/", "", 83 * MB),
    )
    there = side(
        distribution("torch", "2.13.0", 667 * MB),
        owner("os-package", "gcc-12", "", 60 * MB),
        owner("os-package", "make", "", 2 * MB),
        owner("os-package", "cpp", "", 3 * MB),
        owner("nobody", "/opt/tools/", "", 226 * MB),
        name=BEFORE,
    )
    verdict = judge(here, there, BEFORE, By(bytes=100 * MB))
    assert f"FAILED test_size.py::test_smaller - {verdict.text}\n" in DOCS.read_text()


def test_beyond_the_largest_the_rest_is_one_row(side):
    here = side(*(distribution(f"d{n:02}", "1", (n + 1) * MB) for n in range(13)))
    rows = difference_rows(compare(here, side(name=BEFORE), BEFORE))
    assert [row.strip() for row in rows[-3:]] == [
        "+4.0 MB  d03 1",
        "+6.0 MB  … and 3 more",
        "+91 MB  in all",
    ]


def owners_of(*pairs):
    return [distribution(name, "1", size) for name, size in pairs]


@pytest.mark.parametrize("hidden", [0, 4095, 4096, 7 * MB])
@pytest.mark.parametrize("uncounted", [0, 33])
@pytest.mark.parametrize("store", ["overlay2", "containerd:overlayfs"])
def test_what_the_owners_differ_by_is_what_the_totals_differ_by(
    side, evidence, hidden, uncounted, store
):
    engine = msgspec.structs.replace(evidence().engine, store=store)
    here = side(*owners_of(("a", 5001), ("b", 7)), hidden=hidden, engine=engine)
    files = msgspec.structs.replace(
        here.files, uncounted_bytes=uncounted, links_bytes=100, block_bytes=4096
    )
    here = msgspec.structs.replace(here, files=files)
    there = side(*owners_of(("b", 9000), ("c", 1)), hidden=17, name=BEFORE, engine=engine)
    found = compare(here, there, BEFORE)
    assert found.bytes == here.total_bytes - there.total_bytes
    assert sum(one.over for one in found.owners) == found.bytes


def test_the_sum_holds_where_the_history_falls_short_of_the_files(side):
    here = side(*owners_of(("a", 50 * MB)), layers=[], store_bytes=60 * MB)
    found = compare(here, side(*owners_of(("a", 20 * MB)), name=BEFORE), BEFORE)
    assert found.bytes == sum(one.over for one in found.owners) == 40 * MB
    assert [(one.kind, one.over) for one in found.owners] == [
        ("distribution", 30 * MB),
        ("engine", 10 * MB),
    ]


def test_an_owner_is_one_whatever_layers_and_versions_it_stands_in(side):
    here = side(
        distribution("numpy", "1.26", 10), distribution("numpy", "2.0", 5), *owners_of(("same", 3))
    )
    there = side(distribution("numpy", "1.26", 20), *owners_of(("same", 3)), name=BEFORE)
    assert compare(here, there, BEFORE).owners == (
        Difference(
            kind="distribution",
            name="numpy",
            version="1.26, 2.0",
            than_version="1.26",
            bytes=15,
            than_bytes=20,
        ),
    )


def test_another_version_of_as_many_bytes_is_a_difference_too(side):
    here, there = side(distribution("a", "1", 9)), side(distribution("a", "2", 9), name=BEFORE)
    [found] = compare(here, there, BEFORE).owners
    assert (found.version, found.than_version, found.over) == ("1", "2", 0)


def test_an_owner_that_one_image_lacks_has_no_version_there(side):
    found = compare(side(*owners_of(("a", 9))), side(*owners_of(("b", 3)), name=BEFORE), BEFORE)
    assert [(one.name, one.version, one.than_version) for one in found.owners] == [
        ("a", "1", None),
        ("b", None, "1"),
    ]


def test_without_its_files_an_image_is_judged_by_its_history_and_nobody_owns_its_bytes(sized):
    there = msgspec.structs.replace(
        sized(1000 * MB, BEFORE), files=Absent(reason="the image has no Python: …\ntried python3")
    )
    verdict = judge(sized(900 * MB), there, BEFORE, By(bytes=200 * MB))
    assert verdict.text.split("\n") == [
        "900 MB, only 100 MB smaller than app:before, not 200 MB",
        "  whose bytes app:before holds can't be told: the image has no Python: …",
    ]
    assert compare(sized(900 * MB), there, BEFORE).owners is None


@pytest.mark.parametrize("lacking", ["here", "there"])
def test_a_total_that_is_not_known_is_an_error(sized, lacking):
    pair = {"here": sized(900 * MB), "there": sized(1000 * MB, BEFORE)}
    pair[lacking] = msgspec.structs.replace(
        pair[lacking], layers=[], files=Absent(reason="no inventory")
    )
    verdict = judge(pair["here"], pair["there"], BEFORE, By())
    assert (verdict.outcome, verdict.headline) == ("error", "no inventory")
    assert verdict.details == (("of app:before",) if lacking == "there" else ())
    assert compare(pair["here"], pair["there"], BEFORE).bytes is None


def test_the_same_image_twice_is_an_error(sized):
    verdict = judge(sized(MB), sized(MB), "app:latest", By())
    assert verdict.outcome == "error"
    assert verdict.text == ("the same image twice\n  app:latest is sha256:app:ci, as this one is")


def test_another_platform_is_a_note(sized):
    there = msgspec.structs.replace(sized(1000 * MB, BEFORE), platform="linux/arm64")
    verdict = judge(sized(900 * MB), there, BEFORE, By(bytes=200 * MB))
    assert verdict.details[-1] == "linux/amd64 is compared with linux/arm64"


def test_a_long_name_is_cut_in_the_first_line_and_whole_in_the_second(sized):
    name = "registry.example.com/a-team/a-service:before-the-change"
    verdict = judge(sized(900 * MB), sized(1000 * MB, name), name, By(bytes=200 * MB))
    assert verdict.headline == "900 MB, only 100 MB smaller than …ore-the-change, not 200 MB"
    assert len(verdict.headline) == 60
    assert verdict.details[0] == f"900 MB, only 100 MB smaller than {name}, not 200 MB"


def test_an_id_is_named_by_its_beginning(sized):
    than = f"sha256:{'0123456789ab' * 6}"[:71]
    verdict = judge(sized(900 * MB), sized(1000 * MB, than), than, By())
    assert verdict.headline == "900 MB, 100 MB smaller than sha256:0123456789ab"


def test_names_that_a_terminal_would_act_on_are_escaped(side):
    here = side(distribution("a\x1b[2J", "1\n2", 9 * MB))
    verdict = judge(here, side(name=BEFORE), BEFORE, By())
    assert verdict.details[0].split() == ["+9.0", "MB", r"a\x1b[2J", "1", "2"]
    assert "\x1b" not in verdict.text


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (900 * MB, "100 MB smaller than app:before"),
        (1000 * MB, "as large as app:before"),
        (1200 * MB, "200 MB larger than app:before"),
    ],
)
def test_the_summary_has_one_line_of_it(sized, size, told):
    assert difference(compare(sized(size), sized(1000 * MB, BEFORE), BEFORE)) == told
