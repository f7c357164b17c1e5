"""Where one kind of call goes, and the settings of one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from requesty_core.network.http import URL, Headers, made_headers
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions, merge_headers

__all__ = ["JSON_HEADERS", "READ_HEADERS", "STREAM_HEADERS", "CallOptions", "Route", "kept_route"]

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
READ_HEADERS = {name: value for name, value in JSON_HEADERS.items() if name != "Content-Type"}
# Compression of a stream would delay its tokens and cost more than it saves.
STREAM_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Route:
    """Where one kind of call goes: method, full URL, headers of its own, and a body that is not JSON, if it has one.

    ``head`` is what :func:`~requesty_core.network.http.made_headers` makes of the client's headers and the route's own,
    for a route that is used again and again.
    """

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False
    content: bytes | None = None
    # Values of headers may be secrets, and error reporters show what a frame holds.
    head: Headers | None = field(default=None, repr=False)


def kept_route(url: URL, headers: Mapping[str, str], own: Mapping[str, str], *, streams: bool = False) -> Route:
    """A route that a client uses again and again, with ``own``, the client's headers, over the route's in its head."""
    return Route("POST", url, headers, streams, head=made_headers(url, merge_headers(headers, own)))


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Settings of one call, laid over the client's."""

    steps: tuple[Step, ...]
    policy: FallbackPolicy
    timeouts: Timeouts
    max_retries: int
    options: RequestyOptions
    extra_headers: Mapping[str, str] = field(repr=False)
    extra_body: Mapping[str, Any]
    added_fields: frozenset[str] = frozenset()
