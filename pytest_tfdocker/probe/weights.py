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
OFTEN_SECONDS = 0.1  # the sizes of processes
NOW_AND_THEN_SECONDS = 2.0  # which processes there are, and their open files
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Watch(object):
    """Looks at the mappings and open files of every process, when one has grown or shrunk."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern)
        self.named = {}  # path: whether its name is one of weights
        self.sizes = {}
        self.saved, self.last, self.next = SAVED_SECONDS, None, 0.0
        self.next_sizes, self.followed = 0.0, {}  # pid: its statm
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
        is_time = now >= self.next
        if not is_time and not self.have_grown():
            return None
        before = time.thread_time()  # not the clock's: others may have the processor meanwhile
        told = self.look_closer(now, is_time)
        self.saved -= time.thread_time() - before
        return told

    def have_grown(self):
        sizes = ((pid, mapped_bytes(fd)) for pid, fd in self.followed.items())
        return any(abs(size - self.sizes.get(pid, 0)) >= GROWN_BYTES for pid, size in sizes)

    def look_closer(self, now, is_time):
        if is_time:  # what is read, and not mapped, is no growth: it is looked for now and then
            self.next = now + NOW_AND_THEN_SECONDS
            self.follow(processes.others())
        self.is_behind = self.saved < 0
        if self.is_behind:
            return None
        self.next = now + NOW_AND_THEN_SECONDS
        self.sizes = {pid: mapped_bytes(fd) for pid, fd in self.followed.items()}
        if self.user is not None and not self.sizes.get(self.user):
            return None  # it ends, or was killed: that is not the end of its loading
        user = next((pid for pid in self.sizes if self.uses_weights(pid)), None)
        self.user = user or self.user
        return user is not None

    def follow(self, pids):
        """Keeps the sizes of the largest open: of a hundred workers some will do."""
        for fd in self.followed.values():
            os.close(fd)
        found = {}
        for pid in pids:
            try:
                found[pid] = os.open("/proc/%d/statm" % pid, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # it has ended
                pass
        by_size = sorted(found, key=lambda pid: mapped_bytes(found[pid]), reverse=True)
        for pid in by_size[FOLLOWED:]:
            if pid != self.user:
                os.close(found.pop(pid))
        self.followed = found

    def close(self):
        self.follow([])

    def uses_weights(self, pid):
        return any(self.is_weights(path) for path in used_files(pid))

    def is_weights(self, path):
        if path not in self.named:
            self.named[path] = bool(self.pattern.search(path))
        return self.named[path] and size_of(path) >= AT_LEAST_BYTES


def size_of(path):
    try:
        return os.stat(path).st_size
    except OSError:  # in a mount namespace of its own, or deleted
        return 0


def mapped_bytes(fd):
    """Of a process, by its statm; 0 where it has ended."""
    try:
        return int(os.pread(fd, 64, 0).split()[0]) * PAGE_BYTES
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
