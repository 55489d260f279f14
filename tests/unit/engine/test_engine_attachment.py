"""The stream of an attached container, over a real pair of sockets."""

import socket
import time

import pytest

from pytest_tfdocker.engine.attachment import Attachment
from pytest_tfdocker.engine.container import new_cookie


class Container:
    """The engine's end of the connection."""

    def __init__(self):
        self.cookie = new_cookie()
        ours, self.theirs = socket.socketpair()
        self.stream = Attachment(ours, self.cookie)

    def writes(self, text, stream=1):
        data = text.encode()
        self.theirs.sendall(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)

    def shows(self, stdout):
        until = time.monotonic() + 5
        while self.stream.stdout != stdout.encode() and time.monotonic() < until:
            time.sleep(0.01)
        return self.stream.stdout.decode()


@pytest.fixture
def container():
    found = Container()
    yield found
    found.theirs.close()
    found.stream.close()


def test_what_a_living_container_has_written_can_be_read_to_the_last_byte(container):
    container.writes("Server ready\n")
    assert container.shows("Server ready\n") == "Server ready\n"


def test_a_report_that_comes_byte_by_byte_is_no_output(container):
    for letter in f"before {container.cookie}{{}}{container.cookie[::-1]}\nafter\n":
        container.writes(letter)
    assert container.shows("before after\n") == "before after\n"
    assert container.stream.wait_report("nothing", 0) is None


def test_what_looked_like_a_cookie_at_the_end_is_output(container):
    container.writes(f"half {container.cookie[:20]}")
    container.theirs.shutdown(socket.SHUT_WR)
    assert container.stream.wait_end(5)
    assert container.stream.stdout.decode() == f"half {container.cookie[:20]}"
