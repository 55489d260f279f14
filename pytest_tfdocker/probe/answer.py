# One HTTP answer as it comes in: its head, then a body that ends by length, by chunks or with the
# connection. Of the body the beginning is kept.
import re

HEAD_BYTES = 1 << 16
CHUNK_LINE_BYTES = 4096
END_OF_HEAD = re.compile(b"\r?\n\r?\n")
BODILESS = (204, 304)


class NoAnswer(Exception):
    """What came is no answer; the text says why."""


class Answer(object):
    def __init__(self, method, keep_bytes):
        self.method, self.keep_bytes = method, keep_bytes
        self.status, self.headers = None, {}
        self.body, self.body_bytes = b"", 0
        self.whole = False
        self.pending = b""
        self.left = None  # bytes of the body, or of a chunk, that are still to come
        self.length = None
        self.take = self.take_head

    @property
    def empty(self):
        return self.status is None and not self.pending

    def add(self, data):
        """Takes what has come; raises NoAnswer."""
        self.pending += data
        while not self.whole and self.take():
            pass

    def end(self):
        """The connection was closed; raises NoAnswer where more had to come."""
        if self.whole:
            return
        if self.empty:
            raise NoAnswer("the connection was closed without an answer")
        if self.status is None:
            raise NoAnswer("the answer ended within its head: %r" % self.pending[:80])
        if self.take == self.take_length:
            raise NoAnswer("the answer ended after %d of %d bytes" % (self.body_bytes, self.length))
        if self.take != self.take_rest:
            raise NoAnswer("the answer ended between its chunks, after %d bytes" % self.body_bytes)
        self.whole = True

    def take_head(self):
        if self.pending[:5] != b"HTTP/"[: len(self.pending)]:
            raise NoAnswer("no HTTP answer: %r" % self.pending[:80])
        found = END_OF_HEAD.search(self.pending)
        if not found:
            if len(self.pending) > HEAD_BYTES:
                raise NoAnswer("the answer's head is longer than %d bytes" % HEAD_BYTES)
            return False
        first, *lines = self.pending[: found.start()].split(b"\n")
        words = first.split()
        if len(words) < 2 or not words[1].isdigit():
            raise NoAnswer("no HTTP answer: %r" % first[:80])
        self.pending = self.pending[found.end() :]
        status = int(words[1])
        if 100 <= status < 200:  # an interim answer, such as 103 Early Hints: the answer follows
            return True
        self.status = status
        for line in lines:
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.take = self.framing()
        return True

    def framing(self):
        """RFC 9112, 6.3: what tells where the body ends."""
        length = self.headers.get("content-length", "")
        if self.method == "HEAD" or self.status in BODILESS:
            self.whole = True
        elif "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self.take_chunk_line
        elif length.isdigit():
            self.length = self.left = int(length)
            self.whole = self.left == 0
            return self.take_length
        return self.take_rest

    def keep(self, data):
        self.body_bytes += len(data)
        self.body += data[: max(0, self.keep_bytes - len(self.body))]

    def take_rest(self):
        self.keep(self.pending)
        self.pending = b""
        return False

    def take_length(self):
        piece, self.pending = self.pending[: self.left], self.pending[self.left :]
        self.left -= len(piece)
        self.keep(piece)
        self.whole = self.left == 0
        return False

    def line(self):
        """The next line; None where it has not come yet."""
        line, found, rest = self.pending.partition(b"\n")
        if found:
            self.pending = rest
            return line.strip()
        if len(line) > CHUNK_LINE_BYTES:
            raise NoAnswer("a chunk of the answer has no length: %r" % line[:80])
        return None

    def take_chunk_line(self):
        line = self.line()
        if line is None:
            return False
        try:
            self.left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise NoAnswer("a chunk of the answer has no length: %r" % line[:80])
        self.take = self.take_chunk if self.left else self.take_trailer
        return True

    def take_chunk(self):
        self.take_length()
        if self.whole:  # the chunk
            self.whole, self.take = False, self.take_chunk_end
        return bool(self.pending)

    def take_chunk_end(self):
        if self.line() is None:
            return False
        self.take = self.take_chunk_line
        return True

    def take_trailer(self):
        line = self.line()
        self.whole = line == b""
        return line is not None
