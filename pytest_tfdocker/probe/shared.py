# Folders that two processes visit, each its own: who has none left asks the other for some.
import os
import select

import tfdocker_aside as aside

ASKING = 0  # what goes between the two: this, or a list of folders
POLLED = 8  # folders that are visited until the other is heard again


class End:
    """One end of what two processes tell each other by."""

    def __init__(self, reading, writing):
        self.reading, self.writing = reading, writing

    def close(self):
        os.close(self.reading)
        os.close(self.writing)


def pair():
    (here, from_there), (there, from_here) = os.pipe(), os.pipe()
    return End(here, from_here), End(there, from_there)


class Folders:
    """Gives the folders that were added, last first. Where neither has any, both have asked, and
    that is the end; so it is where the other is gone."""

    def __init__(self, folders, other=None):
        self.folders, self.other = folders, other
        self.is_asked = False

    def add(self, folder):
        self.folders.append(folder)

    def __iter__(self):
        visited = 0
        while self.folders or self.take():
            yield self.folders.pop()
            visited += 1
            if self.other is not None and visited % POLLED == 0:
                self.give()

    def give(self):
        """What was added first stands highest, and has the most below it."""
        if not self.is_asked:
            self.is_asked = self.has_written() and self.received() == ASKING
        if self.is_asked and self.other is not None and len(self.folders) > 1:
            half = len(self.folders) // 2
            given, self.folders = self.folders[:half], self.folders[half:]
            self.tell(given)
            self.is_asked = False

    def take(self):
        if self.other is None or not self.tell(ASKING) or self.is_asked:
            return False
        received = self.received()
        if received == ASKING:
            return False
        self.folders = received
        return True

    def has_written(self):
        return bool(select.select([self.other.reading], [], [], 0)[0])

    def received(self):
        try:
            return aside.receive(self.other.reading)
        except EOFError:
            self.other = None
            return ASKING

    def tell(self, what):
        try:
            aside.send(self.other.writing, what)
        except BrokenPipeError:
            self.other = None
        return self.other is not None
