"""Where requests go, as whom, and how long to wait: every setting checked once, before anything is sent."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from requesty_core._version import __version__
from requesty_core.errors import ConfigurationError
from requesty_core.values import Value

from .checks import shown
from .keys import ApiKey, KeySource
from .options import check_headers, merge_headers

__all__ = ["REGIONS", "ApiKey", "Config", "KeySource", "Region", "Timeouts", "gateway_url"]

Region = Literal["global", "eu", "us", "ap"]

REGIONS: Mapping[str, str] = {
    "global": "https://router.requesty.ai/v1",
    "eu": "https://router.eu.requesty.ai/v1",
    "us": "https://router.us.requesty.ai/v1",
    "ap": "https://router.ap.requesty.ai/v1",
}
"""Base URL per region. ``global`` and ``eu`` are documented, ``us`` and ``ap`` were seen in several clients."""

MANAGEMENT_URL = "https://api-v2.requesty.ai"
FEEDBACK_URL = "https://api.requesty.ai"
DEFAULT_TIMEOUT = 300.0
DEFAULT_MAX_RETRIES = 2
USER_AGENT = f"requesty-adapters/{__version__}"

_NO_LIMITS = (float("inf"), float("-inf"))
# A socket waits by poll(2), whose milliseconds are an int of 32 bits; more wraps around or overflows.
_LONGEST_WAIT = 2_147_483


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds; ``None`` waits forever.

    Of a single wait: ``connect``: until a connection stands, name look-up and TLS included. ``read``: longest silence
    while waiting for bytes. ``write``: longest stall while sending; progress starts it anew. ``pool``: until one of
    ``max_connections`` is free.

    Of an attempt, counted from its beginning, whatever it is doing when they pass: ``total``: the whole attempt,
    streamed or not. ``first_byte``: until the response's status and headers are there. ``first_token``: until the first
    text, reasoning or tool call of a stream. ``silence``: longest time within a stream without content; comments that
    only keep the connection alive do not count.
    """

    connect: float | None = 10.0
    read: float | None = DEFAULT_TIMEOUT
    write: float | None = 60.0
    total: float | None = None
    first_token: float | None = None
    first_byte: float | None = None
    silence: float | None = None
    pool: float | None = DEFAULT_TIMEOUT

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            check_seconds(getattr(self, name), f"timeout.{name}")

    @classmethod
    def coerce(cls, value: Timeouts | float | None, setting: str = "timeout") -> Timeouts:
        """Timeouts as given; a number is the longest silence, and shortens connecting and sending too."""
        if isinstance(value, Timeouts):
            return value
        check_seconds(value, setting)
        if value is None:
            return cls(read=None, write=None, pool=None)
        return cls(connect=min(10.0, value), read=value, write=min(60.0, value))


def check_seconds(value: object, setting: str, *, optional: bool = True) -> None:
    """Raise :class:`ConfigurationError` unless ``value`` is a positive finite number of seconds, or ``None``."""
    if value is None and optional:
        return
    advice = "give seconds above 0, or None for no limit" if optional else "give seconds above 0"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ConfigurationError(f"{setting}: {shown(value)} is not a number; {advice}")
    if value < 0:
        raise ConfigurationError(f"{setting}: {value!r} is negative; {advice}")
    if value == 0 or value in _NO_LIMITS:
        raise ConfigurationError(f"{setting}: {value!r} is not a usable limit; {advice}")
    if value > _LONGEST_WAIT:
        raise ConfigurationError(f"{setting}: is more than the 24 days that a socket can wait; {advice}")


def check_count(value: object, setting: str) -> int:
    """Return ``value`` if it is a whole number of at least 0. Raises :class:`ConfigurationError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a whole number; give 0 or more")
    if value < 0:
        raise ConfigurationError(f"{setting}: {value!r} is negative; give 0 (one request, no retry) or more")
    return value


def _is_host(host: str) -> bool:
    if ":" in host or host.replace(".", "").isdecimal():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    return re.fullmatch(r"[0-9a-z_-]{1,63}(\.[0-9a-z_-]{1,63})*\.?", host) is not None


def check_url(url: object, setting: str) -> str:
    """Return the URL without a trailing slash. Raises :class:`ConfigurationError` naming the setting and what to do."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{setting}: {shown(url)} is not a text; give a URL such as {REGIONS['global']!r}")
    return _checked_url(url, setting)


