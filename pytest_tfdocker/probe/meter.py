# What the counters say while one child runs: maxima, phases, a timeline, who was killed.
import os
import signal
import time

import tfdocker_processes as processes
import tfdocker_weights as weights
from tfdocker_phases import Phases, difference

KEPT_SAMPLES = 2000
SAMPLES_BETWEEN_OWN = 50
FIRST_SECONDS = 0.002
LATE_SECONDS = 0.003  # of which one may be the rounding of a wait
ENDING_SECONDS = 0.1  # what an interpreter takes to end, after it has written what it had kept
START_SECONDS = 0.5  # a shorter start is not told
MOST_PHASES = 100  # that a program names: each takes memory of the group's
ROOM_BYTES = 4 << 20
LOOK_SECONDS = 0.02  # as others may have the processor meanwhile; growth as it is must have room
DYING_SECONDS = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
IMPORT, LOAD, INFERENCE = "import", "load", "inference"


class Meter(object):
    """Maxima, phases and a timeline of what the counters say, for one child.

    Phases stand twice: as the program names them, and, for one that names none, as they are seen
    from outside: `load` begins when a file of weights is mapped or open.
    """

    def __init__(self, counters, interval, files_bytes, weights_pattern=None, first_seen=IMPORT):
        self.counters, self.interval, self.files_bytes = counters, interval, files_bytes
        start = self.clock()
        self.started = self.last = self.next = start[0]
        self.named, self.seen = (
            Phases("start", start),
            Phases(first_seen, start),
        )
        self.is_named = self.phases_left_out = False
        self.watch = weights.Watch(weights_pattern) if weights_pattern else None
        self.working = self.shared = self.cache = self.kernel = self.gap = 0
        self.swapped = self.tasks = None
        self.outside = self.outside_rise = 0
        self.faults = None
        self.start_clock, self.stopped_clock, self.marks = start, None, {}
        self.has_ended = False
        self.own, self.until_own = 0, 0
        self.samples, self.every, self.skipped = [], 1, 0
        self.largest, self.candidates = processes.Largest(), processes.Candidates()
        limit = counters.limits()["memory_bytes"] if counters else None
        self.room = limit or float("inf")
        self.last_working = 0
        self.kernel_peak_before = counters.kernel_peak() if counters else None
        self.kills_before = counters.oom_kills() if counters else None
        self.killed, self.killed_until = None, 0.0
        if counters:
            self.sample(self.started)

    def clock(self):
        """Now, in wall-clock time, CPU time and throttled time."""
        now = time.monotonic()
        _, cpu, throttled = self.counters.used() if self.counters else (None, None, None)
        return now, cpu, throttled

    def after(self, now):
        """When the sample after one of now is due."""
        # Closer together at first: a run of 20 ms has a peak too
        early = FIRST_SECONDS + (now - self.started) / 4
        return now + (self.interval if early > self.interval else early)

    def sample(self, now):
        # No max() and few calls: between two samples the processor has forgotten all of this, and
        # what it has to fetch anew is most of what a sample takes
        gap = now - self.last
        if gap > self.gap:
            self.gap = gap
        self.last, self.next = now, self.after(now)
        if self.until_own == 0:
            self.own, self.until_own = processes.own_bytes() + self.files_bytes, SAMPLES_BETWEEN_OWN
        self.until_own -= 1
        working, cache, kernel, swapped, refaults, major_faults, shared = self.counters.sample()
        working = working - self.own if working > self.own else 0
        if cache > self.cache:
            self.cache = cache
        if kernel > self.kernel:
            self.kernel = kernel
        if swapped is not None and (self.swapped is None or swapped > self.swapped):
            self.swapped = swapped
        outside = cache + kernel
        if self.faults is None:
            self.faults_before = refaults, major_faults
        elif outside - self.outside > self.outside_rise:
            self.outside_rise = outside - self.outside
        self.faults, self.outside = (refaults, major_faults), outside
        self.named.take(working)
        self.seen.take(working)
        if working > self.working:  # what we have passed in is shared memory too
            self.working, self.shared = working, max(0, shared - self.files_bytes)
        # At the limit the kernel would take us for what we open: it charges that too
        rise = working - self.last_working if working > self.last_working else 0
        if gap < LOOK_SECONDS:
            rise *= LOOK_SECONDS / max(gap, FIRST_SECONDS)
        self.last_working = working
        has_room = self.room - working - self.own - kernel > ROOM_BYTES + rise
        found = None
        if has_room and not self.has_ended:
            found = self.largest.look(now, working) or self.candidates.look(now, working)
        self.look_for_kills(now, found)
        if self.watch and has_room:
            self.look_for_weights(now)
        self.keep(now - self.started, working, cache, swapped)

    def look_for_kills(self, now, found):
        """Who the kernel killed first, and in which phase; `found`: a list of all of this moment."""
        if self.killed is None:
            # The kernel counts before it kills: who has ended and not been counted was not killed
            ended = self.candidates.ended(now)
            if self.counters.oom_kills() == self.kills_before:
                if ended or found is not None:
                    self.candidates.settle(ended, found, self.last_working)
                return
            self.killed = processes.Killed(list(self.candidates.known.values()))
            self.killed_until = now + DYING_SECONDS
            is_behind = self.watch is not None and self.watch.is_behind
            self.named_at_kill = self.named.rows[-1]["name"]
            self.seen_at_kill = None if is_behind else self.seen.rows[-1]["name"]
            self.end_watch()  # what is unmapped now was not let go
        # Later, or where the child has ended, others may be gone by themselves
        if now <= self.killed_until and not self.has_ended:
            self.killed.look(self.kills())

    def kills(self):
        return difference(self.counters.oom_kills(), self.kills_before)

    def look_for_weights(self, now):
        there = self.watch.look(now)
        if there is None:
            return
        phase = self.seen.rows[-1]["name"]
        if there and len(self.seen.rows) == 1:
            self.seen.begin(LOAD, self.clock())
        elif there and phase == INFERENCE:  # another shard: the load was not over
            self.seen.undo()
        elif not there and phase == LOAD and self.seen.rows[0]["name"] == IMPORT:
            self.seen.begin(INFERENCE, self.clock())  # of a service that is what it is asked for

    def keep(self, seconds, working, cache, swapped):
        tasks, cpu, throttled = self.counters.used()
        if tasks is not None and (self.tasks is None or tasks > self.tasks):
            self.tasks = tasks
        self.skipped += 1
        if self.skipped < self.every and self.samples and working <= self.samples[-1][1]:
            return
        self.skipped = 0
        self.samples.append([seconds, working, cache, swapped, tasks, cpu, throttled])
        if len(self.samples) > KEPT_SAMPLES:
            self.every *= 2
            first, rest = self.samples[:1], self.samples[1:]
            pairs = zip(rest[::2], rest[1::2])
            self.samples = first + [max(pair, key=lambda sample: sample[1]) for pair in pairs]

    def phases(self, names, was_awaited):
        """The program has named phases, of which the last goes on. Whether more than we keep.

        `was_awaited`: whether their lines were read as soon as they were written. Else what there
        is now, or was killed, may have come after them, and is not the old one's.
        """
        self.is_named = True
        if self.stopped_clock:  # while it is ended, no phase of the run begins
            return False
        new, last = [], self.named.rows[-1]["name"]
        for name in names:
            if name != last:
                new.append(name)
                last = name
        space = max(0, MOST_PHASES - len(self.named.rows))
        self.phases_left_out = self.phases_left_out or len(new) > space
        if new[:space]:
            named = len(self.named.rows)
            self.begin(new[:space], [self.named], was_awaited and self.is_in_time())
            if len(new) > 1:  # when each was written, nobody knows
                self.not_timed(named)
        return self.phases_left_out

    def not_timed(self, since):
        """The phases from that row on: when their lines were read says not when they began."""
        for row in self.named.rows[since:]:
            row["timed"] = False

    def judge_only_phase(self):
        """One that came with the end, long after the start: a program that keeps its output back."""
        rows = self.named.rows
        if self.is_named and len(rows) == 2 and not self.marks:
            is_late = time.monotonic() - rows[1]["clock"][0] < ENDING_SECONDS
            if is_late and rows[1]["clock"][0] - rows[0]["clock"][0] >= START_SECONDS:
                self.not_timed(1)

    def see_phase(self, name):
        """A phase that begins here, as we know ourselves: it stands among the program's own too."""
        self.end_watch()
        self.marks.setdefault(name, self.clock())
        if not self.stopped_clock:
            self.begin([name], [self.named, self.seen], True)

    def begin(self, names, phases, is_known):
        """`is_known`: that the first begins now, so that what there is now is the old one's too."""
        if is_known:
            self.sample_if_measured()
        clock = self.clock()
        for each in phases:
            for name in names:
                each.begin(name, clock)
        self.sample_if_measured()

    def is_in_time(self):
        """Whether nothing has held us up since the last sample: others may have gone on meanwhile."""
        if not self.counters:
            return True
        now, _, throttled = self.clock()
        return now <= self.next + LATE_SECONDS and throttled == self.samples[-1][-1]

    def end(self, child):
        """The child has ended, by itself or killed; None where it was us who ended it."""
        self.has_ended = True
        self.sample_if_measured()
        if self.killed is not None and child is not None:
            if child.ended_by == signal.SIGKILL:
                self.killed.add(child.name, child.pid, self.kills())
            else:
                self.killed.spare(child.pid)
        self.candidates.close()
        self.end_watch()

    def end_watch(self):
        if self.watch:
            self.watch.close()
        self.watch = None

    def between(self, first, last):
        """Seconds, CPU seconds and throttled seconds between two phases; None: one never began."""
        if first not in self.marks or last not in self.marks:
            return None
        ends = zip(self.marks[last], self.marks[first])
        return [difference(later, earlier) for later, earlier in ends]

    def sample_if_measured(self):
        if self.counters:
            self.sample(time.monotonic())

    def stop_clock(self):
        """What comes after is not the run's time; memory goes on being measured."""
        self.stopped_clock = self.stopped_clock or self.clock()

    def refaulted_bytes(self):
        pages = difference(self.faults[0], self.faults_before[0])
        return None if pages is None else pages * PAGE_BYTES

    def figures(self):
        """The record so far, as JSON holds it."""
        counters = self.counters
        end = self.stopped_clock or self.clock()
        phases = self.named if self.is_named else self.seen
        result = {
            "seconds": end[0] - self.started,
            "phases": phases.told(end),
            "phases_left_out": self.phases_left_out,
            "phases_named": self.is_named,
            "samples": [[round(row[0], 3)] + row[1:3] for row in self.samples],
            "resources": [[round(row[0], 3)] + row[3:] for row in self.samples],
            "processes": self.largest.of_peak(self.working),
            "measured": counters is not None,
        }
        if counters:
            result.update(
                {
                    "working_bytes": self.working,
                    "shared_bytes": self.shared,
                    "cache_bytes": self.cache,
                    "kernel_bytes": self.kernel,
                    "swapped_bytes": self.swapped,
                    "tasks": self.tasks,
                    "outside_rise_bytes": self.outside_rise,
                    "own_bytes": self.own,
                    "kernel_peak_bytes": counters.kernel_peak(),
                    "kernel_peak_before_bytes": self.kernel_peak_before,
                    "gap_seconds": self.gap,
                    "oom_kills": self.kills(),
                    "refaulted_bytes": self.refaulted_bytes(),
                    "major_faults": difference(self.faults[1], self.faults_before[1]),
                    "cpu_seconds": difference(end[1], self.start_clock[1]),
                    "throttled_seconds": difference(end[2], self.start_clock[2]),
                }
            )
            if self.killed is not None:
                result["killed"] = self.killed.told()
                result["killed_in"] = self.named_at_kill if self.is_named else self.seen_at_kill
        return result
