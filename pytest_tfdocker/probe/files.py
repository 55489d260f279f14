# The walk: every file of the merged file system once, by what a stat says.
import os
import time


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
    `owned`; mounts (/proc, /etc/hosts, volumes) are the engine's, not the image's."""

    def __init__(self, owners, distributions):
        self.owners = owners
        self.owned = [0] * distributions
        self.count = 0
        self.apparent = 0
        self.blocks = 0
        self.unreadable = 0
        self.site_packages = []
        self.linked = set()
        self.mounts = mount_points()

    def run(self, root="/"):
        started = time.monotonic()
        folders = [root]
        self.blocks += os.lstat(root).st_blocks * 512
        while folders:
            self.folder(folders.pop(), folders)
        return {
            "count": self.count,
            "apparent_bytes": self.apparent,
            "block_bytes": self.blocks,
            "unreadable": self.unreadable,
            "seconds": time.monotonic() - started,
        }

    def folder(self, folder, folders):
        owners, mounts = self.owners, self.mounts
        name = folder.rpartition("/")[2]
        compiled = name == "__pycache__"
        if name in ("site-packages", "dist-packages"):
            self.site_packages.append(folder)
        try:
            entries = os.scandir(folder)
        except OSError:
            self.unreadable += 1
            return
        with entries:
            for entry in entries:
                path = entry.path
                if path in mounts:
                    continue
                try:
                    stat = entry.stat(follow_symlinks=False)
                except OSError:
                    self.unreadable += 1
                    continue
                if entry.is_dir(follow_symlinks=False):
                    self.blocks += stat.st_blocks * 512
                    folders.append(path)
                    continue
                self.count += 1
                if stat.st_nlink > 1:
                    inode = (stat.st_dev, stat.st_ino)
                    if inode in self.linked:
                        continue
                    self.linked.add(inode)
                self.apparent += stat.st_size
                self.blocks += stat.st_blocks * 512
                owner = owners.get(path)
                if owner is None and compiled:
                    owner = owners.get(source_of(folder, entry.name))
                if owner is not None:
                    self.owned[owner] += stat.st_size


def source_of(cache_folder, name):
    # a/__pycache__/b.cpython-311.opt-1.pyc → a/b.py: pip lists the .pyc it writes, others don't
    return cache_folder[: -len("__pycache__")] + name.partition(".")[0] + ".py"
