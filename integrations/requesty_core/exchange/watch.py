"""Keeping the deadlines of a synchronous attempt whose transport does not keep them itself.

A caller's own ``httpx`` client limits single reads, not an answer, and a blocked thread cannot limit itself. So the
socket is learned from the client, and an alarm shuts it down, which wakes the reader.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from typing import Any

from requesty_core.network.alarm import NO_ALARM, Alarm, set_alarm
from requesty_core.network.deadlines import EXTENSION, Deadlines
from requesty_core.network.http import Request, Response

__all__ = ["Watch"]


class Watch:
    """Watches over one request; transports of the package's own keep deadlines themselves and are left alone."""

    __slots__ = ("_alarm", "_deadlines", "_next_trace", "_socket", "has_cut")

    def __init__(self, request: Request, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._alarm: Alarm = NO_ALARM
        self._socket: Any = None
        self._next_trace: Any = None
        self.has_cut = False
        """Whether the socket was shut down because a deadline had passed."""
        request.extensions[EXTENSION] = deadlines
        if deadlines.next != math.inf:
            self._next_trace = request.extensions.get("trace")
            request.extensions["trace"] = self._trace

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        if self._next_trace is not None:
            self._next_trace(name, info)
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._learn(info["return_value"])

    def opened(self, response: Response) -> None:
        """The response has begun."""
        stream = response.extensions.get("network_stream")
        if stream is not None:
            self._learn(stream)

    def _learn(self, stream: Any) -> None:
        if not self._deadlines.observed:
            self._socket = stream.get_extra_info("socket")
            self.set()

    def set(self) -> None:
        """Set the alarm for the deadlines as they are now."""
        if self._deadlines.observed or self._socket is None:
            return
        self.cancel()
        if self._deadlines.next != math.inf:
            self._alarm = set_alarm(max(self._deadlines.next - time.monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        left = self._deadlines.next - time.monotonic()
        if left > 0:
            # Content came meanwhile, and silence has begun anew.
            if left != math.inf:
                self._alarm = set_alarm(left, self._ring)
            return
        self._deadlines.has_passed()
        self.has_cut = True
        # OSError: closed by the reader in the same moment, so there is nothing left to cut.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def cancel(self) -> None:
        """Watch no longer."""
        while True:
            alarm = self._alarm
            alarm.cancel()
            # One that was just ringing may have set the next.
            if self._alarm is alarm:
                return
