# One HTTP request to the service beside us, over loopback, without ever blocking the sampler.
import errno
import json
import os
import socket
import time

import tfdocker_answer as answer_module

PIECE_BYTES = 1 << 16


def listens(port):
    """Whether something accepts connections on this port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.2)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def listening_ports():
    """The TCP ports that something listens on, whatever the address."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        found |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    return sorted(found)


def message(plan):
    """The bytes of the request that a smoke asks for."""
    body = (plan["body"] or "").encode("utf-8")
    headers = {}
    if plan["json"] is not None:
        body = json.dumps(plan["json"]).encode("utf-8")
        headers["Content-Type"] = "application/json"
    if body or plan["method"] not in ("GET", "HEAD"):
        headers["Content-Length"] = str(len(body))
    return head(plan, plan["method"], plan["path"], headers) + body


def head(plan, method, path, headers=None):
    """Request line and headers; the smoke's own take the place of ours, however they are written."""
    ours = {"Host": "127.0.0.1:%d" % plan["port"], "Connection": "close"}
    ours.update(headers or {})
    own = {name.lower() for name in plan["headers"]}
    pairs = [(name, value) for name, value in ours.items() if name.lower() not in own]
    lines = ["%s %s HTTP/1.1" % (method, path)]
    lines += ["%s: %s" % pair for pair in pairs + list(plan["headers"].items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


class Exchange(object):
    """One request and its answer, on a connection of its own."""

    def __init__(self, port, data, method, keep_bytes):
        self.data, self.sent = memoryview(data), 0
        self.answer = answer_module.Answer(method, keep_bytes)
        self.began = time.monotonic()
        self.connected = self.done = False
        self.error = self.seconds = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()
        code = self.socket.connect_ex(("127.0.0.1", port))
        if code == 0:
            self.connected = True
        elif code != errno.EINPROGRESS:
            self.refuse(code)

    def sends(self):
        return not self.done and self.sent < len(self.data)

    def advance(self, readable, writable):
        """Goes on as far as it can; `done` says whether that was the end."""
        try:
            if writable and not self.connected:
                code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    self.refuse(code)
                    return
                self.connected = True
            if readable and self.connected:
                self.receive()  # first: a service may refuse a body that it has not read
            if writable and self.sends():
                self.sent += self.socket.send(self.data[self.sent : self.sent + PIECE_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.sent = len(self.data)  # it takes no more: what it answers may still come
        except OSError as error:
            self.end(self.broken(error))

    def receive(self):
        try:
            piece = self.socket.recv(PIECE_BYTES)
            if piece:
                self.answer.add(piece)
            else:
                self.answer.end()
        except answer_module.NoAnswer as error:
            self.end(str(error))
            return
        if self.answer.whole:
            self.end(None)

    def broken(self, error):
        if self.answer.empty:
            return "the connection was closed without an answer: %s" % error.strerror
        return "the connection broke in the middle of the answer: %s" % error.strerror

    def refuse(self, code):
        refused = code == errno.ECONNREFUSED
        self.end(
            "the connection was refused" if refused else "no connection: %s" % os.strerror(code)
        )

    def end(self, error):
        self.error, self.done = error, True
        self.seconds = time.monotonic() - self.began
        self.socket.close()

    def close(self):
        if not self.done:
            self.end("it was given up")
