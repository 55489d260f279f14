"""Which layer a file came with, told by the order in which the engine wrote them and by sums."""

import pytest

from pytest_tfdocker.evidence.listing import Listing
from pytest_tfdocker.evidence.placing import doubtful, last_hiding, place_files
from pytest_tfdocker.evidence.records import Layer


def placed(files, layers, in_doubt=None):
    """Layers by name. `files`: name, bytes and time of each. In doubt are all but the last."""
    listing = Listing()
    for name, size, when in files:
        listing.add(f"/{name}", size, when)
    if in_doubt is None:
        in_doubt = range(len(layers) - 1)
    found = place_files(listing, layers, in_doubt=in_doubt).layers
    return {name: layer for (name, _, _), layer in zip(files, found, strict=True)}


BASE = [("base-a", 60_000, 0), ("base-b", 40_000, 1)]
VENV = [("torch", 500_000, 1000), ("numpy", 80_000, 1010)]
APP = [("app", 30, 2000)]


def test_layers_end_where_the_sums_do_whatever_the_order_of_the_walk():
    found = placed([*APP, *VENV, *BASE], [100_000, 0, 580_000, 30])
    assert found == {"base-a": 0, "base-b": 0, "torch": 2, "numpy": 2, "app": 3}


def test_files_that_the_engine_hides_of_the_base_disturb_nothing():
    found = placed([*BASE, *VENV, *APP], [100_000 + 400, 580_000, 30])
    assert found == {"base-a": 0, "base-b": 0, "torch": 1, "numpy": 1, "app": 2}


def test_a_pause_within_a_layer_is_not_its_end():
    late = [("base-c", 300, 900), ("base-d", 200, 901)]
    later = [(name, size, when + 9000) for name, size, when in VENV]
    found = placed([*BASE, *late, *later], [100_500 + 20, 580_000, 7_000_000])
    assert found == {"base-a": 0, "base-b": 0, "base-c": 0, "base-d": 0, "torch": 1, "numpy": 1}


def test_what_the_engine_makes_at_a_start_is_no_layers():
    found = placed([*BASE, *APP, ("etc/mtab", 12, 9000), (".dockerenv", 0, 9000)], [100_000, 30])
    assert (found["app"], found["etc/mtab"], found[".dockerenv"]) == (1, None, None)


def test_the_rest_of_a_layer_of_which_files_are_hidden_is_between_its_neighbours():
    found = placed([*BASE, *VENV, *APP], [100_000, 580_000 + 300_000_000, 30])
    assert found == {"base-a": 0, "base-b": 0, "torch": 1, "numpy": 1, "app": 2}


def test_a_layer_of_which_nothing_is_left_costs_no_other_its_files():
    """requirements.txt, which `COPY . .` has brought once more."""
    found = placed([*BASE, *VENV, *APP], [100_000, 58, 580_000, 30])
    assert found == {"base-a": 0, "base-b": 0, "torch": 2, "numpy": 2, "app": 3}


def test_a_little_that_is_hidden_of_the_base_is_told_by_the_pause_that_a_start_takes():
    """dpkg's own data, which apt-get in a later layer has written anew."""
    files = [("apt", 30_000, 2000), *((n, s, t + 9000) for n, s, t in VENV), ("app", 30, 20_000)]
    found = placed([*BASE, *files], [101_500, 30_000, 580_000, 30])
    assert found == {"base-a": 0, "base-b": 0, "apt": 1, "torch": 2, "numpy": 2, "app": 3}


def test_of_two_layers_of_which_files_are_hidden_nothing_is_told():
    found = placed([*BASE, *VENV, *APP], [100_000, 500_000 + 99_999, 80_000 + 9999, 30])
    assert (found["torch"], found["numpy"]) == (None, None)
    assert (found["base-a"], found["app"]) == (0, 3)


def test_a_layer_that_was_copied_up_whole_leaves_none_in_the_one_below():
    found = placed([*BASE, *VENV], [100_000, 580_000, 580_000])
    assert found == {"base-a": 0, "base-b": 0, "torch": 2, "numpy": 2}


MODEL = [("model", 300_000, 1000)]


def test_which_of_two_copies_was_deleted_cant_be_told():
    """COPY model /tmp, COPY model /app, RUN rm of one of them: what stands below them is told."""
    sizes = [100_000, 300_000, 300_000, 0]
    assert placed([*BASE, *MODEL], sizes) == {"base-a": 0, "base-b": 0, "model": None}
    between = [100_000, 300_000, 580_000, 300_000, 30, 0]
    found = placed([*BASE, *VENV, ("model", 300_000, 1500), *APP], between)
    assert found == {"base-a": 0, "base-b": 0, "torch": 2, "numpy": 2, "model": 3, "app": 4}


