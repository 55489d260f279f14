# Time that a program may take, on a machine that may be busy with others.
import time


class Clock:
    """Seconds of the processor, and three times as many on the wall."""

    def __init__(self, seconds):
        self.processor = time.process_time() + seconds
        self.wall = time.monotonic() + 3 * seconds

    def is_up(self):
        return time.process_time() > self.processor or time.monotonic() > self.wall
