"""Connecting to the first of several addresses that answers (RFC 8305, "happy eyeballs"), blocking and on a loop.

Each address gets a head start over the next; whoever loses is closed, also when the caller gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import selectors
import socket
import time
from collections.abc import Sequence

from .addresses import STAGGER_SECONDS, Address, Found, new_socket, numeric, start_lookup

__all__ = ["connect", "connect_on_loop", "lookup_on_loop"]

_PENDING = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, getattr(errno, "WSAEWOULDBLOCK", 0)})


def connect(addresses: Sequence[Address], limit: float | None) -> socket.socket:
    """A connected socket. Raises ``TimeoutError`` after ``limit`` seconds, ``OSError`` if no address answers."""
    if len(addresses) == 1:
        sock = new_socket(addresses[0])
        try:
            sock.settimeout(limit)
            sock.connect(addresses[0][3])
        except BaseException:
            sock.close()
            raise
        return sock
    deadline = None if limit is None else time.monotonic() + limit
    race = _Race(addresses)
    try:
        return race.run(deadline)
    finally:
        race.close()


class _Race:
    def __init__(self, addresses: Sequence[Address]) -> None:
        self._todo = list(addresses)
        self._errors: list[OSError] = []
        # Poll, like select, needs no descriptor of its own.
        self._selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()

    def run(self, deadline: float | None) -> socket.socket:
        """The first socket that is connected."""
        next_start = 0.0
        while self._todo or self._selector.get_map():
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise TimeoutError("timed out")
            if self._todo and (now >= next_start or not self._selector.get_map()):
                self._start(self._todo.pop(0))
                next_start = time.monotonic() + STAGGER_SECONDS
            moments = [m for m in (deadline, next_start if self._todo else None) if m is not None]
            wait = max(min(moments) - time.monotonic(), 0.0) if moments else None
            if not self._selector.get_map():
                continue
            for key, _ in self._selector.select(wait):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                self._selector.unregister(sock)
                if not code:
                    sock.setblocking(True)
                    return sock
                sock.close()
                self._errors.append(OSError(code, os.strerror(code)))
        raise _joined(self._errors)

    def _start(self, address: Address) -> None:
        try:
            sock = new_socket(address)
        except OSError as exc:  # A family that this system does not speak.
            self._errors.append(exc)
            return
        try:
            sock.setblocking(False)
            code = sock.connect_ex(address[3])
            if code and code not in _PENDING:
                raise OSError(code, os.strerror(code))
            self._selector.register(sock, selectors.EVENT_WRITE)
        except OSError as exc:
            sock.close()
            self._errors.append(exc)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        """Close the losers."""
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()


async def lookup_on_loop(host: str, port: int) -> list[Address]:
    """As :func:`~requesty_core.network.addresses.lookup`; cancelling is the limit."""
    addresses = numeric(host, port)
    if addresses is not None:
        return addresses
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Found] = loop.create_future()

    def set_answer(found: Found) -> None:
        if not answer.done():
            answer.set_result(found)

    def tell(found: Found) -> None:
        # RuntimeError: the loop was closed while the thread was asking.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(set_answer, found)

    start_lookup(host, port, tell)
    found = await answer
    if isinstance(found, Exception):
        raise found
    return found


async def connect_on_loop(addresses: Sequence[Address]) -> socket.socket:
    """A connected socket in non-blocking mode; cancelling is the limit. Raises ``OSError`` if no address answers."""
    loop = asyncio.get_running_loop()
    if len(addresses) == 1:
        return await _connect_one(loop, addresses[0])
    todo = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[OSError] = []
    try:
        while todo or running:
            if todo:
                running.add(loop.create_task(_connect_one(loop, todo.pop(0))))
            done, running = await asyncio.wait(
                running, timeout=STAGGER_SECONDS if todo else None, return_when=asyncio.FIRST_COMPLETED
            )
            winners = [task for task in done if task.exception() is None]
            for task in winners[1:]:
                task.result().close()
            if winners:
                return winners[0].result()
            for task in done:
                error = task.exception()
                if not isinstance(error, OSError):
                    assert error is not None
                    raise error
                errors.append(error)
        raise _joined(errors)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_result)


async def _connect_one(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    sock = new_socket(address)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address[3])
    except BaseException:
        sock.close()
        raise
    return sock


def _close_result(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _joined(errors: Sequence[OSError]) -> OSError:
    if len(errors) == 1:
        return errors[0]
    words = list(dict.fromkeys(error.strerror or str(error) for error in errors))
    code = errors[0].errno if errors else None
    text = "; ".join(words) or "the host has no address"
    return OSError(text) if code is None else OSError(code, text)
