"""Manifests and indexes, as registries send them, and as they do not."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.engine.errors import EngineError
from pytest_tfdocker.engine.manifest import (
    digest_for,
    layer_sizes,
    read_manifest,
    sent_bytes,
)

OCI = "application/vnd.oci.image"


def layers_of(*layers):
    return layer_sizes(read_manifest(json.dumps({"layers": list(layers)}).encode()))


def chosen(platform, *entries):
    raw = json.dumps({"mediaType": f"{OCI}.index.v1+json", "manifests": list(entries)})
    return digest_for(read_manifest(raw.encode()).manifests, platform)


def entry(platform, digest, **more):
    os, architecture, *variant = platform.split("/")
    named = {"os": os, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    return {"digest": digest, "size": 500, "platform": named, **more}


ATTESTATION = entry(
    "unknown/unknown",
    "sha256:proof",
    annotations={"vnd.docker.reference.type": "attestation-manifest"},
)


def test_the_sizes_are_the_layers_own_in_their_order():
    assert layers_of({"size": 30}, {"size": 0}, {"size": 7, "digest": "sha256:a"}) == [30, 0, 7]


def test_a_layer_that_stands_in_it_twice_is_sent_once():
    layers = [{"size": 30, "digest": "sha256:a"}, {"size": 5}, {"size": 5}]
    raw = json.dumps({"layers": [*layers, layers[0]]})
    assert sent_bytes(read_manifest(raw.encode())) == 40


@pytest.mark.parametrize(
    "layer",
    [
        {"digest": "sha256:a"},
        {"size": None},
        {"size": 5, "urls": ["https://example.com/layer"]},
        {"size": 5, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"size": 5, "mediaType": f"{OCI}.layer.nondistributable.v1.tar+gzip"},
    ],
)
def test_a_layer_that_is_not_told_is_not_left_out_of_the_sum(layer):
    with pytest.raises(EngineError, match="does not tell the size of each layer"):
        layers_of({"size": 30}, layer)


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"<html>", b'{"layers": 3}', b'{"layers": [{"size": -1}]}', b"\xff"],
)
def test_what_is_no_manifest_is_said_to_be_none(raw):
    with pytest.raises(EngineError, match="no manifest"):
        read_manifest(raw)


@pytest.mark.parametrize("raw", [b"{}", b'{"layers": []}', b'{"fsLayers": [{"blobSum": "x"}]}'])
def test_a_manifest_without_layers_tells_nothing(raw):
    with pytest.raises(EngineError, match="lists no layers"):
        layer_sizes(read_manifest(raw))


@pytest.mark.parametrize(
    ("platform", "digest"),
    [("linux/amd64", "amd"), ("linux/arm64/v8", "arm"), ("linux/arm/v7", "v7")],
)
def test_an_index_leads_to_the_judged_platform_and_to_no_attestation(platform, digest):
    found = chosen(
        platform,
        ATTESTATION,
        ATTESTATION | {"platform": {"os": "linux", "architecture": "amd64"}},
        entry("linux/amd64", "amd"),
        entry("linux/arm/v6", "v6"),
        entry("linux/arm/v7", "v7"),
        entry("linux/arm64", "arm"),
        entry("windows/amd64", "windows"),
    )
    assert found == digest


def test_the_only_variant_is_that_of_a_platform_without_one():
    assert chosen("linux/arm64", entry("linux/arm64/v8", "v8")) == "v8"


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry("linux/arm64", "arm")],
        [ATTESTATION],
        [entry("linux/amd64/v2", "v2"), entry("linux/amd64/v3", "v3")],
        [{"digest": "sha256:a"}],
        [{"platform": {"os": "linux", "architecture": "amd64"}}],
    ],
)
def test_an_index_without_the_platform_is_said_to_have_none(entries):
    with pytest.raises(EngineError, match="no image for linux/amd64"):
        chosen("linux/amd64", *entries)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["layers", "manifests", "size", "digest", "platform", "os", "urls", "annotations"]
            )
            | st.text(),
            inner,
        )
    ),
    max_leaves=20,
)


@given(st.binary() | documents.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_sizes_a_digest_or_one_kind_of_error(raw):
    with suppress(EngineError):
        found = read_manifest(raw)
        if found.manifests is None:
            assert all(size >= 0 for size in layer_sizes(found))
        else:
            assert digest_for(found.manifests, "linux/amd64")


def test_a_document_that_is_too_deep_is_no_manifest():
    with pytest.raises(EngineError, match="no manifest"):
        read_manifest(b'{"x":' + b"[" * 100_000)
