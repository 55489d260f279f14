"""Layers put one on the other: what is left, what is hidden and by which layer, to the byte."""

import io
import time

import pytest
from archives import file, folder, gone, hard, link, opaque, tar
from hypothesis import given
from hypothesis import strategies as st

from pytest_tfdocker.archive.errors import ArchiveError
from pytest_tfdocker.archive.layer import FILE, HARD_LINK, SYMLINK, Reading, scan_layer
from pytest_tfdocker.archive.merge import Hidden, Merged


def merged(*layers, digests=True):
    """Of layers, a list of entries each."""
    scanned = [
        scan_layer(io.BytesIO(tar(*layer)), "layer", Reading(digests=digests)) for layer in layers
    ]
    return Merged(scanned), scanned


def left(*layers):
    """Path → bytes of its content, of what is left."""
    found, scanned = merged(*layers)
    return {path: scanned[at].sizes[row] for path, _, (at, row) in found.files()}


def hidden(*layers):
    """The largest first."""
    return sorted(merged(*layers)[0].hidden(), key=lambda one: (-one.bytes, one.path))


def told(*layers):
    return [(one.path, one.layer, one.by, one.how) for one in hidden(*layers)]


def test_the_upper_file_hides_the_lower_one():
    layers = [file("d/a", b"12"), file("d/b", b"1")], [file("d/a", b"123")]
    assert left(*layers) == {"/d/b": 1, "/d/a": 3}
    assert hidden(*layers) == [Hidden("/d/a", 2, 0, 1, "overwritten")]


def test_a_whiteout_hides_what_layers_below_have_wherever_it_stands():
    below = [file("d/a", b"1"), file("d/e", b"2")]
    for layer in ([gone("d/a"), file("d/a", b"33")], [file("d/a", b"33"), gone("d/a")]):
        assert left(below, layer) == {"/d/e": 1, "/d/a": 2}
        assert told(below, layer) == [("/d/a", 0, 1, "deleted")]


def test_a_whiteout_of_a_folder_hides_all_below_it():
    below = [folder("d"), folder("d/e"), file("d/e/a", b"1"), file("d/b", b"12"), file("da", b"1")]
    found, _ = merged(below, [gone("d")])
    assert [path for path, _, _ in found.files()] == ["/da"]
    assert found.folders == ["/"]
    assert told(below, [gone("d")]) == [("/d/b", 0, 1, "deleted"), ("/d/e/a", 0, 1, "deleted")]


def test_a_whiteout_of_nothing_hides_nothing():
    assert left([file("a", b"1")], [gone("b"), gone("c/d"), opaque("e"), opaque("a")]) == {"/a": 1}


def test_an_opaque_folder_hides_the_layers_below_alone():
    below = [file("d/a", b"1"), file("d/e/f", b"22"), file("x", b"1")]
    for layer in ([opaque("d"), file("d/b", b"333")], [file("d/b", b"333"), opaque("d")]):
        assert left(below, layer) == {"/x": 1, "/d/b": 3}
    assert left(below, [opaque(""), file("y", b"1")]) == {"/y": 1}


def test_a_file_over_a_folder_and_a_folder_over_a_file():
    assert left([file("d/a", b"1"), file("d/e/b", b"1")], [file("d", b"22")]) == {"/d": 2}
    assert left([file("d", b"1")], [folder("d"), file("d/a", b"22")]) == {"/d/a": 2}
    assert told([file("d", b"1")], [file("d/a", b"22")]) == [("/d", 0, 1, "overwritten")]


def test_a_folder_over_a_link_of_a_lower_layer_is_a_folder():
    below = [file("usr/lib/a", b"1"), link("lib", "usr/lib")]
    assert left(below, [file("lib/b", b"22")]) == {"/usr/lib/a": 1, "/lib/b": 2}
    assert left(below, [folder("lib")]) == {"/usr/lib/a": 1}


def test_names_behind_a_link_of_the_same_layer_stand_where_it_leads():
    layer = [link("lib", "usr/lib"), link("usr/lib", "/opt/../real"), file("lib/d/a", b"1")]
    assert left(layer) == {"/lib": 7, "/usr/lib": 12, "/real/d/a": 1}
    circle = [link("a", "b"), link("b", "a"), file("a/x", b"1")]
    assert left(circle) == {"/b": 1, "/a/x": 1}


def test_what_is_moved_or_rewritten_is_told_by_its_content():
    below = [file("a", b"same"), file("b", b"other"), file("c", b"third1")]
    above = [gone("a"), file("d/a", b"same"), file("b", b"other"), gone("c")]
    assert hidden(below, above) == [
        Hidden("/c", 6, 0, 1, "deleted"),
        Hidden("/b", 5, 0, 1, "rewritten"),
        Hidden("/a", 4, 0, 1, "moved", "/d/a"),
    ]


