"""One asynchronous transport per running event loop, closed with the loop.

Users call ``asyncio.run`` repeatedly and frameworks start loops in threads of their own; a connection belongs to the
loop that opened it. The transport is found by the running loop, and a suspended asynchronous generator closes it:
``asyncio.run`` (and ``loop.shutdown_asyncgens``) finalises such generators before the loop goes away.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator

from .network.http import AsyncTransport
from .network.shared import make_async_transport

__all__ = ["loop_transport"]

_lock = threading.Lock()
_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncTransport]] = weakref.WeakKeyDictionary()
_closers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = weakref.WeakKeyDictionary()


async def loop_transport(scheme: str) -> AsyncTransport:
    """The running loop's transport for ``http`` or ``https``, made on first use."""
    loop = asyncio.get_running_loop()
    transports = _by_loop.get(loop)
    if transports is None:
        with _lock:
            transports = _by_loop.setdefault(loop, {})
        closer = _close_with_loop(transports)
        await anext(closer)
        with _lock:
            _closers[loop] = closer
    transport = transports.get(scheme)
    if transport is None:
        transport = transports[scheme] = make_async_transport(scheme)
    return transport


async def _close_with_loop(transports: dict[str, AsyncTransport]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for transport in transports.values():
            await transport.aclose()
        transports.clear()
