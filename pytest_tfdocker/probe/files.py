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
        names, sizes, changed, hard, targets = [], [], [], {}, {}
        for entry in entries:
            if mounts and start + entry.name in mounts:
                continue
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError:
                self.unreadable += 1
                continue
            if entry.is_dir(follow_symlinks=False):
                self.blocks += stat.st_blocks
                folders.append(start + entry.name)
                continue
            if stat.st_nlink > 1:
                hard[len(names)] = "%d:%d" % (stat.st_dev, stat.st_ino)
            if entry.is_symlink():
                targets[len(names)] = target_of(entry.name, opened)
            self.add(stat)
            names.append(entry.name)
            sizes.append(stat.st_size)
            changed.append(stat.st_ctime_ns // 1000000)
        if names:
            self.listing.append([folder, "/".join(names), sizes, changed, hard, targets])

    def add(self, stat):
        """What has several names counts once."""
        self.count += 1
        if stat.st_nlink > 1:
            inode = (stat.st_dev, stat.st_ino)
            if inode in self.linked:
                return
            self.linked.add(inode)
        self.apparent += stat.st_size
        self.blocks += stat.st_blocks


LEAST_BYTES = 1000000
READ_SECONDS = 5


def identical(listing):
    """Paths of large files of the same content, a list each content; hard links are one file.

    What has the same size and the same samples is read whole, for some seconds in all."""
    until = time.monotonic() + READ_SECONDS
    by_size = {}
    for folder, names, sizes, _, hard, targets in listing:
        if max(sizes) >= LEAST_BYTES:
            for at, name in enumerate(names.split("/")):
                if sizes[at] >= LEAST_BYTES and at not in targets:
                    path = folder.rstrip("/") + "/" + name
                    by_size.setdefault(sizes[at], {}).setdefault(hard.get(at, path), path)
    found = []
    for files in by_size.values():
        if len(files) > 1:
            for some in grouped(files.values(), lambda path: digest(path, until, SAMPLES)):
                found += grouped(some, lambda path: digest(path, until))
    return sorted(found)


def grouped(paths, key):
    groups = {}
    for path in sorted(paths):
        try:
            found = key(path)
        except Exception:  # it can't be read, or hashed, or there is no time left
            continue
        if found is not None:
            groups.setdefault(found, []).append(path)
    return [group for group in groups.values() if len(group) > 1]


SAMPLES = 32
PIECE_BYTES = 1 << 16


def digest(path, until, samples=None):
    """Of the file's content, or of pieces of it that are spread evenly; None for a sparse file, and
    where time is up."""
    import hashlib

    state = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        stat = os.fstat(file.fileno())
        if stat.st_blocks * 512 < stat.st_size:
            return None
        step = PIECE_BYTES if samples is None else max(PIECE_BYTES, stat.st_size // samples)
        for start in range(0, stat.st_size, step):
            if time.monotonic() > until:
                return None
            file.seek(start)
            state.update(file.read(PIECE_BYTES))
    return state.digest()


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
