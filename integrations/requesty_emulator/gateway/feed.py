"""Who watches the requests as they come: each watcher gathers what changed until it looks."""

from __future__ import annotations

import asyncio

from requesty_emulator.gateway.records import RecordedRequest


class Watcher:
    """What changed since it was last taken. Made and taken on the server's event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._changed: dict[str, RecordedRequest] = {}
        self._cleared = False

    def mark(self, record: RecordedRequest) -> None:
        """A request came, went on or ended; called on the event loop."""
        self._changed[record.request_id] = record
        self._wake.set()

    def clear(self) -> None:
        """All requests were forgotten; called from any thread."""
        self._cleared = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def wait(self) -> None:
        """Return once something changed."""
        await self._wake.wait()

    def take(self) -> tuple[bool, list[RecordedRequest]]:
        """Whether the requests before were forgotten, and those that changed since the last time."""
        self._wake.clear()
        cleared, self._cleared = self._cleared, False
        changed, self._changed = self._changed, {}
        return cleared, list(changed.values())


class Feed:
    """The watchers of one emulator; without any, a change costs nothing."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def watch(self) -> Watcher:
        """A new watcher, to be given back with :meth:`leave`."""
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Take a watcher away."""
        self._watchers.discard(watcher)

    def changed(self, record: RecordedRequest) -> None:
        """Tell all of a request that came, went on or ended."""
        for watcher in self._watchers:
            watcher.mark(record)

    def cleared(self) -> None:
        """Tell all that the requests were forgotten."""
        for watcher in tuple(self._watchers):
            watcher.clear()
