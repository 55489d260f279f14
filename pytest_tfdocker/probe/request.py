# One HTTP request to the service beside us, over loopback, without ever blocking the sampler.
import errno
import json
import socket
import time

RETRY_SECONDS = 0.05
KEEP_BYTES = 1 << 16


def listens(port):
    """Whether something accepts connections on this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.2)
        return connection.connect_ex(("127.0.0.1", port)) == 0


class Request(object):
    """Connects again and again until the service listens, sends, reads to the end (HTTP/1.0)."""

    def __init__(self, plan):
        self.plan = plan
        self.socket = None
        self.retry_at = 0.0
        self.sent_at = None
        self.to_send = b""
        self.answer = b""
        self.received = 0
        self.error = None
        self.done = False
        self.done_at = None

    def message(self):
        plan = self.plan
        body = (plan["body"] or "").encode("utf-8")
        headers = {"Host": "127.0.0.1:%d" % plan["port"], "Connection": "close"}
        if plan["json"] is not None:
            body = json.dumps(plan["json"]).encode("utf-8")
            headers["Content-Type"] = "application/json"
        if body or plan["method"] not in ("GET", "HEAD"):
            headers["Content-Length"] = str(len(body))
        headers.update(plan["headers"])
        head = "%s %s HTTP/1.0\r\n" % (plan["method"], plan["path"])
        head += "".join("%s: %s\r\n" % pair for pair in headers.items())
        return (head + "\r\n").encode("utf-8") + body

    def fds(self):
        """(to read, to write)"""
        if self.socket is None or self.done:
            return [], []
        return ([], [self.socket]) if self.to_send else ([self.socket], [])

    def advance(self, ready):
        if self.done:
            return
        if self.socket is None:
            if time.monotonic() >= self.retry_at:
                self.connect()
        elif self.socket in ready:
            try:
                self.transfer()
            except OSError as error:
                self.fail(error)
        if self.done:
            self.done_at = time.monotonic()

    def connect(self):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        code = connection.connect_ex(("127.0.0.1", self.plan["port"]))
        if code in (0, errno.EINPROGRESS):
            self.socket, self.to_send = connection, self.message()
        else:
            connection.close()
            self.retry_at = time.monotonic() + RETRY_SECONDS

    def transfer(self):
        if self.to_send:
            self.to_send = self.to_send[self.socket.send(self.to_send) :]
            self.sent_at = self.sent_at or time.monotonic()
            return
        piece = self.socket.recv(1 << 16)
        if not piece:
            self.finish()
            return
        if len(self.answer) < KEEP_BYTES:
            self.answer += piece
        self.received += len(piece)
        if self.whole():
            self.finish()

    def body_bytes(self):
        """How much of the body came, and how much the head announces: None where it says nothing."""
        head, found, _ = self.answer.partition(b"\r\n\r\n")
        if not found:
            return 0, None
        length = None
        for line in head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"content-length" and value.strip().isdigit():
                length = 0 if self.plan["method"] == "HEAD" else int(value)
        return self.received - len(head) - 4, length

    def whole(self):
        """Whether Content-Length says that all is here: some servers don't close."""
        came, length = self.body_bytes()
        return length is not None and came >= length

    def fail(self, error):
        # Refused, or reset before a byte came: it does not listen yet
        self.socket.close()
        self.socket = None
        self.to_send = b""
        if self.answer:
            self.error, self.done = (
                "the connection broke in the middle of the answer: %s" % error,
                True,
            )
        elif self.sent_at is not None:
            self.error, self.done = "the connection was closed without an answer: %s" % error, True
        self.retry_at = time.monotonic() + RETRY_SECONDS

    def finish(self):
        self.socket.close()
        self.done = True
        first = self.answer.partition(b"\r\n")[0].split()
        came, length = self.body_bytes()
        if not self.answer:
            self.error = "the connection was closed without an answer"
        elif len(first) < 2 or not first[0].startswith(b"HTTP/") or not first[1].isdigit():
            self.error = "no HTTP answer: %r" % self.answer[:80]
        elif int(first[1]) != self.plan["status"]:
            body = self.answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")[:400]
            asked = "%s %s" % (self.plan["method"], self.plan["path"])
            answered = (first[1].decode(), self.plan["status"], asked, body)
            self.error = "status %s, not %d: %s\n%s" % answered
        elif length is not None and came < length:
            self.error = "the answer ended after %d of %d bytes" % (came, length)

    def close(self):
        if self.socket is not None and not self.done:
            self.socket.close()