def test_where_nothing_deletes_the_higher_of_two_copies_is_left():
    """RUN chown -R, then CMD."""
    found = placed([*BASE, *MODEL], [100_000, 300_000, 300_000, 0], in_doubt={0, 1})
    assert found == {"base-a": 0, "base-b": 0, "model": 2}


def test_of_two_copies_that_are_both_there_each_has_its_layer():
    """Two COPYs of as many bytes, and a base of which a later layer hides a part."""
    files = [
        ("torch", 500_777, 1000),
        ("a.conf", 30, 2000),
        ("b.conf", 30, 3000),
        ("app", 999, 4000),
    ]
    found = placed([("base", 100_000, 0), *files], [102_000, 500_777, 30, 30, 999])
    assert found == {"base": 0, "torch": 1, "a.conf": 2, "b.conf": 3, "app": 4}


def test_a_chown_of_all_files_is_not_taken_for_what_it_has_hidden():
    """RUN pip install, RUN chown -R, COPY: the lower copy can't be what is left."""
    instructions = ["ADD /", "RUN pip install", "RUN chown -R app /venv", "COPY app /", "RUN x"]
    history = [Layer(instruction=text, bytes=1, empty=False) for text in instructions]
    assert doubtful(history) == {0, 1, 3}
    found = placed([*BASE, *VENV, *APP], [100_000, 580_000, 580_000, 30, 0], doubtful(history))
    assert found == {"base-a": 0, "base-b": 0, "torch": 2, "numpy": 2, "app": 3}


def test_what_is_left_of_a_layer_is_not_the_lower_one_of_that_size():
    """Of 50 MB 20 MB are left, and below it is one of 20 MB."""
    files = [("a", 200_000, 1000), ("b", 200_000, 2000)]
    found = placed([*BASE, *files], [100_000, 200_000, 510_000, 0])
    assert found == {"base-a": 0, "base-b": 0, "a": 1, "b": 2}


@pytest.mark.parametrize(
    ("instructions", "last"),
    [
        (["ADD file:1 in /", "RUN rm /x", 'CMD ["python"]', "ENV A=b"], 1),
        (["ADD file:1 in /", "/bin/sh -c rm /x", "/bin/sh -c #(nop)  CMD [x]"], 1),
        (["ADD file:1 in /", "USER app", "COPY empty /"], 2),
        (["CMD x"], -1),
        ([], -1),
    ],
)
def test_what_tells_of_the_program_hides_no_file(instructions, last):
    layers = [Layer(instruction=text, bytes=0, empty=True) for text in instructions]
    assert last_hiding(layers) == last


@pytest.mark.parametrize("layers", [[], [0, 0], [1]])
def test_a_history_that_fits_nothing_tells_nothing(layers):
    assert set(placed([*VENV, *APP], layers).values()) == {None}
    assert placed([], layers) == {}


def test_what_is_below_a_volume_is_a_copy_and_told_of_no_layer():
    listing = Listing()
    files = [*BASE, *VENV, *APP, ("data/x", 50_000, 9000), ("data/y", 5, 9001)]
    for name, size, when in files:
        listing.add(f"/{name}", size, when)
    found = place_files(listing, [100_000, 580_000 + 50_005, 30], ["/data"]).layers
    assert found == [0, 0, 1, 1, 2, None, None]


def with_links(layers):
    """A base of an import, and a layer of BuildKit's with links before and among its files."""
    listing = Listing()
    links = [("/bin", 7, 0), ("/venv/python", 21, 1000), ("/venv/lib64", 3, 1020)]
    files = [("/base", 100_000, 1), ("/venv/a", 500_000, 1010), ("/venv/b", 80_000, 1030)]
    for path, size, when in [*links, *files]:
        row = listing.add(path, size, when)
        if (path, size, when) in links:
            listing.targets[row] = "x" * size
    placed = place_files(listing, layers)
    return dict(zip(listing.paths, placed.layers, strict=True)), placed.uncounted_bytes


WHOLE = {"/bin": 0, "/base": 0, "/venv/python": 1, "/venv/lib64": 1, "/venv/a": 1, "/venv/b": 1}


@pytest.mark.parametrize(
    ("layers", "uncounted"),
    [
        ([100_007, 580_000], 24),
        ([100_007, 580_024], 0),
        ([100_000, 580_000], 31),
        ([100_007, 580_000, 300_000_000], 24),
        ([100_007, 400_580_000], 0),
    ],
    ids=["BuildKit", "classic", "squashed", "a hidden layer above", "a layer with hidden files"],
)
def test_links_count_in_some_layers_and_not_in_others(layers, uncounted):
    assert with_links(layers) == (WHOLE, uncounted)
