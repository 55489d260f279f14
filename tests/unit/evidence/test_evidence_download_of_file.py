"""What a registry would send of an image in a file: its layers as they are, or a sample of them."""

import gzip
import json
import os
import random
from contextlib import nullcontext

import pytest
from archives import Layout, config_of, file, link, tar, write_folder

from pytest_tfdocker.evidence.archived import find_archived, read_archived
from pytest_tfdocker.evidence.download_of_file import Plain, download_of_file
from pytest_tfdocker.evidence.download_of_layers import Passing, sample_packed
from pytest_tfdocker.evidence.records import Download
from pytest_tfdocker.evidence.store import Store
from pytest_tfdocker.evidence.unstarted.programs import load_sample
from pytest_tfdocker.settings.schema import Image, ImageSettings

WORDS = ("import ", "def ", "return ", "self ", "None ")


def words(seed, count=60_000):
    chosen = random.Random(seed)  # noqa: S311 (nothing secret)
    return "".join(chosen.choice(WORDS) for _ in range(count)).encode()


TEXT = tar(*(file(f"a{number}.py", words(number)) for number in range(4)))
NOISE = tar(file("weights.bin", random.Random(0).randbytes(600_000)))  # noqa: S311


@pytest.fixture
def download(tmp_path):
    asked = []

    def ask(*layers, form="tar"):
        layout = Layout().add(list(layers))
        path = tmp_path / "image"
        if form == "oci":
            write_folder(path, layout.all())
        else:
            path.write_bytes(gzip.compress(layout.tar()) if form == "gzip" else layout.tar())
            os.utime(path, (1, 1))  # of the same bytes it is the same file
        scheme = "oci" if form == "oci" else "tar"
        image = Image(
            name="default", root=tmp_path, settings=ImageSettings(), given=f"{scheme}:{path}"
        )
        evidence = read_archived(find_archived(image), None)
        store = Store(tmp_path / "run", tmp_path / "kept")
        doing = lambda what: asked.append(what) or nullcontext(lambda _: None)  # noqa: E731
        return download_of_file(store, image, evidence, doing)

    ask.asked = asked
    return ask


@pytest.mark.parametrize("form", ["tar", "oci"])
def test_compressed_layers_are_what_is_sent(download, form):
    packed = [gzip.compress(TEXT, 9), gzip.compress(NOISE, 1)]
    sizes = [len(one) for one in packed]
    assert download(*packed, form=form) == Download(
        bytes=sum(sizes), source="archive", layers=sizes
    )


@pytest.mark.parametrize("form", ["tar", "oci"])
def test_a_layer_that_stands_in_it_twice_is_sent_once(download, form):
    packed = gzip.compress(TEXT, 9)
    size = len(packed)
    assert download(packed, packed, form=form) == Download(
        bytes=size, source="archive", layers=[size, size]
    )
    assert download(packed, NOISE, packed, NOISE, form=form) == download(packed, NOISE, form=form)


@pytest.mark.parametrize("form", ["tar", "oci"])
def test_plain_layers_are_sampled_and_compressed_ones_counted(download, form):
    packed = gzip.compress(TEXT, 6)
    found = download(packed, TEXT, NOISE, form=form)
    truth = 2 * len(packed) + len(gzip.compress(NOISE, 6))
    assert (found.source, found.archive_bytes) == ("estimate", len(TEXT) + len(NOISE))
    assert abs(found.bytes - truth) <= found.error_bytes
    assert 0 < found.error_bytes < truth / 10


def test_what_is_packed_as_a_whole_is_sampled_as_it_streams_by(download):
    found = download(TEXT, NOISE, form="gzip")
    truth = len(gzip.compress(TEXT, 6)) + len(gzip.compress(NOISE, 6))
    assert (found.source, found.archive_bytes) == ("estimate", len(TEXT) + len(NOISE))
    assert abs(found.bytes - truth) <= found.error_bytes < truth / 10


def test_of_several_images_the_others_layers_are_not_sampled(tmp_path):
    layout = Layout().add([NOISE], name="docker.io/library/other:1")
    layout = layout.add([TEXT], name="docker.io/library/app:1")
    (tmp_path / "image").write_bytes(gzip.compress(layout.tar()))
    given = find_archived(
        Image(
            name="default",
            root=tmp_path,
            settings=ImageSettings(),
            given=f"tar:{tmp_path}/image:app:1",
        )
    )
    evidence = read_archived(given, None)
    assert sample_packed(given, evidence).archive_bytes == len(TEXT)


def test_layers_that_older_dockers_save_as_links_are_sampled(tmp_path):
    """Two images that share a layer: the one is a link into the folder of the other."""
    names = [f"{at}/layer.tar" for at in "ab"]
    entries = [file("config.json", json.dumps(config_of([TEXT, NOISE])).encode())]
    entries += [link(names[0], "../base/layer.tar"), file(names[1], NOISE)]
    told = [{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}]
    entries += [file("base/layer.tar", TEXT), file("manifest.json", json.dumps(told).encode())]
    path = tmp_path / "image.tar.gz"
    path.write_bytes(gzip.compress(tar(*entries)))
    given = find_archived(
        Image(name="default", root=tmp_path, settings=ImageSettings(), given=f"tar:{path}")
    )
    assert sample_packed(given, read_archived(given, None)).archive_bytes == len(TEXT) + len(NOISE)


def test_an_estimate_is_kept(download):
    first, again = download(TEXT), download(TEXT)
    assert first == again
    assert download.asked == ["estimate of the download"]


@pytest.mark.parametrize("passed", [97, 7000, 1 << 14, 1 << 17])
def test_pieces_are_the_same_however_the_bytes_come(passed):
    whole, some = (Passing(load_sample(), every=15) for _ in range(2))
    whole.hear(memoryview(TEXT))
    for start in range(0, len(TEXT), passed):
        some.hear(memoryview(TEXT)[start : start + passed])
    for one in (whole, some):
        one.end()
    assert (some.sizes, some.bytes, some.sampled_bytes) == (
        whole.sizes,
        len(TEXT),
        whole.sampled_bytes,
    )
    assert 1 < len(whole.sizes) < len(TEXT) >> 14


def test_layers_are_read_across_their_ends(tmp_path):
    blobs = []
    for number, content in enumerate([b"abc", b"", b"defgh"]):
        (tmp_path / str(number)).write_bytes(content)
        blobs.append((tmp_path / str(number)).open("rb"))
    plain = Plain(blobs)
    read = [plain.read(start, end) for start, end in ((0, 3), (1, 5), (4, 99), (8, 9))]
    for blob in blobs:
        blob.close()
    assert (plain.bytes, read) == (8, [b"abc", b"bcde", b"efgh", b""])
