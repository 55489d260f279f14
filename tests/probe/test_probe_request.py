"""The smoke's requests, against a real server on loopback, without ever blocking."""

import contextlib
import importlib.util
import json
import select
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest

from pytest_tfdocker import probe


def load(name):
    """A program of the probe's, by the name that the others import it by."""
    spec = importlib.util.spec_from_file_location(
        f"tfdocker_{name}", Path(probe.__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="module")
def _programs():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("answer", "expect", "request", "asking"):
            patch.setitem(sys.modules, f"tfdocker_{name}", load(name))
        yield


def asking():
    return sys.modules["tfdocker_asking"]


class Echo(BaseHTTPRequestHandler):
    """Answers 200; /status/N with N; /long with 1 MB; /json with the body that it was sent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {"method": self.command, "headers": dict(self.headers), "body": body.decode()}
        self.server.seen = told
        self.server.asked = getattr(self.server, "asked", 0) + 1
        status = int(self.path.rpartition("/")[2]) if "/status/" in self.path else 200
        answer = {"/long": b"x" * 1_000_000, "/json": body}.get(self.path, b"it broke\x1b[31m")
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/elsewhere/")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler, server=HTTPServer):
    with server(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def server():
    with serving(Echo) as running:
        yield running


def plan(port, **changes):
    default = {
        "path": "/",
        "port": port,
        "method": "GET",
        "headers": {},
        "body": None,
        "json": None,
        "status": 200,
        "expect": [],
        "ready": None,
        "concurrency": 1,
        "warm_up": 0,
        "repeat": 1,
    }
    return {**default, **changes}


def drive(asked, seconds=5.0, on_step=lambda: None):
    """As the supervisor does, to its end; the largest time that one step took."""
    until, longest = time.monotonic() + seconds, 0.0
    while not asked.done and time.monotonic() < until:
        reads, writes = asked.fds()
        readable, writable, _ = select.select(reads, writes, [], asking().RETRY_SECONDS)
        began = time.monotonic()
        asked.advance(readable, writable)
        longest = max(longest, time.monotonic() - began)
        on_step()
    asked.give_up()
    return longest


def ask(port, seconds=5.0, **changes):
    phases = []
    asked = asking().Asking(plan(port, **changes), phases.append)
    drive(asked, seconds)
    asked.phases = phases
    return asked


@contextlib.contextmanager
def raw_server(*answers, read=True, keep_open=False):
    """Accepts one connection an answer, answers these bytes, piece by piece, and closes it."""
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            for answer in answers:
                connection, _ = listening.accept()
                if read:
                    connection.recv(65536)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
                    time.sleep(0.02)
                kept.append(connection)
                if not keep_open:
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()
        for connection in kept:
            connection.close()


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


# One request


def test_the_expected_status_is_an_answer(server):
    asked = ask(server.server_port)
    assert (asked.done, asked.error, asked.phases) == (True, None, ["request"])
    told = asked.told()
    assert (told["answered"], told["count"], told["is_ready"]) == (1, 1, True)
    assert 0 < told["seconds"]["min"] == told["seconds"]["median"] == told["seconds"]["max"] < 5


def test_json_is_sent_as_such(server):
    ask(server.server_port, method="POST", json={"text": ["é"]}, headers={"X-Key": "1"})
    seen = server.seen
    assert json.loads(seen["body"]) == {"text": ["é"]}
    assert seen["headers"]["Content-Type"] == "application/json"
    assert (seen["method"], seen["headers"]["X-Key"]) == ("POST", "1")


def test_a_header_of_the_smokes_takes_the_place_of_ours(server):
    headers = {"content-type": "application/x-ndjson", "HOST": "models.example"}
    ask(server.server_port, method="POST", json=1, headers=headers)
    seen = {name.lower(): value for name, value in server.seen["headers"].items()}
    assert len(seen) == len(server.seen["headers"])
    assert (seen["content-type"], seen["host"]) == ("application/x-ndjson", "models.example")


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


def test_a_redirection_is_told_with_where_it_leads(server):
    asked = ask(server.server_port, path="/status/307")
    assert asked.error.splitlines()[:2] == [
        "status 307, not 200: GET /status/307",
        "Location: /elsewhere/",
    ]


def test_an_expected_error_status_passes(server):
    assert ask(server.server_port, path="/status/422", status=422).error is None


def test_a_long_answer_is_read_to_its_end_and_not_kept(server):
    asked = ask(server.server_port, path="/long", status=204)
    assert asked.error.startswith("status 200, not 204: GET /long\nxxx")
    exchange = sys.modules["tfdocker_request"].Exchange(
        server.server_port, sys.modules["tfdocker_request"].message(plan(1, path="/long")), "GET", 9
    )
    while not exchange.done:
        exchange.advance(*(map(bool, select.select([exchange.socket], [exchange.socket], [])[:2])))
    assert (exchange.answer.body_bytes, exchange.answer.body) == (1_000_000, b"x" * 9)


def test_a_service_that_refuses_a_body_before_it_is_sent_is_heard():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            time.sleep(0.3)
            connection.close()  # with unread bytes, which is a reset

        thread = threading.Thread(target=serve)
        thread.start()
        asked = ask(listening.getsockname()[1], method="POST", body="x" * 20_000_000)
        thread.join()
    assert asked.error == "status 413, not 200: POST /\nbig"


# Until it is ready


def test_a_service_that_listens_late_is_tried_again_and_never_blocks():
    port, started, phases = unused_port(), time.monotonic(), []
    asked, servers = asking().Asking(plan(port), phases.append), []

    def start_late():
        assert phases == [] or servers
        if not servers and time.monotonic() - started > 0.5:
            servers.append(HTTPServer(("127.0.0.1", port), Echo))
            threading.Thread(target=servers[0].handle_request).start()

    longest = drive(asked, on_step=start_late)
    servers[0].server_close()
    assert (asked.error, phases) == (None, ["request"])
    assert longest < 0.2
    assert asked.told()["seconds"]["max"] < 0.4


def test_a_service_that_never_listens_has_no_answer_and_others_are_named(server):
    told = ask(unused_port(), seconds=0.3).told()
    assert (told["done"], told["error"], told["is_ready"]) == (False, None, False)
    assert server.server_port in told["listening"]
    assert told["seen"] is None


class Loading(Echo):
    """Not ready for the first three times that it is asked for /health."""

    def do_GET(self):
        self.server.polls = getattr(self.server, "polls", 0) + (self.path == "/health")
        ready = self.path != "/health" or self.server.polls > 3
        self.send_response(200 if ready else 503)
        self.end_headers()


def test_the_ready_path_is_asked_until_it_answers_2xx():
    with serving(Loading) as server:
        asked = ask(server.server_port, ready="/health")
    assert (asked.error, asked.phases, server.polls) == (None, ["request"], 4)
    assert asked.told()["answered"] == 1


def test_a_service_that_never_gets_ready_is_told_by_what_it_answers(server):
    told = ask(server.server_port, seconds=0.3, ready="/status/503").told()
    assert (told["is_ready"], told["seen"], told["answered"]) == (False, "status 503", 0)


def test_a_ready_path_that_answers_nothing_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told = ask(listening.getsockname()[1], seconds=0.3, ready="/health").told()
    assert (told["is_ready"], told["seen"]) == (False, "no answer")


# More than one


def test_warm_up_comes_first_and_counts_for_nothing(server):
    asked = ask(server.server_port, warm_up=3, repeat=20)
    assert (asked.error, asked.phases, server.asked) == (None, ["warm-up", "request"], 23)
    told = asked.told()
    assert (told["answered"], told["count"], len(asked.seconds)) == (23, 20, 20)


class Together(Echo):
    """Answers once four are there."""

    barrier = None

    def do_GET(self):
        self.server.barrier.wait(3)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def test_as_many_as_asked_for_are_under_way_at_a_time():
    with serving(Together, ThreadingHTTPServer) as server:
        server.barrier = threading.Barrier(4)
        asked = ask(server.server_port, repeat=12, concurrency=4)
    assert (asked.error, asked.answered) == (None, 12)


class Deep(ThreadingHTTPServer):
    request_queue_size = 128


def test_many_connections_at_once_are_all_answered():
    with serving(Echo, Deep) as server:
        asked = ask(server.server_port, seconds=20, repeat=300, concurrency=64)
    assert (asked.error, len(asked.seconds)) == (None, 300)


class Third(Echo):
    """Answers 500 from the third request on."""

    def do_GET(self):
        self.server.asked = getattr(self.server, "asked", 0) + 1
        self.send_response(200 if self.server.asked < 3 else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.mark.parametrize(
    ("warm_up", "error"),
    [(0, "request 3 of 20: "), (1, "request 2 of 20: "), (5, "warm-up 3 of 5: ")],
)
def test_the_one_that_failed_is_named(warm_up, error):
    with serving(Third) as server:
        asked = ask(server.server_port, path="/embed", repeat=20, warm_up=warm_up)
    assert asked.error == f"{error}status 500, not 200: GET /embed\n"
    assert asked.told()["answered"] == 2
    assert server.asked == 3


def test_a_service_that_is_gone_after_the_first_is_told():
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        answered = asking().Asking(plan(port, repeat=5), lambda _: None)
        drive(answered, seconds=1)
    # The listening socket of the helper is still there: nobody accepts the second
    assert answered.told()["waits_for"] == "request 2 of 5: "
    asked = asking().Asking(plan(port, repeat=5), lambda _: None)
    asked.become_ready(time.monotonic())
    drive(asked)
    assert asked.error == "request 1 of 5: the connection was refused"


def test_percentiles_are_by_nearest_rank():
    summary = asking().summary
    assert summary([]) is None
    assert summary([3.0]) == {"min": 3.0, "median": 3.0, "p95": 3.0, "max": 3.0}
    found = summary([float(n) for n in range(100, 0, -1)])
    assert found == {"min": 1.0, "median": 50.5, "p95": 95.0, "max": 100.0}
    assert summary([float(n) for n in range(1, 21)])["p95"] == 19.0


# Answers of all shapes

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nyes",
        b"HTTP/1.0 200 OK\n\nyes",
        OK + b"Content-Length: 3\r\n\r\nyes",
        CHUNKED + b"3\r\nyes\r\n0\r\n\r\n",
        CHUNKED + b"1;a=b\r\ny\r\n2\r\nes\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 3\r\n\r\nyes",
    ],
    ids=["to the end", "bare newlines", "length", "chunked", "chunks and a trailer", "interim"],
)
@pytest.mark.parametrize("pieces", [False, True], ids=["at once", "byte by byte"])
def test_an_answer_ends_where_its_framing_says(answer, pieces):
    found = sys.modules["tfdocker_answer"].Answer("GET", 100)
    for piece in [answer[at : at + 1] for at in range(len(answer))] if pieces else [answer]:
        found.add(piece)
    found.end()
    assert (found.status, found.body, found.whole) == (200, b"yes", True)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GET", OK + b"Content-Length: 3\r\n\r\nyes"),
        ("GET", [CHUNKED, b"3\r\nyes\r\n0\r\n", b"\r\n"]),
        ("GET", OK + b"Content-Length: 0\r\n\r\n"),
        ("HEAD", OK + b"Content-Length: 3\r\n\r\n"),
    ],
    ids=["length", "chunked", "empty", "HEAD"],
)
def test_a_service_that_keeps_the_connection_open_is_not_waited_for(method, answer):
    with raw_server(answer, keep_open=True) as port:
        asked = ask(port, method=method)
    assert (asked.done, asked.error) == (True, None)


def test_an_answer_without_a_body_has_none():
    with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n", keep_open=True) as port:
        assert ask(port, status=204).error is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "the connection was closed without an answer"),
        (b"220 mail.example ESMTP\r\n", "no HTTP answer: b'220 mail.example ESMTP\\r\\n'"),
        (b"HTTP/1.1 yes\r\n\r\n", "no HTTP answer: b'HTTP/1.1 yes'"),
        (b"HTTP/1.1 200 O", "the answer ended within its head: b'HTTP/1.1 200 O'"),
        (
            b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
            "the answer ended after 4 of 100 bytes",
        ),
        (CHUNKED + b"5\r\nhalf", "the answer ended between its chunks, after 4 bytes"),
        (CHUNKED + b"4\r\nhalf\r\n", "the answer ended between its chunks, after 4 bytes"),
        (CHUNKED + b"four\r\nhalf", "a chunk of the answer has no length: b'four'"),
        (CHUNKED + b"4" * 5000, f"a chunk of the answer has no length: b'{'4' * 80}'"),
        (OK + b"a" * 70_000, "the answer's head is longer than 65536 bytes"),
    ],
)
def test_an_answer_that_is_none_is_told(answer, error):
    with raw_server(answer) as port:
        assert ask(port).error == error


def test_what_is_no_http_is_told_without_waiting_for_more():
    with raw_server(b"SSH-2.0-OpenSSH\r\n", keep_open=True) as port:
        assert ask(port).error == "no HTTP answer: b'SSH-2.0-OpenSSH\\r\\n'"


def test_a_connection_that_breaks_in_the_middle_of_the_answer_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            time.sleep(0.2)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        asked = ask(listening.getsockname()[1])
        thread.join()
    assert asked.error == (
        "the connection broke in the middle of the answer: Connection reset by peer"
    )


# What is expected of an answer

DOCUMENT = {
    "label": "POSITIVE",
    "score": 0.98,
    "ok": True,
    "nothing": None,
    "vectors": [[0.1, 0.2, 0.3], [1, 2]],
    "a b": {"c": {}},
}


@pytest.mark.parametrize(
    ("path", "steps", "value"),
    [
        ("$.label", ["label"], "POSITIVE"),
        ("$.score", ["score"], 0.98000001),
        ("$.score", ["score"], {"min": 0.9, "max": 0.98}),
        ("$.ok", ["ok"], True),
        ("$.vectors[-1]", ["vectors", -1], [1.0, 2]),
        ("$.vectors[0]", ["vectors", 0], {"length": 3}),
        ("$.label", ["label"], {"length": 8}),
        ("$['a b']", ["a b"], {"c": {}}),
        ("$", [], {"length": 6}),
    ],
)
def test_what_is_as_expected_passes(server, path, steps, value):
    asked = ask(
        server.server_port,
        path="/json",
        method="POST",
        json=DOCUMENT,
        expect=[[path, steps, value]],
    )
    assert asked.error is None


@pytest.mark.parametrize(
    ("steps", "value", "error"),
    [
        (["label"], "NEGATIVE", '"POSITIVE", not "NEGATIVE"'),
        (["score"], 0.99, "0.98, not 0.99"),
        (["score"], {"min": 0.99}, "0.98, below 0.99"),
        (["score"], {"max": 0.5}, "0.98, above 0.5"),
        (["label"], {"min": 1}, '"POSITIVE", and no number'),
        (["ok"], 1, "true, not 1"),
        (["ok"], {"min": 1}, "true, and no number"),
        (["ok"], {"length": 1}, "true, which has no length"),
        (["nothing"], "", 'null, not ""'),
        (["vectors", 1], [1, 2, 3], "[1, 2], not [1, 2, 3]"),
        (["a b"], {"c": {"d": 1}}, '{"c": {}}, not {"c": {"d": 1}}'),
    ],
)
def test_what_is_not_as_expected_is_told(server, steps, value, error):
    changes = {"path": "/json", "method": "POST", "json": DOCUMENT}
    asked = ask(server.server_port, expect=[["$.x", steps, value]], **changes)
    assert asked.error == f"$.x is {error}: POST /json"


def test_a_length_that_differs_is_told(server):
    changes = {"path": "/json", "method": "POST", "json": DOCUMENT}
    asked = ask(server.server_port, expect=[["$.vectors", ["vectors"], {"length": 384}]], **changes)
    assert asked.error == "$.vectors has length 2, not 384: POST /json"


@pytest.mark.parametrize(
    "steps", [["x"], ["vectors", 2], ["vectors", "0"], [0], ["label", 0], ["ok", "a"]]
)
def test_what_is_not_there_is_told(server, steps):
    changes = {"path": "/json", "method": "POST", "json": DOCUMENT}
    asked = ask(server.server_port, expect=[["$.x", steps, 1]], **changes)
    assert asked.error == "$.x is not in the answer: POST /json"


@pytest.mark.parametrize(
    ("body", "shown"),
    [("<html>", '"<html>"'), ("", '""'), ("[" * 100_000, '"' + "[" * 58 + "…")],
)
def test_what_is_no_json_is_told(server, body, shown):
    changes = {"path": "/json", "method": "POST", "body": body}
    asked = ask(server.server_port, expect=[["$", [], 1]], **changes)
    assert asked.error == f"the answer is no JSON: {shown}: POST /json"


def test_an_answer_too_large_to_look_into_is_told(server):
    changes = {"path": "/json", "method": "POST", "expect": [["$.x", ["x"], 1]]}
    most = asking().EXPECT_BYTES
    text = '"' + "x" * (most - 2) + '"'
    asked = ask(server.server_port, body=text, **changes)
    assert asked.error == "$.x is not in the answer: POST /json"
    assert ask(server.server_port, body=text + " ", **changes).error == (
        f"the answer has {most + 1} bytes: $.x is looked for in {most} at most"
    )


def test_listens(server):
    request = sys.modules["tfdocker_request"]
    assert request.listens(server.server_port)
    assert not request.listens(unused_port())
    assert server.server_port in request.listening_ports()
