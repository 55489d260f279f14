# PID 1 of every measured container: starts the user's command as its child, samples the control
# group's memory meanwhile, and lives to report when the kernel kills the child.
import os
import select
import signal
import time

import tfdocker_asking as asking
import tfdocker_cgroup as cgroup
import tfdocker_child as child_module
import tfdocker_cold as cold
import tfdocker_lifeline as lifeline
import tfdocker_meter as meter_module
import tfdocker_passed as passed_module
import tfdocker_request as request_module
import tfdocker_waiting as waiting

KILL_AFTER_SECONDS = 2.0
DYING_SECONDS = 1.0
READ_SECONDS = 0.02  # where no sample sets the pace
FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
)


class Supervisor(object):
    def __init__(self, plan, counters, environment, files_bytes, passed, report):
        self.plan, self.counters, self.report = plan, counters, report
        self.environment, self.files_bytes, self.passed = environment, files_bytes, passed
        self.child = self.meter = self.request = None
        self.commands = b""
        self.stopping_at = None
        self.wake, wake_write = os.pipe()
        for fd in (self.wake, wake_write, 0):
            os.set_blocking(fd, False)
        self.waiting = waiting.Waiting((0, self.wake))
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # STOPSIGNAL may be any: a service such as systemd takes one of the real-time signals
        for number in FORWARDED + (plan["stop_signal"],):
            if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM, signal.SIGCHLD):
                signal.signal(number, self.forward)

    def forward(self, number, _):
        if self.child:
            self.child.signal(number)

    def run(self, spec):
        """Runs one child to its end and gives its record."""
        keep, relay = self.plan["keep_bytes"], self.plan["relay"]
        self.stopping_at, self.stopped, self.timed_out = None, False, False
        self.request = None
        if spec.get("request"):  # before the meter, which takes our own memory off
            self.request = asking.Asking(spec["request"], lambda name: self.meter.see_phase(name))
        self.meter = meter_module.Meter(
            self.counters,
            self.plan["interval_seconds"],
            self.files_bytes + self.passed.begin(),
            self.plan["weights"],
            "start" if self.request else meter_module.IMPORT,
        )
        self.child = child_module.Child(
            spec["argv"], self.environment, relay, keep, self.meter.phases
        )
        deadline = self.meter.started + spec["timeout_seconds"] if spec["timeout_seconds"] else None
        while self.child.exit_code is None:
            self.step(deadline)
        # A stream that rested may hold the last phase
        named = len(self.meter.named.rows)
        self.child.pump([stream.fd for stream in self.child.streams], 0.0)
        self.meter.not_timed(named)
        if not self.environment.get("PYTHONUNBUFFERED"):
            self.meter.judge_only_phase()
        self.meter.end(None if self.stopped else self.child)
        record = self.record(spec)
        self.sweep()
        record.update(self.output())
        return record

    def step(self, deadline):
        now = time.monotonic()
        streams, resting = self.child.awaited(now)
        reads, sends, wait = streams, (), self.meter.next - now if self.counters else 0.2
        if self.request:
            asks, sends = self.request.fds()
            reads = streams + asks
            wait = min(wait, asking.RETRY_SECONDS)
        if resting:
            wait = min(wait, min(stream.rests_until for stream in resting) - now)
        readable, writable = self.waiting.wait(reads, sends, wait)
        now = time.monotonic()
        named = len(self.meter.named.rows)
        if readable or not self.child.is_quiet:
            # Phases first: what is sampled now is no more that of the phase before
            due = [stream.fd for stream in resting if stream.rests_until <= now]
            # Where one has ended too, nobody knows whether it was before
            awaited = () if self.wake in readable else streams
            self.child.pump([*readable, *due], self.next_read(now), awaited)
        # By the same clock: a sample that falls due meanwhile would come before its streams
        if self.counters and now >= self.meter.next:
            self.meter.sample(time.monotonic())
        if self.wake in readable:
            # A signal, SIGCHLD too: taken first, so that the next one wakes us again
            os.read(self.wake, 4096)
            self.reap()
            if self.child.exit_code is not None:
                self.meter.not_timed(named)
        if 0 in readable:
            self.obey()
        if self.request:
            self.request.advance(readable, writable)
            self.meter.until_own = 0  # its answers take memory of ours
            if self.request.done:
                self.meter.stop_clock()
                # A service that is dying closes its connections first: how it ends says more
                if self.request.error is None or now >= self.request.done_at + DYING_SECONDS:
                    self.stop()
        if deadline is not None and now >= deadline and self.stopping_at is None:
            self.timed_out = True
            if self.request:
                self.request.give_up()
            self.stop()
        if self.passed.bytes:
            self.account_for_files()
        if self.stopping_at is not None and now >= self.stopping_at:
            self.child.signal(signal.SIGKILL)

    def next_read(self, now):
        """Of a stream that has just been read: with the sample after the one that is due."""
        if not self.counters:
            return now + READ_SECONDS
        return self.meter.next if now < self.meter.next else self.meter.after(now)

    def account_for_files(self):
        """The program may have deleted some of what was passed in: the rest is none of its own."""
        if self.passed.changed():
            self.meter.files_bytes = self.files_bytes + self.passed.held
            self.meter.until_own = 0

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
            self.child.pump(select.select(fds, [], [], 0.1)[0], 0.0)
        self.reap()

    def record(self, spec):
        record = self.meter.figures()
        if "own_bytes" in record:  # the kernel's own peak may be from before some were deleted
            record["own_bytes"] += self.passed.held_at_start - self.passed.held
        if self.request:
            record["request"] = self.request.told()
            record["warm_up"] = self.meter.between("warm-up", "request")
            self.request.close()
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


def failed(record):
    """Whether a run is the last of its repeats."""
    return bool(
        record["error"] or record["timed_out"] or record["exit_code"] or record.get("oom_kills")
    )


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
    passed = passed_module.Passed(plan.get("passed"))
    try:
        passed.receive()
    except OSError as error:
        where = (plan["passed"]["folder"], error.strerror or error)
        report({"crash": "the files can't be passed in, at %s: %s" % where})
        return
    paths = {name: memory_file(name, data) for name, data in files.items()}
    pages = sum(-(-len(data) // 4096) * 4096 for data in files.values())
    environment = dict(os.environ)
    if plan["script"]:  # as `python -m` has it: the working folder comes first on sys.path
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.getcwd() + (":" + inherited if inherited else "")
        # Its phases are to be read when they are written; set to "" it is the user's word too
        environment.setdefault("PYTHONUNBUFFERED", "1")
    if passed.folder:
        environment["TFDOCKER_FILES"] = plan["passed"]["folder"]
    supervisor = Supervisor(plan, counters, environment, pages, passed, report)
    report({"limits": counters.limits() if counters else None})
    cold.drop(plan["cold"])
    records = []
    for spec in plan["children"]:
        # {"file": NAME} stands for a file's path; a user's own words are text, and stay as they are
        spec["argv"] = [
            paths[word["file"]] if isinstance(word, dict) else word for word in spec["argv"]
        ]
        try:
            records.append(supervisor.run(spec))
        except child_module.NotForked as error:
            report({"crash": str(error), "not_forked": True})
            return
        if plan.get("until_failure") and failed(records[-1]):
            break
    report({"children": records})