@lru_cache(maxsize=64)
def _checked_url(url: str, setting: str) -> str:
    # Remembered: programs make client after client for one address.
    if not url.strip():
        raise ConfigurationError(f"{setting}: empty; give a URL such as {REGIONS['global']!r}")
    text = url.strip()
    if text[0] in "\"'`":
        raise ConfigurationError(f"{setting}: is in quotation marks; give the URL without them")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigurationError(f"{setting}: {shown(text)} is not a URL; give one such as {REGIONS['global']!r}")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{setting}: remove the user name and password from the URL; use api_key")
    if parts.scheme not in ("http", "https"):
        hint = f"https://{text.rpartition('://')[2].lstrip('/')}"
        write = f"write {hint!r}" if shown(text) == repr(text) else f"give a URL such as {REGIONS['global']!r}"
        raise ConfigurationError(f"{setting}: {shown(text)} has no http or https scheme; {write}")
    if not parts.hostname:
        raise ConfigurationError(f"{setting}: {shown(text)} names no host")
    if parts.query or parts.fragment or len(text.split()) > 1:
        raise ConfigurationError(f"{setting}: {shown(text)} must not contain a query, a fragment or white space")
    if not _is_host(parts.hostname) or parts.netloc.count("]") > 1 or not text.isprintable():
        raise ConfigurationError(f"{setting}: {shown(text)} names no usable host; write it in ASCII ('xn--' names too)")
    return text.rstrip("/")


def _management_url(base_url: str) -> str:
    """The management host that belongs to a base URL: ``router…`` becomes ``api-v2…``, any other host is kept."""
    parts = urlsplit(base_url)
    host = parts.netloc
    if host.startswith("router."):
        return MANAGEMENT_URL if host.endswith(".requesty.ai") else f"{parts.scheme}://api-v2.{host[7:]}"
    return f"{parts.scheme}://{host}"


def _feedback_url(base_url: str) -> str:
    """The host that takes feedback on a base URL's requests; the vendor's for its own hosts, else the same host."""
    parts = urlsplit(base_url)
    return FEEDBACK_URL if parts.netloc.endswith(".requesty.ai") else f"{parts.scheme}://{parts.netloc}"


def gateway_url(base_url: str | None = None, region: str | None = None) -> str:
    """Where requests go: ``base_url``, ``region``, ``REQUESTY_BASE_URL``, ``REQUESTY_API_BASE``, the global router.

    Raises :class:`ConfigurationError` naming the one that is unusable.
    """
    if region is not None and not (isinstance(region, str) and region in REGIONS):
        raise ConfigurationError(f"region: {shown(region)} is unknown; use one of {', '.join(get_args(Region))}")
    if base_url is not None:
        if region is not None:
            raise ConfigurationError("region: given together with base_url; give only one of them")
        return check_url(base_url, "base_url")
    if region is not None:
        return REGIONS[region]
    for name in ("REQUESTY_BASE_URL", "REQUESTY_API_BASE"):
        if given := os.environ.get(name):
            return check_url(given, name)
    return REGIONS["global"]


class Config(Value, frozen=True):
    """Checked settings of a client. Build it with :meth:`build`; it is immutable, cheap to copy and picklable."""

    api_key: ApiKey
    base_url: str
    management_url: str
    timeouts: Timeouts
    max_retries: int
    feedback_url: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)

    _unshown = frozenset(("headers",))

    @classmethod
    def build(
        cls,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        management_url: str | None = None,
        feedback_url: str | None = None,
        timeout: Timeouts | float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        app_url: str | None = None,
        app_title: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Config:
        """Check every setting and fill the rest from the environment.

        ``app_url`` and ``app_title`` (or ``REQUESTY_APP_URL`` and ``REQUESTY_APP_TITLE``) are sent as ``HTTP-Referer``
        and ``X-Title`` for attribution; without them nothing is sent. Raises :class:`ConfigurationError`.
        """
        env = os.environ
        url = gateway_url(base_url, region)
        from_url = {"HTTP-Referer": app_url or env.get("REQUESTY_APP_URL", "")}
        titled = {"X-Title": app_title or env.get("REQUESTY_APP_TITLE", "")}
        return cls(
            api_key=ApiKey(api_key),
            base_url=url,
            management_url=check_url(management_url, "management_url") if management_url else _management_url(url),
            timeouts=Timeouts.coerce(timeout),
            max_retries=check_count(max_retries, "max_retries"),
            feedback_url=check_url(feedback_url, "feedback_url") if feedback_url else _feedback_url(url),
            headers=merge_headers(
                {"User-Agent": USER_AGENT},
                check_headers(from_url, "app_url" if app_url else "REQUESTY_APP_URL"),
                check_headers(titled, "app_title" if app_title else "REQUESTY_APP_TITLE"),
                check_headers(extra_headers),
            ),
        )
