# The walk: every file of the merged file system once, by what a stat says.
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
    """Counts the image's own files. `owners` maps paths to distributions, whose bytes add up in
    `owned`; mounts (/proc, /etc/hosts) are the engine's, not the image's, but for those at
    `volumes`, the image's VOLUMEs, which hold a copy of what the image has there."""

    def __init__(self, owners, distributions, volumes=()):
        self.owners = owners
        self.owned = [0] * distributions
        self.count = 0
        self.apparent = 0
        self.blocks = 0
        self.unreadable = 0
        self.site_packages = []
        self.linked = {}
        self.mounts = mount_points() - {os.path.normpath(path) for path in volumes}
        self.mounted_in = {os.path.dirname(point) for point in self.mounts}

    def run(self, root="/"):
        started = time.monotonic()
        folders = [root]
        self.blocks += os.lstat(root).st_blocks
        while folders:
            self.folder(folders.pop(), folders)
        for size, blocks, owner in self.linked.values():
            self.add(size, blocks, owner)
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
                self.entries(folder, entries, folders)
        finally:
            os.close(opened)

    def entries(self, folder, entries, folders):
        owners = self.owners
        mounts = self.mounts if folder in self.mounted_in else ()
        name = folder.rpartition("/")[2]
        compiled = name == "__pycache__"
        if name in ("site-packages", "dist-packages"):
            self.site_packages.append(folder)
        start = folder.rstrip("/") + "/"
        for entry in entries:
            path = start + entry.name
            if path in mounts:
                continue
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                self.unreadable += 1
                continue
            if entry.is_dir(follow_symlinks=False):
                self.blocks += stat.st_blocks
                folders.append(path)
                continue
            self.count += 1
            owner = owners.get(path)
            if owner is None and compiled:
                owner = owners.get(source_of(folder, entry.name))
            if stat.st_nlink > 1:
                self.link(stat, owner)
            else:
                self.add(stat.st_size, stat.st_blocks, owner)

    def add(self, size, blocks, owner):
        self.apparent += size
        self.blocks += blocks
        if owner is not None:
            self.owned[owner] += size

    def link(self, stat, owner):
        """Keeps what has several names, to be counted once: a distribution's, if one name is."""
        inode = (stat.st_dev, stat.st_ino)
        known = self.linked.get(inode, (0, 0, None))[2]
        if known is not None and (owner is None or known < owner):
            owner = known
        self.linked[inode] = (stat.st_size, stat.st_blocks, owner)


def source_of(cache_folder, name):
    # a/__pycache__/b.cpython-311.opt-1.pyc → a/b.py: pip lists the .pyc it writes, others don't
    return cache_folder[: -len("__pycache__")] + name.partition(".")[0] + ".py"
