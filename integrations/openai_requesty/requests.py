"""Building the HTTP request of a call, at a fraction of the cost of the SDK's own way.

What the SDK does for every kind of request (forms, files, query parameters, headers of its platform) is of no use to a
JSON body on its way to the relay, which sends a request of its own. Anything but such a body takes the SDK's way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openai._types import NotGiven, Omit

from requesty_core.adapters import encode_body
from requesty_core.errors import ConfigurationError
from requesty_core.relay import URL, Request

__all__ = ["quick_request", "waits"]

# As the SDK writes bodies; values that JSON has no types for are left to the core, or refused by the SDK.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def waits(timeout: Any) -> dict[str, float | None]:
    """Limits of single waits, from seconds, ``None``, or a ``Timeout`` of ``httpx`` or ``httpx2``."""
    if hasattr(timeout, "as_dict"):
        limits: dict[str, float | None] = timeout.as_dict()
        return limits
    return dict.fromkeys(("connect", "read", "write", "pool"), timeout)


def quick_request(client: Any, options: Any) -> Request | None:
    """The request of a call with a JSON body; ``None`` if the SDK's own way is needed."""
    body, more = options.json_data, options.extra_json
    if (
        type(body) is not dict
        or options.method != "post"
        or options.files is not None
        or getattr(options, "content", None) is not None
        or options.params
        or client._idempotency_header
        or client.default_query
        or client._has_own_headers
    ):
        return None
    if more is not None:
        if not isinstance(more, Mapping):
            return None
        body = {name: value for name, value in {**body, **more}.items() if not isinstance(value, Omit)}
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": client.user_agent}
    own = options.headers
    if isinstance(own, Mapping):
        if any(type(value) is not str for value in own.values()) or "content-type" in map(str.lower, own):
            return None
        headers = {name: v for name, v in headers.items() if name.lower() not in map(str.lower, own)} | dict(own)
    try:
        content = _encode(body).encode()
    except (TypeError, ValueError, RecursionError):
        # What the core takes beyond plain values; what it refuses, the SDK does with its own error.
        try:
            content = encode_body(body)
        except ConfigurationError:
            return None
    timeout = client.timeout if isinstance(options.timeout, NotGiven) else options.timeout
    request = Request(
        "POST", _url(client, options.url), headers=headers, content=content, extensions={"timeout": waits(timeout)}
    )
    if client._client.cookies:
        client._client.cookies.set_cookie_header(request)
    return request


def _url(client: Any, path: str) -> URL:
    known: dict[str, URL] = client._urls
    url = known.get(path)
    if url is None:
        if len(known) >= 32:
            known.clear()
        url = known[path] = URL(str(client._prepare_url(path)))
    return url
