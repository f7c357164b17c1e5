"""What the clients are before any IO: settings, copies and pickles, and the HTTP request of an attempt."""

from __future__ import annotations

import copy
from typing import Any, Self, TypeVar

from requesty_core.calls.route import CallOptions, Route
from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.exchange.exchange import Exchange
from requesty_core.exchange.stream import StreamExchange
from requesty_core.network.auth import RequestyAuth
from requesty_core.network.http import Request, made_headers, make_request
from requesty_core.network.settings import EXTENSION
from requesty_core.retry.fallback import Send

__all__ = ["BaseClient", "finished"]

R = TypeVar("R", bound=Any)


class BaseClient:
    """Settings and everything that needs no IO."""

    def __init__(
        self,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        management_url: str | None = None,
        settings: ClientSettings | None = None,
        **more: Any,
    ) -> None:
        self._settings = settings or ClientSettings.build(
            api_key=api_key, base_url=base_url, region=region, management_url=management_url, **more
        )
        self._auth = RequestyAuth(self._settings.config.api_key)

    @property
    def settings(self) -> ClientSettings:
        """The checked settings; immutable, and shared with the client's twin and copies."""
        return self._settings

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._settings.config.base_url

    def with_settings(self, settings: ClientSettings) -> Self:
        """A client with other settings that sends by the same transport. For the package's own."""
        twin = copy.copy(self)
        twin._settings = settings
        twin._auth = RequestyAuth(settings.config.api_key)
        return twin

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        # Resources (models, management, …) belong to one client and are made again when they are asked for.
        return {name: value for name, value in self.__dict__.items() if name.startswith("_")}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Settings are immutable, and a transport is a shared resource.
        twin = copy.copy(self)
        memo[id(self)] = twin
        return twin

    def _request(self, exchange: Exchange, route: Route, options: CallOptions, send: Send) -> Request:
        """The HTTP request of one attempt, still without the key."""
        timeouts = send.timeouts
        first_token = timeouts.first_token if route.streams else None
        traced = exchange.telemetry.headers(send.number, send.step.model)
        head = None if traced or options.extra_headers else route.head
        if head is None:
            headers = self._settings.headers_for(route, options)
            given = {name.lower() for name in headers}
            # A trace's state belongs to the parent that it came with.
            if "traceparent" not in given:
                headers |= {name: value for name, value in traced.items() if name not in given}
            head = made_headers(route.url, headers)
        return make_request(
            route.method,
            route.url,
            head,
            route.content if route.content is not None else exchange.content(send),
            {
                "timeout": {
                    "connect": _least(timeouts.connect, timeouts.total, timeouts.first_byte, first_token),
                    "read": _least(timeouts.read, timeouts.total, first_token),
                    "write": timeouts.write,
                    "pool": timeouts.pool,
                },
                EXTENSION: self._settings.network,
            },
        )


def _least(limit: float | None, *others: float | None) -> float | None:
    for other in others:
        if other is not None and (limit is None or other < limit):
            limit = other
    return limit


def finished(exchange: StreamExchange[Any, R]) -> R:
    """The reply of a stream that has ended. Raises :class:`ConfigurationError` if it has not."""
    if exchange.reply is None:
        raise ConfigurationError("message: the stream has not ended; read it to its end first")
    return exchange.reply
