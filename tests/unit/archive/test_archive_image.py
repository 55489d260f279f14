"""Images as files: each way in which one is packed, which image is meant, and what is missing."""

import gzip
import io
import json
import os
import tarfile
import time
from itertools import count

import pytest
from archives import (
    ATTESTS,
    PACKED,
    Layout,
    config_of,
    entry,
    file,
    link,
    saved,
    tar,
    tar_of,
    write_folder,
)

from pytest_tfdocker.archive.compressed import zstd
from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.image import find_image, opened, read_layers, read_saved
from pytest_tfdocker.archive.layer import Reading
from pytest_tfdocker.archive.pieces import Pieces

ONE, TWO = tar(file("a", b"1")), tar(file("b", b"22"), link("c", "b"))


@pytest.fixture
def look(tmp_path):
    """What is in an archive: bytes of a file, or files of a folder."""
    numbers = count()

    def read(data, reference=None, platform=None, reading=None):
        path = tmp_path / f"image{next(numbers)}"
        if isinstance(data, dict):
            write_folder(path, data)
        else:
            path.write_bytes(data)
        with opened(path, reading or Reading()) as layout:
            image = find_image(layout, reference, platform)
            return image, read_layers(layout, image)

    return read


@pytest.fixture
def refused(look):
    def read(*arguments):
        with pytest.raises(ArchiveError) as caught:
            look(*arguments)
        return str(caught.value)

    return read


def paths(found):
    return [layer.paths for layer in found[1]]


