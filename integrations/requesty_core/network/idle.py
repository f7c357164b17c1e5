"""Closing the idle connections that ended or grew too old, of a pool that threads share."""

from __future__ import annotations

import threading
import time
import weakref

from .alarm import set_alarm
from .pool import KEEP_SECONDS, REAP_SECONDS, Pool
from .sync_connection import Connection

__all__ = ["Sweeper", "is_good"]


def is_good(connection: Connection, now: float) -> bool:
    """Whether an idle connection may carry another request."""
    return now - connection.idle_since <= KEEP_SECONDS and connection.is_usable()


class Sweeper:
    """Looks through the idle connections with requests, and without them too, until none is left.

    Args:
        pool: where they are.
        lock: held around every use of the pool.
    """

    def __init__(self, pool: Pool[Connection], lock: threading.RLock) -> None:
        self._pool = pool
        self._lock = lock
        self._is_set = False

    def sweep_if_due(self) -> None:
        """Before a request: what one finds there should be of use."""
        with self._lock:
            is_due = self._pool.is_due(time.monotonic())
        if is_due:
            self._sweep()

    def watch(self) -> None:
        """A connection was kept: look after it, whether or not requests follow."""
        if self._is_set:
            return
        with self._lock:
            begins, self._is_set = not self._is_set, True
        if begins:
            self._set()

    def _set(self) -> None:
        # The thread that rings must not keep the pool alive.
        sweeper = weakref.ref(self)

        def ring() -> None:
            found = sweeper()
            if found is not None:
                found._ring()

        set_alarm(REAP_SECONDS, ring)

    def _ring(self) -> None:
        self._sweep()
        with self._lock:
            self._is_set = self._pool.idle_count > 0
            goes_on = self._is_set
        if goes_on:
            self._set()

    def _sweep(self) -> None:
        now = time.monotonic()
        with self._lock:
            ended = self._pool.sift(lambda connection: is_good(connection, now))
        for connection in ended:
            connection.close()
