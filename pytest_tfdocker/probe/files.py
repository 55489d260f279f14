# The walk: every file of the merged file system once, by what a stat says.
import base64
import json
import os
import stat
import time

import tfdocker_aside as aside
import tfdocker_shared as shared

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def mount_points():
    points = set()
    with open("/proc/self/mountinfo", "rb") as lines:
        for line in lines:
            point = line.split()[4]
            for code, char in (
                (b"\\040", b" "),
                (b"\\011", b"\t"),
                (b"\\012", b"\n"),
                (b"\\134", b"\\"),
            ):
                point = point.replace(code, char)
            points.add(os.fsdecode(point))
    points.discard("/")
    return points


class Walk:
    """Lists the image's own files, folder by folder. Mounts (/proc, /etc/hosts) are the engine's,
    not the image's, but for those at `volumes`, the image's VOLUMEs, which hold a copy of what the
    image has there."""

    def __init__(self, volumes=()):
        self.mounts = mount_points() - {os.path.realpath(path) for path in volumes}
        self.mounted_in = {os.path.dirname(point) for point in self.mounts}
        self.clear()

    def clear(self):
        self.listing = []
        self.blocks_of = []  # what is in the listing has on disk, a list each folder of it
        self.folders = []
        self.site_packages = []
        self.unreadable = 0

    def run(self, root="/"):
        started = time.monotonic()
        if not self.visit_by_two(root):
            self.clear()
            self.visit(shared.Folders([root]))
        apparent, blocks = self.settle()
        return {
            "count": sum(len(row[2]) for row in self.listing),
            "apparent_bytes": apparent,
            "block_bytes": (blocks + os.lstat(root).st_blocks) * 512,
            "unreadable": self.unreadable,
            "seconds": time.monotonic() - started,
        }

    def visit_by_two(self, root):
        """Whether all was visited so: the kernel's look-ups, which take the most, are then as well."""
        ours, theirs = shared.pair()
        other = aside.Aside(lambda: self.visit_what_is_given(ours, theirs))
        theirs.close()
        if other.child is not None:
            self.visit(shared.Folders([root], ours))
        ours.close()
        found = other.found()
        if found is None:
            return False
        for mine, its in zip(
            (self.listing, self.blocks_of, self.folders, self.site_packages), found
        ):
            mine += its
        self.unreadable += found[-1]
        return True

    def visit_what_is_given(self, ours, theirs):
        ours.close()
        self.visit(shared.Folders([], theirs))
        return self.listing, self.blocks_of, self.folders, self.site_packages, self.unreadable

    def visit(self, folders):
        for folder in folders:
            self.folder(folder, folders)

    def settle(self):
        """Bytes and blocks, in which what has several names counts once: at the first, in the order
        of paths, whoever has been where."""
        rows = sorted(zip(self.listing, self.blocks_of), key=lambda row: row[0][0])
        self.listing, self.blocks_of = [row[0] for row in rows], [row[1] for row in rows]
        self.folders.sort()
        self.site_packages.sort()
        apparent, blocks, counted = 0, sum(folder[1] for folder in self.folders), set()
        for (_, _, sizes, _, hard, _), on_disk in rows:
            apparent += sum(sizes)
            for at, inode in hard.items():
                if inode in counted:
                    apparent -= sizes[at]
                    on_disk[at] = 0
                counted.add(inode)
            blocks += sum(on_disk)
        return apparent, blocks

    def folder(self, folder, folders):
        try:
            # By descriptor, each stat is spared the look-up of the whole path
            opened = os.open(folder, FOLDER)
        except OSError:
            self.unreadable += 1
            return
        try:
            with os.scandir(opened) as entries:
                self.entries(folder, entries, folders, opened)
        except OSError:
            self.unreadable += 1
        finally:
            os.close(opened)

    def entries(self, folder, entries, folders, opened):
        mounts = self.mounts if folder in self.mounted_in else ()
        if folder.rpartition("/")[2] in ("site-packages", "dist-packages"):
            self.site_packages.append(folder)
        start = folder.rstrip("/") + "/"
        names, sizes, changed, hard, targets, on_disk = [], [], [], {}, {}, []
        # Not is_dir() and is_symlink(): where the disk tells no type they look again, and may fail
        S_ISDIR, S_ISLNK = stat.S_ISDIR, stat.S_ISLNK
        try:
            for entry in entries:
                if mounts and start + entry.name in mounts:
                    continue
                try:
                    told = entry.stat(follow_symlinks=False)
                except OSError:
                    self.unreadable += 1
                    continue
                if S_ISDIR(told.st_mode):
                    path = start + entry.name
                    folders.add(path)
                    self.folders.append([path, told.st_blocks, told.st_ctime_ns // 1000000])
                    continue
                if told.st_nlink > 1:
                    hard[len(names)] = "%d:%d" % (told.st_dev, told.st_ino)
                if S_ISLNK(told.st_mode):
                    targets[len(names)] = target_of(entry.name, opened)
                names.append(entry.name)
                sizes.append(told.st_size)
                on_disk.append(told.st_blocks)
                changed.append(told.st_ctime_ns // 1000000)
        except OSError:  # of the list itself: what it has told so far is there
            self.unreadable += 1
        if names:
            self.blocks_of.append(on_disk)
            self.listing.append([folder, "/".join(names), sizes, changed, hard, targets])


def target_of(name, folder):
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return ""


def packed(value):
    """JSON, compressed where the interpreter has zlib; a file's name may be no text that UTF-8 has."""
    text = json.dumps(value, separators=(",", ":"))
    try:
        import zlib
    except ImportError:
        return ["json", text]
    return ["zlib", base64.b64encode(zlib.compress(text.encode("ascii"), 1)).decode("ascii")]
