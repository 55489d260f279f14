# What the supervisor waits for, all at once. poll() keeps what it was told; select() would have to be
# told anew at each sample.
import select

# As select() has it: an end or an error is there to be read, an error to be written
READABLE = ~select.POLLOUT
WRITABLE = select.POLLOUT | select.POLLERR


class Waiting(object):
    """Of some descriptors always, and of others as they are named."""

    def __init__(self, always):
        self.always, self.reads, self.sends, self.poll = always, None, None, None

    def wait(self, reads, sends, seconds):
        """(readable, writable), after `seconds`, rounded up to a millisecond, if none is before."""
        if reads != self.reads or sends != self.sends:
            self.reads, self.sends = reads, sends
            self.tell(reads, sends)
        found = self.poll.poll(seconds * 1000 if seconds > 0 else 0)
        if not found:
            return (), ()
        readable = [fd for fd, events in found if events & READABLE]
        return readable, [fd for fd, events in found if events & WRITABLE and fd in sends]

    def tell(self, reads, sends):
        self.poll = select.poll()
        for fd in self.always:
            self.poll.register(fd, select.POLLIN)
        for fd in reads:
            self.poll.register(fd, select.POLLIN)
        for fd in sends:
            self.poll.register(fd, select.POLLOUT | (select.POLLIN if fd in reads else 0))
