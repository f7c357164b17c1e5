"""A server on the loopback that fails in one way, and the ways."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["WAYS", "failing"]

WAYS = ("429", "500", "503", "401", "400", "timeout", "dropped", "refused")
_NAMES = {
    400: ("INVALID_ARGUMENT", "ValidationException"),
    401: ("UNAUTHENTICATED", "UnrecognizedClientException"),
    429: ("RESOURCE_EXHAUSTED", "ThrottlingException"),
    500: ("INTERNAL", "InternalServerException"),
    503: ("UNAVAILABLE", "ServiceUnavailableException"),
}


@contextmanager
def failing(way: str) -> Iterator[str]:
    """The address, without a path, of a server that answers every request with this failure."""
    if way == "refused":
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{unused.getsockname()[1]}"
        return
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.close_connection = True
            if way == "timeout":
                ended.wait(20)
            elif way != "dropped":
                self._refuse(int(way))

        def _refuse(self, status: int) -> None:
            """Every provider finds its own words in the same answer."""
            word, amazon = _NAMES[status]
            error = {"code": status, "message": "as planned", "status": word, "type": word.lower()}
            body = json.dumps({"type": "error", "message": "as planned", "error": error}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.send_header("x-amzn-errortype", amazon)
            self.end_headers()
            self.wfile.write(body)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