FORMS = {
    "folder": lambda files: files,
    "tar": tar_of,
    "tar with ./": lambda files: tar_of({f"./{name}": data for name, data in files.items()}),
    "gzip": lambda files: gzip.compress(tar_of(files)),
    "zstd": lambda files: zstd.compress(tar_of(files)),
    "two gzip members": lambda files: (
        gzip.compress(tar_of(files)[:700]) + gzip.compress(tar_of(files)[700:])
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", PACKED)
def test_an_oci_layout_is_read_however_it_is_packed(look, form, pack):
    files = Layout().add([ONE, TWO], pack=pack, name="docker.io/library/app:ci").all()
    image, layers = look(FORMS[form](files))
    assert [layer.paths for layer in layers] == [["/a"], ["/b", "/c"]]
    assert (image.names, image.platform, image.entries) == (
        ["docker.io/library/app:ci"],
        "linux/amd64",
        [0, 1],
    )
    sizes = [len(PACKED[pack](layer)) for layer in (ONE, TWO)]
    assert [layer.compressed_bytes for layer in layers] == (
        [None, None] if pack == "plain" else sizes
    )


@pytest.mark.parametrize("form", FORMS)
def test_what_docker_save_wrote_up_to_24_is_read(look, form):
    image, layers = look(FORMS[form](saved([ONE, TWO], tags=["app:ci"])))
    assert [layer.paths for layer in layers] == [["/a"], ["/b", "/c"]]
    assert image.names == ["app:ci"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_equal_layer_may_be_a_link(look, pack):
    files = saved([ONE, TWO, ONE])
    names = json.loads(files["manifest.json"])[0]["Layers"]
    entries = [file(name, data) for name, data in files.items() if name != names[2]]
    data = tar(*entries, link(names[2], f"../{names[0]}"))
    assert paths(look(pack(data))) == [["/a"], ["/b", "/c"], ["/a"]]


def test_the_same_layer_may_stand_twice(look):
    assert paths(look(Layout().add([ONE, ONE]).all())) == [["/a"], ["/a"]]


def test_an_id_is_the_digest_of_the_config(look):
    files = saved([ONE])
    image, _ = look(tar_of(files))
    assert f"{image.id[7:]}.json" == json.loads(files["manifest.json"])[0]["Config"]


def test_an_index_may_stand_in_an_index(look):
    layout = Layout()
    inner = layout.blob({"manifests": [layout.image([ONE])]}, "index.v1+json")
    outer = layout.blob({"manifests": [inner]}, "index.v1+json")
    layout.manifests = [{**outer, "annotations": {"org.opencontainers.image.ref.name": "v1"}}]
    image, layers = look(layout.all(), "v1")
    assert (image.names, layers[0].paths) == (["v1"], ["/a"])


def test_an_index_that_holds_itself_ends(refused):
    layout = Layout()
    inner = layout.blob(b"{}")
    for _ in range(6):
        inner = layout.blob({"manifests": [{**inner, "mediaType": "index"}]}, "index.v1+json")
    layout.manifests = [inner]
    assert refused(layout.all()) == "no image is in it"


def test_an_attestation_is_no_image(look):
    layout = Layout().add([ONE])
    layout.manifests.append({**layout.image([TWO], os="unknown"), "annotations": ATTESTS})
    assert paths(look(layout.all())) == [["/a"]]


def platforms(layout):
    """An index of three platforms."""
    arm = {"architecture": "arm64", "variant": "v8"}
    made = [layout.image([ONE]), layout.image([TWO], **arm), layout.image([ONE], os="windows")]
    layout.manifests = [layout.blob({"manifests": made}, "index.v1+json")]
    return layout


@pytest.mark.parametrize("platform", ["linux/arm64", "linux/arm64/v8"])
def test_of_several_platforms_the_one_asked_for_is_read(look, platform):
    assert paths(look(platforms(Layout()).all(), None, platform)) == [["/b", "/c"]]


def test_of_several_that_an_engine_saves_the_platform_that_it_judges_is_read():
    saved = io.BytesIO(platforms(Layout()).tar())
    image, layers = read_saved(saved, Reading(), "linux/arm64/v8")
    assert (image.platform, [layer.paths for layer in layers]) == (
        "linux/arm64/v8",
        [["/b", "/c"]],
    )


def test_arm64_is_arm64_v8(look):
    files = Layout().add([ONE], architecture="arm64").all()
    assert paths(look(files, None, "linux/arm64/v8")) == [["/a"]]


def test_of_several_platforms_one_must_be_asked_for(refused):
    text = refused(platforms(Layout()).all())
    assert text.startswith("3 images are in it: sha256:")
    assert text.endswith(
        "\nname one: tar:FILE:NAME, oci:DIR:NAME; of several platforms, "
        "`platform` in [tool.tfdocker.build]"
    )
    assert refused(platforms(Layout()).all(), None, "linux/s390x") == (
        "no image in it is for linux/s390x\nin it: linux/amd64, linux/arm64/v8, windows/amd64"
    )


def test_a_platform_that_was_not_pulled_is_left_out(look):
    layout = platforms(Layout())
    arm = json.loads(layout.files[blob_of(layout.manifests[0])])["manifests"][1]
    del layout.files[blob_of(arm)]
    assert "windows/amd64" not in look(layout.all(), None, "linux")[0].platform


def test_a_platform_whose_config_was_not_pulled_is_left_out(look, refused):
    layout = Layout().add([ONE])
    other = layout.image([TWO], architecture="arm64")
    layout.manifests.append(other)
    config = blob_of(json.loads(layout.files[blob_of(other)])["config"])
    del layout.files[config]
    assert paths(look(layout.all())) == [["/a"]]
    layout.manifests = [other]
    assert refused(layout.all()) == f"{config} is missing in it"


def blob_of(descriptor):
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


SEVERAL = (
    Layout()
    .add([ONE], name="docker.io/library/app:latest")
    .add([TWO], name="registry:5000/app:ci")
    .add([TWO, ONE], name="docker.io/org/app:v1")
)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("app", "/a"),
        ("app:latest", "/a"),
        ("docker.io/library/app:latest", "/a"),
        ("registry:5000/app:ci", "/b"),
        ("org/app:v1", "/b"),
    ],
)
def test_of_several_images_one_is_named(look, name, first):
    assert paths(look(SEVERAL.tar(), name))[0][0] == first


def test_of_several_images_one_must_be_named(refused):
    assert refused(SEVERAL.tar()) == (
        "3 images are in it: docker.io/library/app:latest; registry:5000/app:ci; "
        "docker.io/org/app:v1\n"
        "name one: tar:FILE:NAME, oci:DIR:NAME; of several platforms, "
        "`platform` in [tool.tfdocker.build]"
    )
    assert refused(SEVERAL.tar(), "other") == (
        "no image in it is named other\n"
        "in it: docker.io/library/app:latest; registry:5000/app:ci; docker.io/org/app:v1"
    )


def test_one_image_of_two_names_is_one(look):
    layout = Layout().add([ONE], name="app:1")
    layout.add([ONE], name="app:2")
    assert paths(look(layout.tar())) == [["/a"]]
    image = look(layout.tar())[0]
    assert paths(look(layout.tar(), image.id)) == [["/a"]]


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_that_is_missing_is_named(refused, form):
    layout = Layout().add([ONE, TWO])
    name = next(name for name, data in layout.files.items() if data == TWO)
    del layout.files[name]
    assert refused(FORMS[form](layout.all())) == f"layer 2 of 2 is missing in it: {name}"


def v7(layer):
    """Its first header without a mark, as tars had none before POSIX."""
    header = bytearray(layer[:512])
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + layer[512:]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("layer", "paths_of"),
    [
        (tar(file("{{cookiecutter.slug}}", b"1")), ["/{{cookiecutter.slug}}"]),
        (tar(file("[id]/a", b"1")), ["/[id]/a"]),
        (v7(ONE), ["/a"]),
        (v7(tar(file("{a}", b"1"))), ["/{a}"]),
        (tar(), []),
    ],
    ids=["brace", "bracket", "v7", "v7 and a brace", "empty"],
)
def test_a_layer_is_known_whatever_its_first_header_has(look, form, layer, paths_of):
    assert paths(look(FORMS[form](Layout().add([layer, TWO]).all()))) == [paths_of, ["/b", "/c"]]


