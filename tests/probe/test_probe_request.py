"""The smoke request, against a real server on loopback, without ever blocking."""

import contextlib
import importlib.util
import json
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pytest_tfdocker import probe

spec = importlib.util.spec_from_file_location(
    "tfdocker_request", Path(probe.__file__).with_name("request.py")
)
request_module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(request_module)


class Echo(BaseHTTPRequestHandler):
    """Answers 200 with what it was asked; /status/N with N; /long with 1 MB."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"method": self.command, "headers": dict(self.headers), "body": body.decode()}
        self.server.seen = told
        status = int(self.path.rpartition("/")[2]) if "/status/" in self.path else 200
        answer = b"x" * 1_000_000 if self.path == "/long" else b"it broke\x1b[31m"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Echo) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def plan(port, **changes):
    default = {
        "path": "/",
        "port": port,
        "method": "GET",
        "headers": {},
        "body": None,
        "json": None,
        "status": 200,
    }
    return {**default, **changes}


def drive(asked, seconds=5.0, on_step=lambda: None):
    """As the supervisor does, to its end; the largest time that one step took."""
    until, longest = time.monotonic() + seconds, 0.0
    while not asked.done and time.monotonic() < until:
        reads, writes = asked.fds()
        readable, writable, _ = select.select(reads, writes, [], request_module.RETRY_SECONDS)
        began = time.monotonic()
        asked.advance(readable + writable)
        longest = max(longest, time.monotonic() - began)
        on_step()
    asked.close()
    return longest


def ask(port, **changes):
    asked = request_module.Request(plan(port, **changes))
    drive(asked)
    return asked


@contextlib.contextmanager
def raw_server(answer, *, read=True):
    """Accepts one connection, answers these bytes and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            with connection:
                if read:
                    connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_the_expected_status_is_an_answer(server):
    asked = ask(server.server_port)
    assert (asked.done, asked.error) == (True, None)
    assert asked.done_at >= asked.sent_at


def test_json_is_sent_as_such(server):
    ask(server.server_port, method="POST", json={"text": ["é"]}, headers={"X-Key": "1"})
    seen = server.seen
    assert json.loads(seen["body"]) == {"text": ["é"]}
    assert seen["headers"]["Content-Type"] == "application/json"
    assert (seen["method"], seen["headers"]["X-Key"]) == ("POST", "1")


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0")])
def test_an_empty_body_has_a_length_where_the_method_has_a_body(server, method, length):
    ask(server.server_port, method=method)
    assert server.seen["headers"].get("Content-Length") == length


def test_a_large_body_is_sent_whole(server):
    body = "x" * 5_000_000
    asked = ask(server.server_port, method="POST", body=body)
    assert asked.error is None
    assert len(server.seen["body"]) == len(body)


def test_another_status_is_told_with_the_beginning_of_the_body(server):
    asked = ask(server.server_port, path="/status/500")
    assert asked.error == "status 500, not 200: GET /status/500\nit broke\x1b[31m"


def test_an_expected_error_status_passes(server):
    assert ask(server.server_port, path="/status/422", status=422).error is None


def test_a_long_answer_is_read_to_its_end_and_not_kept(server):
    asked = ask(server.server_port, path="/long")
    assert asked.error is None
    assert asked.received > 1_000_000
    assert len(asked.answer) < 200_000


def test_a_service_that_listens_late_is_tried_again_and_never_blocks():
    port, started = unused_port(), time.monotonic()
    asked, servers = request_module.Request(plan(port)), []

    def start_late():
        if not servers and time.monotonic() - started > 0.5:
            servers.append(HTTPServer(("127.0.0.1", port), Echo))
            threading.Thread(target=servers[0].handle_request).start()

    longest = drive(asked, on_step=start_late)
    servers[0].server_close()
    assert asked.error is None
    assert longest < 0.2


def test_a_service_that_never_listens_has_no_answer():
    asked = request_module.Request(plan(unused_port()))
    drive(asked, seconds=0.3)
    assert (asked.done, asked.error, asked.sent_at) == (False, None, None)


def test_an_answer_without_a_length_ends_with_the_connection():
    with raw_server(b"HTTP/1.0 200 OK\r\n\r\nyes") as port:
        assert ask(port).error is None


def test_what_is_no_http_is_told():
    with raw_server(b"220 mail.example ESMTP\r\n") as port:
        assert ask(port).error == "no HTTP answer: b'220 mail.example ESMTP\\r\\n'"


def test_a_connection_that_closes_without_a_byte_is_told():
    with raw_server(b"") as port:
        assert ask(port).error == "the connection was closed without an answer"


def test_a_connection_that_breaks_in_the_middle_of_the_answer_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            time.sleep(0.2)
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        asked = ask(listening.getsockname()[1])
        thread.join()
    assert asked.error.startswith("the connection broke in the middle of the answer: ")


def test_an_answer_that_ends_before_its_length_is_told():
    with raw_server(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as port:
        assert ask(port).error == "the answer ended after 4 of 100 bytes"


def test_listens(server):
    assert request_module.listens(server.server_port)
    assert not request_module.listens(unused_port())
