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


@pytest.mark.parametrize(
    ("kept", "freed"),
    [
        ("model-00001-of-00003.safetensors", "consolidated.safetensors"),
        ("model-00001-of-00003.safetensors", "consolidated-00001-of-00010.safetensors"),
        ("model.safetensors", "original/consolidated.00.pth"),
        ("model.safetensors", "consolidated.01.pth"),
        ("model.safetensors", "onnx/model_quantized.onnx"),
        ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
        ("model.safetensors", "model.fp16-00001-of-00002.safetensors"),
        ("model.safetensors", "model-00001-of-00002.fp16.safetensors"),
        ("pytorch_model.bin", "pytorch_model.fp16.bin"),
        ("model.fp16.safetensors", "pytorch_model.fp16.bin"),
    ],
)
def test_of_several_formats_one_is_kept(kept, freed):
    assert bloat((f"/m/{freed}", 390), (f"/m/{kept}", 400)) == {"duplicate-weights": 390}


@pytest.mark.parametrize(
    "other",
    [
        "diffusion_pytorch_model.non_ema.safetensors",  # other weights
        "original/model.safetensors",  # it may be what the other was tuned from
        "original/pytorch_model.bin",
        "consolidated.safetensors.index.json",
        "other/consolidated.00.pth",
        "tokenizer.model.pth",
    ],
)
def test_what_may_be_other_weights_is_no_second_format(other):
    main = "diffusion_pytorch_model" if "diffusion" in other else "model"
    assert bloat((f"/m/{other}", 390), (f"/m/{main}.safetensors", 400)) == {}


def test_a_second_name_of_the_same_weights_is_no_second_format():
    file, link = ("/m/model.safetensors", 400), ("/m/consolidated.safetensors", 0.0001)
    assert bloat(file, (*link, "link:model.safetensors")) == {}
    assert bloat((*file, "inode:1"), (*link, "inode:1")) == {}


def test_a_folder_of_originals_holds_a_model_itself():
    files = [("/m/original/model.safetensors", 400), ("/m/original/pytorch_model.bin", 390)]
    assert bloat(*files) == {"duplicate-weights": 390}
