"""The embedding service: `POST /embed` {"texts": […]} and `GET /healthz`, on port 5000."""

import json
import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedder import Embedder

PORT = 5000
MODEL_DIR = os.environ.get("MODEL_DIR", "/opt/model")
MAX_TEXTS = 64
MAX_BODY_BYTES = 1024 * 1024


class RequestError(Exception):
    """What the client did wrong, with the status that says so."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def parse_texts(body: bytes) -> list[str]:
    """The texts of a request; raises RequestError, saying which rule the body breaks."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deep
        raise RequestError(f"the body is not JSON: {error}") from error
    texts = payload.get("texts") if isinstance(payload, dict) else None
    if not isinstance(texts, list) or not texts:
        raise RequestError('want {"texts": [one or more strings]}')
    if len(texts) > MAX_TEXTS:
        raise RequestError(f"{len(texts)} texts, at most {MAX_TEXTS} a request")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise RequestError(f"texts[{index}] is {type(text).__name__}, want a string")
        # The tokenizer takes what UTF-8 can say.
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise RequestError(f"texts[{index}] holds half a surrogate pair")
    return texts


class Handler(BaseHTTPRequestHandler):
    server: "Service"
    timeout = 10  # seconds a client may stay silent; a stop waits no longer for it

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._reply(HTTPStatus.OK, {"status": "ok"})
        elif self.path == "/embed":
            self._reply(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "use POST /embed"}, Allow="POST")
        else:
            self._reply(HTTPStatus.NOT_FOUND, {"error": f"no GET {self.path}"})

    def do_POST(self) -> None:
        try:
            texts = parse_texts(self._body())
        except RequestError as error:
            self._reply(error.status, {"error": str(error)})
            return
        embeddings = self.server.embedder.embed(texts)
        self._reply(HTTPStatus.OK, {"embeddings": embeddings, "model": self.server.model})

    def _body(self) -> bytes:
        if self.path != "/embed":
            raise RequestError(f"no POST {self.path}", HTTPStatus.NOT_FOUND)
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RequestError("want a Content-Length header", HTTPStatus.LENGTH_REQUIRED)
        if int(length) > MAX_BODY_BYTES:
            message = f"{length} bytes, at most {MAX_BODY_BYTES} a request"
            raise RequestError(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return self.rfile.read(int(length))

    def _reply(self, status: HTTPStatus, payload: dict[str, Any], **headers: str) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.path != "/healthz":  # asked every few seconds
            super().log_request(code, size)


class Service(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the requests that are being answered

    def __init__(self, embedder: "Embedder", model: str) -> None:
        super().__init__(("", PORT), Handler)
        self.embedder = embedder
        self.model = model


def main() -> None:
    # PID 1 has no default action for SIGTERM: without a handler it would be ignored while the
    # model loads. Hence the late import, too: it takes seconds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from embedder import MODEL_NAME, Embedder  # noqa: PLC0415

    with Service(Embedder(MODEL_DIR), MODEL_NAME) as service:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=service.shutdown).start())
        print(f"serving {MODEL_NAME} on port {PORT}", flush=True)
        service.serve_forever()
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
