# The walk: every file of the merged file system once, by what a stat says.
import base64
import json
import os
import time

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
        self.listing = []
        self.blocks_of = []  # what is in the listing has on disk, a list each folder of it
        self.folders = []
        self.count = 0
        self.apparent = 0
        self.blocks = 0
        self.unreadable = 0
        self.site_packages = []
        self.linked = set()
        self.mounts = mount_points() - {os.path.realpath(path) for path in volumes}
        self.mounted_in = {os.path.dirname(point) for point in self.mounts}

    def run(self, root="/"):
        started = time.monotonic()
        folders = [root]
        self.blocks += os.lstat(root).st_blocks
        while folders:
            self.folder(folders.pop(), folders)
        return {
            "count": self.count,
            "apparent_bytes": self.apparent,
            "block_bytes": self.blocks * 512,
            "unreadable": self.unreadable,
            "seconds": time.monotonic() - started,
        }

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
        finally:
            os.close(opened)

    def entries(self, folder, entries, folders, opened):
        mounts = self.mounts if folder in self.mounted_in else ()
        if folder.rpartition("/")[2] in ("site-packages", "dist-packages"):
            self.site_packages.append(folder)
        start = folder.rstrip("/") + "/"
        names, sizes, changed, hard, targets, on_disk = [], [], [], {}, {}, []
        apparent = 0
        for entry in entries:
            if mounts and start + entry.name in mounts:
                continue
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                self.unreadable += 1
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(start + entry.name)
                self.folders.append([folders[-1], stat.st_blocks, stat.st_ctime_ns // 1000000])
                self.blocks += stat.st_blocks
                continue
            is_counted = False
            if stat.st_nlink > 1:  # what has several names counts once
                inode = hard[len(names)] = "%d:%d" % (stat.st_dev, stat.st_ino)
                is_counted = inode in self.linked
                self.linked.add(inode)
            if entry.is_symlink():
                targets[len(names)] = target_of(entry.name, opened)
            if not is_counted:
                apparent += stat.st_size
            on_disk.append(0 if is_counted else stat.st_blocks)
            names.append(entry.name)
            sizes.append(stat.st_size)
            changed.append(stat.st_ctime_ns // 1000000)
        self.count += len(names)
        self.apparent += apparent
        self.blocks += sum(on_disk)
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
