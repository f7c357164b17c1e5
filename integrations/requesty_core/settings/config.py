"""Where requests go, as whom, and how long to wait: every setting checked once, before anything is sent."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from requesty_core._version import __version__
from requesty_core.errors import ConfigurationError, MissingKeyError

from .blotter import Blotter
from .checks import shown
from .options import check_headers, is_printable, merge_headers

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

KeySource = str | Callable[[], str] | Callable[[], Awaitable[str]] | None


class ApiKey:
    """The key, kept out of ``repr``, logs, errors, pickles and every serialised form.

    ``source`` is the key itself, an object with ``get_secret_value()``, or a callable that is asked before every
    request (for rotation; it may return an awaitable when only async clients use it). Without one, the environment
    variable ``REQUESTY_API_KEY`` is read, now, or if it is not set yet, when the first request needs it. No other
    variable is ever read. ``variable`` is for a caller that has read another one: errors about the key name it.
    """

    __slots__ = ("_found", "_source", "_variable", "blotter")
    _source: str | Callable[[], Any] | None
    _variable: str | None
    blotter: Blotter
    """Takes every key that was ever used out of texts."""

    def __init__(self, source: Any = None, *, variable: str | None = None) -> None:
        given = source if isinstance(source, ApiKey) else None
        if given is not None:
            source = given._source
        reveal = getattr(source, "get_secret_value", None)
        if callable(reveal):
            source = reveal()
        if isinstance(source, str):
            source = _check_key(source)
        elif source is not None and not callable(source):
            raise ConfigurationError(f"api_key: must be a string or a callable, not {type(source).__name__}")
        self._source = source
        self._variable = given._variable if given is not None and variable is None else variable
        self._found: str | None = None
        self.blotter = Blotter(_of_environment) if given is None else given.blotter
        if source is None:
            self._found = _of_environment() if given is None else given._found
        for key in (source, self._found):
            if isinstance(key, str):
                self.blotter.add(key)

    @property
    def origin(self) -> str:
        """Where the key is from, in words that continue "the key"."""
        if self._variable is not None:
            return f"in {self._variable}"
        if self._source is None:
            return "in REQUESTY_API_KEY"
        return "that the api_key function returned" if callable(self._source) else "given as api_key"

    @property
    def is_set(self) -> bool:
        """Whether a request could find a key now."""
        return self._source is not None or bool(self._found or _of_environment())

    def get(self) -> str:
        """The key. Raises :class:`MissingKeyError` if there is none."""
        value = self._ask()
        if not isinstance(value, str):
            close = getattr(value, "close", None)
            if callable(close):
                close()
            raise ConfigurationError("api_key: the callable returned no string; async callables need the async client")
        return self._used(value)

    async def aget(self) -> str:
        """The key, awaiting the callable's answer if need be. Raises as :meth:`get`."""
        value = self._ask()
        if not isinstance(value, str):
            value = await value
        if not isinstance(value, str):
            raise ConfigurationError("api_key: the callable returned no string")
        return self._used(value)

    def _used(self, value: str) -> str:
        key = _check_key(value)
        self.blotter.add(key)
        return key

    def redact(self, text: str) -> str:
        """The text with every key blotted out that was ever used, where a server or proxy echoed one."""
        return self.blotter.text(text)

    def _ask(self) -> Any:
        source = self._source
        if source is None:
            source = self._found = self._found or _of_environment()
            if not source:
                raise MissingKeyError("api_key: no Requesty API key; pass api_key=... or set REQUESTY_API_KEY")
        return source() if callable(source) else source

    def __repr__(self) -> str:
        return "ApiKey('**********')" if self._source is not None else "ApiKey()"

    __str__ = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> ApiKey:
        return self

    def __reduce__(self) -> tuple[type[ApiKey], tuple[()]]:
        # A pickle may be stored or sent: the copy reads the environment of wherever it wakes up.
        return ApiKey, ()


def _of_environment() -> str | None:
    return os.environ.get("REQUESTY_API_KEY")


def _check_key(key: str) -> str:
    if not key.strip():
        raise MissingKeyError("api_key: empty; pass api_key=... or set REQUESTY_API_KEY")
    key = key.strip()
    if not key.isascii() or not is_printable(key):
        raise ConfigurationError("api_key: contains a line break or a character outside ASCII; copy it again")
    return key


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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a number; {advice}")
    if value < 0:
        raise ConfigurationError(f"{setting}: {value!r} is negative; {advice}")
    if value == 0 or math.isinf(value):
        raise ConfigurationError(f"{setting}: {value!r} is not a usable limit; {advice}")


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
    if not isinstance(url, str) or not url.strip():
        raise ConfigurationError(f"{setting}: empty; give a URL such as {REGIONS['global']!r}")
    text = url.strip()
    try:
        parts = urlsplit(text)
        if parts.port == 0:
            raise ValueError
    except ValueError:
        raise ConfigurationError(f"{setting}: {shown(text)} is not a URL") from None
    if "@" in parts.netloc:
        raise ConfigurationError(f"{setting}: remove the user name and password from the URL; use api_key")
    if parts.scheme not in ("http", "https"):
        hint = f"https://{text.rpartition('://')[2]}"
        write = f"write {hint!r}" if shown(text) == repr(text) else f"give a URL such as {REGIONS['global']!r}"
        raise ConfigurationError(f"{setting}: {shown(text)} has no http or https scheme; {write}")
    if not parts.hostname:
        raise ConfigurationError(f"{setting}: {shown(text)} names no host")
    if parts.query or parts.fragment or any(c.isspace() for c in text):
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
    if region is not None and region not in REGIONS:
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


@dataclass(frozen=True, slots=True)
class Config:
    """Checked settings of a client. Build it with :meth:`build`; it is immutable, cheap to copy and picklable."""

    api_key: ApiKey
    base_url: str
    management_url: str
    timeouts: Timeouts
    max_retries: int
    feedback_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

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
        attribution = {
            "HTTP-Referer": app_url or env.get("REQUESTY_APP_URL", ""),
            "X-Title": app_title or env.get("REQUESTY_APP_TITLE", ""),
        }
        return cls(
            api_key=ApiKey(api_key),
            base_url=url,
            management_url=check_url(management_url, "management_url") if management_url else _management_url(url),
            timeouts=Timeouts.coerce(timeout),
            max_retries=check_count(max_retries, "max_retries"),
            feedback_url=check_url(feedback_url, "feedback_url") if feedback_url else _feedback_url(url),
            headers=merge_headers(
                {"User-Agent": USER_AGENT},
                check_headers(attribution, "app_url/app_title"),
                check_headers(extra_headers),
            ),
        )
