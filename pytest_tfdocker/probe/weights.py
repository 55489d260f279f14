# Whether a process of the container has a file of weights mapped or open: that is when it loads.
import os
import re
import time

import tfdocker_processes as processes

AT_LEAST_BYTES = 1 << 20
GROWN_BYTES = 8 << 20
SHARE = 0.005  # of the time at most: a process with torch has 2000 mappings
SAVED_SECONDS = 0.05  # what may be saved up, so that a look after a pause comes at once
FOLLOWED = 8
OFTEN_SECONDS = 0.06  # the sizes of processes
NOW_AND_THEN_SECONDS = 2.0  # which processes there are, and their open files
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watch(object):
    """Looks at the mappings and open files of every process, when one has grown or shrunk."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern)
        self.named = {}  # path: whether its name is one of weights
        self.sizes = {}
        self.saved, self.last, self.next = SAVED_SECONDS, None, 0.0
        self.next_sizes, self.followed = 0.0, []
        self.user = None  # who has had them
        self.is_behind = False  # a process has grown, and there was no time to look

    def look(self, now):
        """Whether weights are in use; None where that is not looked at now, or its user is gone."""
        if now < self.next_sizes:
            return None
        self.next_sizes = now + OFTEN_SECONDS
        if self.last is not None:
            self.saved = min(SAVED_SECONDS, self.saved + SHARE * (now - self.last))
        self.last = now
        before = time.thread_time()  # not the clock's: others may have the processor meanwhile
        told = self.look_closer(now)
        self.saved -= time.thread_time() - before
        return told

    def look_closer(self, now):
        if now >= self.next:
            self.followed = largest(processes.others())
        sizes = {pid: mapped_bytes(pid) for pid in self.followed}
        grown = any(
            abs(size - self.sizes.get(pid, 0)) >= GROWN_BYTES for pid, size in sizes.items()
        )
        # What is read, and not mapped, leaves no such sign: it is looked for now and then
        if not grown and now < self.next:
            return None
        self.is_behind = self.saved < 0
        if self.is_behind:
            self.next = max(self.next, now + NOW_AND_THEN_SECONDS)
            return None
        self.sizes, self.next = sizes, now + NOW_AND_THEN_SECONDS
        if self.user is not None and not mapped_bytes(self.user):
            return None  # it ends, or was killed: that is not the end of its loading
        user = next((pid for pid in sizes if self.uses_weights(pid)), None)
        self.user = user or self.user
        return user is not None

    def uses_weights(self, pid):
        return any(self.is_weights(path) for path in used_files(pid))

    def is_weights(self, path):
        if path not in self.named:
            self.named[path] = bool(self.pattern.search(path))
        return self.named[path] and size_of(path) >= AT_LEAST_BYTES


def largest(pids):
    """Those that are looked at: of a hundred workers some will do."""
    return sorted(pids, key=mapped_bytes, reverse=True)[:FOLLOWED]


def size_of(path):
    try:
        return os.stat(path).st_size
    except OSError:  # in a mount namespace of its own, or deleted
        return 0


def mapped_bytes(pid):
    try:
        with open("/proc/%d/statm" % pid) as file:
            return int(file.read().split()[0]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def used_files(pid):
    """Paths of a process's mapped and open files; none where it is gone or another user's."""
    folder = "/proc/%d" % pid
    found = set()
    try:
        with open(folder + "/maps", "rb") as file:
            lines = file.read().split(b"\n")
        found.update(line[line.find(b"/") :] for line in lines if b"/" in line)
        found = {os.fsdecode(path) for path in found}
        for fd in os.listdir(folder + "/fd"):
            found.add(os.readlink(folder + "/fd/" + fd))
    except OSError:
        pass
    return found