def test_a_hard_link_has_the_content_of_its_target():
    layer = [file("a", b"123"), hard("b", "a"), hard("c", "b")]
    assert left(layer) == {"/a": 3, "/b": 3, "/c": 3}
    found, scanned = merged(layer)
    assert len(found.shared) == 1
    assert found.layer_bytes(0, links=True) == scanned[0].bytes == 3


def test_a_hard_link_may_lead_to_a_lower_layer():
    layers = [file("a", b"123")], [hard("b", "a")], [gone("a")]
    assert left(*layers) == {"/b": 3}
    assert hidden(*layers) == []
    assert told(*layers, [gone("b")]) == [("/a", 0, 3, "deleted")]


def test_a_hard_link_to_nothing_or_to_itself_has_no_bytes():
    assert left([hard("b", "a"), hard("c", "c"), file("d/x", b"1"), hard("e", "d")]) == {
        "/b": 0,
        "/c": 0,
        "/e": 0,
        "/d/x": 1,
    }


def test_of_two_entries_of_one_name_the_last_is_left_and_nothing_is_hidden():
    layer = [file("a", b"1"), link("s", "long"), file("a", b"22"), link("s", "x")]
    assert left(layer) == {"/a": 2, "/s": 1}
    found, scanned = merged(layer)
    assert list(found.hidden()) == []
    assert (scanned[0].bytes, found.layer_bytes(0, links=True)) == (8, 3)
    assert found.layer_bytes(0, links=False) == 2


def test_a_second_entry_of_a_name_leaves_the_content_to_the_hard_link():
    layer = [file("a", b"123"), hard("b", "a"), file("a", b"1")]
    assert left(layer) == {"/b": 3, "/a": 1}
    assert merged(layer)[0].layer_bytes(0, links=True) == 4


def test_a_hard_links_target_is_found_behind_links_of_folders():
    lower = [link("lib", "usr/lib"), file("usr/lib/x", b"1" * 5000), hard("usr/lib/y", "lib/x")]
    assert left(lower, [gone("usr/lib/x")]) == {"/lib": 7, "/usr/lib/y": 5000}
    assert hidden(lower, [gone("usr/lib/x")]) == []


def test_hard_links_to_nothing_are_counted():
    found, _ = merged([file("a", b"1"), hard("b", "nothing"), hard("c", "a"), hard("d", "d")])
    assert found.unlinked == 2
    assert left([hard("b", "nothing")]) == {"/b": 0}


def test_folders_take_no_more_than_those_of_any_image(monkeypatch):
    monkeypatch.setattr("pytest_tfdocker.archive.merge.FOLDERS_BYTES", 10_000)
    merged([file(f"{n}/a/b") for n in range(10)])
    with pytest.raises(ArchiveError, match=r"^its folders take more than 0 MiB, more than those"):
        merged([file(f"{n}/a/b") for n in range(20)])


def test_links_that_lead_far_are_no_long_wait():
    far = "/".join(["x/.."] * 800)
    links = [link("l0", "x"), *(link(f"l{n}", f"{far}/l{n - 1}") for n in range(1, 40))]
    started = time.monotonic()
    merged([*links, *(file(f"l39/{n}/f") for n in range(1000))])
    assert time.monotonic() - started < 5


def test_without_digests_nothing_is_taken_for_the_same():
    found, _ = merged([file("a", b"1")], [file("a", b"1")], digests=False)
    assert [one.how for one in found.hidden()] == ["overwritten"]


def test_files_of_a_folder_stand_together():
    found, _ = merged(
        [file("a/x"), file("b/x"), file("a/y")], [file("b/y"), file("a/z"), file("b/c/x")]
    )
    folders = [path.rpartition("/")[0] for path, _, _ in found.files()]
    assert folders == ["/a"] * 3 + ["/b"] * 2 + ["/b/c"]


# A reference that is slow and plain: names in a dict, each with an object of its content.


class Content:
    def __init__(self, kind, size):
        self.kind, self.size = kind, size


FOLDER_OF = object()


