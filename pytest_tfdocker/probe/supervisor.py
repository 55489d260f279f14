# PID 1 of every measured container: starts the user's command as its child, samples the control
# group's memory meanwhile, and lives to report when the kernel kills the child.
import os
import select
import signal
import time

import tfdocker_cgroup as cgroup
import tfdocker_child as child_module
import tfdocker_lifeline as lifeline
import tfdocker_request as request_module

KEPT_SAMPLES = 2000
SAMPLES_BETWEEN_OWN = 50
KILL_AFTER_SECONDS = 2.0
FIRST_SECONDS = 0.002
DYING_SECONDS = 1.0


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


class Supervisor(object):
    def __init__(self, plan, counters, environment, files_bytes, report):
        self.plan, self.counters, self.report = plan, counters, report
        self.environment, self.files_bytes = environment, files_bytes
        self.child = self.meter = self.request = None
        self.commands = b""
        self.stopping_at = None
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write, 0):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self.forward)

    def forward(self, number, _):
        if self.child:
            self.child.signal(number)

    def run(self, spec):
        """Runs one child to its end and gives its record."""
        keep, relay = self.plan["keep_bytes"], self.plan["relay"]
        self.stopping_at, self.stopped, self.timed_out = None, False, False
        self.request = request_module.Request(spec["request"]) if spec.get("request") else None
        self.meter = Meter(self.counters, self.plan["interval_seconds"], self.files_bytes)
        self.child = child_module.Child(
            spec["argv"], self.environment, relay, keep, self.meter.phase
        )
        deadline = self.meter.started + spec["timeout_seconds"] if spec["timeout_seconds"] else None
        while self.child.exit_code is None:
            self.step(deadline)
        if self.counters:
            self.meter.sample(time.monotonic())
        record = self.record(spec)
        self.sweep()
        record.update(self.output())
        return record

    def step(self, deadline):
        now = time.monotonic()
        reads = [0, self.wake] + [stream.fd for stream in self.child.streams]
        asks, sends = self.request.fds() if self.request else ([], [])
        wait = max(0.0, self.meter.next - now) if self.counters else 0.2
        if self.request:
            wait = min(wait, request_module.RETRY_SECONDS)
        readable, writable, _ = select.select(reads + asks, sends, [], wait)
        now = time.monotonic()
        if self.counters and now >= self.meter.next:
            self.meter.sample(now)
        if self.wake in readable:
            os.read(self.wake, 4096)
        if 0 in readable:
            self.obey()
        self.child.pump(readable)
        self.reap()
        if self.request:
            self.request.advance(readable + writable)
            if self.request.done:
                self.meter.stop_clock()
                # A service that is dying closes its connections first: how it ends says more
                if self.request.error is None or now >= self.request.done_at + DYING_SECONDS:
                    self.stop()
        if deadline is not None and now >= deadline and self.stopping_at is None:
            self.timed_out = True
            self.stop()
        if self.stopping_at is not None and now >= self.stopping_at:
            self.child.signal(signal.SIGKILL)

    def obey(self):
        """The lifeline: its end is ours; a line on it is a command."""
        data = os.read(0, 4096)
        if not data:
            os._exit(3)
        self.commands += data
        *lines, self.commands = self.commands.split(b"\n")
        for line in lines:
            if line == b"report":
                self.report({"snapshot": dict(self.record({"name": ""}), **self.output())})
            elif line == b"stop":
                self.stop()
            elif line.startswith(b"listens "):
                self.report({"listens": request_module.listens(int(line.split()[1]))})

    def stop(self):
        if self.stopping_at is None and self.child.exit_code is None:
            self.stopped = True
            grace = KILL_AFTER_SECONDS if self.timed_out else self.plan["grace_seconds"]
            self.stopping_at = time.monotonic() + grace
            self.child.signal(signal.SIGTERM if self.timed_out else self.plan["stop_signal"])

    def reap(self):
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child.pid:
                self.child.ended(status, usage)

    def sweep(self):
        """Ends what the child left behind, and reads its streams to their end."""
        if os.getpid() == 1:  # elsewhere -1 would be every process of the user's
            try:
                os.kill(-1, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # none is left, or another user's
                pass
        until = time.monotonic() + KILL_AFTER_SECONDS
        while self.child.streams and time.monotonic() < until:
            fds = [stream.fd for stream in self.child.streams]
            self.child.pump(select.select(fds, [], [], 0.1)[0])
        self.reap()

    def record(self, spec):
        record = self.meter.figures()
        request = self.request
        if request:
            request.close()
            record["request"] = {
                "port": request.plan["port"],
                "error": request.error,
                "answered": request.done and request.error is None,
                "sent": request.sent_at is not None,
            }
        record.update(
            {
                "name": spec["name"],
                "exit_code": self.child.exit_code,
                "error": self.child.error,
                "stopped": self.stopped,
                "timed_out": self.timed_out,
                "maxrss_bytes": self.child.maxrss_bytes,
            }
        )
        return record

    def output(self):
        out, err = self.child.stdout, self.child.stderr
        return {
            "stdout": out.text(),
            "stderr": err.text(),
            "stdout_bytes": out.total,
            "stderr_bytes": err.total,
        }


def memory_file(name, data):
    """A file of anonymous memory that this process keeps open: its path, for the child."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create(name, 0)
    else:
        import ctypes

        fd = ctypes.CDLL(None).memfd_create(name.encode(), 0)
    child_module.write_all(fd, data)
    return "/proc/1/fd/%d" % fd


def main(plan, files, report):
    lifeline.end_after(plan["deadline_seconds"])
    counters = cgroup.open_counters()
    paths = {name: memory_file(name, data) for name, data in files.items()}
    pages = sum(-(-len(data) // 4096) * 4096 for data in files.values())
    environment = dict(os.environ)
    if plan["script"]:  # as `python -m` has it: the working folder comes first on sys.path
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.getcwd() + (":" + inherited if inherited else "")
    supervisor = Supervisor(plan, counters, environment, pages, report)
    report({"limits": counters.limits() if counters else None})
    records = []
    for spec in plan["children"]:
        # {"file": NAME} stands for a file's path; a user's own words are text, and stay as they are
        spec["argv"] = [
            paths[word["file"]] if isinstance(word, dict) else word for word in spec["argv"]
        ]
        records.append(supervisor.run(spec))
    report({"children": records})
