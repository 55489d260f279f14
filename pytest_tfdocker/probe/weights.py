# Whether a process of the container has a file of weights mapped or open: that is when it loads.
import os
import re
import time

import tfdocker_processes as processes

SHARE = 200  # of the time at most: a process with torch has 2000 mappings
SELDOM_SECONDS = 1.0
AT_LEAST_BYTES = 1 << 20


class Watch(object):
    """Looks at the mappings and open files of every process, now and then."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern)
        self.sizes = {}
        self.next = 0.0

    def look(self, now):
        """Whether weights are in use; None where it is too early to look again."""
        if now < self.next:
            return None
        before = time.thread_time()  # not the clock's: others may have the processor meanwhile
        found = any(self.uses_weights(pid) for pid in processes.others())
        self.next = now + min(SELDOM_SECONDS, SHARE * (time.thread_time() - before))
        return found

    def uses_weights(self, pid):
        return any(self.is_weights(path) for path in used_files(pid))

    def is_weights(self, path):
        if not self.pattern.search(path):
            return False
        if path not in self.sizes:
            try:
                self.sizes[path] = os.stat(path).st_size
            except OSError:  # in a mount namespace of its own, or deleted
                self.sizes[path] = 0
        return self.sizes[path] >= AT_LEAST_BYTES


def used_files(pid):
    """Paths of a process's mapped and open files; none where it is gone or another user's."""
    folder = "/proc/%d" % pid
    found = set()
    try:
        with open(folder + "/maps", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                at = line.find("/")
                if at > 0:
                    found.add(line[at:].rstrip("\n"))
        for fd in os.listdir(folder + "/fd"):
            found.add(os.readlink(folder + "/fd/" + fd))
    except OSError:
        pass
    return found
