"""The stream of an attached container: its output, the reports in it, and its lifeline."""

import json
import socket
import threading
from typing import Any

from pytest_tfdocker.engine.forks import hold, let_go

KEEP_BYTES = 4 << 20
"""Of stdout and of stderr each: the last that came, reports left out."""
_HEADER = 8
_STDOUT = 1


class Attachment:
    """Reads the multiplexed stream in a thread, from before the container starts to its end.

    A line that the program prints on stdout between `cookie` and its reverse is a report, JSON.
    """

    def __init__(self, raw: Any, cookie: str) -> None:
        """`raw`: what docker-py's attach_socket gives."""
        self._raw = raw
        self._socket = getattr(raw, "_sock", raw)
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(None)
        # Over ssh it is a channel, which has no descriptor of its own
        self._fd = self._socket.fileno() if isinstance(self._socket, socket.socket) else None
        if self._fd is not None:
            hold(self._fd)
        self._start, self._end = cookie.encode(), cookie[::-1].encode() + b"\n"
        self._output = {True: bytearray(), False: bytearray()}
        self._pending = bytearray()
        self._reports: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="tfdocker-attach", daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Writes to the container's stdin. A container that is gone already is no error here."""
        try:
            self._socket.sendall(data)
        except OSError:
            return

    def wait_report(self, key: str, timeout: float) -> dict[str, Any] | None:
        """The first report not yet taken that has `key`; None at the stream's end or too late."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._find(key) is not None, timeout)
            found = self._find(key)
            if found is not None:
                self._reports.remove(found)
            return found

    def wait_end(self, timeout: float) -> bool:
        """Whether the stream ended, and with it the container, within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, timeout)

    @property
    def stdout(self) -> bytes:
        """What came on stdout so far, reports left out."""
        return bytes(self._output[True])

    @property
    def stderr(self) -> bytes:
        """What came on stderr so far."""
        return bytes(self._output[False])

    def close(self) -> None:
        """Ends the lifeline: PID 1 sees the end of its stdin and ends."""
        if self._fd is not None:
            let_go(self._fd)
            self._fd = None
        for closing in (
            lambda: self._socket.shutdown(2),
            self._raw.close,
            self._socket.close,
            lambda: getattr(self._raw, "_response", self._raw).close(),
        ):
            try:
                closing()
            except (OSError, ValueError, AttributeError):
                continue
        self._thread.join(5)

    def _find(self, key: str) -> dict[str, Any] | None:
        return next((report for report in self._reports if key in report), None)

    def _read(self) -> None:
        buffer = bytearray()
        try:
            while piece := self._socket.recv(1 << 16):
                buffer += piece
                self._frames(buffer)
        except (OSError, ValueError):
            pass
        finally:
            with self._changed:
                self._keep(True, bytes(self._pending))  # noqa: FBT003
                self._ended = True
                self._changed.notify_all()

    def _frames(self, buffer: bytearray) -> None:
        """Takes whole frames off the buffer: a byte for the stream, three of nothing, a length."""
        while len(buffer) >= _HEADER:
            size = int.from_bytes(buffer[4:_HEADER], "big")
            if len(buffer) < _HEADER + size:
                return
            is_stdout = buffer[0] == _STDOUT
            data = bytes(buffer[_HEADER : _HEADER + size])
            del buffer[: _HEADER + size]
            with self._changed:
                self._take(is_stdout, data)
                self._changed.notify_all()

    def _take(self, is_stdout: bool, data: bytes) -> None:  # noqa: FBT001
        if not is_stdout:
            self._keep(False, data)  # noqa: FBT003
            return
        # A report may be 30 MB in a thousand frames: what was searched for its end is not again
        searched = max(0, len(self._pending) - len(self._end))
        self._pending += data
        while (start := self._pending.find(self._start)) >= 0:
            end = self._pending.find(self._end, max(start, searched))
            searched = 0
            self._keep(True, bytes(self._pending[:start]))  # noqa: FBT003
            if end < 0:
                del self._pending[:start]
                return
            self._reports.append(json.loads(self._pending[start + len(self._start) : end]))
            del self._pending[: end + len(self._end)]
        safe = len(self._pending) - self._begun()
        self._keep(True, bytes(self._pending[:safe]))  # noqa: FBT003
        del self._pending[:safe]

    def _begun(self) -> int:
        """How many of the last bytes may be a cookie's first: a frame's end may cut it in two."""
        longest = min(len(self._start) - 1, len(self._pending))
        sizes = range(longest, 0, -1)
        return next((n for n in sizes if self._pending.endswith(self._start[:n])), 0)

    def _keep(self, is_stdout: bool, data: bytes) -> None:  # noqa: FBT001
        kept = self._output[is_stdout]
        kept += data
        if len(kept) > 2 * KEEP_BYTES:
            del kept[:-KEEP_BYTES]
