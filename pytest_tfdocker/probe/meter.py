# What the counters say while one child runs: maxima, phases, a timeline, the largest processes.
import os
import time

KEPT_SAMPLES = 2000
SAMPLES_BETWEEN_OWN = 50
FIRST_SECONDS = 0.002


def own_bytes():
    """Anonymous memory of this process, which is no part of the user's."""
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def largest_processes(count=5):
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid != "1":
            try:
                # The kernel cuts a name after 15 bytes, in the midst of a character too
                with open("/proc/%s/status" % pid, encoding="utf-8", errors="replace") as lines:
                    fields = dict(
                        line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line
                    )
            except OSError:
                continue
            size = sum(int(fields.get(key, "0").split()[0]) for key in ("RssAnon", "RssShmem"))
            found.append([size * 1024, fields.get("Name", "?"), int(pid)])
    return sorted(found, reverse=True)[:count]


class Meter(object):
    """Maxima, phases and a timeline of what the counters say, for one child."""

    def __init__(self, counters, interval, files_bytes):
        self.counters, self.interval, self.files_bytes = counters, interval, files_bytes
        self.started = self.last = time.monotonic()
        self.next = self.started
        self.working = self.cache = self.kernel = self.gap = 0
        self.outside, self.outside_rise = None, 0
        self.stopped_clock = None
        self.own, self.until_own = 0, 0
        self.samples, self.every, self.skipped = [], 1, 0
        self.phases = [["start", self.started, 0]]
        self.processes, self.processes_next, self.processes_working = [], 0.0, 0
        self.kernel_peak_before = counters.kernel_peak() if counters else None
        self.kills = counters.oom_kills() if counters else None
        self.cpu = counters.cpu_seconds() if counters else None
        self.throttled = counters.throttled_seconds() if counters else None
        if counters:
            self.sample(self.started)

    def sample(self, now):
        self.gap = max(self.gap, now - self.last)
        self.last = now
        # Closer together at first: a run of 20 ms has a peak too
        self.next = now + min(self.interval, FIRST_SECONDS + (now - self.started) / 4)
        if self.until_own == 0:
            self.own, self.until_own = own_bytes() + self.files_bytes, SAMPLES_BETWEEN_OWN
        self.until_own -= 1
        working, cache, kernel = self.counters.sample()
        working = max(0, working - self.own)
        self.cache, self.kernel = max(self.cache, cache), max(self.kernel, kernel)
        if self.outside is not None:
            self.outside_rise = max(self.outside_rise, cache + kernel - self.outside)
        self.outside = cache + kernel
        self.phases[-1][2] = max(self.phases[-1][2], working)
        if working > self.working:
            self.working = working
            self.note_processes(now, working)
        self.keep(now - self.started, working, cache)

    def note_processes(self, now, working):
        # Reading all of /proc costs more than a sample: only when the peak has grown by a twentieth,
        # and a tenth of the time at most
        if working > self.processes_working * 1.05 and now >= self.processes_next:
            found = largest_processes()
            # A process that the kernel is killing has no memory left, though its group has
            if sum(one[0] for one in found) >= sum(one[0] for one in self.processes):
                self.processes, self.processes_working = found, working
            self.processes_next = now + 10 * (time.monotonic() - now)

    def keep(self, seconds, working, cache):
        self.skipped += 1
        if self.skipped < self.every and self.samples and working <= self.samples[-1][1]:
            return
        self.skipped = 0
        self.samples.append([round(seconds, 3), working, cache])
        if len(self.samples) > KEPT_SAMPLES:
            self.every *= 2
            pairs = zip(self.samples[::2], self.samples[1::2])
            self.samples = [max(pair, key=lambda sample: sample[1]) for pair in pairs]

    def phase(self, name):
        now = time.monotonic()
        if self.counters:
            self.sample(now)
        self.phases.append([name, now, 0])
        if self.counters:
            self.sample(now)

    def clock(self):
        """Now, in wall-clock time, CPU time and throttled time."""
        counters = self.counters
        return (
            time.monotonic(),
            counters.cpu_seconds() if counters else None,
            counters.throttled_seconds() if counters else None,
        )

    def stop_clock(self):
        """What comes after is not the run's time; memory goes on being measured."""
        self.stopped_clock = self.stopped_clock or self.clock()

    def figures(self):
        """The record so far, as JSON holds it."""
        now, cpu, throttled = self.stopped_clock or self.clock()
        counters = self.counters
        ends = [phase[1] for phase in self.phases[1:]] + [now]
        result = {
            "seconds": now - self.started,
            "phases": [
                [p[0], end - p[1], p[2] if counters else None] for p, end in zip(self.phases, ends)
            ],
            "samples": self.samples,
            # A list from long before the peak would name the wrong ones
            "processes": self.processes if self.processes_working * 1.5 >= self.working else [],
            "measured": counters is not None,
        }
        if counters:
            kills = counters.oom_kills()
            result.update(
                {
                    "working_bytes": self.working,
                    "cache_bytes": self.cache,
                    "kernel_bytes": self.kernel,
                    "outside_rise_bytes": self.outside_rise,
                    "own_bytes": self.own,
                    "kernel_peak_bytes": counters.kernel_peak(),
                    "kernel_peak_before_bytes": self.kernel_peak_before,
                    "gap_seconds": self.gap,
                    "oom_kills": None
                    if kills is None or self.kills is None
                    else kills - self.kills,
                    "cpu_seconds": difference(cpu, self.cpu),
                    "throttled_seconds": difference(throttled, self.throttled),
                }
            )
        return result


def difference(now, before):
    return None if now is None or before is None else now - before
