"""What both servers of cassettes are: an ASGI application in a thread, on a loopback port."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec
from starlette.types import Receive, Scope, Send

from requesty_emulator.gateway.settings import Settings
from requesty_emulator.server.listening import Server, checked_port, listen, loopback

__all__ = ["LARGEST_REQUEST", "CassetteServer", "read_body", "refuse"]

LARGEST_REQUEST = 32 * 1024 * 1024


class CassetteServer:
    """Starting, stopping and the addresses of a server; a subclass answers in ``__call__``."""

    #: A key to give to clients that want one; any other does as well.
    api_key = "rqy-cassette"

    def __init__(self, host: str, port: int) -> None:
        self.host = loopback(host)
        self.port = checked_port(port)
        self._thread: threading.Thread | None = None
        self._server: Server | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        raise NotImplementedError

    def start(self) -> Self:
        """Listen and answer from a background thread; raises ``ConfigError`` when the port is taken."""
        if self._thread is not None:
            raise RuntimeError("the cassette's server is already running")
        sock = listen(self.host, self.port)
        self.port = sock.getsockname()[1]
        self._server = Server(self, Settings().keep_alive)
        self._thread = threading.Thread(
            target=self._server.run_in_thread, args=(sock,), name="requesty-cassette", daemon=True
        )
        self._thread.start()
        self._server.ready.wait()
        return self

    def stop(self) -> None:
        """Stop as soon as what was sent before has been read; open streams are cut."""
        self._catch_up()
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._thread = self._server = None

    def _catch_up(self) -> None:
        """Read what was sent before this call, as far as that takes no second."""
        if self._server is not None:
            self._server.catch_up(1.0)

    def serve_forever(self, ready: Callable[[Self], None] | None = None) -> None:
        """Answer in the foreground until interrupted; ``ready`` is called once requests are accepted."""
        # An interrupt may come while `ready` still says where it listens.
        with contextlib.suppress(KeyboardInterrupt), self:
            if ready is not None:
                ready(self)
            thread = self._thread
            while thread is not None and thread.is_alive():
                thread.join(timeout=0.5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def management_url(self) -> str:
        """Base of the management API and of feedback form A, without ``/v1``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Base URL for clients, with ``/v1``."""
        return f"{self.management_url}/v1"


async def read_body(receive: Receive) -> bytes | None:
    """The body of a request; None for one of more than 32 MiB, which is read and dropped, or of a client that left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= LARGEST_REQUEST:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if size <= LARGEST_REQUEST else None


async def refuse(send: Send, status: int, message: str, **more: object) -> None:
    """An error of the cassette itself, in the gateway's form with ``origin: "cassette"``."""
    body = msgspec.json.encode({"error": {"origin": "cassette", "message": message, **more}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
