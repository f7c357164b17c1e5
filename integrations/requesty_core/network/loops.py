"""One asynchronous transport per running event loop, owned by the loop and closed with it.

Users call ``asyncio.run`` repeatedly and frameworks start loops in threads of their own; a connection belongs to the
loop that opened it. What belongs to a loop is kept on the loop itself, so that it goes where the loop goes: nothing
outside keeps a loop alive. Connections are closed by a suspended asynchronous generator, which ``asyncio.run`` (and
``loop.shutdown_asyncgens``) finalises before the loop goes away; those of a loop that was closed without it are closed
when the next loop comes, or by the collector.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import after_fork

from .http import AsyncTransport
from .settings import DEFAULT_NETWORK, Library, NetworkSettings, library_of_environment
from .shared import make_async_transport

__all__ = ["close_own", "loop_transport", "own_transport", "running_loop"]

_ATTRIBUTE = "_requesty_transports"
_Key = tuple[str, NetworkSettings, Library | None]


class _LoopState:
    """The transports of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        self.pid = os.getpid()
        self.transports: dict[_Key, AsyncTransport] = {}
        self.owned: weakref.WeakKeyDictionary[object, AsyncTransport] = weakref.WeakKeyDictionary()
        """Transports that belong to an object, and go when it goes."""
        self.closer = self._close_with_loop()

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        transports, owned = self.transports, self.owned
        try:
            yield
        finally:
            for transport in (*transports.values(), *owned.values()):
                await transport.aclose()
            transports.clear()
            owned.clear()

    def close_if_abandoned(self) -> None:
        """Close the connections of a loop that was closed without finalising its generators."""
        loop = self.loop()
        if loop is not None and not loop.is_closed():
            return
        for transport in self.transports.values():
            abandon = getattr(transport, "abandon", None)
            if abandon is not None:
                abandon()
        self.transports.clear()
        self.owned.clear()


_lock = threading.Lock()
_states: weakref.WeakSet[_LoopState] = weakref.WeakSet()


def running_loop() -> asyncio.AbstractEventLoop:
    """The running loop. Raises :class:`ConfigurationError` where none of ``asyncio``'s kind runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "no asyncio event loop is running; async calls need asyncio or uvloop, under trio use the sync client"
        ) from None


async def loop_transport(scheme: str, network: NetworkSettings = DEFAULT_NETWORK) -> AsyncTransport:
    """The running loop's transport for ``http`` or ``https`` and these settings, made on first use.

    Raises :class:`ConfigurationError` if no asyncio loop is running.
    """
    state = await _running()
    key = scheme, network, library_of_environment()
    transport = state.transports.get(key)
    if transport is None:
        transport = state.transports[key] = make_async_transport(scheme, network=network)
    return transport


async def own_transport(owner: object, make: Callable[[], AsyncTransport]) -> AsyncTransport:
    """The running loop's transport that belongs to ``owner``, made on first use. Raises as :func:`loop_transport`."""
    state = await _running()
    transport = state.owned.get(owner)
    if transport is None:
        transport = state.owned[owner] = make()
    return transport


async def close_own(owner: object) -> None:
    """Close the running loop's transport that belongs to ``owner``, if there is one."""
    state = await _running()
    transport = state.owned.pop(owner, None)
    if transport is not None:
        await transport.aclose()


async def _running() -> _LoopState:
    loop = running_loop()
    state: _LoopState | None = getattr(loop, _ATTRIBUTE, None)
    if state is None or state.pid != os.getpid():
        state = await _begin(loop)
    return state


async def _begin(loop: asyncio.AbstractEventLoop) -> _LoopState:
    state = _LoopState(loop)
    try:
        setattr(loop, _ATTRIBUTE, state)
    except AttributeError:
        raise ConfigurationError(
            f"the event loop {type(loop).__name__} takes no attributes; give transport=httpx.AsyncClient()"
        ) from None
    with _lock:
        others = list(_states)
        _states.add(state)
    for other in others:
        other.close_if_abandoned()
    # From here on the loop knows the generator, and finalises it with its others.
    await anext(state.closer)
    return state


@after_fork
def _renew() -> None:
    # Connections of the parent process are the parent's to close.
    global _lock
    _lock = threading.Lock()
    _states.clear()
