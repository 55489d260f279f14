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
        """A list of all, where it was time for one; else None."""
        # Reading all of /proc costs more than a sample: only when the peak has grown by a twentieth,
        # or the last list was of a moment in which much was still to come; a tenth of the time at most
        has_grown = working > self.working * 1.05
        is_of_less = not self.is_settled and self.total < 0.95 * working >= 0.9 * self.working
        if not (has_grown or is_of_less) or now < self.next:
            return None
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
        return found

    def of_peak(self, peak):
        """The list; none where it is from long before the peak, since it would name the wrong ones."""
        return self.found if self.working * 1.5 >= peak else []


class Candidate(object):
    """A process by files of its own that stay open: a number is given anew, and near the limit
    nothing may be opened."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self.statm = os.open("/proc/%d/statm" % pid, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.status = os.open("/proc/%d/status" % pid, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self.statm)
            raise
        self.is_killed()  # the first read is the one that takes memory of the kernel's

    def is_over(self):
        """Gone, a zombie, or without memory any more."""
        try:
            return os.pread(self.statm, 64, 0).startswith(b"0 ")
        except OSError:
            return True

    def is_killed(self):
        """Whether it has a SIGKILL that it has yet to take."""
        try:
            lines = os.pread(self.status, 4096, 0).split(b"\n")
        except OSError:
            return False
        masks = [line.split()[1] for line in lines if line.startswith((b"SigPnd:", b"ShdPnd:"))]
        return any(int(mask, 16) & SIGKILL_BIT for mask in masks)

    def close(self):
        os.close(self.statm)
        os.close(self.status)


class Candidates(object):
    """Whom the kernel may kill: the largest of late, without those that have ended by themselves."""

    CHECK_SECONDS = 0.1
    LIST_SECONDS = 0.5
    SHARE = 0.005  # of the time at most, for lists of its own

    def __init__(self):
        self.known = {}  # by number
        self.working, self.has_lost = 0, False
        self.next_check = self.next_list = 0.0

    def look(self, now, working):
        """A list of all, where one has ended or more is there than at the last; else None."""
        if working < self.working:
            self.working = working
        if now < self.next_list or not (self.has_lost or working > self.working * 1.25):
            return None
        before = time.thread_time()
        found = with_memory()
        self.next_list = now + max(self.LIST_SECONDS, (time.thread_time() - before) / self.SHARE)
        return found

    def ended(self, now):
        """Who has, looked for now and then. It opens nothing."""
        if now < self.next_check:
            return ()
        self.next_check = now + self.CHECK_SECONDS
        return [one for one in self.known.values() if one.is_over()]

    def settle(self, ended, found, working):
        """No kill was counted after that look and that list, so those that ended were not killed."""
        for one in ended:
            self.known.pop(one.pid).close()
            self.has_lost = True
        if found is not None:
            self.take(found)
            self.working, self.has_lost = working, False

    def take(self, found):
        before, self.known = self.known, {}
        for size, name, pid in found[: Largest.SHOWN]:
            try:
                if size > 0:
                    self.known[pid] = before.pop(pid, None) or Candidate(name, pid)
            except OSError:  # it has ended
                pass
        for one in before.values():
            one.close()

    def close(self):
        self.take([])


class Killed(object):
    """Which of the candidates the OOM killer has taken, as far as it can be seen."""

    def __init__(self, candidates):
        self.candidates = candidates
        self.gone, self.alive, self.kills = [], [], 1

    def look(self, kills):
        """The first look that finds one tells; `kills`: how many the kernel has counted by then."""
        if self.gone:
            return
        killed = [one for one in self.candidates if one.is_killed()]
        over = [one for one in self.candidates if one not in killed and one.is_over()]
        # What ended with it, as the shell that had waited for it: a signal on its way tells them apart
        gone = killed if killed and len(killed + over) > kills else killed + over
        self.gone, self.kills = named(gone), kills
        if gone:
            self.alive = named(one for one in self.candidates if one not in killed + over)

    def add(self, name, pid, kills):
        """One of which its parent knows that it was killed."""
        if not self.gone:
            self.alive = named(one for one in self.candidates if not one.is_over())
        self.spare(pid)
        self.alive = [one for one in self.alive if one[1] != pid]
        self.kills = kills
        self.gone.append((name, pid))

    def spare(self, pid):
        """One that ended by itself."""
        self.gone = [one for one in self.gone if one[1] != pid]

    def told(self):
        """Nobody where more have gone than were killed: it may have been any of them."""
        if not 0 < len(self.gone) <= self.kills:
            return {"gone": [], "alive": []}
        return {"gone": self.gone, "alive": self.alive}


def named(candidates):
    return [(one.name, one.pid) for one in candidates]
