"""The walk: each file once, by what a stat says."""

import os
import subprocess

import pytest

from pytest_tfdocker import probe
from pytest_tfdocker.evidence.listing import read_listing, unpacked

QUESTION = """
    import tfdocker_files

    walk = tfdocker_files.Walk(plan["volumes"])
    result = walk.run(plan["root"])
    packed = tfdocker_files.packed(walk.listing)
    return [result, packed, walk.site_packages]
"""


@pytest.fixture
def walk(ask, end_python, tmp_path):
    def run(wrapper=(), volumes=()):
        data = {"root": str(tmp_path), "volumes": list(volumes)}
        told = ask(end_python, probe.WALK, QUESTION, data=data, wrapper=wrapper)
        result, packed, site_packages = told
        return result, read_listing(unpacked(packed)), site_packages

    return run


def blocks(*paths):
    return sum(os.lstat(path).st_blocks * 512 for path in paths)


def test_files_links_and_folders_count_by_what_they_are(walk, tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 5000)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_bytes(b"y" * 70)
    (tmp_path / "b/link").symlink_to("c")
    result, *_ = walk()
    assert (result["count"], result["apparent_bytes"], result["unreadable"]) == (3, 5071, 0)
    paths = [tmp_path, *(tmp_path / name for name in ("a", "b", "b/c", "b/link"))]
    assert result["block_bytes"] == blocks(*paths)


def test_a_sparse_file_has_more_bytes_than_blocks(walk, tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    result, *_ = walk()
    assert result["apparent_bytes"] == 1 << 30
    assert result["block_bytes"] < 1 << 20


def test_hard_links_are_counted_once(walk, tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    for name in ("b", "c"):
        (tmp_path / name).hardlink_to(tmp_path / "a")
    result, *_ = walk()
    assert (result["count"], result["apparent_bytes"]) == (3, 1000)


def test_a_link_to_a_folder_is_not_followed(walk, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    result, *_ = walk()
    assert result["count"] == 1


def test_every_name_is_listed_with_its_bytes_and_where_a_link_leads(walk, tmp_path):
    package = tmp_path / "site-packages/foo"
    package.mkdir(parents=True)
    (package / "bar.py").write_bytes(b"x" * 100)
    (package / "hard.py").hardlink_to(package / "bar.py")
    (package / "link").symlink_to("../gone")
    _, listing, site_packages = walk()
    assert site_packages == [str(tmp_path / "site-packages")]
    sizes = dict(zip(listing.paths, listing.sizes, strict=True))
    assert sum(sizes.values()) == 107
    assert {sizes[str(package / name)] for name in ("bar.py", "hard.py")} == {0, 100}
    [(row, target)] = listing.targets.items()
    assert (listing.paths[row], target) == (str(package / "link"), "../gone")
    changed = os.lstat(package / "bar.py").st_ctime_ns // 10**6
    assert changed in listing.changed


def test_names_that_are_not_utf8_are_counted(walk, tmp_path):
    with open(os.fsencode(tmp_path) + b"/f\xff", "wb") as file:  # noqa: PTH123
        file.write(b"12345")
    result, listing, *_ = walk()
    assert (result["apparent_bytes"], listing.paths) == (5, [f"{tmp_path}/f\udcff"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_can_not_be_listed_is_counted_as_such(walk, tmp_path):
    (tmp_path / "secret").mkdir(mode=0o700)
    (tmp_path / "secret/file").write_bytes(b"x")
    os.chown(tmp_path / "secret", 65534, 65534)
    other = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if subprocess.run([*other, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no setpriv here")
    result, *_ = walk(wrapper=other)
    assert (result["count"], result["unreadable"]) == (0, 1)


@pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode != 0,
    reason="mounting needs privileges",
)
def test_what_is_mounted_is_not_the_images(walk, tmp_path):
    (tmp_path / "with space").mkdir()
    (tmp_path / "hosts").write_bytes(b"image's own")
    (tmp_path / "kept").write_bytes(b"123")
    script = 'mount -t tmpfs none "$1/with space"; echo x >"$1/with space/file"\n'
    script += 'mount --bind /etc/hostname "$1/hosts"; shift; exec "$@"'
    mounted = ["unshare", "-m", "sh", "-ec", script, "sh", str(tmp_path)]
    result, *_ = walk(wrapper=mounted)
    assert (result["count"], result["apparent_bytes"]) == (1, 3)
    volumes = [f"{tmp_path}/with space/"]
    result, *_ = walk(wrapper=mounted, volumes=volumes)
    assert (result["count"], result["apparent_bytes"]) == (2, 5)  # a VOLUME has the image's own


ON_DISK = """
    import tfdocker_files

    walk = tfdocker_files.Walk()
    walk.run(plan["root"])
    return [walk.listing, walk.blocks_of, walk.folders]
"""


def test_what_each_file_and_folder_has_on_disk_is_told_beside_the_listing(
    ask, end_python, tmp_path
):
    (tmp_path / "a").write_bytes(b"x" * 5000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "folder/empty").mkdir(parents=True)
    (tmp_path / "folder/link").symlink_to("c")
    listing, blocks_of, folders = ask(end_python, probe.WALK, ON_DISK, data={"root": str(tmp_path)})
    names = [f"{folder}/{name}" for folder, joined, *_ in listing for name in joined.split("/")]
    told = dict(zip(names, (one for counts in blocks_of for one in counts), strict=True))
    assert sorted(told[f"{tmp_path}/{name}"] for name in "ab") == [0, blocks(tmp_path / "a") // 512]
    assert told[f"{tmp_path}/folder/link"] == 0
    assert {path: count for path, count, _ in folders} == {
        str(tmp_path / path): blocks(tmp_path / path) // 512 for path in ("folder", "folder/empty")
    }


BREAKING = """
    import os

    import tfdocker_files

    class Entry:
        def __init__(self, entry):
            self.name, self.stat = entry.name, entry.stat

        def is_dir(self, follow_symlinks=True):
            raise OSError("its type can't be told")

    class Entries:
        def __init__(self, entries):
            self.entries = entries

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.entries.close()

        def __iter__(self):
            yield from map(Entry, self.entries)
            raise OSError("the rest can't be told")

    def scandir(folder):
        if os.path.basename(os.readlink("/proc/self/fd/%d" % folder)) == "unlisted":
            raise OSError("nothing can be told")
        return Entries(listed(folder))

    listed, os.scandir = os.scandir, scandir
    walk = tfdocker_files.Walk()
    result = walk.run(plan["root"])
    return [result, [[row[0], row[1]] for row in walk.listing]]
"""


def test_a_folder_that_breaks_off_is_counted_as_unreadable_with_what_it_has_told(
    ask, end_python, tmp_path
):
    """A disk that fails, or a FUSE file system that tells no types."""
    for name in ("a", "in/b", "unlisted/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"123")
    result, rows = ask(end_python, probe.WALK, BREAKING, data={"root": str(tmp_path)})
    assert rows == [[str(tmp_path), "a"], [f"{tmp_path}/in", "b"]]
    assert (result["count"], result["apparent_bytes"], result["unreadable"]) == (2, 6, 3)
