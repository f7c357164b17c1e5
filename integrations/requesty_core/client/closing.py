"""Generators that can be closed while another thread or task waits for their next item.

Python's own cannot: ``close`` raises ``ValueError`` while the generator runs, and nobody can tell it to stop. The
streams of this package can, so a generator of a framework that reads one is ended by closing that.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

__all__ = ["AsyncClosableGenerator", "ClosableGenerator", "async_closable", "closable", "note_stream"]

P = ParamSpec("P")
T = TypeVar("T")


class _Closable(Protocol):
    def close(self) -> Any: ...


_noting: ContextVar[tuple[list[Any], ...]] = ContextVar("requesty_noting", default=())


def note_stream(stream: _Closable) -> None:
    """A stream was made: the generators that are about to read it, if there are any, can close it."""
    for streams in _noting.get():
        streams.append(stream)


def _thrown(typ: Any, val: Any, tb: TracebackType | None) -> BaseException:
    """The one exception that the older form of three arguments means."""
    if isinstance(val, BaseException):
        error = val
    else:
        error = typ if isinstance(typ, BaseException) else typ() if val is None else typ(val)
    return error if tb is None else error.with_traceback(tb)


class ClosableGenerator(Generator[T, Any, None]):
    """``generator``, which makes a stream of ours or reads ``stream``; :meth:`close` is for every thread.

    A thread that waits for the next item meanwhile gets the stream's :class:`TruncatedStreamError`. Where the stream is
    not ours there is nothing to close it by, and Python's ``ValueError`` stays.
    """

    def __init__(self, generator: Generator[T, Any, Any], stream: _Closable | None = None) -> None:
        self._generator = generator
        self._streams: list[Any] = [] if stream is None else [stream]

    def __next__(self) -> T:
        return next(self._generator) if self._streams else self.send(None)

    def send(self, value: Any, /) -> T:
        """As a generator's own."""
        token = _noting.set((*_noting.get(), self._streams))
        try:
            return self._generator.send(value)
        finally:
            _noting.reset(token)

    def throw(self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None, /) -> T:
        """As a generator's own."""
        return self._generator.throw(_thrown(typ, val, tb))

    def close(self) -> None:
        """End it, from any thread or a signal handler; the connection is freed and the cost booked."""
        if getattr(self._generator, "gi_running", False) and self._streams:
            for stream in tuple(self._streams):
                stream.close()
            return
        self._generator.close()


class AsyncClosableGenerator(AsyncGenerator[T, Any]):
    """The same for an asynchronous generator and the tasks of its loop."""

    def __init__(self, generator: AsyncGenerator[T, Any], stream: _Closable | None = None) -> None:
        self._generator = generator
        self._streams: list[Any] = [] if stream is None else [stream]

    def __anext__(self) -> Awaitable[T]:  # type: ignore[override]  # any awaitable will do, and costs nothing more
        return self._generator.__anext__() if self._streams else self.asend(None)

    async def asend(self, value: Any, /) -> T:
        """As a generator's own."""
        token = _noting.set((*_noting.get(), self._streams))
        try:
            return await self._generator.asend(value)
        finally:
            _noting.reset(token)

    async def athrow(self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None, /) -> T:
        """As a generator's own."""
        return await self._generator.athrow(_thrown(typ, val, tb))

    async def aclose(self) -> None:
        """End it, from any task; the connection is freed and the cost booked."""
        if getattr(self._generator, "ag_running", False) and self._streams:
            for stream in tuple(self._streams):
                await stream.close()
            return
        await self._generator.aclose()


def closable(method: Callable[P, Generator[T, Any, Any]]) -> Callable[P, ClosableGenerator[T]]:
    """A method whose generator can be closed from every thread; a decorator."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> ClosableGenerator[T]:
        return ClosableGenerator(method(*args, **kwargs))

    return call


def async_closable(
    method: Callable[P, Awaitable[AsyncGenerator[T, Any]]],
) -> Callable[P, Coroutine[Any, Any, AsyncClosableGenerator[T]]]:
    """A method that gives an asynchronous generator when awaited, which every task can close; a decorator."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> AsyncClosableGenerator[T]:
        return AsyncClosableGenerator(await method(*args, **kwargs))

    return call
