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


def with_memory():
    """[anonymous and shared bytes, name, pid], the largest first."""
    found = []
    for pid in others():
        fields = status(pid)
        if fields is not None:
            size = sum(int(fields.get(key, "0").split()[0]) for key in ("RssAnon", "RssShmem"))
            found.append([size * 1024, fields.get("Name", "?"), pid])
    return sorted(found, reverse=True)


class Largest(object):
    """The largest processes of the moment of the peak, looked for as it grows."""

    SHOWN = 5

    def __init__(self):
        self.found, self.total, self.working, self.next = [], 0, 0, 0.0
        self.is_settled = False

    def look(self, now, working):
        # Reading all of /proc costs more than a sample: only when the peak has grown by a twentieth,
        # or the last list was of a moment in which much was still to come; a tenth of the time at most
        has_grown = working > self.working * 1.05
        is_of_less = not self.is_settled and self.total < 0.95 * working >= 0.9 * self.working
        if not (has_grown or is_of_less) or now < self.next:
            return
        before = time.thread_time()
        found = with_memory()
        total = sum(one[0] for one in found)
        # What is shared or dying may never add up: a list that is no fuller is the last
        self.is_settled = not has_grown and total < self.total * 1.02
        # A process that the kernel is killing has no memory left, though its group has
        if total >= self.total:
            self.found, self.total = found[: self.SHOWN], total
            self.working = max(self.working, working)
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

    def add(self, name, pid):
        """One of which its parent knows that it was killed."""
        if pid not in [one[1] for one in self.gone]:
            self.gone.append((name, pid))

    def told(self):
        gone = [pid for _, pid in self.gone]
        alive = [one for one in self.candidates if one[1] not in gone]
        return {"gone": self.gone, "alive": alive}


def is_dying(pid):
    """Gone, a zombie, without memory any more, or with a SIGKILL that it has yet to take."""
    fields = status(pid)
    if fields is None or "VmRSS" not in fields:
        return True
    pending = int(fields.get("SigPnd", "0"), 16) | int(fields.get("ShdPnd", "0"), 16)
    return bool(pending & SIGKILL_BIT)