@pytest.mark.parametrize("form", ["folder", "tar", "gzip"])
def test_a_document_that_is_missing_is_named(refused, form):
    for at in (0, -1):
        layout = Layout().add([ONE])
        blobs = [name for name, data in layout.files.items() if data[:1] == b"{" and "/" in name]
        del layout.files[blobs[at]]
        assert refused(FORMS[form](layout.all())) == f"{blobs[at]} is missing in it"


@pytest.mark.parametrize("form", ["folder", "tar", "gzip"])
def test_what_is_no_image_says_so(refused, form):
    assert refused(FORMS[form]({"some/file": b"1"})) == (
        "no image is in it: neither manifest.json nor index.json\n"
        "`docker save IMAGE -o FILE` writes one that has them"
    )
    assert refused(FORMS[form]({"index.json": b'{"manifests":null}'})) == "no image is in it"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.json", b"[]"),
        ("index.json", b'{"manifests":[{"digest":5}]}'),
        ("index.json", b'{"manifests":'),
        ("manifest.json", b"{}"),
        ("manifest.json", b"[[]]"),
        ("manifest.json", b'[{"Config":"x.json","Layers":"abc"}]'),
        ("manifest.json", b"[" * 100_000),
        ("manifest.json", b'["\xff"]'),
    ],
)
def test_a_document_that_is_none_is_named(refused, name, content):
    for form in ("folder", "tar", "gzip"):
        assert refused(FORMS[form]({name: content})).startswith(f"{name} can't be read: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"config": []},
        {"config": {"Cmd": "sh"}},
        {"config": {"Env": [1]}},
        {"config": {"Healthcheck": ["NONE"]}},
        {"history": "none"},
        {"history": [None]},
        {"history": [{"created_by": 1}]},
        {"os": ["linux"]},
    ],
)
def test_a_config_of_other_types_is_named(refused, changes):
    text = refused(Layout().add([ONE], **changes).all())
    assert text.startswith("blobs/sha256/")
    assert " can't be read: Expected " in text


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:../../etc/passwd",
        "../x",
        "sha256",
        "",
        "sha256:",
        "/etc:passwd",
        "sha256:a/../../b",
        "sha256:" + "a" * 300,
        "sha256:" + "a" * 64 + "\n",
        "sha512:" + "a" * 64,
        "md5:" + "a" * 32,
    ],
)
def test_a_digest_that_leads_out_or_is_of_another_length_is_none(refused, digest):
    files = {"index.json": json.dumps({"manifests": [{"digest": digest}]}).encode()}
    assert refused(files) == f"{digest!r} is no digest"


