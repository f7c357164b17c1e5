"""A request of a route that is ready to be performed, by either client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from requesty_core.calls.arguments import CALL_OPTIONS
from requesty_core.calls.route import JSON_HEADERS, READ_HEADERS, CallOptions, Route
from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.network.http import URL
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.steps import Step

__all__ = ["RouteRequest", "path_join", "route_request"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RouteRequest(Generic[T]):
    """A request ready to be performed. ``otherwise`` is tried where this route does not exist (404, 405)."""

    exchange: UnaryExchange[T]
    route: Route
    options: CallOptions
    otherwise: RouteRequest[T] | None = None

    def after(self, error: RequestyError) -> RouteRequest[T] | None:
        """The request to make instead after ``error``, if any."""
        return self.otherwise if error.status in (404, 405) else None

    def or_else(self, other: RouteRequest[T]) -> RouteRequest[T]:
        """This request, with another for gateways that do not have its route."""
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


def route_request(
    settings: ClientSettings,
    method: str,
    url: str,
    read: Callable[[ReceivedResponse], T],
    *,
    body: Mapping[str, Any] | None = None,
    query: Iterable[tuple[str, str]] = (),
    label: str | None = None,
    **given: Any,
) -> RouteRequest[T]:
    """A request of a route that names no model and is not billed; ``given`` are call-time options.

    ``label`` stands where other requests have the model in records and errors. Reads are retried like chat requests;
    writes are sent once, because a write whose answer got lost may have happened.
    """
    unknown = given.keys() - CALL_OPTIONS
    if unknown:
        raise TypeError(f"unexpected argument {', '.join(sorted(unknown))}")
    given.setdefault("fallbacks", ())
    if method != "GET":
        given.setdefault("max_retries", 0)
    name = label or f"{method} {URL(url).path}"
    options = settings.call_options(name, step=Step(name), **given)
    target = URL(url, params=list(query)) if query else URL(url)

    def reader(received: ReceivedResponse) -> tuple[T, Usage | None]:
        return read(received), None

    exchange = UnaryExchange(
        settings.engine(options),
        body,
        reader,
        accounts=Accounts(),
        observer=settings.on_event,
        names_model=False,
        telemetry=settings.telemetry(None, options),
    )
    headers = READ_HEADERS if body is None else JSON_HEADERS
    return RouteRequest(exchange, Route(method, target, headers), options)
