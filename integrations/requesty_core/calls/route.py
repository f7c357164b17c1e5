"""Where one kind of call goes, and the settings of one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from requesty_core.network.http import URL, Headers, made_headers, parsed_url
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions, merge_headers
from requesty_core.values import Value

__all__ = ["JSON_HEADERS", "READ_HEADERS", "STREAM_HEADERS", "CallOptions", "Route", "Routes"]

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
READ_HEADERS = {name: value for name, value in JSON_HEADERS.items() if name != "Content-Type"}
# Compression of a stream would delay its tokens and cost more than it saves.
STREAM_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json", "Accept-Encoding": "identity"}

_CHAT = "/chat/completions"


class Route(Value, frozen=True):
    """Where one kind of call goes: method, full URL, headers of its own, and a body that is not JSON, if it has one.

    ``head`` is what :func:`~requesty_core.network.http.made_headers` makes of the client's headers and the route's own,
    for a route that is used again and again.
    """

    method: str
    url: URL
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    streams: bool = False
    content: bytes | None = None
    # Values of headers may be secrets, and error reporters show what a frame holds.
    head: Headers | None = None

    _unshown = frozenset(("head",))


class Routes:
    """The routes that a client uses again and again, each made with its first call.

    Args:
        base_url: the gateway's.
        headers: the client's, over the routes' own.

    Raises:
        ConfigurationError: nothing could be sent to the base URL.
    """

    __slots__ = ("_base_url", "_headers", "_made")

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        parsed_url(f"{base_url}{_CHAT}")
        self._base_url = base_url
        self._headers = headers
        self._made: dict[str, Route] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Without what was made: a pickle must not change by use.
        return type(self), (self._base_url, self._headers)

    @property
    def chat(self) -> Route:
        """Where complete chat answers are asked for."""
        return self._made.get("chat") or self._make("chat", _CHAT, JSON_HEADERS)

    @property
    def stream(self) -> Route:
        """Where streamed chat answers are asked for."""
        return self._made.get("stream") or self._make("stream", _CHAT, STREAM_HEADERS, streams=True)

    @property
    def embeddings(self) -> Route:
        """Where embeddings are asked for."""
        return self._made.get("embeddings") or self._make("embeddings", "/embeddings", JSON_HEADERS)

    def _make(self, name: str, path: str, headers: Mapping[str, str], *, streams: bool = False) -> Route:
        url = parsed_url(f"{self._base_url}{path}")
        head = made_headers(url, merge_headers(headers, self._headers))
        route = self._made[name] = Route("POST", url, headers, streams, head=head)
        return route


class CallOptions(Value, frozen=True):
    """Settings of one call, laid over the client's."""

    steps: tuple[Step, ...]
    policy: FallbackPolicy
    timeouts: Timeouts
    max_retries: int
    options: RequestyOptions
    extra_headers: Mapping[str, str]
    extra_body: Mapping[str, Any]
    added_fields: frozenset[str] = frozenset()

    _unshown = frozenset(("extra_headers",))
