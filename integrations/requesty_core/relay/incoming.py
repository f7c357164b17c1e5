"""A request as the other client wrote it, and the reading of what it asks for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from requesty_core.calls.arguments import CALL_OPTIONS, check_secrets
from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.network.http import URL
from requesty_core.retry.backoff import RetryPolicy
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.settings.config import Timeouts
from requesty_core.wire.json import JSONDecodeError, decode_json

__all__ = ["Incoming"]

# What belongs to one connection or is decided anew for each attempt; "x-stainless-" headers tell of the retries and
# timeouts of generated clients, which are not those of the request that is sent.
_OWN_HEADERS = frozenset(
    {
        *("host", "connection", "keep-alive", "te", "upgrade", "expect", "transfer-encoding", "content-length"),
        *("accept", "accept-encoding", "content-type", "authorization", "proxy-authorization"),
    }
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the other client wrote it. ``timeout`` is ``httpx``'s mapping of connect, read and write seconds."""

    method: str
    url: URL
    headers: Sequence[tuple[str, str]]
    content: bytes
    timeout: Mapping[str, float | None] | None = None


def _path(settings: ClientSettings, url: URL) -> str:
    """The route's path below the base URL. The key goes nowhere else."""
    base = _parsed(settings.config.base_url)
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
        raise ConfigurationError(f"url: {url.scheme}://{url.host} is not the gateway ({base}); the key stays here")
    # As they are on the wire: a slash within an id is none between segments.
    prefix, path = (one.raw_path.partition(b"?")[0].decode("ascii") for one in (base, url))
    prefix = prefix.rstrip("/")
    if not path.startswith(f"{prefix}/"):
        raise ConfigurationError(f"url: {path} is not below the base URL ({base})")
    return path[len(prefix) :].rstrip("/")


@functools.lru_cache(maxsize=32)
def _parsed(url: str) -> URL:
    return URL(url)


def _json(content: bytes) -> Any:
    try:
        return decode_json(content)
    except JSONDecodeError:
        return None


def _headers(incoming: Incoming) -> dict[str, str]:
    """The caller's headers, without those that are decided here."""
    return {
        name: value
        for name, value in incoming.headers
        if name.lower() not in _OWN_HEADERS and not name.lower().startswith("x-stainless-")
    }


def _timeouts(settings: ClientSettings, incoming: Incoming) -> Timeouts:
    own = settings.config.timeouts
    given = incoming.timeout
    if given is None:
        return own
    return Timeouts(
        connect=given.get("connect"),
        read=given.get("read"),
        write=given.get("write"),
        total=own.total,
        first_token=own.first_token,
    )


def _take_options(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> dict[str, Any]:
    """Call options, taken out of the body and completed from the request."""
    own = {name: body.pop(name) for name in CALL_OPTIONS & body.keys()}
    check_secrets(body, "")
    own.setdefault("timeout", _timeouts(settings, incoming))
    own["extra_headers"] = {**_headers(incoming), **(own.get("extra_headers") or {})}
    policy = own.get("fallback_policy")
    if isinstance(policy, dict):
        own["fallback_policy"] = _policy(policy)
    return own


def _policy(fields: dict[str, Any]) -> FallbackPolicy:
    try:
        retry = fields.get("retry")
        return FallbackPolicy(**{**fields, **({"retry": RetryPolicy(**retry)} if isinstance(retry, dict) else {})})
    except TypeError as exc:
        raise ConfigurationError(f"fallback_policy: {exc}") from None


def _operation(incoming: Incoming) -> str:
    """The GenAI operation a span of the call is named after."""
    last = incoming.url.path.rstrip("/").rpartition("/")[2]
    return {"embeddings": "embeddings", "completions": "chat", "responses": "chat", "messages": "chat"}.get(
        last, "generate_content"
    )