class Model:
    def __init__(self, layers):
        self.names = {}
        self.born, self.alive = {}, []
        for at, layer in enumerate(layers):
            for kind, name, *_ in layer:
                if kind == "gone":
                    self.drop(name)
                elif kind == "opaque":
                    self.drop_below(name)
            for kind, name, *more in layer:
                if kind not in ("gone", "opaque"):
                    self.put(at, kind, name, *more)
            self.alive.append({id(one) for one in self.names.values()})

    def drop_below(self, name):
        self.names = {k: v for k, v in self.names.items() if not k.startswith(f"{name}/")}

    def drop(self, name):
        self.names.pop(name, None)
        self.drop_below(name)

    def put(self, at, kind, name, more=None):
        parts = name.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if self.names.get(above) is not FOLDER_OF:
                self.drop(above)
                self.names[above] = FOLDER_OF
        if kind == "folder":
            if self.names.get(name) is not FOLDER_OF:
                self.drop(name)
            self.names[name] = FOLDER_OF
            return
        self.drop(name)
        other = self.names.get(more) if kind == "hard" else None
        if other is not None and other is not FOLDER_OF:
            self.names[name] = other
            return
        kinds = {"file": FILE, "link": SYMLINK, "hard": HARD_LINK}
        size = more if kind == "file" else 1 if kind == "link" else 0
        self.names[name] = made = Content(kinds[kind], size)
        self.born[id(made)] = (at, made)

    def files(self):
        return {f"/{k}": v for k, v in self.names.items() if v is not FOLDER_OF}

    def folders(self):
        return {"/", *(f"/{k}" for k, v in self.names.items() if v is FOLDER_OF)}

    def hidden(self):
        """Bytes, layer and by which, of each file that was there when its layer was done."""
        for key, (at, content) in self.born.items():
            gone_by = next(
                (by for by in range(at, len(self.alive)) if key not in self.alive[by]), at
            )
            if gone_by != at and content.kind == FILE:
                yield content.size, at, gone_by


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
LEAVES = NAMES.map(lambda name: f"{name}/l")
"""Links stand where no name leads through them."""
ENTRIES = st.one_of(
    st.tuples(st.just("file"), NAMES),
    st.tuples(st.just("folder"), NAMES),
    st.tuples(st.just("link"), LEAVES),
    st.tuples(st.just("hard"), NAMES, NAMES | LEAVES),
    st.tuples(st.just("gone"), NAMES | LEAVES),
    st.tuples(st.just("opaque"), NAMES),
)


def numbered(layers):
    """Each file with a size of its own, by which it is told from the others."""
    size, found = 0, []
    for layer in layers:
        found.append([])
        for one in layer:
            size += one[0] == "file"
            found[-1].append((*one, size) if one[0] == "file" else one)
    return found


def as_entry(kind, name, more=None):
    makes = {"folder": folder, "gone": gone, "opaque": opaque}
    if kind == "file":
        return file(name, bytes([more % 251]) * more)
    if kind == "link":
        return link(name, "x")
    return hard(name, more) if kind == "hard" else makes[kind](name)


@given(st.lists(st.lists(ENTRIES, max_size=8), min_size=1, max_size=5).map(numbered))
def test_layers_merge_as_the_reference_has_them(layers):
    model = Model(layers)
    found, scanned = merged(*([as_entry(*one) for one in layer] for layer in layers))
    contents = {path: content for path, _, content in found.files()}
    sizes = {path: scanned[at].sizes[row] for path, (at, row) in contents.items()}
    assert sizes == {path: content.size for path, content in model.files().items()}
    assert set(found.folders) == model.folders()
    shared = {}
    for path, content in model.files().items():
        shared.setdefault(id(content), set()).add(contents[path])
    assert all(len(rows) == 1 for rows in shared.values())
    hides = sorted((one.bytes, one.layer, one.by) for one in found.hidden())
    assert hides == sorted(model.hidden())
    visible = {row for row in contents.values() if scanned[row[0]].kinds[row[1]] == FILE}
    every = sum(found.layer_bytes(at, links=False) for at in range(len(layers)))
    seen = sum(scanned[at].sizes[row] for at, row in visible)
    assert every == seen + sum(one.bytes for one in found.hidden())


def test_an_empty_file_is_not_hidden():
    assert told([file("a"), file("b", b"1")], [opaque("")]) == [("/b", 0, 1, "deleted")]


def test_what_layers_replace_of_their_own_is_added_up_once():
    _, [layer] = merged([file(f"{n}", b"1") for n in range(500)] * 2)
    found = Merged([layer] * 120)
    started = time.monotonic()
    assert {found.layer_bytes(at, links=True) for at in range(120)} == {500}
    assert time.monotonic() - started < 0.8


def test_a_content_that_stands_many_times_is_no_long_wait():
    below = [file(f"a/{n}", b"same") for n in range(3000)]
    started = time.monotonic()
    found, _ = merged(below, [gone("a"), *(file(f"b/{n}", b"same") for n in range(3000))])
    assert {one.how for one in found.hidden()} == {"moved"}
    assert time.monotonic() - started < 5
