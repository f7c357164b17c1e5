"""Which connections there are and who gets one, without IO: the newest idle one, a new one, or the next that is free.

The number of connections, idle ones included, never exceeds the limit: whoever comes when all are in use waits in line,
and what is given back goes to the first in line. Callers that share a pool between threads hold a lock around every
method.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from requesty_core.errors import ConfigurationError

from .http import Request

__all__ = [
    "KEEP_CONNECTIONS",
    "KEEP_SECONDS",
    "REAP_SECONDS",
    "Origin",
    "Pool",
    "Waiter",
    "check_limit",
    "default_limit",
    "origin_of",
]

KEEP_SECONDS = 30.0
"""How long an idle connection is kept."""

KEEP_CONNECTIONS = 64
"""Idle connections kept per origin."""

REAP_SECONDS = 1.0
"""How often idle connections are looked through while the pool is in use."""

Origin = tuple[str, str, int]
"""Scheme, host, port."""


def origin_of(request: Request) -> Origin:
    """Where a request goes."""
    url = request.url
    return url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)


class Keepable(Protocol):
    """What a pool keeps."""

    idle_since: float


C = TypeVar("C", bound=Keepable)


def default_limit() -> int:
    """Connections a pool may open by default: three quarters of the files the process may open, within reason.

    macOS allows 256 files, Linux usually 1024.
    """
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return 1024
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return 4096
    return max(8, min(4096, files * 3 // 4 - 32))


def check_limit(value: object, setting: str = "max_connections") -> int:
    """``value`` if it is a whole number of at least 1. Raises :class:`ConfigurationError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{setting}: {value!r} is not a whole number; give 1 or more")
    if value < 1:
        raise ConfigurationError(f"{setting}: {value!r} leaves nothing to work with; give 1 or more")
    return value


class Waiter(Generic[C]):
    """Someone in line. ``granted`` says that the turn has come: with a connection, or with the right to open one."""

    __slots__ = ("connection", "granted", "origin", "wake")

    def __init__(self, origin: Origin, wake: Callable[[], None]) -> None:
        self.origin = origin
        self.wake = wake
        self.granted = False
        self.connection: C | None = None


class Pool(Generic[C]):
    """Connections per origin.

    Args:
        limit: connections at a time; default: see :func:`default_limit`.
        keep: idle connections kept per origin.
    """

    def __init__(self, limit: int | None = None, keep: int = KEEP_CONNECTIONS) -> None:
        self._most = default_limit() if limit is None else check_limit(limit)
        self._limit = self._most
        self._keep = keep
        self._line: deque[Waiter[C]] = deque()
        self._reaped = 0.0
        self.idle: dict[Origin, list[C]] = {}
        self.open = 0
        """Connections open or about to be opened, the idle ones included."""

    def emptied(self) -> Pool[C]:
        """A pool like this one, without its connections."""
        return Pool(self._most, self._keep)

    @property
    def limit(self) -> int:
        """Connections allowed at the moment."""
        return self._limit

    @property
    def idle_count(self) -> int:
        """Connections kept for the next request."""
        return sum(map(len, self.idle.values()))

    def take(self, origin: Origin) -> C | None:
        """The newest idle connection of an origin, to be examined before use."""
        kept = self.idle.get(origin)
        return kept.pop() if kept else None

    def reserve(self) -> bool:
        """Whether a connection may be opened now; if so, it counts from now on."""
        if self.open >= self._limit:
            return False
        self.open += 1
        return True

    def evict(self) -> C | None:
        """The oldest idle connection, to be closed by the caller, who may open one in its place."""
        lists = [kept for kept in self.idle.values() if kept]
        return min(lists, key=lambda kept: kept[0].idle_since).pop(0) if lists else None

    def enqueue(self, origin: Origin, wake: Callable[[], None]) -> Waiter[C]:
        """Wait in line; ``wake`` is called when the turn has come."""
        waiter: Waiter[C] = Waiter(origin, wake)
        self._line.append(waiter)
        return waiter

    def leave(self, waiter: Waiter[C]) -> C | None:
        """Stop waiting. Returns a connection that was granted meanwhile, for the caller to close."""
        if not waiter.granted:
            self._line.remove(waiter)
            return None
        self.drop()
        return waiter.connection

    def give(self, origin: Origin, connection: C) -> C | None:
        """A connection in good order is free. Returns it if it is not wanted, for the caller to close."""
        self._relax()
        if self._line:
            same = self._line[0].origin == origin
            self._grant(connection if same else None)
            return None if same else connection
        kept = self.idle.setdefault(origin, [])
        if len(kept) < self._keep:
            kept.append(connection)
            return None
        self.open -= 1
        return connection

    def drop(self) -> None:
        """A connection that counted is closed, or was not opened after all."""
        self._relax()
        if self._line and self.open <= self._limit:
            self._grant(None)
        else:
            self.open -= 1

    def remove(self, connection: C) -> bool:
        """Forget an idle connection that ended by itself; false if it is not idle."""
        for kept in self.idle.values():
            if connection in kept:
                kept.remove(connection)
                self.drop()
                return True
        return False

    def starve(self) -> bool:
        """The system has no descriptor left for a connection that counted already.

        Returns whether others are open, so that waiting makes sense; the limit then sinks, and rises again with every
        connection that is given back.
        """
        self.open -= 1
        if not self.open:
            return False
        self._limit = self.open
        return True

    def is_due(self, now: float) -> bool:
        """Whether it is time to look through the idle connections again."""
        if now - self._reaped < REAP_SECONDS:
            return False
        self._reaped = now
        return True

    def sift(self, is_good: Callable[[C], bool]) -> list[C]:
        """Drop the idle connections that are not good any more; returns them for the caller to close."""
        bad: list[C] = []
        for origin, kept in list(self.idle.items()):
            good = [c for c in kept if is_good(c)]
            if len(good) < len(kept):
                bad += [c for c in kept if c not in good]
                kept[:] = good
            if not kept:
                del self.idle[origin]
        self.open -= len(bad)
        while self._line and self.reserve():
            self._grant(None)
        return bad

    def clear(self) -> list[C]:
        """Drop all idle connections; returns them for the caller to close."""
        return self.sift(lambda _: False)

    def _grant(self, connection: C | None) -> None:
        waiter = self._line.popleft()
        waiter.connection = connection
        waiter.granted = True
        waiter.wake()

    def _relax(self) -> None:
        if self._limit < self._most:
            self._limit += 1