def test_names_that_lead_out_of_a_folder_are_not_followed(refused, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for name in ("../config.json", str(tmp_path / "config.json")):
        manifest = [{"Config": name, "Layers": []}]
        text = refused({"manifest.json": json.dumps(manifest).encode()})
        assert text == f"{name} is missing in it"


def test_config_and_manifest_must_tell_of_as_many_layers(refused):
    layout = Layout().add([ONE, TWO], rootfs={"diff_ids": ["sha256:1"]})
    assert refused(layout.all()) == "its config tells of 1 layers, its manifest of 2"


@pytest.mark.parametrize("history", [None, [], [{"created_by": "one"}]])
def test_a_history_that_tells_not_of_every_layer_is_none(look, history):
    image, layers = look(Layout().add([ONE, TWO], history=history).all())
    assert (image.entries, len(layers)) == (None, 2)


def test_entries_without_a_layer_are_left_out(look):
    history = [{"empty_layer": True}, {"created_by": "COPY"}, {"empty_layer": True}]
    image, _ = look(Layout().add([ONE], history=history).all())
    assert image.entries == [1]


def test_no_layers_are_an_image(look):
    assert paths(look(Layout().add([]).tar())) == []
    config = json.dumps(config_of([])).encode()
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": None}]
    files = {"c.json": config, "manifest.json": json.dumps(manifest).encode()}
    assert paths(look(tar_of(files))) == []


def test_a_blob_that_is_no_layer_of_the_image_may_be_broken(look):
    layout = Layout().add([ONE])
    layout.blob(gzip.compress(b"an SBOM"))
    layout.blob(b"text")
    assert paths(look(gzip.compress(layout.tar()))) == [["/a"]]


def test_a_broken_layer_is_named(refused):
    files = Layout().add([ONE, TWO], pack="gzip").all()
    name = [name for name, data in files.items() if data.startswith(b"\x1f\x8b")][1]
    files[name] = files[name][:-9]
    for form in ("folder", "tar", "gzip"):
        assert refused(FORMS[form](files)).startswith(f"layer {name} is cut off or broken: ")


SMALL = Layout().add([ONE, TWO], pack="gzip").tar()
LAST = len(SMALL.rstrip(b"\0"))


@pytest.mark.parametrize("pack", PACKED)
def test_an_archive_that_is_cut_anywhere_is_told(look, pack):
    """Of a plain one, what is behind the last entry is zeros."""
    data = PACKED[pack](SMALL)
    steps = range(1, len(data), 1 if pack != "plain" else 97)
    for at in (*steps, len(data) - 1):
        try:
            found = look(data[:at])
        except ArchiveError:
            assert pack != "plain" or at < LAST + 1024
        else:
            assert pack == "plain"
            assert at > LAST
            assert paths(found) == [["/a"], ["/b", "/c"]]


@pytest.mark.parametrize("data", [b"", b"not a tar", b"x" * 2000, bytes(100)])
def test_what_is_no_archive_says_so(refused, data):
    assert refused(data).startswith("it is cut off or broken: ")


@pytest.mark.parametrize(
    ("data", "name"), [(b"BZh91AY&SY", "bzip2"), (b"\xfd7zXZ\0\0", "xz"), (b"PK\x03\x04", "zip")]
)
def test_other_ways_to_pack_it_are_named(refused, data, name):
    assert refused(data) == f"it is packed with {name}, which is not read: unpack it first"


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(ArchiveError, match=r"^it is neither a file nor a folder$"),
        opened(tmp_path / "pipe", Reading()),
    ):
        pass


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_it_is_told_how_far_it_is(look, form):
    seen = []
    files = Layout().add([ONE, TWO]).all()
    look(FORMS[form](files), None, None, Reading(on_bytes=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == len(ONE) + len(TWO)


def test_contents_that_are_kept_have_one_budget_for_all_layers(look, monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.archive.budget.KEPT_BYTES", 2)
    files = Layout().add([ONE, TWO]).all()
    _, layers = look(files, None, None, Reading(wanted=lambda _, size, **__: size))
    assert [layer.contents for layer in layers] == [{0: b"1"}, {}]
    assert layers[1].unkept == {0}


def of_every_form(test):
    return pytest.mark.parametrize("form", ["folder", "tar", "gzip"])(test)


@of_every_form
@pytest.mark.parametrize("last_first", [False, True])
def test_of_a_path_that_layers_bring_anew_the_last_content_is_kept(
    tmp_path, monkeypatch, form, last_first
):
    monkeypatch.setattr("pytest_tfdocker.archive.budget.KEPT_BYTES", 20)
    layers = [tar(file("a", b"%d" % at * 9), file(f"b{at}", b"1")) for at in range(3)]
    files = Layout().add(layers).all()
    if last_first:  # a stream may have them in any order
        files = dict(reversed(files.items()))
    path = tmp_path / "image"
    write_folder(path, files) if form == "folder" else path.write_bytes(FORMS[form](files))
    with opened(path) as layout:
        image = find_image(layout, None, None)
    reading = Reading(wanted=lambda _, size, **__: size)
    with opened(path, reading, image.layers) as layout:
        read = read_layers(layout, image)
    assert read[2].contents == {0: b"2" * 9, 1: b"1"}
    assert read[0].contents.get(1) == read[1].contents.get(1) == b"1"
    assert not any(0 in layer.contents for layer in read[:1])


def test_a_layer_that_stands_above_itself_keeps_its_content(look, monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.archive.budget.KEPT_BYTES", 10)
    lower, upper = tar(file("a", b"1" * 6)), tar(file("a", b"2" * 6))
    files = Layout().add([lower, upper, lower]).all()
    _, layers = look(files, None, None, Reading(wanted=lambda _, size, **__: size))
    assert layers[2].contents == {0: b"1" * 6}


@pytest.mark.parametrize(
    ("limit", "most", "text"),
    [
        ("ENTRIES", 2, "its layers have more than 2 files, more than any image"),
        (
            "TEXT_BYTES",
            1,
            "the paths in its layers take more than 0 MiB, more than those of any image",
        ),
    ],
)
def test_all_layers_together_have_no_more_entries_than_an_image_has(
    refused, monkeypatch, limit, most, text
):
    files = Layout().add([ONE, TWO]).all()
    monkeypatch.setattr(f"pytest_tfdocker.archive.budget.{limit}", most)
    for form in ("folder", "tar", "gzip"):
        assert refused(FORMS[form](files)) == text


def test_a_stream_has_no_more_documents_than_an_image_has(refused, monkeypatch):
    files = {**Layout().add([ONE]).all(), **{f"x{n}": b"{" + b" " * 999 for n in range(9)}}
    monkeypatch.setattr("pytest_tfdocker.archive.layouts.DOCUMENTS_BYTES", 9000)
    text = "its manifests and configs take more than 0 MiB, more than those of any image"
    assert refused(gzip.compress(tar_of(files))) == text


def test_to_find_an_image_no_layer_of_a_packed_archive_is_read(tmp_path):
    layer = bytearray(tar(file("a", b"1"), file("b", b"2")))
    layer[1024] ^= 0xFF
    path = tmp_path / "image"
    path.write_bytes(gzip.compress(Layout().add([bytes(layer)]).tar()))
    with opened(path) as layout:
        image = find_image(layout, None, None)
        assert layout._read.layers == {}
    with opened(path, Reading()) as layout, pytest.raises(ArchiveError, match="bad checksum"):
        read_layers(layout, image)


def test_an_index_that_lists_one_many_times_is_no_long_wait(look):
    layout = Layout()
    inner = layout.image([ONE])
    for _ in range(4):
        inner = layout.blob({"manifests": [inner] * 30}, "index.v1+json")
    layout.manifests = [inner] * 30
    started = time.monotonic()
    assert paths(look(layout.all())) == [["/a"]]
    assert time.monotonic() - started < 5


def test_one_image_may_have_several_names(look):
    layout = Layout().add([ONE], name="app:1").add([ONE], name="app:2")
    assert look(layout.all(), "app:2")[0].names == ["app:2"]


def test_more_images_than_anyone_saves_are_refused(refused):
    layout = Layout().add([ONE])
    layout.manifests *= 1001
    assert refused(layout.all()) == "it lists more than 1,000 images"
    files = saved([ONE])
    listed = json.loads(files["manifest.json"]) * 1001
    files["manifest.json"] = json.dumps(listed).encode()
    assert refused(files) == "it lists more than 1,000 images"


@pytest.mark.parametrize(("count", "is_refused"), [(1000, False), (1001, True)])
def test_no_image_has_more_layers_than_a_thousand(look, count, is_refused):
    for files in (Layout().add([ONE] * count).all(), saved_often(ONE, count)):
        if is_refused:
            with pytest.raises(ArchiveError) as caught:
                look(files)
            assert str(caught.value) == "an image in it has more than 1,000 layers, more than any"
        else:
            assert len(look(files)[1]) == count


def saved_often(layer, count):
    files = saved([layer], rootfs={})
    [manifest] = json.loads(files["manifest.json"])
    told = [{**manifest, "Layers": manifest["Layers"] * count}]
    return {**files, "manifest.json": json.dumps(told).encode()}


def test_a_stream_is_read_once(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(SMALL)
    with path.open("rb") as stream:
        stream.seek = None
        _, layers = read_saved(stream, Reading(), "linux/amd64")
    assert [layer.paths for layer in layers] == [["/a"], ["/b", "/c"]]


def test_of_a_stream_no_more_is_asked_than_its_last_blocks():
    """An engine removes what it has made to save an image before it ends the stream."""

    def pieces():
        yield SMALL
        pytest.fail("asked for more than there is")

    _, layers = read_saved(Pieces(pieces()), Reading(), "linux/amd64")
    assert [layer.paths for layer in layers] == [["/a"], ["/b", "/c"]]


def test_folders_and_odd_entries_of_an_archive_are_no_matter(look):
    entries = [file(name, data) for name, data in Layout().add([ONE]).all().items()]
    odd = [entry("blobs", tarfile.DIRTYPE), entry("pipe", tarfile.FIFOTYPE), link("l", "l")]
    for pack in (bytes, gzip.compress):
        assert paths(look(pack(tar(*odd, *entries)))) == [["/a"]]
