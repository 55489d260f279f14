# One child of PID 1: started as the first victim of the OOM killer, its output kept within bounds.
import errno
import os
import signal

PHASE = b"tfdocker: phase "
LINE_BYTES = 4096
READ_BYTES = 1 << 16  # as much as a pipe holds


class Tail(object):
    """The last bytes of a stream, and how many there were."""

    def __init__(self, limit):
        self.limit, self.total, self.pieces, self.held = limit, 0, [], 0

    def add(self, data):
        self.total += len(data)
        self.pieces.append(data)
        self.held += len(data)
        if self.held > 4 * self.limit:
            self.pieces = [b"".join(self.pieces)[-self.limit :]]
            self.held = len(self.pieces[0])

    def text(self):
        return b"".join(self.pieces)[-self.limit :].decode("utf-8", "replace")


class Stream(object):
    """A pipe that the child writes to: kept, watched for phases, and passed on if asked."""

    def __init__(self, fd, relay_to, keep_bytes, on_phases):
        os.set_blocking(fd, False)
        self.fd, self.relay_to, self.on_phases = fd, relay_to, on_phases
        self.tail = Tail(keep_bytes)
        self.line = b""
        self.rests_until = 0.0
        self.was_empty = False  # when it was last waited for

    def pump(self, next_time, was_awaited):
        """Reads what there is; False at the end of the stream.

        A program that flushes each line would wake us for each: unless much is there, the next ones
        gather until `next_time`.
        """
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.rests_until = next_time if len(data) < READ_BYTES // 2 else 0.0
        self.tail.add(data)
        if self.relay_to is not None:
            write_all(self.relay_to, data)
        self.was_empty = was_awaited and self.was_empty
        if self.on_phases is not None:
            self.find_phases(data, self.was_empty)
            if is_begun(self.line):  # print() writes the end of a line apart, if nothing buffers
                self.rests_until = 0.0
                return True
        self.was_empty = False
        return True

    def find_phases(self, data, was_awaited):
        data = self.line + data
        end = data.rfind(b"\n") + 1
        self.line = data[end : end + LINE_BYTES]
        if PHASE not in data:
            return
        names, last = [], None
        for line in data[:end].split(b"\n"):
            if line.startswith(PHASE) and line != last:
                names.append(line[len(PHASE) :].decode("utf-8", "replace").strip()[:80])
                last = line
        if names and self.on_phases(names, was_awaited):
            self.on_phases = None  # no more of them are kept

    def close(self):
        os.close(self.fd)


def is_begun(line):
    """Whether it may be a phase's, without its end."""
    return 0 < len(line) < LINE_BYTES and line[: len(PHASE)] == PHASE[: len(line)]


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


class NotForked(Exception):
    """There may be no process beside ours; the text says why."""


class Child(object):
    """A started process in a session of its own."""

    def __init__(self, argv, environment, relay, keep_bytes, on_phases):
        out, out_write = os.pipe()
        err, err_write = os.pipe()
        failed, failed_write = os.pipe()
        try:
            self.pid = os.fork()
        except OSError as error:
            raise NotForked(error.strerror)
        if self.pid == 0:
            become(argv, environment, out_write, err_write, failed_write)
        for fd in (out_write, err_write, failed_write):
            os.close(fd)
        self.error = os.read(failed, 1024).decode("utf-8", "replace") or None
        os.close(failed)
        self.streams = [
            Stream(out, 1 if relay else None, keep_bytes, on_phases),
            Stream(err, 2 if relay else None, keep_bytes, on_phases),
        ]
        # Whether nothing has come of any since all of them were waited for: pump() may be left out
        self.is_quiet = False
        self.stdout, self.stderr = [stream.tail for stream in self.streams]
        self.name = os.path.basename(argv[0] if argv else "")[:15]  # as the kernel cuts it
        self.exit_code = self.ended_by = None  # a shell may exit with 137 for its child
        self.maxrss_bytes = None

    def ended(self, status, usage):
        self.ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.exit_code = (
            128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        )
        self.maxrss_bytes = usage.ru_maxrss * 1024

    def signal(self, number):
        if self.exit_code is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def awaited(self, now):
        """The streams to wait for, by their descriptors, and those that rest."""
        if not self.is_quiet:
            self.resting = [stream for stream in self.streams if stream.rests_until > now]
            self.fds = [stream.fd for stream in self.streams if stream.rests_until <= now]
        return self.fds, self.resting

    def pump(self, fds, next_time, awaited=()):
        """`awaited`: those of which each was waited for until now."""
        self.is_quiet = True
        for stream in self.streams[:]:
            if stream.fd not in fds:
                stream.was_empty = stream.fd in awaited
            elif not stream.pump(next_time, stream.fd in awaited):
                stream.close()
                self.streams.remove(stream)
                stream.was_empty = False  # it is to be waited for no more
            self.is_quiet = self.is_quiet and stream.was_empty


def become(argv, environment, out, err, failed):
    """In the forked process: take the pipes and run argv; tell the parent why it can't."""
    try:
        os.setsid()
        raise_oom_score()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        signal.set_wakeup_fd(-1)
        # A handler of ours may not run here, and what Python ignores (SIGPIPE, SIGXFSZ) is not
        # ignored in a container's own process
        for number in range(1, signal.NSIG):
            if signal.getsignal(number) not in (signal.SIG_DFL, None):
                signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        tell(failed, "%s: %s" % (argv[0], os.strerror(error.errno or errno.EIO)))
    except BaseException as error:  # it must not go on as a second supervisor
        tell(failed, "can't be run: %s" % error)
    os._exit(127)


def tell(fd, text):
    os.write(fd, text.encode("utf-8", "replace"))


def raise_oom_score():
    # Raising needs no privilege; the kernel then kills the child and not the supervisor
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
