"""Weights that stand twice, and those that only seem to."""

import pytest
from scenes import bloat

HUB = "/hub/models--o--n"
UNLINKED = [(f"{HUB}/blobs/aaa", 400), (f"{HUB}/snapshots/r/model.safetensors", 400)]
"""As `cp -L` and COPY leave a cache in which links were."""
LARGE, SMALL = (f"{HUB}/blobs/aaa", 400), (f"{HUB}/blobs/bbb", 10)
CONFIG = (f"{HUB}/snapshots/r/config.json", 0.0001, "link:../../blobs/bbb")


def test_a_blob_that_two_revisions_share_counts_once():
    links = [
        (f"{HUB}/snapshots/{n}/{name}", 0.0001, f"link:../../blobs/{blob}")
        for n in (1, 2)
        for name, blob in (("model.safetensors", "aa"), ("pytorch_model.bin", "bb"))
    ]
    blobs = [(f"{HUB}/blobs/aa", 400), (f"{HUB}/blobs/bb", 390)]
    assert bloat(*links, *blobs) == {"duplicate-weights": 390}


@pytest.mark.parametrize(
    "other", [("/m/model.safetensors", 0.0001), ("/m/model.safetensors", 0.0001, "link:gone")]
)
def test_a_pointer_is_no_copy_of_the_weights(other):
    assert bloat(("/m/pytorch_model.bin", 400), other) == {}


def test_of_a_blob_and_the_copy_that_stands_for_its_link_one_goes():
    assert bloat(*UNLINKED) == {"hub-cache": 400}
    assert bloat(*UNLINKED, ("/app/other", 0.0001, f"link:{HUB}/blobs/zzz")) == {"hub-cache": 400}


def test_a_blob_without_snapshots_may_be_opened_by_its_own_name():
    assert bloat(LARGE) == {}


def test_a_blob_of_another_revision_that_no_link_leads_to_is_of_no_use():
    assert bloat(LARGE, SMALL, CONFIG) == {"hub-cache": 400}


USES = {
    "a link outside of the cache": [("/app/m.safetensors", 0.0001, f"link:{HUB}/blobs/aaa")],
    "a relative link outside of it": [
        ("/app/m.safetensors", 0.0001, "link:.././hub/models--o--n/blobs/aaa")
    ],
    "a snapshot that is a link to a folder": [
        (f"{HUB}/snapshots/1", 0.0001, "link:/data/r"),
        ("/data/r/model.safetensors", 0.0001, f"link:{HUB}/blobs/aaa"),
    ],
    "a link by way of a link": [
        ("/app/m.safetensors", 0.0001, "link:/app/weights"),
        ("/app/weights", 0.0001, f"link:{HUB}/blobs/aaa"),
    ],
    "a link by way of a linked folder": [
        ("/x/app", 0.0001, f"link:{HUB}/snapshots"),
        ("/app/m.safetensors", 0.0001, "link:/x/app/../blobs/aaa"),
    ],
    "a link to a blob that is a link itself": [
        ("/app/m.safetensors", 0.0001, f"link:{HUB}/blobs/ccc"),
        (f"{HUB}/blobs/ccc", 0.0001, "link:aaa"),
    ],
    "a link to the folder of blobs": [("/app/models", 0.0001, f"link:{HUB}/blobs/")],
    "a link to the model": [("/app/model", 0.0001, "link:../hub/models--o--n")],
    "a link to the cache": [("/root/.cache/huggingface/hub", 0.0001, "link:/hub")],
}


@pytest.mark.parametrize("links", USES.values(), ids=USES)
def test_a_blob_that_a_link_may_lead_to_is_in_use(links):
    assert bloat(LARGE, SMALL, CONFIG, *links) == {}


def test_a_link_to_another_folder_uses_no_blob():
    links = [("/hub2", 0.0001, "link:/data"), ("/a", 0.0001, "link:b"), ("/b", 0.0001, "link:a")]
    assert bloat(LARGE, SMALL, CONFIG, *links) == {"hub-cache": 400}


def test_weights_behind_two_links_are_those_that_these_lead_to():
    links = [
        ("/m/model.safetensors", 0.0001, "link:/n/st"),
        ("/n", 0.0001, "link:/store"),
        ("/store/st", 0.0001, "link:blob"),
    ]
    files = [("/m/pytorch_model.bin", 390), ("/store/blob", 400)]
    assert bloat(*links, *files) == {"duplicate-weights": 390}
