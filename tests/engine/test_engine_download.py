"""What a registry sends: by its manifest, by an estimate, and by what stands in the way."""

import random
import tarfile
import tempfile
import zlib
from contextlib import nullcontext

import msgspec
import pytest
from small_registry import Registry

from pytest_tfdocker import assert_image_size
from pytest_tfdocker.engine.manifest import ask_registries, layer_sizes
from pytest_tfdocker.engine.pull import pull
from pytest_tfdocker.evidence.download import collect_sample, estimate_from, recall_download
from pytest_tfdocker.evidence.image import describe_image, engine_facts
from pytest_tfdocker.evidence.records import Absent, Inventory
from pytest_tfdocker.evidence.store import Store

pytestmark = pytest.mark.engine

BLOBS = [len(blob) for blob in Registry.blobs.values()]


@pytest.fixture
def pulled(engine, registry):
    """An image that was pulled by an index, as it was before anyone looked into it."""
    if engine_facts(engine).counts_blocks:
        pytest.skip("this engine's image store tells, and no registry is asked")
    reference = f"{registry}/app:many"
    pull(engine, reference, lambda _: None)
    inspected = engine.inspect(reference)
    if inspected["Architecture"] != "amd64":
        pytest.skip("the registry's image is for amd64")
    absent = Absent(reason="nobody looked")
    nothing = Inventory(files=absent, interpreter=absent, distributions=absent)
    evidence = describe_image(engine, "app", reference, inspected=inspected, inventory=nothing)
    yield evidence
    engine.remove_image(reference)


def asked(engine, evidence, folder):
    store = Store(folder / "run", folder / "kept")
    doing = lambda _: nullcontext()  # noqa: E731
    return recall_download(store, engine, evidence, run_id="test", python=None, doing=doing)


def test_a_registry_tells_the_layers_of_the_platform(engine, pulled, tmp_path):
    found = asked(engine, pulled, tmp_path)
    assert (found.source, found.layers, found.bytes) == ("manifest", BLOBS, sum(BLOBS))
    assert found.reference == pulled.digests[0]


def test_the_registry_that_answers_is_taken(pulled):
    nobody = f"127.0.0.1:1/app@sha256:{'0' * 64}"
    reference, manifest = ask_registries([nobody, *pulled.digests], pulled.platform)
    assert (reference, layer_sizes(manifest)) == (pulled.digests[0], BLOBS)


def test_a_registry_that_does_not_answer_leads_to_an_estimate_that_says_so(
    engine, judged_small_image, tmp_path
):
    nobody = f"127.0.0.1:1/app@sha256:{'0' * 64}"
    evidence = judged_small_image.evidence
    on_overlay2 = msgspec.structs.replace(evidence.engine, store="overlay2")
    evidence = msgspec.structs.replace(evidence, digests=[nobody], engine=on_overlay2)
    found = asked(engine, evidence, tmp_path)
    assert found.source == "estimate"
    assert found.note.startswith("the registry doesn't tell: ")
    assert "refused" in found.note


def test_of_an_image_without_python_the_layers_are_sampled(engine, user_project):
    if engine_facts(engine).counts_blocks:
        pytest.skip("this engine's image store tells")
    user_project.write("Dockerfile", "FROM scratch\nCOPY words noise /\nCOPY words /again\n")
    user_project.write("words", "a few words, again and again\n" * 100_000)
    (user_project.folder / "noise").write_bytes(random.Random(0).randbytes(2_000_000))  # noqa: S311
    user_project.write("tfdocker.toml", '[size]\ndownload = "10 MB"\n')
    said = user_project.judge("-k", "download")
    assert said.outcomes == {"size[download]": "passed"}
    truth = saved_and_packed(engine, said.image["id"])
    assert abs(said.measured["size[download]"] - truth) < 0.03 * truth


def test_the_estimate_is_right_within_its_error(engine, judged_small_image):
    evidence = judged_small_image.evidence
    found = estimate_from(collect_sample(engine, evidence, run_id="test"), evidence)
    truth = saved_and_packed(engine, evidence.id)
    print(f"estimate {found.bytes:,} ± {found.error_bytes:,}, truth {truth:,}")
    assert found.error_bytes < 0.05 * found.bytes
    assert abs(found.bytes - truth) <= found.error_bytes


def test_what_a_later_layer_hides_is_estimated_by_its_own_bytes(engine, user_project, small_image):
    """Wheels that were copied in and deleted hardly compress: their mean would be a third."""
    if engine_facts(engine).counts_blocks:
        pytest.skip("this engine's image store tells")
    lines = f"FROM {small_image}\nCOPY noise /wheels/\nRUN rm -r /wheels\n"
    user_project.write("Dockerfile", lines)
    (user_project.folder / "noise").write_bytes(random.Random(0).randbytes(20_000_000))  # noqa: S311
    user_project.write("tfdocker.toml", '[size]\ndownload = "100 MB"\n')
    said = user_project.judge("-k", "download")
    truth = saved_and_packed(engine, said.image["id"])
    assert abs(said.measured["size[download]"] - truth) < 0.03 * truth


def saved_and_packed(engine, image_id):
    """The sum of what `gzip -6` makes of each layer that `docker save` has."""
    size = 0
    with tempfile.TemporaryFile() as file:
        for piece in engine.api.get_image(image_id):
            file.write(piece)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            for member in archive:
                size += packed(archive.extractfile(member)) if is_layer(archive, member) else 0
    return size


def is_layer(archive, member):
    """Whether it is an archive in the archive; others are JSON."""
    if not member.isfile():
        return False
    return archive.extractfile(member).read(512)[257:262] == b"ustar"


def packed(layer):
    state = zlib.compressobj(6, zlib.DEFLATED, 31)
    size = 0
    while piece := layer.read(1 << 20):
        size += len(state.compress(piece))
    return size + len(state.flush())


def test_the_function_holds_an_image_to_what_is_sent(judged_small_image):
    assert_image_size(judged_small_image, download="90 MB")
    with pytest.raises(pytest.fail.Exception, match=r"\d\d MB, \d+ MB over 10 MB"):
        assert_image_size(judged_small_image, download="10 MB")
