"""Clients of the HTTP library made here, from arguments that the caller gave (Haystack's ``http_client_kwargs``).

What is wrong with the arguments shows where they are given. The synchronous client serves every thread; asynchronous
ones belong to the event loop that uses them, and are closed with it.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import renewed_after_fork
from requesty_core.settings.checks import shown

from .callers import AsyncClientTransport, ClientTransport, as_async_transport, as_transport
from .http import AsyncHTTPClient, AsyncTransport, HTTPClient, Limits, Request, Response, Transport
from .loops import close_own, own_transport
from .settings import DEFAULT_NETWORK
from .shared import tls_context

__all__ = ["made_transports"]

_REFUSALS = (TypeError, ValueError, AttributeError, ImportError, OSError)
"""What the library raises for arguments that it cannot use."""


def made_transports(arguments: Any, setting: str) -> tuple[Transport, AsyncTransport]:
    """Transports that send with clients made from these arguments, one for sync calls and one for async ones.

    ``transport`` and ``mounts`` may be of one kind only; calls of the other kind then raise. Raises
    :class:`ConfigurationError` for arguments that no client can be made from.
    """
    if not isinstance(arguments, Mapping):
        raise ConfigurationError(f"{setting}: {shown(arguments)} is no mapping; give arguments of httpx.Client")
    given = dict(arguments)
    known = inspect.signature(HTTPClient).parameters
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{setting}: {shown(name)} is no argument of httpx.Client; leave it out")
    if not {"verify", "cert", "trust_env", "transport"} & given.keys():
        given["verify"] = tls_context()
    sync, aio = (
        _Side(given, as_transport, HTTPClient, setting),
        _Side(given, as_async_transport, AsyncHTTPClient, setting),
    )
    if sync.refusal is not None and aio.refusal is not None:
        raise sync.refusal
    return _MadeTransport(sync), _AsyncMadeTransport(aio)


class _Side:
    """Makes clients of one kind, or knows why it cannot."""

    def __init__(self, given: Mapping[str, Any], convert: Any, make: Callable[..., Any], setting: str) -> None:
        self._make = make
        self.refusal: ConfigurationError | None = None
        self._arguments = dict(given)
        try:
            if given.get("transport") is not None:
                self._arguments["transport"] = convert(given["transport"], DEFAULT_NETWORK, f"{setting}.transport")
            mounts = given.get("mounts")
            if isinstance(mounts, Mapping):
                self._arguments["mounts"] = {
                    pattern: None if mount is None else convert(mount, DEFAULT_NETWORK, f"{setting}.mounts")
                    for pattern, mount in mounts.items()
                }
        except ConfigurationError as error:
            self.refusal = error
            return
        self._prepare(setting)

    def _prepare(self, setting: str) -> None:
        """Raise for what the library would refuse when the client is made, or worse, when it is used."""
        try:
            limits = self._arguments.get("limits")
            if isinstance(limits, Mapping):
                limits = self._arguments["limits"] = Limits(**limits)
            if limits is not None:
                for name in ("max_connections", "max_keepalive_connections", "keepalive_expiry"):
                    _check_number(getattr(limits, name), f"{setting}.limits.{name}")
            client = self._make(**self._arguments)
            for name, seconds in client.timeout.as_dict().items():
                _check_number(seconds, f"{setting}.timeout.{name}")
            client.build_request("POST", "http://gateway.example")
        except ConfigurationError:
            raise
        except _REFUSALS as exc:
            words = " ".join(str(exc).split())
            raise ConfigurationError(f"{setting}: no client can be made from it ({words})") from None

    def client(self) -> Any:
        """A new client. Raises :class:`ConfigurationError` if the arguments are for the other kind."""
        if self.refusal is not None:
            raise self.refusal
        return self._make(**self._arguments)


def _check_number(value: Any, setting: str) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0):
        raise ConfigurationError(f"{setting}: {shown(value)} is not a number of 0 or more")


class _MadeTransport(Transport):
    """One client, opened by its first request, and again by the first one after it was closed."""

    keeps_deadlines = True

    def __init__(self, side: _Side) -> None:
        self._side = side
        self._lock = threading.Lock()
        self._client: Any = None
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._client = None

    def handle_request(self, request: Request) -> Response:
        with self._lock:
            if self._client is None:
                self._client = self._side.client()
            transport = ClientTransport(self._client)
        return transport.handle_request(request)

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


class _MadeAsyncClient(AsyncClientTransport):
    async def aclose(self) -> None:
        await self._client.aclose()


class _AsyncMadeTransport(AsyncTransport):
    """A client for each event loop."""

    def __init__(self, side: _Side) -> None:
        self._side = side

    async def handle_async_request(self, request: Request) -> Response:
        transport = await own_transport(self, lambda: _MadeAsyncClient(self._side.client()))
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await close_own(self)
