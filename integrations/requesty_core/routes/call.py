"""Calls of routes other than chat and embeddings: described once, performed by either client.

A builder turns arguments into an :class:`ApiCall` without IO. :class:`SyncEndpoint` and :class:`AsyncEndpoint` make a
method of it on a resource, so a route is written once and both clients have it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar
from urllib.parse import quote, unquote

from requesty_core.calls.arguments import CALL_OPTIONS
from requesty_core.calls.settings import JSON_HEADERS, CallOptions, ClientSettings, Route
from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.network.http import URL
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.steps import Step

__all__ = ["ApiCall", "AsyncEndpoint", "AsyncResource", "Resource", "SyncEndpoint", "api_call", "path_join"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


@dataclass(frozen=True, slots=True)
class ApiCall(Generic[T]):
    """A call ready to be performed. ``otherwise`` is tried where this route does not exist (404, 405)."""

    exchange: UnaryExchange[T]
    route: Route
    options: CallOptions
    otherwise: ApiCall[T] | None = None

    def after(self, error: RequestyError) -> ApiCall[T] | None:
        """The call to make instead after ``error``, if any."""
        return self.otherwise if error.status in (404, 405) else None

    def or_else(self, other: ApiCall[T]) -> ApiCall[T]:
        """This call, with another for gateways that do not have its route."""
        return replace(self, otherwise=other)


def path_join(base: str, *segments: str) -> str:
    """A URL from a base and path segments, each quoted.

    Raises :class:`ConfigurationError` for a segment that is empty, or that some server on the way could take for a step
    up or down the path: dots alone or between slashes, however they are written.
    """
    for segment in segments:
        if not isinstance(segment, str) or not segment.strip():
            raise ConfigurationError(f"id: {segment!r} is not an id; give the id as a string")
        if _leads_elsewhere(segment):
            raise ConfigurationError(
                f"id: {segment!r} would lead to another route; give the id as the gateway names it"
            )
    return "/".join((base, *(quote(s, safe="") for s in segments)))


def _leads_elsewhere(segment: str) -> bool:
    """Whether a segment, as it is or percent-decoded any number of times, has a part of ``.`` or ``..``, or none."""
    while True:
        parts = segment.replace("\\", "/").split("/")
        if any(part.strip().partition(";")[0] in ("", ".", "..") for part in parts):
            return True
        decoded = unquote(segment)
        if decoded == segment:
            return False
        segment = decoded


def api_call(
    settings: ClientSettings,
    method: str,
    url: str,
    read: Callable[[ReceivedResponse], T],
    *,
    body: Mapping[str, Any] | None = None,
    query: Iterable[tuple[str, str]] = (),
    label: str | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Any,
) -> ApiCall[T]:
    """A call of a route that names no model and is not billed.

    ``label`` stands where other calls have the model in records and errors. Reads are retried like chat calls; writes
    are sent once, because a write whose answer got lost may have happened.
    """
    unknown = options.keys() - CALL_OPTIONS
    if unknown:
        raise TypeError(f"unexpected argument {', '.join(sorted(unknown))}")
    options.setdefault("fallbacks", ())
    if method != "GET":
        options.setdefault("max_retries", 0)
    name = label or f"{method} {URL(url).path}"
    call = settings.call_options(name, step=Step(name), **options)
    target = URL(url, params=list(query)) if query else URL(url)

    def reader(received: ReceivedResponse) -> tuple[T, Usage | None]:
        return read(received), None

    exchange = UnaryExchange(
        settings.engine(call),
        body,
        reader,
        accounts=Accounts(),
        observer=settings.on_event,
        names_model=False,
        telemetry=settings.telemetry(None, call),
    )
    return ApiCall(exchange, Route(method, target, {**JSON_HEADERS, **(headers or {})}, content=content), call)


class SyncRunner(Protocol):
    """The synchronous client, as far as resources need it."""

    @property
    def settings(self) -> ClientSettings:
        """Its settings."""

    def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange."""

    def events(self, exchange: StreamExchange[E, R], route: Route, options: CallOptions) -> Generator[E]:
        """Perform a streamed exchange."""


class AsyncRunner(Protocol):
    """The asynchronous client, as far as resources need it."""

    @property
    def settings(self) -> ClientSettings:
        """Its settings."""

    async def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange."""

    def events(self, exchange: StreamExchange[E, R], route: Route, options: CallOptions) -> AsyncGenerator[E]:
        """Perform a streamed exchange."""


class Resource:
    """A group of routes of the synchronous client."""

    def __init__(self, client: SyncRunner) -> None:
        self._client = client

    def _call(self, api: ApiCall[T]) -> T:
        while True:
            try:
                return self._client.run(api.exchange, api.route, api.options)
            except RequestyError as error:
                other = api.after(error)
                if other is None:
                    raise
                api = other


class AsyncResource:
    """A group of routes of the asynchronous client."""

    def __init__(self, client: AsyncRunner) -> None:
        self._client = client

    async def _call(self, api: ApiCall[T]) -> T:
        while True:
            try:
                return await self._client.run(api.exchange, api.route, api.options)
            except RequestyError as error:
                other = api.after(error)
                if other is None:
                    raise
                api = other


class SyncEndpoint(Generic[P, T]):
    """A method of a :class:`Resource` that builds its call and performs it."""

    def __init__(self, build: Callable[Concatenate[ClientSettings, P], ApiCall[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def __get__(self, instance: Resource, owner: type[Resource]) -> Callable[P, T]:
        @functools.wraps(self._build)
        def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return instance._call(self._build(instance._client.settings, *args, **kwargs))

        return method


class AsyncEndpoint(Generic[P, T]):
    """The same for an :class:`AsyncResource`; the method is a coroutine function."""

    def __init__(self, build: Callable[Concatenate[ClientSettings, P], ApiCall[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def __get__(self, instance: AsyncResource, owner: type[AsyncResource]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(self._build)
        async def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return await instance._call(self._build(instance._client.settings, *args, **kwargs))

        return method
