# PID 1 of an estimate: what the files, in an archive as a push has it, would take when compressed.
import array
import bisect
import math
import os
import stat

import tfdocker_files as files
import tfdocker_lifeline as lifeline
from tfdocker_clock import Clock

BLOCK = 512
PIECE_BYTES = 1 << 14
WINDOW_BYTES = 1 << 15
LEVEL = 6
STRIDE = 0.6180339887


def main(plan, parts, report):
    lifeline.hold(plan["deadline_seconds"])
    walk = files.Walk(plan["volumes"])
    found = walk.run()
    try:
        import zlib
    except ImportError:
        report({"files": found, "sample": {"error": "its Python has no zlib"}})
        return
    sample = take(Archive(walk.listing), zlib, Clock(plan["seconds"]))
    report({"files": found, "sample": sample})


class Archive:
    """The files as a tar of them would have them, readable from any offset: header, content, padding.

    Several small files share a piece, and so a window of the compressor, as they do in a layer."""

    def __init__(self, listing):
        self.names, self.sizes, self.starts = [], array.array("Q"), array.array("Q")
        self.bytes = 0
        self.open_name, self.open_file = None, None
        counted = set()
        for folder, names, sizes, _, hard, targets in sorted(listing, key=lambda one: one[0]):
            self.add(folder, 0)
            rows = sorted(enumerate(names.split("/")), key=lambda row: row[1])
            for at, name in rows:
                again = at in hard and hard[at] in counted
                if at in hard:
                    counted.add(hard[at])
                self.add(
                    folder.rstrip("/") + "/" + name, 0 if again or at in targets else sizes[at]
                )

    def add(self, name, size):
        self.names.append(name)
        self.sizes.append(size)
        self.starts.append(self.bytes)
        self.bytes += BLOCK + -(-size // BLOCK) * BLOCK

    def read(self, start, end):
        """The bytes from `start` to `end`; less where a file can't be read, or has shrunk."""
        pieces = []
        at = bisect.bisect_right(self.starts, start) - 1
        while at < len(self.names) and self.starts[at] < end:
            pieces.append(self.entry(at, start - self.starts[at], end - self.starts[at]))
            at += 1
        return b"".join(pieces)

    def entry(self, at, start, end):
        """A part of one entry, by offsets in it."""
        size = self.sizes[at]
        wanted = max(0, min(end - BLOCK, size) - max(start - BLOCK, 0))
        content = self.content(at, max(start - BLOCK, 0), wanted) if wanted else b""
        head = self.header(at)[max(start, 0) : max(end, 0)] if start < BLOCK else b""
        padded = BLOCK + -(-size // BLOCK) * BLOCK
        padding = max(0, min(end, padded) - max(start, BLOCK + size))
        return head + content + b"\0" * padding

    def content(self, at, offset, count):
        try:
            return os.pread(self.file(self.names[at]), count, offset)
        except OSError:
            return b""

    def file(self, name):
        """Its descriptor; large files are read piece after piece, so the last one stays open."""
        if name != self.open_name:
            self.close()
            # No device and no pipe has a size, but one may stand there by now
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self.open_file, self.open_name = os.open(name, flags), name
            if not stat.S_ISREG(os.fstat(self.open_file).st_mode):
                raise OSError("no file")
        return self.open_file

    def close(self):
        if self.open_file is not None:
            os.close(self.open_file)
        self.open_file = self.open_name = None

    def header(self, at):
        """As good as the one that a tar has: what differs from file to file is in it."""
        name = os.fsencode(self.names[at])[-100:].lstrip(b"/")
        try:
            when = int(os.lstat(self.names[at]).st_mtime)
        except OSError:
            when = 0
        fields = b"0000644\0000000000\0000000000\000%011o\0%011o\0" % (self.sizes[at], when)
        head = name.ljust(100, b"\0") + fields
        head += b"%06o\0 0" % (sum(head) + 512)
        return head.ljust(257, b"\0") + b"ustar\00000".ljust(BLOCK - 257, b"\0")


def take(archive, zlib, clock):
    """Pieces that are spread evenly, each compressed with what stands before it as its window, until
    all is read or time is up: large files count by their bytes, and so do many small ones."""
    read, packed = 0, {}
    for number in order(-(-archive.bytes // PIECE_BYTES)):
        if packed and clock.is_up():
            break
        start = number * PIECE_BYTES
        before = archive.read(max(0, start - WINDOW_BYTES), start)
        data = archive.read(start, min(start + PIECE_BYTES, archive.bytes))
        if data:
            packed[number] = packed_size(zlib, before, data)
            read += len(data)
    archive.close()
    sizes = [packed[number] for number in sorted(packed)]
    return {
        "archive_bytes": archive.bytes,
        "pieces": len(sizes),
        "sampled_bytes": read,
        "packed_bytes": sum(sizes),
        "squared_steps": sum((a - b) ** 2 for a, b in zip(sizes, sizes[1:])),
    }


def packed_size(zlib, before, data):
    """Of the data in the middle of a stream, where `before` went before it."""
    window = (before,) if before else ()
    state = zlib.compressobj(LEVEL, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, *window)
    return len(state.compress(data)) + len(state.flush(zlib.Z_SYNC_FLUSH))


def order(count):
    """Every number below `count` once; wherever it is broken off, those so far are spread evenly."""
    step = max(1, int(count * STRIDE))
    while math.gcd(step, count) != 1:
        step += 1
    return ((at * step) % count for at in range(count))
