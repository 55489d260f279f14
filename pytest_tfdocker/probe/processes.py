# The processes of the container, by what /proc says of each: the largest, and those that were killed.
import os
import time

SIGKILL_BIT = 1 << 8


def status(pid):
    """The lines of /proc/PID/status by name; None where the process is gone."""
    try:
        # The kernel cuts a name after 15 bytes, in the midst of a character too
        with open("/proc/%s/status" % pid, encoding="utf-8", errors="replace") as lines:
            return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)
    except (OSError, ProcessLookupError):
        return None


def own_bytes():
    """Anonymous memory of this process, which is no part of the user's."""
    fields = status("self") or {}
    return int(fields.get("RssAnon", "0").split()[0]) * 1024


def others():
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()]


def largest_processes(count=5):
    """[anonymous and shared bytes, name, pid], the largest first."""
    found = []
    for pid in others():
        fields = status(pid)
        if fields is not None:
            size = sum(int(fields.get(key, "0").split()[0]) for key in ("RssAnon", "RssShmem"))
            found.append([size * 1024, fields.get("Name", "?"), pid])
    return sorted(found, reverse=True)[:count]


class Largest(object):
    """The largest processes of the moment of the peak, looked for as it grows."""

    def __init__(self):
        self.found, self.working, self.next = [], 0, 0.0

    def look(self, now, working):
        # Reading all of /proc costs more than a sample: only when the peak has grown by a twentieth,
        # and a tenth of the time at most
        if working <= self.working * 1.05 or now < self.next:
            return
        before = time.thread_time()
        found = largest_processes()
        # A process that the kernel is killing has no memory left, though its group has
        if sum(one[0] for one in found) >= sum(one[0] for one in self.found):
            self.found, self.working = found, working
        self.next = now + 10 * (time.thread_time() - before)

    def of_peak(self, peak):
        """The list; none where it is from long before the peak, since it would name the wrong ones."""
        return self.found if self.working * 1.5 >= peak else []


class Killed(object):
    """Which of some processes the OOM killer has taken, as far as it can be seen."""

    def __init__(self, candidates):
        self.candidates = [(name, pid) for size, name, pid in candidates if size > 0]
        self.gone = []

    def look(self):
        if not self.gone:
            self.gone = [one for one in self.candidates if is_dying(one[1])]

    def told(self):
        alive = [one for one in self.candidates if one not in self.gone]
        return {"gone": self.gone, "alive": alive}


def is_dying(pid):
    """Gone, a zombie, without memory any more, or with a SIGKILL that it has yet to take."""
    fields = status(pid)
    if fields is None or "VmRSS" not in fields:
        return True
    pending = int(fields.get("SigPnd", "0"), 16) | int(fields.get("ShdPnd", "0"), 16)
    return bool(pending & SIGKILL_BIT)
