"""Giving up calls that run in other threads: no further request begins, waits end, open connections are cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from requesty_core.network.http import Request

__all__ = ["Interrupt", "Interrupted", "sleep"]


class Interrupted(Exception):
    """The call was given up by whoever made it."""


class Interrupt:
    """Set once, by one thread, for any number of calls in others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._then: list[Callable[[], None]] = []

    def set(self) -> None:
        """Give up. Whatever waits for the network is woken by the end of its connection."""
        with self._lock:
            self._event.set()
            for sock in self._sockets.values():
                _shut(sock)
            then, self._then = self._then, []
        for call in then:
            call()

    def check(self) -> None:
        """Raise :class:`Interrupted` once it is set."""
        if self._event.is_set():
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Sleep, unless it is set meanwhile; then raise :class:`Interrupted`."""
        if self._event.wait(seconds):
            raise Interrupted

    def then(self, call: Callable[[], None]) -> None:
        """Call this when it is set."""
        with self._lock:
            if not self._event.is_set():
                self._then.append(call)
                return
        call()

    @contextlib.contextmanager
    def cutting(self, request: Request) -> Generator[None]:
        """Within the block, the connection that carries ``request`` is one that :meth:`set` cuts.

        Transports tell of it through the request's ``trace`` extension. Where one does not, as a client of the caller's
        with a kept connection, the request comes to its own end.
        """
        before, key = request.extensions.get("trace"), id(request)

        def trace(name: str, info: dict[str, Any]) -> None:
            if before is not None:
                before(name, info)
            if name.endswith(("connect_tcp.complete", "start_tls.complete")):
                with self._lock:
                    self.check()
                    self._sockets[key] = info["return_value"].get_extra_info("socket")

        request.extensions["trace"] = trace
        try:
            yield
        finally:
            with self._lock:
                self._sockets.pop(key, None)


def _shut(sock: Any) -> None:
    # OSError: the connection ended by itself in the same moment.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def sleep(seconds: float, interrupt: Interrupt | None) -> None:
    """Sleep; with an interrupt, until it is set at most. Raises :class:`Interrupted` then."""
    if interrupt is None:
        time.sleep(seconds)
    else:
        interrupt.sleep(seconds)
