# Work in a process beside, on another processor. Values go between the two as marshal has them:
# numbers, texts, lists, tuples, dictionaries.
import marshal
import os

PIECE_BYTES = 1 << 20
SIZE_BYTES = 8


class Aside:
    """Starts at once, where a second processor is, and one process more is allowed."""

    def __init__(self, work):
        self.work = work
        self.child = self.reading = None
        if len(os.sched_getaffinity(0)) > 1:
            self.start()

    def start(self):
        self.reading, writing = os.pipe()
        try:
            self.child = os.fork()
        except OSError:
            os.close(self.reading)
            os.close(writing)
            return
        if self.child == 0:
            os.close(self.reading)  # else it would never see that nobody reads any more
            try:
                send(writing, self.work())
            finally:
                os._exit(0)
        os.close(writing)

    def result(self):
        """What the work gave; it is done here where it was not there."""
        found = self.found()
        return self.work() if found is None else found

    def found(self):
        """What the work gave beside; None where it was not done."""
        if self.child is None:
            return None
        try:
            return receive(self.reading)
        except EOFError:
            return None
        finally:
            os.close(self.reading)
            os.waitpid(self.child, 0)


def send(writing, value):
    data = marshal.dumps(value)
    data = memoryview(len(data).to_bytes(SIZE_BYTES, "big") + data)
    while data:
        data = data[os.write(writing, data[:PIECE_BYTES]) :]


def receive(reading):
    """The next value that was sent. Raises EOFError."""
    size = int.from_bytes(exactly(reading, SIZE_BYTES), "big")
    return marshal.loads(exactly(reading, size))


def exactly(reading, size):
    pieces = []
    while size:
        piece = os.read(reading, min(size, PIECE_BYTES))
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
