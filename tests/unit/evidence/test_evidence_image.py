"""The engine's history: whether it tells of every layer."""

import msgspec
import pytest

from pytest_tfdocker.evidence.image import read_history

INSPECTED = {"Id": "sha256:1", "RootFS": {"Layers": ["a", "b", "c"]}, "Size": 14_001_000}
HISTORY = [("ADD rootfs", 1000), ("ENV A=b", 0), ("CMD python3", 0), ("RUN make", 9_000_000)]
WHOLE = [*HISTORY, ("COPY model", 5_000_000)]


@pytest.fixture
def instructions(engine):
    """Of the layers that a history tells of."""

    def read(history, engine=engine, **changes):
        told = [{"CreatedBy": created_by, "Size": size} for created_by, size in history]
        return [one.instruction for one in read_history(engine, told, {**INSPECTED, **changes})]

    return read


def test_a_history_of_every_layer_has_the_bytes_that_the_engine_has(instructions):
    assert instructions(WHOLE) == [created_by for created_by, _ in WHOLE]


def test_a_history_that_lacks_a_layer_is_none_though_it_has_as_many_entries(instructions):
    """What stands in no entry would count as nothing, and later layers at the wrong ones."""
    assert instructions(HISTORY) == []


@pytest.mark.parametrize(
    "changes", [{"name": "Podman"}, {"store": "containerd:overlayfs"}], ids=["Podman", "containerd"]
)
def test_an_engine_whose_size_is_no_sum_of_layers_tells_nothing_by_it(
    instructions, engine, changes
):
    other = msgspec.structs.replace(engine, **changes)
    assert instructions(WHOLE, other, Size=14_005_096) == instructions(WHOLE)
    nothing = [(created_by, 0) for created_by, _ in WHOLE]
    assert instructions(nothing, other) == []
    assert instructions(nothing, other, Size=0) == [created_by for created_by, _ in WHOLE]


def test_fewer_entries_than_layers_are_no_history(instructions):
    assert instructions([("bazel", 14_001_000)]) == []
